//===- KernelPlanner.cpp - What is one kernel on a CPU --------------------===//

#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "PackOperands.h"
#include "Products.h"
#include "Rewrites.h"
#include "colossal/Run/Scratch.h"
#include "colossal/Schedule/Cpu/KernelPlan.h"
#include "colossal/Schedule/MatrixProduct.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// Below this much work (scalar operations) threads do not pay.
static constexpr int64_t kSmallWork = 65536;
static constexpr int64_t kEnoughParallelism = 64;

static std::optional<KernelPlan> planOf(const KernelOps &kernel) {
  std::string reason;
  return planKernel(kernel.ops, kernel.outputs, reason);
}

namespace {

class CpuPlanner : public KernelPlanner {
public:
  StringRef device() const override { return "cpu"; }

  void prepare(func::FuncOp function) const override {
    Packer packer;
    for (Operation &op : llvm::make_early_inc_range(function.getBody().front()))
      if (auto generic = dyn_cast<GenericOp>(op)) {
        if (reuseElementwise(generic))
          continue;
        if (GenericOp product = splitPlacement(generic))
          generic = product;
        if (!splitReduction(generic))
          packer.pack(generic);
      }
  }

  GroupKind kindOf(ArrayRef<Operation *> ops) const override {
    auto generic = dyn_cast<GenericOp>(ops[0]);
    if (!generic)
      return isa<ShardSliceOp, ShardMaskOp>(ops[0]) ? GroupKind::Kernel
                                                    : GroupKind::Library;
    return isLibraryProduct(generic) && matchMatrixProduct(generic)
               ? GroupKind::Gemm
               : GroupKind::Kernel;
  }

  bool mayFuse(Operation *op) const override {
    return isa<GenericOp>(op) && kindOf(op) == GroupKind::Kernel;
  }

  /// A kernel with more is hard to read in a trace and gains nothing.
  KernelLimits limits() const override { return {48, 24}; }

  bool isKernel(const KernelOps &kernel) const override {
    return planOf(kernel).has_value();
  }

  bool pays(const KernelOps &merged, const KernelOps &first,
            const KernelOps &second) const override;

  std::vector<std::pair<unsigned, unsigned>>
  inPlace(const KernelOps &kernel, ArrayRef<Value> inputs) const override;

  int64_t bufferAlignment() const override { return 64; }

  /// A rank moves the bytes itself, between its ops: what overlaps is waiting.
  OverlapLimits overlap() const override { return {2, 1 << 20}; }

  int64_t reservedBytes(const std::vector<const rank::Program *> &programs,
                        int threads, std::string &error) const override {
    return rank::reservedBytes(programs, threads, error);
  }
};

} // namespace

/// Fusion saves memory traffic; it must not cost the parallelism that keeps
/// the threads busy.
bool CpuPlanner::pays(const KernelOps &merged, const KernelOps &first,
                      const KernelOps &second) const {
  std::optional<KernelPlan> plan = planOf(merged);
  if (!plan)
    return false;
  if (plan->base)
    return true;
  int64_t least = INT64_MAX, most = 0;
  bool reduces = false;
  for (const KernelOps *half : {&first, &second}) {
    std::optional<KernelPlan> alone = planOf(*half);
    if (!alone)
      return false;
    if (alone->reduces()) {
      least = std::min(least, alone->parallelism());
      reduces = true;
    }
    most = std::max(most, alone->parallelism());
  }
  int64_t now = plan->parallelism();
  if (!reduces)
    return now == most;
  return now == most || (now >= least && (now >= kEnoughParallelism ||
                                          plan->work() <= kSmallWork));
}

std::vector<std::pair<unsigned, unsigned>>
CpuPlanner::inPlace(const KernelOps &kernel, ArrayRef<Value> inputs) const {
  std::vector<std::pair<unsigned, unsigned>> pairs;
  // A shard's slice or mask has a kernel of another form.
  if (!llvm::all_of(kernel.ops, llvm::IsaPred<GenericOp>))
    return pairs;
  std::optional<KernelPlan> plan = planOf(kernel);
  if (!plan)
    return pairs;
  for (auto [i, input] : llvm::enumerate(inputs))
    for (auto [o, output] : llvm::enumerate(kernel.outputs))
      if (mayShareBuffer(*plan, input, output))
        pairs.push_back({i, o});
  return pairs;
}

const KernelPlanner &schedule::cpu::kernelPlanner() {
  static const CpuPlanner planner;
  return planner;
}
