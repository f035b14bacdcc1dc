//===- PriceTest.cpp - Prices are of what runs ----------------------------===//
//
// Plan prices the work of an op of the whole program at the local bounds of its
// factors. Schedule sees local ops. For random plans of the test models both
// must agree on every group: a product that is priced as a library call is one
// and has those sizes, whole ops need those flops, and no product that was
// priced as a call runs as a loop.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "RandomPlan.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "colossal/Schedule/MatrixProduct.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;
using cost::Work;

namespace {

struct Tally {
  int products = 0, loops = 0, calls = 0, cutCalls = 0;
};

std::vector<int64_t> boundsOf(FactoredOp op) {
  std::vector<int64_t> bounds;
  for (FactorAttr factor : op.getFactorList())
    bounds.push_back(factor.getBound());
  return bounds;
}

/// What Plan asks of a product.
bool isPricedAsCall(const Work &work, const std::vector<int64_t> &bounds) {
  if (work.kind != Work::Kind::Product)
    return false;
  auto size = [&](cost::FactorRole role) {
    int64_t product = 1;
    for (auto [bound, its] : llvm::zip_equal(bounds, work.roles))
      if (its == role)
        product *= bound;
    return product;
  };
  using Role = cost::FactorRole;
  return cost::isWorthALibraryCall(size(Role::Batch), size(Role::Rows),
                                   size(Role::Columns), size(Role::Inner));
}

void compareGroups(func::FuncOp function,
                   const llvm::StringMap<FactoredOp> &globals, Tally &tally) {
  schedule::prepareForGrouping(function, schedule::cpu::kernelPlanner());
  for (const schedule::Group &group :
       schedule::groupOps(function, schedule::cpu::kernelPlanner())) {
    for (Operation *each : group.ops) {
      auto local = dyn_cast<FactoredOp>(each);
      FactoredOp global =
          local ? globals.lookup(local.getFactoredName()) : FactoredOp();
      // Copies and parts that Schedule made.
      if (!global || global->getName() != local->getName() ||
          global.getFactorList().size() != local.getFactorList().size())
        continue;
      std::string name = local.getFactoredName().str();
      Work work = global.getWork();
      std::vector<int64_t> bounds = boundsOf(local), all = boundsOf(global);
      bool isGemm = group.kind == schedule::GroupKind::Gemm;
      EXPECT_EQ(isPricedAsCall(work, bounds), isGemm) << name;
      if (isGemm) {
        ++tally.products;
        rank::Gemm gemm =
            schedule::matchMatrixProduct(cast<GenericOp>(each))->gemm;
        double points = double(gemm.m) * double(gemm.n) * double(gemm.k);
        for (int64_t extent : gemm.batch)
          points *= double(extent);
        double priced = 1;
        for (int64_t bound : bounds)
          priced *= double(bound);
        EXPECT_EQ(points, priced) << name;
      } else if (group.kind == schedule::GroupKind::Library) {
        ++tally.calls;
        tally.cutCalls += bounds != all;
        EXPECT_EQ(cost::libraryFlops(work, bounds, all),
                  cost::libraryFlops(local.getWork(), bounds, bounds))
            << name;
      } else {
        ++tally.loops;
        EXPECT_NE(work.kind, Work::Kind::Library) << name;
      }
    }
  }
}

} // namespace

TEST(Price, IsOfWhatRuns) {
  Tally tally;
  for (const char *file : {"mlp-forward.mlir", "gpt2-forward.mlir"})
    for (unsigned seed = 1; seed <= 24; ++seed) {
      MLIRContext context;
      loadDialects(context);
      OwningOpRef<ModuleOp> unsharded = readModel(file, context);
      ASSERT_TRUE(unsharded);
      std::mt19937 random(seed);
      Mesh mesh = drawMesh(random);
      OwningOpRef<ModuleOp> local = unsharded->clone();
      ASSERT_TRUE(succeeded(planRandomly(*local, mesh, random)));
      ASSERT_TRUE(succeeded(partitionModule(*local)));
      llvm::StringMap<FactoredOp> globals;
      unsharded->walk(
          [&](FactoredOp op) { globals[op.getFactoredName()] = op; });
      for (func::FuncOp function : local->getOps<func::FuncOp>())
        compareGroups(function, globals, tally);
    }
  EXPECT_GT(tally.products, 100);
  EXPECT_GT(tally.loops, 100);
  EXPECT_GT(tally.calls, 50);
  EXPECT_GT(tally.cutCalls, 20);
}
