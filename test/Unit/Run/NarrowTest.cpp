//===- NarrowTest.cpp - Routines on 16 bits against those on f32 ----------===//
//
// What a routine gives for operands of bf16 or f16 is what it gives for the
// same numbers in f32, rounded once (or not at all, where the result is f32).
// But for attention of bf16 on CPUs that multiply pairs of it: what it computes
// between two products is rounded too.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/Attention/Run/Call.h"
#include "Colossal/Ops/Convolution/Run/Call.h"
#include "colossal/Run/MatrixProduct.h"
#include "colossal/Run/NarrowRows.h"
#include "colossal/Support/CpuGeneration.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

using namespace colossal;
using namespace colossal::rank;

namespace {

/// Memory that is aligned as scratch is, with a guard behind it.
class Guarded {
public:
  explicit Guarded(int64_t bytes)
      : bytes(size_t(bytes)), memory(this->bytes + kGuard + 64, 'x') {}
  char *data() {
    return reinterpret_cast<char *>(
        (reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
  }
  bool isIntact() {
    for (size_t i = 0; i < kGuard; ++i)
      if (data()[bytes + i] != 'x')
        return false;
    return true;
  }

private:
  static constexpr size_t kGuard = 4096;
  size_t bytes;
  std::vector<char> memory;
};

/// Numbers of 16 bits, and the same in f32.
template <class Narrow> struct Numbers {
  Numbers(int64_t count, int64_t seed) {
    for (int64_t i = 0; i < count; ++i)
      narrow.push_back(float(std::sin(0.37 * double(i + 1000 * seed) + 1)));
    wide.assign(narrow.begin(), narrow.end());
  }
  std::vector<Narrow> narrow;
  std::vector<float> wide;
};

template <class Narrow> constexpr bool isHalf = std::is_same_v<Narrow, Float16>;

/// Half a unit in the last place, and what the order of a sum of f32 may
/// change; infinite above the range.
template <class Narrow>
void expectRounded(Narrow found, float exact, float size) {
  if (isHalf<Narrow> && std::abs(exact) > 0x1p16f) {
    EXPECT_EQ(float(found), std::copysign(INFINITY, exact));
    return;
  }
  float unit = isHalf<Narrow> ? 0x1p-11f : 0x1p-8f;
  EXPECT_NEAR(found, exact, std::abs(exact) * unit + size * 0x1p-20);
}

template <class T> class Narrow : public testing::Test {};
using Types = testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(Narrow, Types);

TEST(Float16, RoundsToNearest) {
  auto ofBits = [](uint32_t bits) {
    Float16 number;
    number.bits = uint16_t(bits);
    return number;
  };
  auto bitsOf = [](double value) { return Float16(float(value)).bits; };
  // Between all neighbours, subnormal and normal, and the last and infinity,
  // which stands for the number that would be next.
  for (uint32_t bits = 0; bits < 0x7c00; ++bits) {
    double low = ofBits(bits),
           high = bits == 0x7bff ? 65536.0 : double(ofBits(bits + 1));
    double tie = (low + high) / 2, step = (high - low) * 0x1p-10;
    ASSERT_EQ(bitsOf(low), bits);
    ASSERT_EQ(bitsOf(tie - step), bits);
    ASSERT_EQ(bitsOf(tie), bits + (bits & 1)); // to even
    ASSERT_EQ(bitsOf(tie + step), bits + 1);
    ASSERT_EQ(bitsOf(-tie - step), (bits + 1) | 0x8000);
  }
  float infinity = std::numeric_limits<float>::infinity();
  for (float large : {65536.0f, 1e30f, infinity}) {
    EXPECT_EQ(float(Float16(large)), infinity);
    EXPECT_EQ(float(Float16(-large)), -infinity);
  }
  EXPECT_EQ(bitsOf(-0.0), 0x8000);
  EXPECT_EQ(bitsOf(-1e-30), 0x8000);
  EXPECT_EQ(bitsOf(0x1p-140), 0); // a subnormal f32
  for (uint32_t bits : {0x7fc00000u, 0x7f800001u, 0xffffffffu})
    EXPECT_TRUE(std::isnan(float(Float16(floatOfBits(bits)))));
}

TEST(BFloat16, RoundsToNearest) {
  auto rounded = [](float value) { return float(BFloat16(value)); };
  EXPECT_EQ(rounded(1.0f), 1.0f);
  EXPECT_EQ(rounded(1.0f + 0x1p-8f), 1.0f);             // a tie, to even
  EXPECT_EQ(rounded(1.0f + 0x1.8p-7f), 1.0f + 0x1p-6f); // a tie, to even
  EXPECT_EQ(rounded(1.0f + 0x1.01p-8f), 1.0f + 0x1p-7f);
  EXPECT_EQ(rounded(-0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(rounded(-0.0f)));
  EXPECT_EQ(rounded(3.4e38f), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(-std::numeric_limits<float>::infinity()),
            -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(rounded(NAN)));
  uint32_t bits = 0x7f800001; // a NaN whose upper half is infinity
  float lowNan;
  memcpy(&lowNan, &bits, 4);
  EXPECT_TRUE(std::isnan(rounded(lowNan)));
}

TYPED_TEST(Narrow, RowsAreTheirNumbers) {
  std::vector<float> many = {65519.9f, 65520.0f, -1e6f, -INFINITY};
  for (int i = -40; i < 40; ++i)
    many.push_back(std::ldexp(1.2345678f, i));
  std::vector<TypeParam> row(many.size());
  narrowRow(row.data(), many.data(), int64_t(many.size()));
  std::vector<float> back(many.size());
  widenRow(back.data(), row.data(), int64_t(row.size()));
  for (size_t i = 0; i < many.size(); ++i)
    EXPECT_EQ(back[i], float(TypeParam(many[i])));
}

template <class T>
constexpr DType typeOf = isHalf<T> ? DType::F16 : DType::BF16;

struct Shape {
  int64_t m, n, k;
  bool aTransposed, bTransposed, cTransposed;
  int64_t spread = 1, batch = 1; ///< strides times `spread`
};

Gemm gemmOf(const Shape &s) {
  Gemm g;
  g.m = s.m, g.n = s.n, g.k = s.k;
  g.aM = (s.aTransposed ? 1 : s.k) * s.spread;
  g.aK = (s.aTransposed ? s.m : 1) * s.spread;
  g.bK = (s.bTransposed ? 1 : s.n) * s.spread;
  g.bN = (s.bTransposed ? s.k : 1) * s.spread;
  g.cM = s.cTransposed ? 1 : s.n;
  g.cN = s.cTransposed ? s.m : 1;
  if (s.batch > 1) {
    g.batch = {s.batch};
    g.aBatch = {s.m * s.k * s.spread};
    g.bBatch = {s.k * s.n * s.spread};
    g.cBatch = {s.m * s.n};
  }
  return g;
}

TYPED_TEST(Narrow, ProductIsTheRoundedProduct) {
  const Shape shapes[] = {
      {9, 7, 5, false, false, false},
      {9, 7, 5, true, true, true},
      {9, 7, 5, true, false, true, 3},
      {1, 7, 50, false, true, false},
      {130, 97, 200, false, true, false},
      {200, 70, 1300, true, false, false},  // pieces of k
      {17, 1100, 700, false, false, false}, // blocks of columns
      {12, 40, 17000, false, true, false},  // the fewest columns at a time
      {40, 33, 50, false, true, false, 1, 5},
  };
  for (const Shape &shape : shapes)
    for (DType result : {typeOf<TypeParam>, DType::F32})
      for (bool accumulate : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << shape.m << " x " << shape.n << " x " << shape.k
                     << (result == DType::F32 ? " as f32" : "")
                     << (accumulate ? ", added" : ""));
        Gemm wide = gemmOf(shape);
        wide.accumulate = accumulate;
        Gemm narrow = wide;
        narrow.dtype = typeOf<TypeParam>;
        narrow.result = result;
        int64_t all = shape.batch * shape.spread;
        Numbers<TypeParam> a(shape.m * shape.k * all, 1),
            b(shape.k * shape.n * all, 2);
        Numbers<TypeParam> before(shape.m * shape.n * shape.batch, 3);
        Threads alone(1);
        MatrixProduct reference(wide, alone);
        Guarded scratch(reference.scratchBytes());
        std::vector<float> want = before.wide;
        reference.run(a.wide.data(), b.wide.data(), want.data(),
                      scratch.data());
        std::vector<TypeParam> first;
        for (int threads : {1, 2, 3}) {
          Threads team(threads);
          MatrixProduct product(narrow, team);
          Guarded own(product.scratchBytes());
          std::vector<TypeParam> rounded = before.narrow;
          std::vector<float> found = before.wide;
          void *c = result == DType::F32 ? static_cast<void *>(found.data())
                                         : rounded.data();
          product.run(a.narrow.data(), b.narrow.data(), c, own.data());
          EXPECT_TRUE(own.isIntact()) << "wrote past its scratch";
          for (size_t i = 0; i < want.size(); ++i) {
            if (result == DType::F32)
              ASSERT_NEAR(found[i], want[i], float(shape.k) * 0x1p-21);
            else
              expectRounded(rounded[i], want[i], float(shape.k));
          }
          if (this->HasFailure())
            return;
        }
      }
}

TYPED_TEST(Narrow, ConvolutionIsTheRoundedConvolution) {
  using Pass = Convolution::Pass;
  Convolution small;
  small.samples = 3, small.groups = 2, small.outputs = 3, small.channels = 2;
  small.input = {1, 9, 8}, small.taps = {1, 3, 2}, small.output = {1, 5, 4};
  small.stride = {1, 2, 2}, small.padding = {0, 1, 0};
  Convolution last = small;
  last.channelsLast = 1;
  // Pieces of two samples, and one of one.
  Convolution large;
  large.samples = 5, large.outputs = 2, large.channels = 1;
  large.input = large.output = {1, 1000, 1000};
  for (const Convolution &one : {small, last, large})
    for (Pass pass : {Pass::Forward, Pass::BackwardData, Pass::BackwardWeights})
      for (int64_t wideResult : {0, 1}) {
        SCOPED_TRACE(testing::Message()
                     << "pass " << int(pass) << ", samples " << one.samples);
        static const int orders[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
        const int *order = orders[int(pass)];
        Convolution c = one;
        c.pass = pass;
        auto elements = elementsOf(c);
        Numbers<TypeParam> x(elements[size_t(order[0])], 1),
            y(elements[size_t(order[1])], 2);
        auto results = size_t(elements[size_t(order[2])]);
        Threads team(2);
        auto run = [&](Convolution call, void *a, void *b, void *r) {
          Op op;
          op.library = callOf(call);
          auto routine = makeConvolution(op, team, nullptr);
          Guarded scratch(routine->scratchBytes());
          char *operands[] = {static_cast<char *>(a), static_cast<char *>(b),
                              static_cast<char *>(r)};
          routine->run(operands, nullptr, 0, scratch.data());
          EXPECT_TRUE(scratch.isIntact()) << "wrote past its scratch";
        };
        std::vector<float> want(results), found(results);
        std::vector<TypeParam> rounded(results);
        run(c, x.wide.data(), y.wide.data(), want.data());
        c.narrow = narrowNumber(typeOf<TypeParam>);
        c.wideResult = wideResult;
        run(c, x.narrow.data(), y.narrow.data(),
            wideResult ? static_cast<void *>(found.data()) : rounded.data());
        double terms = double(c.samples) * double(pointsOf(c.output)) *
                       double(c.channels * c.outputs * pointsOf(c.taps)) /
                       double(results);
        for (size_t i = 0; i < results; ++i)
          if (wideResult)
            ASSERT_NEAR(found[i], want[i], terms * 0x1p-20);
          else
            expectRounded(rounded[i], want[i], float(terms));
        if (this->HasFailure())
          return;
      }
}

/// Sums of the absolute terms of out, dq, dk and dv at each of their elements,
/// by loops in f64: what rounding probabilities and gradients of scores by a
/// relative error changes at most, over that error.
struct AbsoluteSums {
  AbsoluteSums(const Attention &c, const std::vector<float> &q,
               const std::vector<float> &k, const std::vector<float> &v,
               const std::vector<float> &dOut)
      : out(q.size()), dq(q.size()), dk(q.size()), dv(q.size()) {
    int64_t s = c.queries, d = c.vFeatures;
    std::vector<double> p(static_cast<size_t>(s)), dP(p);
    for (int64_t head = 0; head < c.heads; ++head)
      for (int64_t i = 0; i < s; ++i) {
        auto at = [&](int64_t position, int64_t f) {
          return size_t((position * c.heads + head) * d + f);
        };
        int64_t seen = c.causal ? i + 1 : s;
        double sum = 0, delta = 0;
        for (int64_t j = 0; j < seen; ++j) {
          double score = dP[size_t(j)] = 0;
          for (int64_t f = 0; f < d; ++f) {
            score += double(q[at(i, f)]) * double(k[at(j, f)]);
            dP[size_t(j)] += double(dOut[at(i, f)]) * double(v[at(j, f)]);
          }
          sum += p[size_t(j)] = std::exp(c.scale * score);
        }
        for (int64_t j = 0; j < seen; ++j)
          delta += (p[size_t(j)] /= sum) * dP[size_t(j)];
        for (int64_t j = 0; j < seen; ++j) {
          double dS = c.scale * p[size_t(j)] * std::abs(dP[size_t(j)] - delta);
          for (int64_t f = 0; f < d; ++f) {
            out[at(i, f)] += p[size_t(j)] * std::abs(double(v[at(j, f)]));
            dv[at(j, f)] += p[size_t(j)] * std::abs(double(dOut[at(i, f)]));
            dq[at(i, f)] += dS * std::abs(double(k[at(j, f)]));
            dk[at(j, f)] += dS * std::abs(double(q[at(i, f)]));
          }
        }
      }
  }
  std::vector<double> out, dq, dk, dv;
};

/// Heads side by side in memory, two of them.
TYPED_TEST(Narrow, AttentionIsTheRoundedAttention) {
  constexpr int64_t s = 70, d = 12, heads = 2, all = s * d * heads;
  Numbers<TypeParam> q(all, 1), k(all, 2), v(all, 3), dout(all, 4);
  std::vector<int64_t> tensor = {all, d, d * heads, 1},
                       perQuery = {s * heads, s, 1, 0};
  for (bool causal : {false, true}) {
    Attention call;
    call.heads = heads, call.queries = s, call.keys = s;
    call.qkFeatures = call.vFeatures = d;
    call.scale = 0.3;
    call.causal = causal;
    Threads team(2);
    auto run = [&](Attention call, std::vector<void *> operands) {
      Op op;
      op.library = callOf(call);
      op.operands.resize(operands.size());
      auto routine = makeAttention(op, team, nullptr);
      Guarded scratch(routine->scratchBytes());
      std::vector<char *> list;
      for (void *operand : operands)
        list.push_back(static_cast<char *>(operand));
      routine->run(list.data(), nullptr, 0, scratch.data());
      EXPECT_TRUE(scratch.isIntact()) << "wrote past its scratch";
    };
    AbsoluteSums sums(call, q.wide, k.wide, v.wide, dout.wide);
    bool rounds = !isHalf<TypeParam> && computesBFloat16();
    auto near = [&](const std::vector<TypeParam> &found,
                    const std::vector<float> &want,
                    const std::vector<double> &absolute) {
      for (size_t i = 0; i < want.size(); ++i)
        expectRounded(found[i], want[i],
                      8 + (rounds ? float(absolute[i]) * 0x1p12f : 0.0f));
    };
    std::vector<float> out(all), lse(s * heads), narrowLse(s * heads);
    std::vector<TypeParam> narrowOut(all);
    call.strides = {tensor, tensor, tensor, tensor, perQuery};
    run(call,
        {q.wide.data(), k.wide.data(), v.wide.data(), out.data(), lse.data()});
    call.narrow = narrowNumber(typeOf<TypeParam>);
    run(call, {q.narrow.data(), k.narrow.data(), v.narrow.data(),
               narrowOut.data(), narrowLse.data()});
    near(narrowOut, out, sums.out);
    for (size_t i = 0; i < lse.size(); ++i)
      EXPECT_NEAR(narrowLse[i], lse[i], rounds ? 1e-6 : 0);

    // Of the output as it was rounded.
    std::vector<float> dq(all), dk(all), dv(all);
    std::vector<TypeParam> narrowDq(all), narrowDk(all), narrowDv(all);
    out.assign(narrowOut.begin(), narrowOut.end());
    call.backward = true;
    call.narrow = 0;
    call.strides = {tensor, tensor, tensor, tensor, perQuery,
                    tensor, tensor, tensor, tensor};
    run(call, {q.wide.data(), k.wide.data(), v.wide.data(), out.data(),
               lse.data(), dout.wide.data(), dq.data(), dk.data(), dv.data()});
    call.narrow = narrowNumber(typeOf<TypeParam>);
    run(call, {q.narrow.data(), k.narrow.data(), v.narrow.data(),
               narrowOut.data(), lse.data(), dout.narrow.data(),
               narrowDq.data(), narrowDk.data(), narrowDv.data()});
    near(narrowDq, dq, sums.dq);
    near(narrowDk, dk, sums.dk);
    near(narrowDv, dv, sums.dv);
  }
}

} // namespace
