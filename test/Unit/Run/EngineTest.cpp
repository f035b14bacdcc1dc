//===- EngineTest.cpp - Training-like programs against plain loops --------===//
//
// The same meaning under data parallelism, microbatches and two groups is
// compared with a loop in double.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "AllocationCounter.h"
#include "TrainingProgram.h"
#include "colossal/Run/Scratch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

int worldSize() {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

float sample(int64_t i) { return float(std::sin(0.7 * double(i) + 0.3)); }

KernelFunction lookup(const std::string &symbol) {
  return symbol == "loss" ? loss : symbol == "sgd" ? sgd : nullptr;
}

struct Result {
  std::vector<float> losses;
  std::vector<float> w0, w1;
};

Result execute(int64_t groups, int64_t microbatches, Transport transport,
               int threads, int64_t steps) {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  int64_t data = worldSize() / groups;
  std::vector<Program> all;
  for (int64_t group = 0; group < groups; ++group)
    all.push_back(makeProgram(data, microbatches, groups, group));
  for (const std::string &fault : checkPrograms(all))
    ADD_FAILURE() << fault;
  const Program &program = all[size_t(rank / data)];
  EngineOptions options;
  options.transport = transport;
  options.threads = threads;
  options.timeoutSeconds = 60;
  Engine engine({&program}, MPI_COMM_WORLD, lookup, options);
  engine.connect();
  engine.reserve();
  // What the compiler predicts is what the engine takes.
  std::string error;
  EXPECT_EQ(engine.memory().scratch, scratchBytes(program, threads, error));
  if (transport == Transport::Auto)
    EXPECT_EQ(engine.memory().staging, stagingBytes({&program}));
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
    {
      AllocationCounter large(4096);
      engine.runStep(step);
      // The first step may meet libraries that set themselves up.
      if (step > 1)
        EXPECT_EQ(large.count(), 0) << "largest: " << large.largest();
    }
    result.losses.push_back(engine.metric("loss"));
  }
  for (const State &state : program.states) {
    auto *w = reinterpret_cast<float *>(engine.address(state.buffer));
    auto &to = state.name == "w0" ? result.w0 : result.w1;
    to.assign(w, w + elementsOf(state.globalShape));
  }
  return result;
}

void expectNear(const std::vector<float> &found,
                const std::vector<double> &expected) {
  if (found.empty())
    return; // on another group
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_NEAR(found[i], expected[i], 2e-6) << "element " << i;
}

void check(int64_t groups, int64_t microbatches) {
  const int64_t steps = 3;
  Reference reference;
  for (int64_t i = 0; i < kIn * kHidden; ++i)
    reference.w0.push_back(sample(i) * 0.5f);
  for (int64_t i = 0; i < kHidden * kOut; ++i)
    reference.w1.push_back(sample(i + 100) * 0.5f);
  for (int64_t step = 0; step < steps; ++step)
    reference.step(
        [](int64_t row, int64_t i) { return double(sample(row * kIn + i)); },
        [](int64_t row, int64_t o) {
          return double(sample(row * kOut + o + 999));
        },
        double(0.1f));
  Result window = execute(groups, microbatches, Transport::Auto, 1, steps);
  Result messages =
      execute(groups, microbatches, Transport::PointToPoint, 2, steps);
  expectNear(window.w0, reference.w0);
  expectNear(window.w1, reference.w1);
  if (!window.w1.empty())
    expectNear(window.losses, reference.losses);
  // Bitwise: other transport, other number of threads (each element of a
  // product is still one sum of the same order at these sizes).
  EXPECT_EQ(window.w0, messages.w0);
  EXPECT_EQ(window.w1, messages.w1);
  EXPECT_EQ(window.losses, messages.losses);
}

TEST(Engine, DataParallel) { check(1, 1); }

TEST(Engine, DataParallelWithMicrobatches) { check(1, 2); }

TEST(Engine, TwoGroups) {
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
              {&program}, MPI_COMM_WORLD,
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
