//===- AttentionKernel.cpp - Attention over (batch, head) pairs -----------===//

#include "AttentionKernel.h"

#include "AttentionRows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

extern "C" void omp_set_num_threads(int);

namespace colossal::rank {

namespace {

constexpr int64_t kRows = 64;

int64_t roundUp(int64_t bytes) { return (bytes + 63) / 64 * 64; }

/// C[m][n] (+)= A[m][k] B[k][n] by strides.
MatrixProduct product(int64_t m, int64_t n, int64_t k, int64_t aM, int64_t aK,
                      int64_t bK, int64_t bN, int64_t cM, int64_t cN,
                      bool accumulate) {
  Gemm gemm;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.aM = aM;
  gemm.aK = aK;
  gemm.bK = bK;
  gemm.bN = bN;
  gemm.cM = cM;
  gemm.cN = cN;
  gemm.accumulate = accumulate;
  return MatrixProduct(gemm);
}

enum ForwardOperand { Q, K, V };
enum BackwardOperand { Out = 3, LogSum, DOut };

} // namespace

AttentionKernel::AttentionKernel(const Attention &attention, bool backward,
                                 const Threads &threads, KernelFunction mask,
                                 size_t extras)
    : attention(attention), backward(backward), threads(threads), mask(mask),
      extras(extras), firstExtra(backward ? 6 : 3),
      scaleFirst(mask || attention.scale <= 0) {
  rowsPerBlock = std::min(kRows, attention.queries);
  int64_t s = attention.queries, t = attention.keys, d = attention.qkFeatures,
          v = attention.vFeatures;
  const auto &strides = attention.strides;
  size_t firstOut = firstExtra + extras;
  int64_t pairs = attention.batch * attention.heads;
  int64_t count = std::min<int64_t>(threads.count(), pairs);
  // The products run inside one thread each: the library must plan for one.
  omp_set_num_threads(1);
  for (int64_t i = 0; i < count; ++i) {
    Worker worker;
    bool first = true;
    // Backward walks from the last block: it sees most keys, so its products
    // store dK and dV, those of the others add.
    for (int64_t end = s; end > 0; end -= (end - 1) % rowsPerBlock + 1) {
      Block block;
      block.end = end;
      block.begin = (end - 1) / rowsPerBlock * rowsPerBlock;
      block.keys = attention.causal
                       ? std::clamp<int64_t>(end + attention.causalOffset, 0, t)
                       : t;
      int64_t rows = block.end - block.begin, keys = block.keys;
      if (keys > 0) {
        auto add = [&](auto... arguments) {
          block.products.push_back(product(arguments...));
          worker.productScratch = std::max(
              worker.productScratch, block.products.back().scratchBytes());
        };
        // scores = Q K^T
        add(rows, keys, d, strides[Q][2], strides[Q][3], strides[K][3],
            strides[K][2], t, int64_t(1), false);
        if (!backward) {
          const auto &out = strides[firstOut];
          // out = P V
          add(rows, v, keys, t, int64_t(1), strides[V][2], strides[V][3],
              out[2], out[3], false);
        } else {
          const auto &dq = strides[firstOut], &dk = strides[firstOut + 1],
                     &dv = strides[firstOut + 2], &dout = strides[DOut];
          // dV (+)= P^T dOut
          add(keys, v, rows, int64_t(1), t, dout[2], dout[3], dv[2], dv[3],
              !first);
          // dP = dOut V^T
          add(rows, keys, v, dout[2], dout[3], strides[V][3], strides[V][2], t,
              int64_t(1), false);
          // dQ = dS K
          add(rows, d, keys, t, int64_t(1), strides[K][2], strides[K][3], dq[2],
              dq[3], false);
          // dK (+)= dS^T Q
          add(keys, d, rows, int64_t(1), t, strides[Q][2], strides[Q][3], dk[2],
              dk[3], !first);
          first = false;
        }
      }
      worker.blocks.push_back(std::move(block));
    }
    workers.push_back(std::move(worker));
  }
  omp_set_num_threads(threads.count());
  int64_t tile = roundUp(rowsPerBlock * t * 4);
  threadBytes = roundUp(workers[0].productScratch) + (backward ? 2 : 1) * tile;
}

int64_t AttentionKernel::scratchBytes() const {
  return threadBytes * int64_t(workers.size());
}

void AttentionKernel::run(char *const *operands, const int64_t *indices,
                          size_t indexCount, char *scratch) const {
  int64_t pairs = attention.batch * attention.heads;
  threads.split(pairs, 1, [&](int piece, int64_t begin, int64_t end) {
    int64_t all[64];
    for (size_t i = 0; i < indexCount; ++i)
      all[i] = indices[i];
    char *own = scratch + piece * threadBytes;
    for (int64_t pair = begin; pair < end; ++pair) {
      if (backward)
        backwardPass(workers[piece], pair, operands, own, all, indexCount);
      else
        forward(workers[piece], pair, operands, own, all, indexCount);
    }
  });
}

void AttentionKernel::maskScores(const Block &block, float *scores,
                                 int64_t batch, int64_t head,
                                 char *const *operands, int64_t *indices,
                                 size_t indexCount) const {
  int64_t t = attention.keys;
  for (int64_t row = 0; row < block.end - block.begin; ++row)
    scaleRow(scores + row * t, block.keys, float(attention.scale));
  if (!mask)
    return;
  // The kernel sees the whole [queries, keys] matrix; only these rows exist.
  void *buffers[64];
  buffers[0] = scores - block.begin * t;
  for (size_t i = 0; i < extras; ++i)
    buffers[i + 1] = operands[firstExtra + i];
  indices[indexCount] = batch;
  indices[indexCount + 1] = head;
  ColossalArgs arguments{buffers, indices};
  mask(&arguments, block.begin, block.end);
}

void AttentionKernel::forward(const Worker &worker, int64_t pair,
                              char *const *operands, char *scratch,
                              int64_t *indices, size_t indexCount) const {
  int64_t batch = pair / attention.heads, head = pair % attention.heads;
  int64_t t = attention.keys, v = attention.vFeatures;
  size_t out = firstExtra + extras, lse = out + 1;
  auto *scores =
      reinterpret_cast<float *>(scratch + roundUp(worker.productScratch));
  int64_t outStride = attention.strides[out][3];
  for (const Block &block : worker.blocks) {
    float *result = at(operands, out, batch, head, block.begin);
    int64_t rows = block.end - block.begin, keys = block.keys;
    if (keys > 0) {
      block.products[0].run(at(operands, Q, batch, head, block.begin),
                            at(operands, K, batch, head, 0), scores, scratch);
      if (scaleFirst)
        maskScores(block, scores, batch, head, operands, indices, indexCount);
    }
    float scale = scaleFirst ? 1.0f : float(attention.scale);
    float inverse[kRows];
    for (int64_t row = 0; row < rows; ++row) {
      int64_t query = block.begin + row, visible = keys;
      if (attention.causal)
        visible =
            std::clamp<int64_t>(query + attention.causalOffset + 1, 0, keys);
      float maximum = -INFINITY;
      float sum = softmaxRow(scores + row * t, visible, keys, scale, maximum);
      inverse[row] = sum == 0 ? 0.0f : 1.0f / sum;
      *at(operands, lse, batch, head, query) = maximum + std::log(sum);
    }
    if (keys > 0)
      block.products[1].run(scores, at(operands, V, batch, head, 0), result,
                            scratch);
    for (int64_t row = 0; row < rows; ++row) {
      float *line = result + row * attention.strides[out][2];
      if (keys > 0 && outStride == 1)
        scaleRow(line, v, inverse[row]);
      else
        for (int64_t f = 0; f < v; ++f)
          line[f * outStride] =
              keys > 0 ? line[f * outStride] * inverse[row] : 0.0f;
    }
  }
}

void AttentionKernel::backwardPass(const Worker &worker, int64_t pair,
                                   char *const *operands, char *scratch,
                                   int64_t *indices, size_t indexCount) const {
  int64_t batch = pair / attention.heads, head = pair % attention.heads;
  int64_t t = attention.keys, d = attention.qkFeatures, v = attention.vFeatures;
  size_t dq = firstExtra + extras, dk = dq + 1, dv = dq + 2;
  const auto &strides = attention.strides;
  auto *scores =
      reinterpret_cast<float *>(scratch + roundUp(worker.productScratch));
  float *gradient = scores + roundUp(rowsPerBlock * t * 4) / 4;
  // Keys that no query sees have no gradient.
  auto clear = [&](size_t operand, int64_t from, int64_t to, int64_t features) {
    for (int64_t position = from; position < to; ++position)
      for (int64_t f = 0; f < features; ++f)
        at(operands, operand, batch, head, position)[f * strides[operand][3]] =
            0.0f;
  };
  clear(dk, worker.blocks[0].keys, t, d);
  clear(dv, worker.blocks[0].keys, t, v);
  for (const Block &block : worker.blocks) {
    int64_t rows = block.end - block.begin, keys = block.keys;
    if (keys == 0) {
      clear(dq, block.begin, block.end, d);
      continue;
    }
    const float *q = at(operands, Q, batch, head, block.begin);
    const float *k = at(operands, K, batch, head, 0);
    const float *dout = at(operands, DOut, batch, head, block.begin);
    block.products[0].run(q, k, scores, scratch);
    if (scaleFirst)
      maskScores(block, scores, batch, head, operands, indices, indexCount);
    float scale = scaleFirst ? 1.0f : float(attention.scale);
    float delta[kRows];
    for (int64_t row = 0; row < rows; ++row) {
      int64_t query = block.begin + row, visible = keys;
      if (attention.causal)
        visible =
            std::clamp<int64_t>(query + attention.causalOffset + 1, 0, keys);
      probabilityRow(scores + row * t, visible, keys, scale,
                     *at(operands, LogSum, batch, head, query));
      const float *o = at(operands, Out, batch, head, query);
      const float *g = dout + row * strides[DOut][2];
      float lanes[16] = {};
      for (int64_t f = 0; f < v; ++f)
        lanes[f % 16] += o[f * strides[Out][3]] * g[f * strides[DOut][3]];
      float sum = 0;
      for (float lane : lanes)
        sum += lane;
      delta[row] = sum;
    }
    block.products[1].run(scores, dout, at(operands, dv, batch, head, 0),
                          scratch);
    block.products[2].run(dout, at(operands, V, batch, head, 0), gradient,
                          scratch);
    for (int64_t row = 0; row < rows; ++row)
      scoreGradientRow(gradient + row * t, scores + row * t, keys,
                       float(attention.scale), delta[row]);
    block.products[3].run(gradient, k,
                          at(operands, dq, batch, head, block.begin), scratch);
    block.products[4].run(gradient, q, at(operands, dk, batch, head, 0),
                          scratch);
  }
}

} // namespace colossal::rank
