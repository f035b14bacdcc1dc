//===- Routine.cpp - Attention over (batch, head) pairs -------------------===//

#include "Routine.h"

#include "Rows.h"
#include "colossal/Run/NarrowRows.h"
#include "colossal/Support/CpuGeneration.h"

#include <algorithm>
#include <cmath>
#include <cstring>

extern "C" void omp_set_num_threads(int);

namespace colossal::rank {

namespace {

constexpr int64_t kRows = 64;

/// A matrix by the distances of its rows and columns in memory.
struct Matrix {
  int64_t row, column;
  Matrix transposed() const { return {column, row}; }
};

Matrix dense(int64_t columns) { return {columns, 1}; }

/// C[m][n] (+)= A[m][k] B[k][n]; C is dense and f32.
MatrixProduct product(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b,
                      DType type, bool accumulate) {
  // Inside a thread there are no others.
  static const Threads alone = Threads::alone();
  Gemm gemm;
  gemm.dtype = type;
  gemm.result = DType::F32;
  gemm.m = m;
  gemm.n = n;
  gemm.k = k;
  gemm.aM = a.row;
  gemm.aK = a.column;
  gemm.bK = b.row;
  gemm.bN = b.column;
  gemm.cM = n;
  gemm.cN = 1;
  gemm.accumulate = accumulate;
  return MatrixProduct(gemm, alone);
}

enum ForwardOperand { Q, K, V };
enum BackwardOperand { Out = 3, LogSum, DOut };

} // namespace

AttentionRoutine::AttentionRoutine(const Attention &attention,
                                   const Threads &threads, KernelFunction mask,
                                   size_t extras)
    : attention(attention), threads(threads), mask(mask), extras(extras),
      firstExtra(inputsOf(attention)), scaleFirst(mask || attention.scale <= 0),
      multipliesPairs(typeOfNarrow(attention.narrow) == DType::BF16 &&
                      computesBFloat16()) {
  rowsPerBlock = std::min(kRows, attention.queries);
  int64_t pairs = attention.batch * attention.heads;
  workers.resize(size_t(std::min<int64_t>(threads.count(), pairs)));
  // The products run inside one thread each: the library must plan for one.
  omp_set_num_threads(1);
  for (Worker &worker : workers)
    makeBlocks(worker);
  omp_set_num_threads(threads.count());

  int64_t t = attention.keys, d = attention.qkFeatures, v = attention.vFeatures;
  threadBytes = (productScratch + 63) / 64 * 64;
  auto reserve = [&](int64_t &offset, int64_t rows, int64_t columns,
                     int64_t bytes = 4) {
    offset = threadBytes;
    threadBytes += (rows * columns * bytes + 63) / 64 * 64;
  };
  reserve(scoresAt, rowsPerBlock, t);
  // On every CPU: scratch is the op's.
  if (typeOfNarrow(attention.narrow) == DType::BF16)
    reserve(narrowAt, rowsPerBlock, t, 2);
  reserve(queryAt, rowsPerBlock, d);
  reserve(keyAt, t, d);
  reserve(valueAt, t, v);
  reserve(resultAt, rowsPerBlock, std::max(v, d));
  if (attention.backward) {
    reserve(gradientAt, rowsPerBlock, t);
    reserve(dKeyAt, t, d);
    reserve(dValueAt, t, v);
  }
}

void AttentionRoutine::makeBlocks(Worker &worker) {
  int64_t s = attention.queries, t = attention.keys, d = attention.qkFeatures,
          v = attention.vFeatures;
  bool first = true;
  // Pairs are packed by the product, from where they are.
  auto matrixOf = [&](size_t operand, int64_t features) {
    const std::vector<int64_t> &strides = attention.strides[operand];
    return multipliesPairs ? Matrix{strides[2], strides[3]} : dense(features);
  };
  DType type = multipliesPairs ? DType::BF16 : DType::F32;
  Matrix query = matrixOf(Q, d), key = matrixOf(K, d), value = matrixOf(V, v);
  // Backward walks from the last block: it sees most keys, so its products
  // store dK and dV, those of the others add.
  for (int64_t end = s; end > 0; end = worker.blocks.back().begin) {
    Block block;
    block.end = end;
    block.begin = (end - 1) / rowsPerBlock * rowsPerBlock;
    // A mask kernel sees rows of all keys.
    block.keys = t;
    if (attention.causal && !mask)
      block.keys = std::clamp<int64_t>(end + attention.causalOffset, 0, t);
    int64_t rows = block.end - block.begin, keys = block.keys;
    if (keys > 0) {
      auto add = [&](auto... arguments) {
        block.products.push_back(product(arguments...));
        productScratch =
            std::max(productScratch, block.products.back().scratchBytes());
      };
      Matrix row = dense(keys); // of probabilities, or of their gradients
      // scores = Q K^T
      add(rows, keys, d, query, key.transposed(), type, false);
      if (!attention.backward) {
        // out = P V
        add(rows, v, keys, row, value, type, false);
      } else {
        Matrix dOut = matrixOf(DOut, v);
        // dV (+)= P^T dOut, dP = dOut V^T, dQ = dS K, dK (+)= dS^T Q
        add(keys, v, rows, row.transposed(), dOut, type, !first);
        add(rows, keys, v, dOut, value.transposed(), type, false);
        add(rows, d, keys, row, key, type, false);
        add(keys, d, rows, row.transposed(), query, type, !first);
        first = false;
      }
    }
    worker.blocks.push_back(std::move(block));
  }
}

void AttentionRoutine::run(char *const *operands, const int64_t *indices,
                           size_t indexCount, char *scratch) const {
  int64_t pairs = attention.batch * attention.heads;
  threads.split(pairs, 1, [&](int piece, int64_t begin, int64_t end) {
    int64_t all[kMostIndices + 2];
    std::copy(indices, indices + indexCount, all);
    for (int64_t i = begin; i < end; ++i) {
      Pair pair{i / attention.heads,
                i % attention.heads,
                operands,
                scratch + piece * threadBytes,
                all,
                indexCount};
      if (attention.backward)
        backwardPass(workers[size_t(piece)], pair);
      else
        forward(workers[size_t(piece)], pair);
    }
  });
}

const void *AttentionRoutine::pack(const Pair &pair, size_t operand,
                                   int64_t from, int64_t rows, int64_t features,
                                   float *place) const {
  if (multipliesPairs)
    return at<BFloat16>(pair, operand, from);
  const std::vector<int64_t> &s = attention.strides[operand];
  bool unit = s[3] == 1 || features == 1;
  if (attention.narrow) {
    withNarrow(typeOfNarrow(attention.narrow), [&](auto number) {
      const auto *line = at<decltype(number)>(pair, operand, from);
      for (int64_t row = 0; row < rows; ++row, line += s[2]) {
        float *to = place + row * features;
        if (unit)
          widenRow(to, line, features);
        else
          for (int64_t f = 0; f < features; ++f)
            to[f] = line[f * s[3]];
      }
    });
    return place;
  }
  const float *source = at<float>(pair, operand, from);
  if (unit && (s[2] == features || rows == 1))
    return source;
  for (int64_t row = 0; row < rows; ++row) {
    const float *line = source + row * s[2];
    float *to = place + row * features;
    if (unit)
      memcpy(to, line, size_t(features) * sizeof(float));
    else
      for (int64_t f = 0; f < features; ++f)
        to[f] = line[f * s[3]];
  }
  return place;
}

void AttentionRoutine::unpack(const Pair &pair, size_t operand, int64_t from,
                              int64_t rows, int64_t features,
                              const float *dense) const {
  const std::vector<int64_t> &s = attention.strides[operand];
  for (int64_t row = 0; row < rows; ++row) {
    const float *source = dense + row * features;
    if (attention.narrow) {
      withNarrow(typeOfNarrow(attention.narrow), [&](auto number) {
        auto *line = at<decltype(number)>(pair, operand, from + row);
        if (s[3] == 1)
          narrowRow(line, source, features);
        else
          for (int64_t f = 0; f < features; ++f)
            line[f * s[3]] = source[f];
      });
      continue;
    }
    float *line = at<float>(pair, operand, from + row);
    if (s[3] == 1)
      memcpy(line, source, size_t(features) * sizeof(float));
    else
      for (int64_t f = 0; f < features; ++f)
        line[f * s[3]] = source[f];
  }
}

const void *AttentionRoutine::leftOperand(const Pair &pair,
                                          const float *numbers,
                                          int64_t count) const {
  if (!multipliesPairs)
    return numbers;
  auto *narrow = reinterpret_cast<BFloat16 *>(pair.scratch + narrowAt);
  narrowRow(narrow, numbers, count);
  return narrow;
}

int64_t AttentionRoutine::visible(int64_t query, int64_t keys) const {
  if (!attention.causal)
    return keys;
  return std::clamp<int64_t>(query + attention.causalOffset + 1, 0, keys);
}

void AttentionRoutine::scale(const Block &block, float *scores,
                             const Pair &pair) const {
  int64_t t = block.keys;
  for (int64_t row = 0; row < block.end - block.begin; ++row)
    scaleRow(scores + row * t, t, float(attention.scale));
  if (!mask)
    return;
  // The kernel sees the whole [queries, keys] matrix; only these rows exist.
  void *buffers[kMostExtras + 1];
  buffers[0] = scores - block.begin * t;
  for (size_t i = 0; i < extras; ++i)
    buffers[i + 1] = pair.operands[firstExtra + i];
  pair.indices[pair.indexCount] = pair.batch;
  pair.indices[pair.indexCount + 1] = pair.head;
  ColossalArgs arguments{buffers, pair.indices};
  mask(&arguments, block.begin, block.end);
}

void AttentionRoutine::forward(const Worker &worker, const Pair &pair) const {
  int64_t d = attention.qkFeatures, v = attention.vFeatures;
  size_t out = firstExtra + extras, lse = out + 1;
  float *scores = place(pair, scoresAt), *result = place(pair, resultAt);
  const void *k = pack(pair, K, 0, attention.keys, d, place(pair, keyAt));
  const void *value = pack(pair, V, 0, attention.keys, v, place(pair, valueAt));
  for (const Block &block : worker.blocks) {
    int64_t rows = block.end - block.begin, keys = block.keys;
    if (keys > 0) {
      const void *q = pack(pair, Q, block.begin, rows, d, place(pair, queryAt));
      block.products[0].run(q, k, scores, pair.scratch);
      if (scaleFirst)
        scale(block, scores, pair);
    }
    float factor = scaleFirst ? 1.0f : float(attention.scale);
    float inverse[kRows];
    for (int64_t row = 0; row < rows; ++row) {
      int64_t query = block.begin + row;
      float maximum = -INFINITY;
      float sum = softmaxRow(scores + row * keys, visible(query, keys), keys,
                             factor, maximum);
      inverse[row] = sum == 0 ? 0.0f : 1.0f / sum;
      *at<float>(pair, lse, query) = maximum + std::log(sum);
    }
    if (keys > 0) {
      block.products[1].run(leftOperand(pair, scores, rows * keys), value,
                            result, pair.scratch);
      for (int64_t row = 0; row < rows; ++row)
        scaleRow(result + row * v, v, inverse[row]);
    } else {
      memset(result, 0, size_t(rows * v) * sizeof(float));
    }
    unpack(pair, out, block.begin, rows, v, result);
  }
}

template <class T>
float AttentionRoutine::gradientOfSum(const Pair &pair, int64_t query) const {
  const T *out = at<T>(pair, Out, query), *dOut = at<T>(pair, DOut, query);
  int64_t stride = attention.strides[Out][3],
          dStride = attention.strides[DOut][3];
  float lanes[16] = {}, sum = 0;
  for (int64_t f = 0; f < attention.vFeatures; ++f)
    lanes[f % 16] += float(out[f * stride]) * float(dOut[f * dStride]);
  for (float lane : lanes)
    sum += lane;
  return sum;
}

void AttentionRoutine::backwardPass(const Worker &worker,
                                    const Pair &pair) const {
  int64_t t = attention.keys, d = attention.qkFeatures, v = attention.vFeatures;
  size_t dq = firstExtra + extras, dk = dq + 1, dv = dq + 2;
  float *scores = place(pair, scoresAt), *gradient = place(pair, gradientAt),
        *result = place(pair, resultAt), *dKey = place(pair, dKeyAt),
        *dValue = place(pair, dValueAt);
  const void *k = pack(pair, K, 0, t, d, place(pair, keyAt));
  const void *value = pack(pair, V, 0, t, v, place(pair, valueAt));
  // Keys that no query sees have no gradient.
  int64_t seen = worker.blocks[0].keys;
  memset(dKey + seen * d, 0, size_t((t - seen) * d) * sizeof(float));
  memset(dValue + seen * v, 0, size_t((t - seen) * v) * sizeof(float));
  for (const Block &block : worker.blocks) {
    int64_t rows = block.end - block.begin, keys = block.keys;
    if (keys == 0) {
      memset(result, 0, size_t(rows * d) * sizeof(float));
      unpack(pair, dq, block.begin, rows, d, result);
      continue;
    }
    const void *q = pack(pair, Q, block.begin, rows, d, place(pair, queryAt));
    const void *dout = pack(pair, DOut, block.begin, rows, v, result);
    block.products[0].run(q, k, scores, pair.scratch);
    if (scaleFirst)
      scale(block, scores, pair);
    float factor = scaleFirst ? 1.0f : float(attention.scale);
    float delta[kRows];
    for (int64_t row = 0; row < rows; ++row) {
      int64_t query = block.begin + row;
      probabilityRow(scores + row * keys, visible(query, keys), keys, factor,
                     *at<float>(pair, LogSum, query));
      delta[row] = attention.narrow
                       ? withNarrow(typeOfNarrow(attention.narrow),
                                    [&](auto number) {
                                      return gradientOfSum<decltype(number)>(
                                          pair, query);
                                    })
                       : gradientOfSum<float>(pair, query);
    }
    block.products[1].run(leftOperand(pair, scores, rows * keys), dout, dValue,
                          pair.scratch);
    block.products[2].run(dout, value, gradient, pair.scratch);
    for (int64_t row = 0; row < rows; ++row)
      scoreGradientRow(gradient + row * keys, scores + row * keys, keys,
                       float(attention.scale), delta[row]);
    const void *dScores = leftOperand(pair, gradient, rows * keys);
    block.products[4].run(dScores, q, dKey, pair.scratch);
    // `dout` may lie in `result`; its last use is above.
    block.products[3].run(dScores, k, result, pair.scratch);
    unpack(pair, dq, block.begin, rows, d, result);
  }
  unpack(pair, dk, 0, t, d, dKey);
  unpack(pair, dv, 0, t, v, dValue);
}

std::unique_ptr<LibraryRoutine>
makeAttention(const Op &op, const Threads &threads, KernelFunction mask) {
  Attention attention = attentionOf(op.library);
  return std::make_unique<AttentionRoutine>(attention, threads, mask,
                                            extrasOf(attention, op));
}

} // namespace colossal::rank
