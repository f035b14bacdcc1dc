//===- OneRank.h - A program on this process alone, for tests ---*- C++ -*-===//

#ifndef COLOSSAL_TEST_UNIT_RUN_ONERANK_H
#define COLOSSAL_TEST_UNIT_RUN_ONERANK_H

#include "AllocationCounter.h"
#include "Engine.h"

#include <gtest/gtest.h>

#include <memory>

namespace colossal::rank::test {

/// The engine of a program that must be without faults, ready for a step.
inline std::unique_ptr<Engine> engineOf(const Program &program, int threads,
                                        const KernelLookup &kernels = nullptr) {
  for (const std::string &fault : checkProgram(program))
    ADD_FAILURE() << fault;
  EngineOptions options;
  options.threads = threads;
  auto engine = std::make_unique<Engine>(std::vector<const Program *>{&program},
                                         MPI_COMM_SELF, kernels, options);
  engine->connect();
  engine->reserve();
  return engine;
}

inline float *dataOf(Engine &engine, int64_t buffer) {
  return reinterpret_cast<float *>(engine.address(buffer));
}

/// A step takes its memory from the program, not from the allocator.
inline void runStepWithoutAllocating(Engine &engine) {
  AllocationCounter large(4096);
  engine.runStep(1);
  EXPECT_EQ(large.count(), 0) << "largest: " << large.largest();
}

} // namespace colossal::rank::test

#endif // COLOSSAL_TEST_UNIT_RUN_ONERANK_H
