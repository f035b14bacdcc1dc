//===- TrainingProgram.h - A small training step by hand --------*- C++ -*-===//
//
// y = x W0 W1, loss = sum (y - t)^2 / n over the whole batch, plain gradient
// steps: on one or two groups, data parallel, with microbatches.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_RUN_TRAININGPROGRAM_H
#define COLOSSAL_TEST_UNIT_RUN_TRAININGPROGRAM_H

#include "ProgramBuilder.h"

// Kernels as Lower would write them (TestKernels.cpp).
extern "C" {
void loss(const colossal::rank::ColossalArgs *args, int64_t begin, int64_t end);
void sgd(const colossal::rank::ColossalArgs *args, int64_t begin, int64_t end);
void stall(const colossal::rank::ColossalArgs *args, int64_t begin,
           int64_t end);
}

namespace colossal::rank::test {

constexpr int64_t kIn = 6, kHidden = 5, kOut = 3, kBatch = 24;

/// The layers of a group: layer 0 is kIn x kHidden, layer 1 kHidden x kOut.
/// One group holds both, or two groups one each.
inline Program makeProgram(int64_t data, int64_t microbatches, int64_t groups,
                           int64_t group) {
  ProgramBuilder b({{"data", data}}, microbatches, group, groups);
  int64_t rows = kBatch / data / microbatches, slots = microbatches;
  bool first = group == 0, last = group + 1 == groups;
  std::vector<SubDimension> batch = {b.cut(kBatch, {"data", "time"})};
  int64_t x = -1, t = -1, w0 = -1, w1 = -1;
  auto dims = [&](int64_t size) {
    auto both = batch;
    both.push_back(b.cut(size));
    return both;
  };
  if (first) {
    x = b.input("x", dims(kIn), DType::F32, 0, slots);
    w0 = b.state("w0", {b.cut(kIn), b.cut(kHidden)});
  }
  if (last) {
    t = b.input("t", dims(kOut), DType::F32, 0, slots);
    w1 = b.state("w1", {b.cut(kHidden), b.cut(kOut)});
  }
  int64_t lr = b.control("lr");
  int64_t h = b.buffer("h", rows * kHidden, DType::F32, slots);
  int64_t dh = b.buffer("dh", rows * kHidden, DType::F32, slots);
  int64_t g0 = b.buffer("g0", kIn * kHidden),
          s0 = b.buffer("s0", kIn * kHidden);
  int64_t g1 = b.buffer("g1", kHidden * kOut),
          s1 = b.buffer("s1", kHidden * kOut);
  int64_t y = b.buffer("y", rows * kOut);
  int64_t dy = b.buffer("dy", rows * kOut, DType::F32, slots);
  int64_t loss = b.buffer("loss", 1), sum = b.buffer("loss.sum", 1);
  b.segment("prologue");
  b.fill(g0);
  b.fill(g1);
  b.fill(loss);
  b.segment("forward");
  if (first)
    b.gemm(x, w0, h, rows, kHidden, kIn);
  if (!last)
    b.transfer(OpKind::Send, h, group + 1, 0, "h");
  if (!first)
    b.transfer(OpKind::Recv, h, group - 1, 0, "h");
  if (last) {
    b.gemm(h, w1, y, rows, kOut, kHidden);
    b.kernel("loss", {y, t, loss, dy}, 1, 2).indices = {{rows, {}}};
  }
  b.segment("backward");
  auto transposedA = [](Op &op, int64_t columns) {
    op.gemm.aM = 1;
    op.gemm.aK = columns;
    op.gemm.accumulate = true;
  };
  if (last) {
    transposedA(b.gemm(h, dy, g1, kHidden, kOut, rows), kHidden);
    Op &back = b.gemm(dy, w1, dh, rows, kHidden, kOut);
    back.gemm.bK = 1;
    back.gemm.bN = kOut;
  }
  if (!first)
    b.transfer(OpKind::Send, dh, group - 1, 1, "dh");
  if (!last)
    b.transfer(OpKind::Recv, dh, group + 1, 1, "dh");
  if (first)
    transposedA(b.gemm(x, dh, g0, kIn, kHidden, rows), kIn);
  b.segment("update");
  if (first) {
    b.collective(OpKind::AllReduce, g0, s0, {"data"}, kIn * kHidden);
    b.kernel("sgd", {s0, lr, w0}, kIn * kHidden);
  }
  if (last) {
    b.collective(OpKind::AllReduce, g1, s1, {"data"}, kHidden * kOut);
    b.kernel("sgd", {s1, lr, w1}, kHidden * kOut);
    b.collective(OpKind::AllReduce, loss, sum, {"data"}, 1);
    b.metric("loss", sum);
  }
  b.schedule("prologue");
  // One forward, one backward; the first group runs one microbatch ahead.
  int64_t ahead = groups - 1 - group;
  for (int64_t m = 0; m < microbatches + ahead; ++m) {
    if (m < microbatches)
      b.schedule("forward", m);
    if (m >= ahead)
      b.schedule("backward", m - ahead);
  }
  b.schedule("update");
  return b.program;
}

/// The same in double, without any plan. `x` and `t` give the values of a
/// sample: x(row, column) for row in [0, kBatch) of a step.
struct Reference {
  std::vector<double> w0, w1, losses;

  template <class X, class T> void step(X &&x, T &&t, double rate) {
    std::vector<double> g0(w0.size()), g1(w1.size());
    double loss = 0;
    for (int64_t row = 0; row < kBatch; ++row) {
      double h[kHidden] = {}, y[kOut] = {}, dh[kHidden] = {};
      for (int64_t i = 0; i < kIn; ++i)
        for (int64_t j = 0; j < kHidden; ++j)
          h[j] += x(row, i) * w0[size_t(i * kHidden + j)];
      for (int64_t j = 0; j < kHidden; ++j)
        for (int64_t o = 0; o < kOut; ++o)
          y[o] += h[j] * w1[size_t(j * kOut + o)];
      for (int64_t o = 0; o < kOut; ++o) {
        double difference = y[o] - t(row, o);
        loss += difference * difference / kBatch;
        double dy = 2 * difference / kBatch;
        for (int64_t j = 0; j < kHidden; ++j) {
          g1[size_t(j * kOut + o)] += h[j] * dy;
          dh[j] += dy * w1[size_t(j * kOut + o)];
        }
      }
      for (int64_t i = 0; i < kIn; ++i)
        for (int64_t j = 0; j < kHidden; ++j)
          g0[size_t(i * kHidden + j)] += x(row, i) * dh[j];
    }
    losses.push_back(loss);
    for (size_t i = 0; i < w0.size(); ++i)
      w0[i] -= rate * g0[i];
    for (size_t i = 0; i < w1.size(); ++i)
      w1[i] -= rate * g1[i];
  }
};

} // namespace colossal::rank::test

#endif // COLOSSAL_TEST_UNIT_RUN_TRAININGPROGRAM_H
