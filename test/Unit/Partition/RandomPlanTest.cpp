//===- RandomPlanTest.cpp - Any legal plan computes the same step ---------===//
//
// Differentiates a model, plans it at random, partitions it and runs all ranks
// in the reference interpreter: metrics, gradients and updated state must be
// those of the unsharded program. Sizes are uneven on purpose (17 words, 3
// heads, 5 positions), and bodies divide and exponentiate, so padding that
// leaked would show as NaN.
//
// COLOSSAL_RANDOM_PLANS=<n> tries n plans per model, COLOSSAL_RANDOM_SEED=<s>
// one of them.
//
//===----------------------------------------------------------------------===//

#include "RandomPlan.h"
#include "Colossal/Ops/WholeOps.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Reference/RandomInputs.h"
#include "colossal/Reference/Verify.h"
#include "mlir/IR/Diagnostics.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;

static void tryPlan(const std::string &file, unsigned seed) {
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> unsharded = readModel(file, context);
  ASSERT_TRUE(unsharded);
  std::mt19937 random(seed);
  Mesh mesh = drawMesh(random);
  std::string what = file + ", seed " + std::to_string(seed) + ": ";
  for (const layout::Axis &axis : mesh.axes)
    what += axis.name + "=" + std::to_string(axis.size) + " ";
  what += std::to_string(mesh.stages.groups) + " groups of " +
          std::to_string(mesh.stages.chunks) + " stages, " +
          std::to_string(mesh.microbatches()) + " microbatches, " +
          nameOf(mesh.schedule);
  OwningOpRef<ModuleOp> planned = unsharded->clone();
  ASSERT_TRUE(succeeded(planRandomly(*planned, mesh, random))) << what;
  if (std::getenv("COLOSSAL_RANDOM_SEED"))
    planned->print(llvm::outs());
  ASSERT_TRUE(succeeded(partitionModule(*planned))) << what;
  if (std::getenv("COLOSSAL_RANDOM_SEED"))
    planned->print(llvm::outs());
  ASSERT_TRUE(succeeded(checkPartition(*planned))) << what;

  auto step = unsharded->lookupSymbol<func::FuncOp>("train_step");
  reference::VerifyOptions options;
  options.seed = seed;
  std::string error;
  std::optional<reference::VerifyReport> report = reference::verify(
      step, *planned, reference::randomInputs(step, seed), options, error);
  ASSERT_TRUE(report.has_value()) << what << ": " << error;
  if (!report->agrees())
    report->print(llvm::errs());
  ASSERT_TRUE(report->agrees()) << what << ": " << report->firstDivergence;
}

static void tryPlans(const std::string &file, unsigned count) {
  if (const char *seed = std::getenv("COLOSSAL_RANDOM_SEED"))
    return tryPlan(file, unsigned(std::atoi(seed)));
  if (const char *number = std::getenv("COLOSSAL_RANDOM_PLANS"))
    count = unsigned(std::atoi(number));
  for (unsigned seed = 1; seed <= count; ++seed) {
    tryPlan(file, seed);
    if (testing::Test::HasFatalFailure())
      return;
  }
}

// Without any one of its reductions or masks, a program is refused.
TEST(RandomPlan, EveryReductionCounts) {
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> module = readModel("mlp-forward.mlir", context);
  ASSERT_TRUE(module);
  int dropped = 0;
  for (unsigned seed = 1; seed <= 20; ++seed) {
    std::mt19937 random(seed);
    Mesh mesh = drawMesh(random);
    OwningOpRef<ModuleOp> planned = module->clone();
    ASSERT_TRUE(succeeded(planRandomly(*planned, mesh, random)));
    ASSERT_TRUE(succeeded(partitionModule(*planned)));
    unsigned count = 0;
    planned->walk(
        [&](Operation *op) { count += isa<AllReduceOp, ShardMaskOp>(op); });
    for (unsigned victim = 0; victim < count; ++victim, ++dropped) {
      OwningOpRef<ModuleOp> damaged = planned->clone();
      SmallVector<Operation *> ops;
      damaged->walk([&](Operation *op) {
        if (isa<AllReduceOp, ShardMaskOp>(op))
          ops.push_back(op);
      });
      std::string name =
          ops[victim]->getAttrOfType<StringAttr>("name").getValue().str();
      ops[victim]->getResult(0).replaceAllUsesWith(ops[victim]->getOperand(0));
      ops[victim]->erase();
      ScopedDiagnosticHandler quiet(&context,
                                    [](Diagnostic &) { return success(); });
      EXPECT_TRUE(failed(checkPartition(*damaged)))
          << "seed " << seed << " " << name;
    }
  }
  EXPECT_GT(dropped, 100);
}

TEST(RandomPlan, Perceptron) { tryPlans("mlp-forward.mlir", 100); }
TEST(RandomPlan, Tuples) { tryPlans("tuples.mlir", 100); }
TEST(RandomPlan, Transformer) { tryPlans("gpt2-forward.mlir", 12); }
