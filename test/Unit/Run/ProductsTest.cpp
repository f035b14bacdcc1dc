//===- ProductsTest.cpp - Gemm and attention against loops in double ------===//

#include "Colossal/Ops/Attention/Run/Call.h"
#include "Engine.h"
#include "OneRank.h"
#include "ProgramBuilder.h"
#include "colossal/Run/MatrixProduct.h"
#include "colossal/Run/Scratch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

float value(int64_t i) { return float(std::sin(0.37 * double(i) + 1)); }

/// Runs a one-op program whose inputs are states filled with values, on one
/// rank; returns the buffers afterwards.
std::vector<std::vector<float>> execute(ProgramBuilder &b, int threads,
                                        const KernelLookup &kernels = nullptr) {
  std::unique_ptr<Engine> engine = engineOf(b.program, threads, kernels);
  for (const Buffer &buffer : b.program.buffers) {
    float *data = dataOf(*engine, buffer.id);
    for (int64_t i = 0; i < buffer.bytes / 4; ++i)
      data[i] = value(i + 1000 * buffer.id);
  }
  runStepWithoutAllocating(*engine);
  std::vector<std::vector<float>> all;
  for (const Buffer &buffer : b.program.buffers) {
    float *data = dataOf(*engine, buffer.id);
    all.emplace_back(data, data + buffer.bytes / 4);
  }
  return all;
}

int64_t declared(ProgramBuilder &b, const std::string &name, int64_t elements) {
  return b.state(name, {b.cut(elements)});
}

struct Case {
  const char *name;
  Gemm gemm;
};

Gemm makeGemm(int64_t m, int64_t n, int64_t k, int64_t aM, int64_t aK,
              int64_t bK, int64_t bN, int64_t cM, int64_t cN) {
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
  return gemm;
}

Gemm batched(Gemm gemm, std::vector<int64_t> batch, std::vector<int64_t> a,
             std::vector<int64_t> b, std::vector<int64_t> c) {
  gemm.batch = std::move(batch);
  gemm.aBatch = std::move(a);
  gemm.bBatch = std::move(b);
  gemm.cBatch = std::move(c);
  return gemm;
}

int64_t reach(const std::vector<int64_t> &batch,
              const std::vector<int64_t> &strides, int64_t rows, int64_t row,
              int64_t columns, int64_t column) {
  int64_t last = (rows - 1) * row + (columns - 1) * column;
  for (size_t i = 0; i < batch.size(); ++i)
    last += (batch[i] - 1) * strides[i];
  return last + 1;
}

TEST(Gemm, StridedTransposedAccumulated) {
  const Case cases[] = {
      {"plain", makeGemm(9, 7, 5, 5, 1, 7, 1, 7, 1)},
      {"row strides", makeGemm(9, 7, 5, 8, 1, 11, 1, 13, 1)},
      {"A transposed", makeGemm(9, 7, 5, 1, 9, 7, 1, 7, 1)},
      {"B transposed", makeGemm(9, 7, 5, 5, 1, 1, 5, 7, 1)},
      {"C transposed", makeGemm(9, 7, 5, 5, 1, 7, 1, 1, 9)},
      {"all transposed", makeGemm(9, 7, 5, 1, 9, 1, 5, 1, 9)},
      {"no unit stride of A", makeGemm(9, 7, 5, 15, 3, 7, 1, 7, 1)},
      {"no unit stride anywhere", makeGemm(9, 7, 5, 15, 3, 14, 2, 28, 4)},
      {"B broadcast along n", makeGemm(9, 7, 5, 5, 1, 1, 0, 7, 1)},
      {"vector times matrix", makeGemm(1, 7, 5, 5, 1, 7, 1, 7, 1)},
      {"outer product", makeGemm(9, 7, 1, 1, 1, 7, 1, 7, 1)},
      {"dot product", makeGemm(1, 1, 50, 50, 1, 1, 1, 1, 1)},
      {"large", makeGemm(130, 97, 200, 200, 1, 97, 1, 97, 1)},
      {"batched",
       batched(makeGemm(4, 6, 5, 5, 1, 6, 1, 6, 1), {3}, {20}, {30}, {24})},
      {"batch with shared B",
       batched(makeGemm(4, 6, 5, 5, 1, 6, 1, 6, 1), {3}, {20}, {0}, {24})},
      {"heads inside rows", batched(makeGemm(4, 4, 3, 12, 1, 1, 12, 4, 1),
                                    {2, 2}, {48, 3}, {48, 6}, {32, 16})},
      {"batch inside columns",
       batched(makeGemm(4, 6, 5, 15, 3, 18, 3, 18, 3), {3}, {1}, {1}, {1})},
  };
  for (const Case &one : cases)
    for (bool accumulate : {false, true})
      for (int threads : {1, 2}) {
        SCOPED_TRACE(std::string(one.name) + (accumulate ? ", added" : "") +
                     ", threads " + std::to_string(threads));
        const Gemm &gemm = one.gemm;
        ProgramBuilder b({});
        int64_t a = declared(
            b, "a",
            reach(gemm.batch, gemm.aBatch, gemm.m, gemm.aM, gemm.k, gemm.aK));
        int64_t w = declared(
            b, "b",
            reach(gemm.batch, gemm.bBatch, gemm.k, gemm.bK, gemm.n, gemm.bN));
        int64_t c = declared(
            b, "c",
            reach(gemm.batch, gemm.cBatch, gemm.m, gemm.cM, gemm.n, gemm.cN));
        b.segment("forward");
        Op &op = b.gemm(a, w, c, 1, 1, 1);
        op.gemm = gemm;
        op.gemm.accumulate = accumulate;
        b.schedule("forward");
        auto all = execute(b, threads);
        std::vector<double> want;
        for (size_t i = 0; i < all[size_t(c)].size(); ++i)
          want.push_back(value(int64_t(i) + 1000 * c));
        int64_t batches = 1;
        for (int64_t extent : gemm.batch)
          batches *= extent;
        for (int64_t batch = 0; batch < batches; ++batch) {
          int64_t rest = batch, ao = 0, bo = 0, co = 0;
          for (size_t i = gemm.batch.size(); i-- > 0; rest /= gemm.batch[i]) {
            ao += rest % gemm.batch[i] * gemm.aBatch[i];
            bo += rest % gemm.batch[i] * gemm.bBatch[i];
            co += rest % gemm.batch[i] * gemm.cBatch[i];
          }
          for (int64_t i = 0; i < gemm.m; ++i)
            for (int64_t j = 0; j < gemm.n; ++j) {
              double sum = 0;
              for (int64_t l = 0; l < gemm.k; ++l)
                sum +=
                    double(value(ao + i * gemm.aM + l * gemm.aK + 1000 * a)) *
                    value(bo + l * gemm.bK + j * gemm.bN + 1000 * w);
              double &to = want[size_t(co + i * gemm.cM + j * gemm.cN)];
              to = accumulate ? to + sum : sum;
            }
        }
        for (size_t i = 0; i < want.size(); ++i)
          ASSERT_NEAR(all[size_t(c)][i], want[i],
                      1e-5 + 1e-6 * std::sqrt(double(gemm.k)))
              << "element " << i;
      }
}

/// Sizes past every block, on exactly the scratch that is announced; whatever
/// the number of threads, the same bits.
TEST(Gemm, BlocksScratchAndThreads) {
  struct Shape {
    const char *name;
    Gemm gemm;
  };
  const Shape shapes[] = {
      {"high and deep", makeGemm(345, 35, 600, 600, 1, 35, 1, 35, 1)},
      {"wide", makeGemm(17, 1100, 270, 1, 17, 1, 270, 1100, 1)},
      {"few rows of B as it lies",
       makeGemm(5, 2077, 64, 64, 1, 2077, 1, 2077, 1)},
      {"C transposed", makeGemm(1100, 17, 270, 270, 1, 17, 1, 1, 1100)},
      {"no unit stride", makeGemm(180, 70, 40, 80, 2, 210, 3, 140, 2)},
      {"a long sum", makeGemm(3, 4, 16400, 16400, 1, 4, 1, 4, 1)},
      {"a batch", batched(makeGemm(40, 33, 50, 50, 1, 1, 50, 33, 1), {5},
                          {2000}, {1650}, {1320})},
  };
  for (const Shape &shape : shapes) {
    SCOPED_TRACE(shape.name);
    const Gemm &g = shape.gemm;
    int64_t batches = g.batch.empty() ? 1 : g.batch[0];
    auto room = [&](const std::vector<int64_t> &strides, int64_t rows,
                    int64_t row, int64_t columns, int64_t column) {
      return size_t(reach(g.batch, strides, rows, row, columns, column));
    };
    std::vector<float> a(room(g.aBatch, g.m, g.aM, g.k, g.aK)),
        b(room(g.bBatch, g.k, g.bK, g.n, g.bN));
    for (size_t i = 0; i < a.size(); ++i)
      a[i] = value(int64_t(i));
    for (size_t i = 0; i < b.size(); ++i)
      b[i] = value(int64_t(i) + 77);
    std::vector<float> first;
    for (int threads : {1, 2, 3}) {
      Threads team(threads);
      MatrixProduct product(g, team);
      constexpr size_t guard = 4096;
      size_t bytes = size_t(product.scratchBytes());
      EXPECT_EQ(product.scratchBytes(), scratchBytes(g, threads));
      std::vector<char> memory(bytes + guard + 64, 'x');
      auto *scratch = reinterpret_cast<char *>(
          (reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
      std::vector<float> c(room(g.cBatch, g.m, g.cM, g.n, g.cN), NAN);
      product.run(a.data(), b.data(), c.data(), scratch);
      for (size_t i = 0; i < guard; ++i)
        ASSERT_EQ(scratch[bytes + i], 'x') << "wrote past its scratch";
      std::vector<float> written;
      for (int64_t batch = 0; batch < batches; ++batch)
        for (int64_t i = 0; i < g.m; ++i)
          for (int64_t j = 0; j < g.n; ++j)
            written.push_back(
                c[size_t((g.batch.empty() ? 0 : batch * g.cBatch[0]) +
                         i * g.cM + j * g.cN)]);
      if (threads > 1) {
        EXPECT_TRUE(written == first) << threads << " threads";
        continue;
      }
      first = written;
      // Some of the elements, in double.
      for (size_t at = 0; at < written.size(); at += 37) {
        int64_t batch = int64_t(at) / (g.m * g.n), i = int64_t(at) / g.n % g.m,
                j = int64_t(at) % g.n;
        double sum = 0, size = 0;
        for (int64_t l = 0; l < g.k; ++l) {
          double term =
              double(a[size_t((g.batch.empty() ? 0 : batch * g.aBatch[0]) +
                              i * g.aM + l * g.aK)]) *
              double(b[size_t((g.batch.empty() ? 0 : batch * g.bBatch[0]) +
                              l * g.bK + j * g.bN)]);
          sum += term;
          size += std::fabs(term);
        }
        ASSERT_NEAR(written[at], sum, 1e-6 * (1 + size)) << i << ", " << j;
      }
    }
  }
}

/// A mask as a generated kernel would apply it: key k of query q is hidden
/// unless k + first <= q + offset (first is an index), or the extra operand
/// hides it.
void windowMask(const ColossalArgs *args, int64_t begin, int64_t end) {
  auto *scores = static_cast<float *>(args->buffers[0]);
  auto *bias = static_cast<const float *>(args->buffers[1]);
  int64_t keys = args->indices[0], batch = args->indices[1];
  for (int64_t q = begin; q < end; ++q)
    for (int64_t k = 0; k < keys; ++k) {
      float &score = scores[q * keys + k];
      score = (q + k + batch) % 3 == 0 ? -INFINITY : score + bias[k];
    }
}

struct Shape {
  int64_t batch, heads, queries, keys, qk, v;
  bool causal;
  int64_t offset;
  bool masked;
};

void checkAttention(const Shape &shape, int threads) {
  auto [batch, heads, queries, keys, qk, v, causal, offset, masked] = shape;
  // Queries, keys and values side by side in one row, as a fused product
  // leaves them; out and the gradients likewise.
  int64_t row = heads * (2 * qk + v), most = std::max(queries, keys);
  ProgramBuilder b({});
  int64_t qkv = declared(b, "qkv", batch * most * row);
  int64_t bias = declared(b, "bias", keys);
  int64_t dout = declared(b, "dout", batch * queries * heads * v);
  int64_t out = b.buffer("out", batch * queries * heads * v);
  int64_t lse = b.buffer("lse", batch * heads * queries);
  int64_t dqkv = b.buffer("dqkv", batch * most * row);
  using Strides = std::vector<int64_t>;
  Strides q = {most * row, qk, row, 1}, vStrides = {most * row, v, row, 1};
  Strides o = {queries * heads * v, v, heads * v, 1};
  Strides l = {heads * queries, queries, 1, 0};
  int64_t kAt = heads * qk * 4, vAt = 2 * heads * qk * 4;
  Attention attention;
  attention.batch = batch;
  attention.heads = heads;
  attention.queries = queries;
  attention.keys = keys;
  attention.qkFeatures = qk;
  attention.vFeatures = v;
  attention.scale = 1 / std::sqrt(double(qk));
  attention.causal = causal;
  attention.causalOffset = offset;
  attention.kernel = masked ? "mask" : "";
  b.segment("forward");
  Op &forward = b.op(OpKind::Library, "attention", {}, 2);
  forward.operands = {{qkv, 0}, {qkv, kAt}, {qkv, vAt}};
  forward.library = callOf(attention);
  forward.library.strides = {q, q, vStrides};
  if (masked) {
    forward.operands.push_back({bias, 0});
    forward.library.strides.push_back({});
    forward.indices = {{keys, {}}};
  }
  forward.operands.insert(forward.operands.end(), {{out, 0}, {lse, 0}});
  forward.library.strides.insert(forward.library.strides.end(), {o, l});
  Op &backward = b.op(OpKind::Library, "attention_backward", {}, 3);
  attention.backward = true;
  backward.library = callOf(attention);
  backward.operands = {{qkv, 0}, {qkv, kAt}, {qkv, vAt},
                       {out, 0}, {lse, 0},   {dout, 0}};
  backward.library.strides = {q, q, vStrides, o, l, o};
  if (masked) {
    backward.operands.push_back({bias, 0});
    backward.library.strides.push_back({});
    backward.indices = {{keys, {}}};
  }
  backward.operands.insert(backward.operands.end(),
                           {{dqkv, 0}, {dqkv, kAt}, {dqkv, vAt}});
  backward.library.strides.insert(backward.library.strides.end(),
                                  {q, q, vStrides});
  b.schedule("forward");
  auto all = execute(b, threads, [](const std::string &symbol) {
    return symbol == "mask" ? windowMask : nullptr;
  });

  for (int64_t n = 0; n < batch; ++n)
    for (int64_t h = 0; h < heads; ++h) {
      auto Q = [&](int64_t i, int64_t f) {
        return double(value(n * q[0] + h * q[1] + i * row + f + 1000 * qkv));
      };
      auto K = [&](int64_t i, int64_t f) { return Q(i, f + kAt / 4); };
      auto V = [&](int64_t i, int64_t f) {
        return double(
            value(n * q[0] + h * v + i * row + f + vAt / 4 + 1000 * qkv));
      };
      auto D = [&](int64_t i, int64_t f) {
        return double(value(n * o[0] + h * v + i * o[2] + f + 1000 * dout));
      };
      std::vector<double> dQ(size_t(queries * qk)), dK(size_t(keys * qk)),
          dV(size_t(keys * v));
      for (int64_t i = 0; i < queries; ++i) {
        std::vector<double> p(size_t(keys), 0.0);
        double sum = 0;
        for (int64_t k = 0; k < keys; ++k) {
          double score = 0;
          for (int64_t f = 0; f < qk; ++f)
            score += Q(i, f) * K(k, f);
          score *= attention.scale;
          bool hidden = causal && k > i + offset;
          if (masked) {
            hidden |= (i + k + n) % 3 == 0;
            score += double(value(k + 1000 * bias));
          }
          p[size_t(k)] = hidden ? 0 : std::exp(score);
          sum += p[size_t(k)];
        }
        double logSum = std::log(sum);
        float foundLse = all[size_t(lse)][size_t(n * l[0] + h * l[1] + i)];
        if (sum == 0)
          EXPECT_EQ(foundLse, -INFINITY);
        else
          EXPECT_NEAR(foundLse, logSum, 2e-6 * (1 + std::fabs(logSum)));
        std::vector<double> result(size_t(v), 0.0);
        double delta = 0;
        for (int64_t k = 0; k < keys && sum > 0; ++k) {
          p[size_t(k)] /= sum;
          for (int64_t f = 0; f < v; ++f)
            result[size_t(f)] += p[size_t(k)] * V(k, f);
        }
        for (int64_t f = 0; f < v; ++f) {
          float found =
              all[size_t(out)][size_t(n * o[0] + h * v + i * o[2] + f)];
          ASSERT_NEAR(found, result[size_t(f)], 2e-6);
          delta += result[size_t(f)] * D(i, f);
        }
        for (int64_t k = 0; k < keys; ++k) {
          double dp = 0;
          for (int64_t f = 0; f < v; ++f) {
            dp += D(i, f) * V(k, f);
            dV[size_t(k * v + f)] += p[size_t(k)] * D(i, f);
          }
          double ds = p[size_t(k)] * (dp - delta) * attention.scale;
          for (int64_t f = 0; f < qk; ++f) {
            dQ[size_t(i * qk + f)] += ds * K(k, f);
            dK[size_t(k * qk + f)] += ds * Q(i, f);
          }
        }
      }
      const std::vector<float> &found = all[size_t(dqkv)];
      auto compare = [&](const std::vector<double> &want, int64_t count,
                         int64_t features, int64_t base) {
        for (int64_t i = 0; i < count; ++i)
          for (int64_t f = 0; f < features; ++f)
            ASSERT_NEAR(
                found[size_t(n * q[0] + base + h * features + i * row + f)],
                want[size_t(i * features + f)], 2e-5)
                << "position " << i << ", feature " << f << ", base " << base;
      };
      compare(dQ, queries, qk, 0);
      compare(dK, keys, qk, kAt / 4);
      compare(dV, keys, v, vAt / 4);
    }
}

TEST(Attention, ForwardAndBackward) {
  const Shape shapes[] = {
      {1, 1, 3, 3, 4, 4, true, 0, false},
      {2, 3, 70, 70, 16, 16, true, 0, false},
      {2, 2, 70, 70, 8, 8, false, 0, false},
      {1, 2, 20, 150, 8, 12, false, 0, false},  // longer keys, other v
      {1, 2, 20, 50, 8, 8, true, 30, false},    // queries at the end
      {1, 1, 130, 100, 4, 4, true, -66, false}, // rows that see nothing
      {2, 2, 67, 67, 8, 8, true, 0, true},
      {2, 1, 5, 9, 8, 8, false, 0, true},
  };
  for (const Shape &shape : shapes)
    for (int threads : {1, 2}) {
      SCOPED_TRACE(testing::Message()
                   << shape.queries << " queries, " << shape.keys << " keys, "
                   << (shape.causal ? "causal" : "full")
                   << (shape.masked ? ", masked" : "") << ", threads "
                   << threads);
      checkAttention(shape, threads);
    }
}

} // namespace
