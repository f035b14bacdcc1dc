//===- Grouping.cpp - Which local ops become one kernel -------------------===//

#include "GroupOf.h"
#include "colossal/Schedule/GroupingNames.h"
#include "colossal/Schedule/MergeGraph.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

#include <queue>

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

/// Ops further apart than this are not fused for the sake of a shared input: it
/// would keep other values alive.
static constexpr unsigned kSiblingDistance = 48;

StringRef colossal::schedule::nameOf(GroupKind kind) {
  switch (kind) {
  case GroupKind::Kernel:
    return "kernel";
  case GroupKind::Gemm:
    return "gemm";
  case GroupKind::Library:
    return "library";
  case GroupKind::Collective:
    return "collective";
  case GroupKind::Send:
    return "send";
  case GroupKind::Recv:
    return "recv";
  case GroupKind::Alias:
    return "alias";
  }
  llvm_unreachable("all kinds are named");
}

std::string Group::name() const { return nameOfOp(ops.back()).str(); }

/// What backward computes again keeps to itself, so that the kernels of
/// backward are those of a plan that keeps everything: same sums, same bits.
static bool isRecomputed(Operation *op) {
  auto factored = dyn_cast<FactoredOp>(op);
  auto function = op->getParentOfType<func::FuncOp>();
  auto segment = function->getAttrOfType<SegmentAttr>(names::segment);
  return factored && factored.getPass() == Segment::Forward && segment &&
         segment.getValue() == Segment::Backward;
}

namespace {

/// Merges groups as long as that is legal and pays.
class Grouper {
public:
  Grouper(func::FuncOp function, const KernelPlanner &planner)
      : function(function), planner(planner), limits(planner.limits()) {
    unsigned counts[2] = {0, 0}; // without and with the ops that run again
    for (Operation &op : function.getBody().front().without_terminator()) {
      position[&op] = position.size();
      place[&op] = counts[isRecomputed(&op)]++;
      if (isInlined(&op, planner))
        continue;
      nodeOf[&op] = nodes.size();
      nodes.push_back({mayFuse(&op, planner), {&op}});
    }
    graph = MergeGraph(nodes.size());
    for (auto [number, node] : llvm::enumerate(nodes))
      for (Value operand : node.ops[0]->getOperands())
        if (Operation *definition = operand.getDefiningOp())
          if (auto it = nodeOf.find(definition); it != nodeOf.end())
            graph.connect(it->second, number);
    // All ranks must meet at communications in the same order: that of the
    // program.
    std::optional<unsigned> last;
    for (auto [number, node] : llvm::enumerate(nodes)) {
      if (!isCommunication(kindOf(node.ops[0], planner)))
        continue;
      if (last)
        graph.connect(*last, number);
      last = number;
    }
  }

  std::vector<Group> run() {
    // A merge may make another one possible, so twice.
    for (unsigned round = 0; round < 2; ++round) {
      mergeProducers();
      if (round == 0)
        mergeSiblings();
    }
    return order();
  }

private:
  struct Node {
    bool isFusable;
    SmallVector<Operation *> ops;
  };

  func::FuncOp function;
  const KernelPlanner &planner;
  KernelLimits limits;
  DenseMap<Operation *, unsigned> position;
  /// Among the ops that run again, or among the others.
  DenseMap<Operation *, unsigned> place;
  DenseMap<Operation *, unsigned> nodeOf;
  std::vector<Node> nodes; ///< merged ones have no ops
  MergeGraph graph{0};     ///< of the nodes, by number
  /// Sizes of two nodes when they were tried last. A node only grows, and other
  /// merges take no detour away, so with the same sizes the answer is the same.
  DenseMap<std::pair<unsigned, unsigned>, std::pair<size_t, size_t>> attempts;

  bool isMergeable(unsigned node) const {
    return nodes[node].isFusable && !nodes[node].ops.empty();
  }

  //===--------------------------------------------------------------------===//
  // Candidates
  //===--------------------------------------------------------------------===//

  void mergeProducers() {
    for (Operation &op : function.getBody().front().without_terminator())
      for (Value operand : op.getOperands()) {
        Operation *definition = operand.getDefiningOp();
        if (!definition || !nodeOf.count(definition) || !nodeOf.count(&op))
          continue;
        tryMerge(nodeOf[definition], nodeOf[&op]);
      }
  }

  void mergeSiblings() {
    mergeSiblings(false);
    mergeSiblings(true);
  }

  void mergeSiblings(bool recomputed) {
    llvm::MapVector<Value, SmallVector<Operation *>> readers;
    for (Operation &op : function.getBody().front().without_terminator())
      for (Value operand : op.getOperands())
        if (nodeOf.count(&op) && isRecomputed(&op) == recomputed)
          readers[operand].push_back(&op);
    for (auto &[value, ops] : readers)
      for (unsigned i = 1, nearest = 0; i < ops.size(); ++i) {
        while (place[ops[i]] - place[ops[nearest]] > kSiblingDistance)
          ++nearest;
        for (unsigned j = nearest; j < i; ++j)
          if (isLargeFor(value, ops[i]) && isLargeFor(value, ops[j]) &&
              (!recomputed || areNeighbours(ops[j], ops[i])))
            tryMerge(nodeOf[ops[j]], nodeOf[ops[i]]);
      }
  }

  /// Nothing of backward itself is between: what runs again there stands right
  /// in front of its use, and would be held if it ran earlier.
  bool areNeighbours(Operation *a, Operation *b) const {
    return position.lookup(b) - position.lookup(a) ==
           place.lookup(b) - place.lookup(a);
  }

  /// The value is most of what `op` reads.
  static bool isLargeFor(Value value, Operation *op) {
    int64_t own = cast<RankedTensorType>(value.getType()).getNumElements();
    return own >= 256 && llvm::all_of(op->getOperands(), [&](Value other) {
             return own >=
                    cast<RankedTensorType>(other.getType()).getNumElements();
           });
  }

  //===--------------------------------------------------------------------===//
  // Merging
  //===--------------------------------------------------------------------===//

  /// The ops of nodes in program order, with the functions of indices they use.
  SmallVector<Operation *> opsOf(ArrayRef<unsigned> members) const {
    llvm::SmallSetVector<Operation *, 16> set;
    for (unsigned member : members)
      for (Operation *op : nodes[member].ops) {
        set.insert(op);
        for (Value operand : op->getOperands())
          if (Operation *definition = operand.getDefiningOp())
            if (!nodeOf.count(definition))
              set.insert(definition);
      }
    SmallVector<Operation *> ops(set.begin(), set.end());
    llvm::sort(ops, [&](Operation *a, Operation *b) {
      return position.lookup(a) < position.lookup(b);
    });
    return ops;
  }

  KernelOps kernelOf(ArrayRef<unsigned> members) const {
    SmallVector<Operation *> ops = opsOf(members);
    SmallVector<Value> outputs = outputsOf(ops, planner);
    return {std::move(ops), std::move(outputs)};
  }

  /// Than a kernel may have. Some ops read hundreds of values, so no more are
  /// counted than needed.
  bool hasMoreBuffers(const KernelOps &kernel) const {
    llvm::SmallDenseSet<Operation *, 16> inside(kernel.ops.begin(),
                                                kernel.ops.end());
    llvm::SmallDenseSet<Value, 32> inputs;
    for (Operation *op : kernel.ops)
      for (Value operand : op->getOperands())
        if (!inside.contains(operand.getDefiningOp()) &&
            inputs.insert(operand).second &&
            inputs.size() + kernel.outputs.size() > limits.buffers)
          return true;
    return kernel.outputs.size() > limits.buffers;
  }

  void tryMerge(unsigned a, unsigned b) {
    if (a == b || !isMergeable(a) || !isMergeable(b))
      return;
    if (isRecomputed(nodes[a].ops[0]) != isRecomputed(nodes[b].ops[0]))
      return;
    auto sizes = std::pair(nodes[a].ops.size(), nodes[b].ops.size());
    if (sizes.first + sizes.second > limits.ops)
      return;
    auto [tried, isNew] = attempts.try_emplace({a, b}, sizes);
    if (!isNew && tried->second == sizes)
      return;
    tried->second = sizes;
    if (graph.hasDetour(a, b))
      return;
    KernelOps merged = kernelOf({a, b});
    if (merged.outputs.empty() || hasMoreBuffers(merged))
      return;
    if (!planner.pays(merged, kernelOf(a), kernelOf(b)))
      return;
    for (Operation *op : nodes[b].ops)
      nodeOf[op] = a;
    llvm::append_range(nodes[a].ops, nodes[b].ops);
    llvm::sort(nodes[a].ops, [&](Operation *x, Operation *y) {
      return position.lookup(x) < position.lookup(y);
    });
    nodes[b].ops.clear();
    graph.merge(a, b);
  }

  //===--------------------------------------------------------------------===//
  // Result
  //===--------------------------------------------------------------------===//

  /// Topological order; among those that are ready, by first op.
  std::vector<Group> order() {
    std::vector<unsigned> waiting(nodes.size());
    auto firstOf = [&](unsigned n) { return position[nodes[n].ops[0]]; };
    auto later = [&](unsigned x, unsigned y) {
      return firstOf(x) > firstOf(y);
    };
    std::priority_queue<unsigned, std::vector<unsigned>, decltype(later)> ready(
        later);
    for (auto [number, node] : llvm::enumerate(nodes)) {
      waiting[number] = graph.before(number).size();
      if (!node.ops.empty() && graph.before(number).empty())
        ready.push(number);
    }
    std::vector<Group> groups;
    while (!ready.empty()) {
      unsigned number = ready.top();
      ready.pop();
      groups.push_back(groupOf(function, opsOf(number), planner));
      for (unsigned next : graph.after(number))
        if (--waiting[next] == 0)
          ready.push(next);
    }
    return groups;
  }
};

} // namespace

/// What was decided, for who asks (`colossal-opt --remarks-filter=group`).
static void sayGroup(func::FuncOp function, const Group &group) {
  std::string text = (nameOf(group.kind) + " \"" + group.name() + "\"").str();
  if (group.ops.size() > 1)
    text += " of " + std::to_string(group.ops.size()) + " ops";
  text += ", reads " + std::to_string(group.inputs.size()) + ", writes " +
          std::to_string(group.outputs.size());
  mlir::remark::passed(group.loc(),
                       mlir::remark::RemarkOpts::name(nameOf(group.kind))
                           .category("group")
                           .function(function.getName()))
      << text;
}

std::vector<Group> colossal::schedule::groupOps(func::FuncOp function,
                                                const KernelPlanner &planner) {
  if (function.isExternal())
    return {};
  std::vector<Group> groups = Grouper(function, planner).run();
  for (const Group &group : groups)
    sayGroup(function, group);
  return groups;
}
