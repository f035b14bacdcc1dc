//===- MixedProgramsTest.cpp - Every plan of the search is sound ----------===//
//
// Programs that mix batch, parameters and constants (MixedPrograms.h),
// differentiated and planned under random pins: whatever the search returns
// must pass Partition, its checker and Schedule, and compute the unsharded
// step. With one stage and one microbatch there is always a plan; with more
// microbatches there is one, or one line that says why not.
//
// COLOSSAL_MIXED_PROGRAMS=<n> tries n programs, COLOSSAL_RANDOM_SEED=<s> one.
//
//===----------------------------------------------------------------------===//

#include "MixedPrograms.h"
#include "Colossal/Ops/WholeOps.h"
#include "Colossal/Transforms/Passes.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Machine/Cluster.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Reference/RandomInputs.h"
#include "colossal/Reference/Verify.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "colossal/Schedule/RankSchedule.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;

namespace {
/// What the tries came to.
struct Tally {
  int planned = 0, microbatched = 0, staged = 0, refused = 0;
};
} // namespace

static machine::Cluster clusterOf(int64_t devices) {
  std::string error;
  std::optional<machine::Cluster> cluster = machine::readClusterFile(
      std::string(COLOSSAL_SOURCE_DIR) + "/examples/clusters/fast-links-4.json",
      error);
  EXPECT_TRUE(cluster) << error;
  cluster->devices = devices;
  if (devices == 1)
    cluster->levels.clear();
  else
    cluster->levels.front().groupSize = devices;
  return *cluster;
}

static void tryProgram(unsigned seed, Tally &tally) {
  MLIRContext context;
  loadDialects(context);
  std::mt19937 random(seed);
  int batch = int(8 + 2 * (random() % 3));
  std::string text = mixedProgram(random, batch),
              where = "seed " + std::to_string(seed);
  OwningOpRef<ModuleOp> step = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(step) << where << "\n" << text;
  PassManager passes(&context);
  if (random() % 2)
    passes.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  passes.addNestedPass<func::FuncOp>(createRefineFactorsPass());
  // Each with state or sums of its own kind.
  static const char *const optimizers[] = {"adamw:amsgrad",
                                           "adafactor",
                                           "lamb:weight-decay=0.1",
                                           "lars:weight-decay=0.1",
                                           "sgd:momentum=0.9,dampening=0.1",
                                           "rmsprop:centered,momentum=0.9",
                                           "lion"};
  const char *chosen = optimizers[seed % std::size(optimizers)];
  where += std::string(" ") + chosen;
  llvm::Expected<OptimizerOptions> optimizer = OptimizerOptions::parse(chosen);
  ASSERT_TRUE(bool(optimizer)) << chosen;
  ASSERT_TRUE(succeeded(passes.run(*step))) << where;
  ASSERT_TRUE(succeeded(differentiate(*step, *optimizer))) << where << text;

  plan::PlanRequest request;
  plan::Pins &pins = request.search.pins;
  request.cluster = clusterOf(1 + random() % 4);
  if (random() % 4)
    pins.microbatches = 1 + random() % 5;
  if (pins.microbatches && batch % *pins.microbatches)
    pins.microbatches = 2;
  if (request.cluster.devices > 1)
    pins.pipeline = request.cluster.devices % 2 ? 1 : 1 + random() % 2;
  if (pins.pipeline == 1 && random() % 2)
    pins.data = request.cluster.devices;
  // The leanest plan cuts and gathers wherever it can.
  request.search.leanest = random() % 3 == 0;
  where += " devices=" + std::to_string(request.cluster.devices) + " " +
           pins.toString() + (request.search.leanest ? " leanest" : "");
  std::string message;
  OwningOpRef<ModuleOp> sharded = step->clone();
  FailureOr<plan::PlanReport> report = failure();
  {
    ScopedDiagnosticHandler keep(&context, [&](Diagnostic &diagnostic) {
      message += diagnostic.str();
      return success();
    });
    report = plan::planModule(*sharded, request);
  }
  if (failed(report)) {
    bool needsBatch = message.find("more than one microbatch would change the "
                                   "result: ") != std::string::npos;
    bool needsPieces = message.find("fewer pieces") != std::string::npos;
    bool needsShare = message.find("do not divide") != std::string::npos;
    EXPECT_TRUE((needsBatch && pins.microbatches.value_or(1) > 1) ||
                (needsPieces && pins.pipeline == 2) || needsShare)
        << where << ": " << message << "\n"
        << text;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    ++tally.refused;
    return;
  }
  ++tally.planned;
  tally.microbatched += report->plan.microbatches > 1;
  tally.staged += report->plan.mesh.stages.count() > 1;
  ASSERT_TRUE(succeeded(partitionModule(*sharded))) << where << "\n" << text;
  ASSERT_TRUE(succeeded(checkPartition(*sharded))) << where << "\n" << text;

  reference::VerifyOptions options;
  options.seed = seed;
  auto function = step->lookupSymbol<func::FuncOp>("train_step");
  std::optional<reference::VerifyReport> verified = reference::verify(
      function, *sharded, reference::randomInputs(function, seed), options,
      message);
  ASSERT_TRUE(verified) << where << ": " << message << "\n" << text;
  if (!verified->agrees())
    verified->print(llvm::errs());
  ASSERT_TRUE(verified->agrees())
      << where << ": " << verified->firstDivergence << "\n"
      << text;
  ASSERT_TRUE(succeeded(
      schedule::scheduleRanks(*sharded, schedule::cpu::kernelPlanner())))
      << where << "\n"
      << text;
}

TEST(MixedPrograms, EveryPlanIsSound) {
  Tally tally;
  if (const char *seed = std::getenv("COLOSSAL_RANDOM_SEED"))
    return tryProgram(unsigned(std::atoi(seed)), tally);
  unsigned count = 120;
  if (const char *number = std::getenv("COLOSSAL_MIXED_PROGRAMS"))
    count = unsigned(std::atoi(number));
  for (unsigned seed = 1; seed <= count && !HasFatalFailure(); ++seed)
    tryProgram(seed, tally);
  RecordProperty("planned", tally.planned);
  RecordProperty("microbatched", tally.microbatched);
  RecordProperty("staged", tally.staged);
  RecordProperty("refused", tally.refused);
  EXPECT_GT(tally.planned, int(count / 2));
  EXPECT_GT(tally.microbatched, int(count / 8));
  EXPECT_GT(tally.staged, int(count / 20));
}
