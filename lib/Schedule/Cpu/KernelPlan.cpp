//===- KernelPlan.cpp - Rows, lanes, phases and storage -------------------===//

#include "colossal/Schedule/Cpu/KernelPlan.h"
#include "Colossal/Analysis/OpWork.h"
#include "Colossal/IR/Combiner.h"

#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// The largest row buffer, in elements: it should stay in the L2 cache.
static constexpr int64_t kMaxRowBuffer = 16384;
/// All row buffers of a kernel: they are on the stack of a thread.
static constexpr int64_t kMaxRowBuffers = 4 * kMaxRowBuffer;
/// Scalar operations written into a kernel of several ops: the time to compile
/// it grows faster.
static constexpr int64_t kMaxKernelSize = 1024;
/// Lanes per unit of the range where a kernel has no other rows.
static constexpr int64_t kLaneUnit = 64;
/// Lanes per unit where it has, but too few.
static constexpr int64_t kLaneBlock = 1024;
/// Rows that suffice to keep the threads of a rank busy.
static constexpr int64_t kEnoughRows = 64;

//===----------------------------------------------------------------------===//
// Questions to a plan
//===----------------------------------------------------------------------===//

KernelPlan::KernelPlan(KernelSpace space)
    : SharedSpace{std::move(space.factors), std::move(space.dims)} {
  ops.reserve(space.ops.size());
  for (SpaceOp &op : space.ops)
    ops.emplace_back(std::move(op));
}

const KernelOp *KernelPlan::find(Operation *op) const {
  for (const KernelOp &kernelOp : ops)
    if (kernelOp.op == op)
      return &kernelOp;
  return nullptr;
}

int64_t KernelPlan::range() const {
  int64_t blocks =
      laneBlock ? llvm::divideCeil(dims[*lane].bound, laneBlock) : 1;
  return size(rows) * blocks;
}

int64_t KernelPlan::parallelism() const {
  return size(rows) * (lane ? dims[*lane].bound : 1);
}

bool KernelPlan::reduces() const {
  return llvm::any_of(ops, [](const KernelOp &op) { return op.reduces(); });
}

Dims KernelPlan::inner(const KernelOp &op) const {
  return (op.parallel | op.reduction) & ~rows;
}

Nest KernelPlan::nest(const KernelOp &op) const {
  bool array = op.reduces() && (op.parallel & ~rows);
  bool alone = op.reduces() && isTuple(FactoredOp(op.op));
  return {inner(op), array ? op.reduction : 0,
          alone ? 1 + unsigned(&op - ops.data()) : 0};
}

std::vector<unsigned> KernelPlan::evaluators(const KernelOp &op) const {
  unsigned start = &op - ops.data();
  auto isInlined = [](const KernelOp &other) {
    return other.storage == Storage::Inline && !other.reduces();
  };
  if (!isInlined(op))
    return {start};
  std::vector<unsigned> found;
  std::vector<bool> evaluates(ops.size(), false);
  evaluates[start] = true;
  for (unsigned number = start; number < ops.size(); ++number) {
    const KernelOp &user = ops[number];
    for (Value operand : user.op->getOperands())
      if (Operation *definition = operand.getDefiningOp())
        if (const KernelOp *producer = find(definition))
          if (evaluates[producer - ops.data()] && isInlined(*producer))
            evaluates[number] = true;
    if (evaluates[number] && (user.isStored || !isInlined(user)))
      found.push_back(number);
  }
  return found;
}

int64_t KernelPlan::work() const {
  int64_t total = 0;
  for (const KernelOp &op : ops)
    total += size(op.parallel | op.reduction) * (1 + bodyWork(op.op));
  return total;
}

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

namespace {

class Planner {
public:
  Planner(KernelPlan &plan, std::string &reason) : plan(plan), reason(reason) {}

  bool run() {
    plan.rows = ~Dims(0);
    for (const KernelOp &op : plan.ops)
      if (op.reduces() || op.isStored)
        plan.rows &= op.parallel;
    plan.rows &= plan.dims.size() >= 64 ? ~Dims(0) : bit(plan.dims.size()) - 1;
    chooseLane();
    choosePhases();
    return checkLookUps() && checkColumns() && chooseStorage() && checkSize();
  }

private:
  KernelPlan &plan;
  std::string &reason;

  /// The dim that is contiguous in the largest tensors `op` touches.
  std::optional<unsigned>
  contiguousDim(llvm::function_ref<bool(const KernelOp &)> counts) const {
    std::vector<int64_t> votes(plan.dims.size(), 0);
    for (const KernelOp &op : plan.ops) {
      if (!counts(op))
        continue;
      auto vote = [&](const std::optional<Access> &access, int64_t weight) {
        if (!access)
          return;
        int64_t touched = weight;
        for (auto [d, dim] : llvm::enumerate(plan.dims))
          if (access->strides[d])
            touched *= dim.bound;
        for (auto [d, dim] : llvm::enumerate(plan.dims))
          if (access->strides[d] == 1 && dim.bound > 1)
            votes[d] += touched;
      };
      for (const auto &access : op.operands)
        vote(access, 1);
      for (const auto &access : op.results)
        vote(access, 2);
    }
    auto best = llvm::max_element(votes);
    if (best == votes.end() || *best == 0)
      return std::nullopt;
    return best - votes.begin();
  }

  /// Reductions decide, where there are any: if what they read is contiguous
  /// along a row dim, that one is iterated innermost (a column sum).
  void chooseLane() {
    bool reduces = plan.reduces();
    std::optional<unsigned> contiguous = contiguousDim([&](const KernelOp &op) {
      // An elementwise op inside a reduction kernel reads what the
      // reduction reads; ops that only finish a row do not count.
      return !reduces || op.reduces() || !op.isStored ||
             (op.parallel & ~plan.rows);
    });
    if (!contiguous || !has(plan.rows, *contiguous))
      return;
    plan.lane = contiguous;
    plan.rows &= ~bit(*contiguous);
    int64_t rows = plan.size(plan.rows), lanes = plan.dims[*plan.lane].bound;
    if (rows == 1)
      plan.laneBlock = kLaneUnit;
    else if ((rows < kEnoughRows && lanes >= 2 * kLaneBlock) ||
             (reduces && lanes > kMaxRowBuffer))
      plan.laneBlock = kLaneBlock; // sums of a whole row would not fit
  }

  void choosePhases() {
    for (KernelOp &op : plan.ops) {
      for (Value operand : op.op->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          if (const KernelOp *producer = plan.find(definition))
            op.phase = std::max(op.phase, producer->phase +
                                              (producer->reduces() ? 1 : 0));
      plan.phases = std::max(plan.phases, op.phase + 1);
    }
  }

  /// A value of a row is in a register, and values of lanes are there a stripe
  /// at a time: a look-up finds no others.
  bool checkLookUps() {
    for (const KernelOp &op : plan.ops) {
      FactoredOp factored(GenericOp(op.op).getOperation());
      for (auto [number, access] : llvm::enumerate(op.operands)) {
        if (access || !op.selection)
          continue; // in memory
        IndexMapAttr map = factored.getOperandMap(number);
        for (unsigned f = 0; f < op.factors.size(); ++f) {
          unsigned dim = plan.factors[op.factors[f]].dim;
          if (op.selection->determines(f) && map.uses(f) &&
              (has(plan.rows, dim) || plan.lane == dim)) {
            reason = "'" + op.name() + "' looks up values of other rows";
            return false;
          }
        }
      }
    }
    return true;
  }

  /// Inside a column sum whole rows pass by a stripe at a time: nothing of a
  /// row is stored there, memory would be written in short pieces.
  bool checkColumns() {
    if (!plan.lane || !plan.reduces())
      return true;
    for (const KernelOp &op : plan.ops)
      if (op.isStored && !op.reduces() &&
          plan.size(plan.inner(op) & ~bit(*plan.lane)) > 1) {
        reason =
            "a column reduction would store '" + op.name() + "' in stripes";
        return false;
      }
    return true;
  }

  bool chooseStorage() {
    for (KernelOp &op : plan.ops)
      if (!(op.parallel & ~plan.rows))
        op.storage = Storage::RowScalar;
    std::vector<int64_t> work(plan.ops.size()); // of evaluating once, inlined
    for (auto [number, op] : llvm::enumerate(plan.ops)) {
      work[number] = bodyWork(op.op);
      for (Value operand : op.op->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          if (const KernelOp *producer = plan.find(definition))
            if (producer->storage == Storage::Inline && !producer->reduces())
              work[number] += work[producer - plan.ops.data()];
      Dims arrayDims = op.parallel & ~plan.rows;
      if (!arrayDims)
        continue;
      int64_t size = bufferSize(arrayDims);
      if (op.reduces()) {
        op.storage = Storage::RowBuffer;
        if (size > kMaxRowBuffer) {
          reason = "'" + op.name() + "' has too large a row";
          return false;
        }
        continue;
      }
      // Costly: keep it if it is needed in more than one loop.
      if (work[number] < 16 || size > kMaxRowBuffer)
        continue;
      std::vector<unsigned> users = plan.evaluators(op);
      std::set<std::pair<unsigned, Nest>> nests;
      for (unsigned user : users)
        nests.insert({plan.ops[user].phase, plan.nest(plan.ops[user])});
      bool otherSize = llvm::any_of(users, [&](unsigned user) {
        return plan.inner(plan.ops[user]) != plan.inner(op);
      });
      if (nests.size() > 1 || otherSize) {
        op.storage = Storage::RowBuffer;
        work[number] = 0;
      }
    }
    int64_t buffers = 0;
    for (const KernelOp &op : plan.ops)
      if (op.storage == Storage::RowBuffer)
        buffers +=
            op.op->getNumResults() * bufferSize(op.parallel & ~plan.rows);
    if (buffers > kMaxRowBuffers && plan.ops.size() > 1) {
      reason = "the row buffers are too large together";
      return false;
    }
    return checkRecomputation(work);
  }

  int64_t bufferSize(Dims arrayDims) const {
    int64_t size = plan.size(arrayDims);
    if (plan.lane && plan.laneBlock && has(arrayDims, *plan.lane))
      size = size / plan.dims[*plan.lane].bound *
             std::min<int64_t>(kLaneStripe, plan.dims[*plan.lane].bound);
    return size;
  }

  /// A body is written once per nest that evaluates it.
  bool checkSize() {
    int64_t size = 0, most = 0;
    for (const KernelOp &op : plan.ops)
      most += bodyWork(op.op) * plan.ops.size();
    if (most <= kMaxKernelSize)
      return true;
    for (const KernelOp &op : plan.ops) {
      std::set<std::pair<unsigned, Nest>> nests;
      for (unsigned user : plan.evaluators(op))
        nests.insert({plan.ops[user].phase, plan.nest(plan.ops[user])});
      size += bodyWork(op.op) * std::max<int64_t>(1, nests.size());
    }
    if (size <= kMaxKernelSize || plan.ops.size() == 1)
      return true;
    reason = "the kernel would be too long";
    return false;
  }

  /// What does not depend on all rows is computed again in every unit of the
  /// range; that must not be most of the work.
  bool checkRecomputation(ArrayRef<int64_t> work) {
    int64_t total = plan.work();
    for (auto [number, op] : llvm::enumerate(plan.ops)) {
      if (op.reduces() || op.isStored || op.op->getNumOperands() == 0)
        continue;
      int64_t own = plan.size(op.parallel);
      int64_t evaluations = 0;
      for (unsigned user : plan.evaluators(op)) {
        const KernelOp &other = plan.ops[user];
        evaluations += op.storage == Storage::Inline
                           ? plan.size(other.parallel | other.reduction)
                           : plan.size(plan.rows | op.parallel);
      }
      if (op.storage == Storage::RowScalar)
        evaluations = plan.range();
      if (evaluations > 2 * own && evaluations * work[number] > total / 4 &&
          work[number] >= 16) {
        reason = "'" + op.name() + "' would be computed " +
                 std::to_string(evaluations / std::max<int64_t>(1, own)) +
                 " times";
        return false;
      }
    }
    return true;
  }
};

} // namespace

/// For a scatter-add and the op that adds its result, and nothing else, to a
/// tensor of the same layout: that operand.
static std::optional<unsigned> baseOfScatter(const KernelPlan &plan) {
  if (plan.ops.size() != 2 || !plan.ops[0].scatters() || plan.ops[0].isStored ||
      plan.ops[1].op->getNumOperands() != 2 || plan.ops[1].reduces())
    return std::nullopt;
  const KernelOp &last = plan.ops[1];
  GenericOp add = last.op;
  auto sum = add.getYielded()[0].getDefiningOp<arith::AddFOp>();
  if (!sum || add.getBody().front().getOperations().size() != 2 ||
      sum.getLhs() == sum.getRhs() || !isa<BlockArgument>(sum.getLhs()) ||
      !isa<BlockArgument>(sum.getRhs()))
    return std::nullopt;
  for (unsigned operand : {0u, 1u}) {
    const std::optional<Access> &access = last.operands[operand];
    if (access && !last.operands[1 - operand] && last.results[0] &&
        access->strides == last.results[0]->strides && access->offset == 0 &&
        access->clips.empty() &&
        !llvm::is_contained(GenericOp(plan.ops[0].op)->getOperands(),
                            add->getOperand(operand)))
      return operand;
  }
  return std::nullopt;
}

std::optional<KernelPlan> cpu::planKernel(ArrayRef<Operation *> ops,
                                          ArrayRef<Value> outputs,
                                          std::string &reason) {
  std::optional<KernelSpace> space = unifyFactors(ops, outputs, reason);
  if (!space)
    return std::nullopt;
  std::optional<KernelPlan> plan(std::in_place, std::move(*space));
  bool scatters =
      llvm::any_of(plan->ops, [](const KernelOp &op) { return op.scatters(); });
  if (scatters && ops.size() > 1) {
    plan->base = baseOfScatter(*plan);
    if (plan->base)
      return plan;
    reason = "a scatter-add is a kernel of its own";
    return std::nullopt;
  }
  if (!Planner(*plan, reason).run())
    return std::nullopt;
  return plan;
}

//===----------------------------------------------------------------------===//
// Updates in place
//===----------------------------------------------------------------------===//

bool cpu::mayShareBuffer(const KernelPlan &plan, Value input, Value output) {
  if (input.getType() != output.getType())
    return false;
  const KernelOp *writer = plan.find(output.getDefiningOp());
  const Access &written =
      *writer->results[cast<OpResult>(output).getResultNumber()];
  if (plan.ops[0].scatters())
    return plan.base && input == GenericOp(writer->op)->getOperand(*plan.base);
  for (const KernelOp &op : plan.ops)
    for (auto [number, operand] : llvm::enumerate(op.op->getOperands())) {
      if (operand != input)
        continue;
      const Access &read = *op.operands[number];
      if (op.selection || read.strides != written.strides || read.offset != 0 ||
          !read.clips.empty())
        return false;
      for (unsigned user : plan.evaluators(op)) {
        const KernelOp &evaluator = plan.ops[user];
        // A pick evaluates its producers at another index.
        if (evaluator.selection && &evaluator != &op)
          return false;
        if (evaluator.phase < writer->phase)
          continue;
        if (evaluator.phase > writer->phase ||
            plan.nest(evaluator) != plan.nest(*writer))
          return false;
      }
    }
  return true;
}
