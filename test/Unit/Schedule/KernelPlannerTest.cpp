//===- KernelPlannerTest.cpp - A planner of another kind of device --------===//
//
// Schedule with a planner that decides otherwise than the CPU's, as that of a
// GPU may: a product takes elementwise ops into its kernel, buffers are aligned
// to 256 bytes, one collective is under way at a time.
//
//===----------------------------------------------------------------------===//

#include "colossal/Schedule/KernelPlanner.h"
#include "Colossal/Analysis/Contraction.h"
#include "Rank/RankDialect.h"
#include "colossal/Schedule/KernelSpace.h"
#include "colossal/Schedule/RankSchedule.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

namespace {

class TilePlanner : public KernelPlanner {
public:
  StringRef device() const override { return "tiles"; }
  void prepare(func::FuncOp) const override {}
  GroupKind kindOf(ArrayRef<Operation *> ops) const override {
    auto generic = dyn_cast<GenericOp>(ops[0]);
    if (!generic)
      return GroupKind::Library;
    return ops.size() == 1 && isSumOfProducts(generic) ? GroupKind::Gemm
                                                       : GroupKind::Kernel;
  }
  bool mayFuse(Operation *op) const override { return isa<GenericOp>(op); }
  KernelLimits limits() const override { return {3, 8}; }
  bool isKernel(const KernelOps &kernel) const override {
    std::string reason;
    return unifyFactors(kernel.ops, kernel.outputs, reason).has_value();
  }
  /// A product with what is computed of each of its elements, and nothing else.
  bool pays(const KernelOps &merged, const KernelOps &first,
            const KernelOps &second) const override {
    return isSumOfProducts(cast<GenericOp>(first.ops[0])) &&
           llvm::all_of(second.ops,
                        [](Operation *op) {
                          return cast<GenericOp>(op).isAllParallel();
                        }) &&
           isKernel(merged);
  }
  std::vector<std::pair<unsigned, unsigned>>
  inPlace(const KernelOps &, ArrayRef<Value>) const override {
    return {};
  }
  int64_t bufferAlignment() const override { return 256; }
  OverlapLimits overlap() const override { return {1, 1}; }
  int64_t reservedBytes(const std::vector<const rank::Program *> &programs, int,
                        std::string &) const override {
    int64_t most = 0;
    for (const rank::Program *program : programs)
      most = std::max(most, program->arenaBytes);
    return most + 4096;
  }
};

/// y = tanh(x w + b); its sum, and the sum of y y, which both ranks need.
const char *const kLinear = R"(
module attributes {colossal.mesh = #colossal.mesh<data = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 1 : i64, colossal.schedule = #colossal.schedule<gpipe>} {
  func.func @stage0.forward(
      %x: tensor<4x8xf32> {colossal.name = "x", colossal.role = #colossal.role<batch>,
                           colossal.global_shape = [[8], [8]], colossal.sharding = #colossal.sharding<[data], [_]>},
      %w: tensor<8x5xf32> {colossal.name = "w", colossal.role = #colossal.role<parameter>,
                           colossal.global_shape = [[8], [5]], colossal.sharding = #colossal.sharding<[_], [_]>},
      %b: tensor<5xf32> {colossal.name = "b", colossal.role = #colossal.role<parameter>,
                         colossal.global_shape = [[5]], colossal.sharding = #colossal.sharding<[_]>})
      -> (tensor<f32> {colossal.metric = "loss"}, tensor<f32> {colossal.metric = "square"}) {
    %0 = colossal.generic "mm" [i = 4, n = 5, k = 8 : sum] (%x : [i, k], %w : [k, n]) -> ([i, n]) {
      ^bb0(%c: f32, %d: f32):
        %p = arith.mulf %c, %d : f32
        colossal.yield %p : f32
    } : (tensor<4x8xf32>, tensor<8x5xf32>) -> tensor<4x5xf32>
    %1 = colossal.generic "bias" [i = 4, n = 5] (%0 : [i, n], %b : [n]) -> ([i, n]) {
      ^bb0(%c: f32, %d: f32):
        %p = arith.addf %c, %d : f32
        colossal.yield %p : f32
    } : (tensor<4x5xf32>, tensor<5xf32>) -> tensor<4x5xf32>
    %2 = colossal.generic "tanh" [i = 4, n = 5] (%1 : [i, n]) -> ([i, n]) {
      ^bb0(%c: f32):
        %p = math.tanh %c : f32
        colossal.yield %p : f32
    } : (tensor<4x5xf32>) -> tensor<4x5xf32>
    %3 = colossal.generic "sum" [i = 4, n = 5 : sum] (%2 : [i, n]) -> ([i]) {
      ^bb0(%c: f32):
        colossal.yield %c : f32
    } : (tensor<4x5xf32>) -> tensor<4xf32>
    %4 = colossal.generic "total" [i = 4 : sum] (%3 : [i]) -> ([]) {
      ^bb0(%c: f32):
        colossal.yield %c : f32
    } : (tensor<4xf32>) -> tensor<f32>
    %5 = colossal.all_reduce "total/reduce" sum %4 over ["data"] : tensor<f32> -> tensor<f32>
    %6 = colossal.generic "square" [i = 4, n = 5 : sum] (%2 : [i, n]) -> ([i]) {
      ^bb0(%c: f32):
        %p = arith.mulf %c, %c : f32
        colossal.yield %p : f32
    } : (tensor<4x5xf32>) -> tensor<4xf32>
    %7 = colossal.generic "squares" [i = 4 : sum] (%6 : [i]) -> ([]) {
      ^bb0(%c: f32):
        colossal.yield %c : f32
    } : (tensor<4xf32>) -> tensor<f32>
    return %5, %7 : tensor<f32>, tensor<f32>
  }
})";

struct Scheduled {
  MLIRContext context;
  TilePlanner planner;
  OwningOpRef<ModuleOp> module;
  std::vector<RankSchedule> schedules;

  Scheduled() {
    context
        .loadDialect<ColossalDialect, rank::RankDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(kLinear, &context);
    if (!module)
      return;
    if (auto result = scheduleRanks(*module, planner); succeeded(result))
      schedules = std::move(*result);
  }
  std::vector<std::string> groups() const {
    std::vector<std::string> lines;
    for (const Group &group : schedules[0].segments[0].groups)
      lines.push_back((nameOf(group.kind) + " " + group.name() + " " +
                       std::to_string(group.ops.size()))
                          .str());
    return lines;
  }
};

TEST(KernelPlanner, DecidesWhatIsOneKernel) {
  Scheduled scheduled;
  ASSERT_EQ(scheduled.schedules.size(), 1u);
  EXPECT_EQ(
      scheduled.groups(),
      (std::vector<std::string>{"kernel tanh 3", "kernel sum 1",
                                "kernel total 1", "collective total/reduce 1",
                                "kernel square 1", "kernel squares 1"}));
}

TEST(KernelPlanner, AlignsBuffers) {
  Scheduled scheduled;
  ASSERT_EQ(scheduled.schedules.size(), 1u);
  const rank::Program &program = scheduled.schedules[0].program;
  EXPECT_GT(program.buffers.size(), 4u);
  for (const rank::Buffer &buffer : program.buffers)
    EXPECT_EQ(buffer.offset % 256, 0) << buffer.name;
  EXPECT_EQ(program.arenaBytes % 256, 0);
}

TEST(KernelPlanner, IsNamedInTheModuleAndReadWithIt) {
  Scheduled scheduled;
  ASSERT_EQ(scheduled.schedules.size(), 1u);
  ModuleOp module = *scheduled.module;
  std::vector<std::string> groups = scheduled.groups();
  attachSchedule(module, scheduled.schedules);
  auto device = module->getAttrOfType<StringAttr>(rank::names::device);
  ASSERT_TRUE(device);
  EXPECT_EQ(device.getValue(), "tiles");
  auto read = readSchedule(module, scheduled.planner);
  ASSERT_TRUE(succeeded(read));
  scheduled.schedules = std::move(*read);
  EXPECT_EQ(scheduled.groups(), groups);
  detachSchedule(module);
  EXPECT_FALSE(module->hasAttr(rank::names::device));
}

} // namespace
