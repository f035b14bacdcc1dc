//===- EngineTest.cpp - Training-like programs against plain loops --------===//
//
// y = x W, loss = sum (y - t)^2 / n over the whole batch, plain gradient steps.
// The same meaning under data parallelism, microbatches and two stages is
// compared with a loop in double.
//
//===----------------------------------------------------------------------===//

#include "colossal/Run/Engine.h"
#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

constexpr int64_t kIn = 6, kHidden = 5, kOut = 3, kBatch = 24;

int worldSize() {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

float sample(int64_t i) { return float(std::sin(0.7 * double(i) + 0.3)); }

// Kernels as Lower would write them; rows [begin, end).

// {y, t, loss, dy}: loss += sum (y - t)^2 / n, dy = 2 (y - t) / n. One row is
// one iteration; loss is a serial sum, so the range is 1 over all rows.
void lossKernel(const ColossalArgs *args, int64_t begin, int64_t end) {
  auto *y = static_cast<const float *>(args->buffers[0]);
  auto *t = static_cast<const float *>(args->buffers[1]);
  auto *loss = static_cast<float *>(args->buffers[2]);
  auto *dy = static_cast<float *>(args->buffers[3]);
  int64_t rows = args->indices[0];
  for (int64_t piece = begin; piece < end; ++piece)
    for (int64_t i = 0; i < rows * kOut; ++i) {
      float difference = y[i] - t[i];
      *loss += difference * difference / float(kBatch);
      dy[i] = 2 * difference / float(kBatch);
    }
}

// {g, lr, w}: w -= lr g; one element an iteration.
void sgdKernel(const ColossalArgs *args, int64_t begin, int64_t end) {
  auto *g = static_cast<const float *>(args->buffers[0]);
  auto *lr = static_cast<const float *>(args->buffers[1]);
  auto *w = static_cast<float *>(args->buffers[2]);
  for (int64_t i = begin; i < end; ++i)
    w[i] -= *lr * g[i];
}

KernelFunction lookup(const std::string &symbol) {
  return symbol == "loss" ? lossKernel : symbol == "sgd" ? sgdKernel : nullptr;
}

/// The layers of a stage: layer 0 is kIn x kHidden, layer 1 kHidden x kOut.
/// One stage holds both, or two stages one each.
Program makeProgram(int64_t data, int64_t microbatches, int64_t stages,
                    int64_t stage) {
  ProgramBuilder b({{"data", data}}, microbatches, stage, stages);
  int64_t rows = kBatch / data / microbatches, slots = microbatches;
  bool first = stage == 0, last = stage + 1 == stages;
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
    b.transfer(OpKind::Send, h, stage + 1, 0, "h");
  if (!first)
    b.transfer(OpKind::Recv, h, stage - 1, 0, "h");
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
    b.transfer(OpKind::Send, dh, stage - 1, 1, "dh");
  if (!last)
    b.transfer(OpKind::Recv, dh, stage + 1, 1, "dh");
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
  // One forward, one backward; the first stage runs one microbatch ahead.
  int64_t ahead = stages - 1 - stage;
  for (int64_t m = 0; m < microbatches + ahead; ++m) {
    if (m < microbatches)
      b.schedule("forward", m);
    if (m >= ahead)
      b.schedule("backward", m - ahead);
  }
  b.schedule("update");
  return b.program;
}

struct Result {
  std::vector<float> losses;
  std::vector<float> w0, w1;
};

Result execute(int64_t stages, int64_t microbatches, Transport transport,
               int threads, int64_t steps) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  int64_t data = worldSize() / stages;
  std::vector<Program> all;
  for (int64_t stage = 0; stage < stages; ++stage)
    all.push_back(makeProgram(data, microbatches, stages, stage));
  for (const std::string &fault : checkPrograms(all))
    ADD_FAILURE() << fault;
  const Program &program = all[size_t(rank / data)];
  EngineOptions options;
  options.transport = transport;
  options.threads = threads;
  options.timeoutSeconds = 60;
  Engine engine(program, MPI_COMM_WORLD, lookup, options);
  engine.connect();
  engine.reserve();
  for (const State &state : program.states) {
    auto *w = reinterpret_cast<float *>(engine.address(state.buffer));
    for (int64_t i = 0; i < elementsOf(state.globalShape); ++i)
      w[i] = sample(i + (state.name == "w1" ? 100 : 0)) * 0.5f;
  }
  engine.setControl("lr", 0.1f);
  Result result;
  for (int64_t step = 1; step <= steps; ++step) {
    for (const Input &input : program.inputs)
      for (int64_t m = 0; m < microbatches; ++m) {
        auto *to = reinterpret_cast<float *>(engine.address(input.buffer, m));
        forEachRun(
            input.layout, coordinateOf(program, engine.fabric().device(), m),
            [&](const Run &run) {
              for (int64_t i = 0; i < run.length; ++i)
                to[run.local + i] =
                    sample(run.global + i + (input.name == "t" ? 999 : 0));
            });
      }
    engine.runStep(step);
    result.losses.push_back(engine.metric("loss"));
  }
  for (const State &state : program.states) {
    auto *w = reinterpret_cast<float *>(engine.address(state.buffer));
    auto &to = state.name == "w0" ? result.w0 : result.w1;
    to.assign(w, w + elementsOf(state.globalShape));
  }
  return result;
}

void reference(int64_t steps, std::vector<double> &losses,
               std::vector<double> &w0, std::vector<double> &w1) {
  w0.resize(kIn * kHidden);
  w1.resize(kHidden * kOut);
  for (size_t i = 0; i < w0.size(); ++i)
    w0[i] = sample(int64_t(i)) * 0.5f;
  for (size_t i = 0; i < w1.size(); ++i)
    w1[i] = sample(int64_t(i) + 100) * 0.5f;
  for (int64_t step = 0; step < steps; ++step) {
    std::vector<double> g0(w0.size()), g1(w1.size());
    double loss = 0;
    for (int64_t row = 0; row < kBatch; ++row) {
      double h[kHidden] = {}, y[kOut] = {}, dh[kHidden] = {};
      for (int64_t i = 0; i < kIn; ++i)
        for (int64_t j = 0; j < kHidden; ++j)
          h[j] += double(sample(row * kIn + i)) * w0[size_t(i * kHidden + j)];
      for (int64_t j = 0; j < kHidden; ++j)
        for (int64_t o = 0; o < kOut; ++o)
          y[o] += h[j] * w1[size_t(j * kOut + o)];
      for (int64_t o = 0; o < kOut; ++o) {
        double difference = y[o] - double(sample(row * kOut + o + 999));
        loss += difference * difference / kBatch;
        double dy = 2 * difference / kBatch;
        for (int64_t j = 0; j < kHidden; ++j) {
          g1[size_t(j * kOut + o)] += h[j] * dy;
          dh[j] += dy * w1[size_t(j * kOut + o)];
        }
      }
      for (int64_t i = 0; i < kIn; ++i)
        for (int64_t j = 0; j < kHidden; ++j)
          g0[size_t(i * kHidden + j)] += double(sample(row * kIn + i)) * dh[j];
    }
    losses.push_back(loss);
    for (size_t i = 0; i < w0.size(); ++i)
      w0[i] -= double(0.1f) * g0[i];
    for (size_t i = 0; i < w1.size(); ++i)
      w1[i] -= double(0.1f) * g1[i];
  }
}

void expectNear(const std::vector<float> &found,
                const std::vector<double> &expected) {
  if (found.empty())
    return; // on another stage
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 2e-6) << "element " << i;
}

void check(int64_t stages, int64_t microbatches) {
  const int64_t steps = 3;
  std::vector<double> losses, w0, w1;
  reference(steps, losses, w0, w1);
  Result window = execute(stages, microbatches, Transport::Auto, 1, steps);
  Result messages =
      execute(stages, microbatches, Transport::PointToPoint, 2, steps);
  expectNear(window.w0, w0);
  expectNear(window.w1, w1);
  if (!window.w1.empty())
    expectNear(window.losses, losses);
  // Bitwise: other transport, other number of threads (each element of a
  // product is still one sum of the same order at these sizes).
  EXPECT_EQ(window.w0, messages.w0);
  EXPECT_EQ(window.w1, messages.w1);
  EXPECT_EQ(window.losses, messages.losses);
}

TEST(Engine, DataParallel) { check(1, 1); }

TEST(Engine, DataParallelWithMicrobatches) { check(1, 2); }

TEST(Engine, TwoStages) {
  if (worldSize() % 2)
    GTEST_SKIP() << "needs an even number of ranks";
  check(2, 1);
  check(2, 4);
}

TEST(Engine, RefusesAMissingKernel) {
  Program program = makeProgram(worldSize(), 1, 1, 0);
  EngineOptions options;
  EXPECT_THROW(
      {
        try {
          Engine engine(
              program, MPI_COMM_WORLD,
              [](const std::string &) { return nullptr; }, options);
        } catch (const std::exception &error) {
          EXPECT_NE(std::string(error.what()).find("kernel 'loss'"),
                    std::string::npos)
              << error.what();
          throw;
        }
      },
      std::exception);
}

} // namespace
