//===- Nodes.h - Groups of ops and their strategies -------------*- C++ -*-===//
//
// A node is what gets a strategy: a group (composite) or a single op. Its
// factor classes are the factors of its ops, joined where they run over the
// same sub-dimension of a value inside the node: cutting a class over an axis
// cuts all of them.
//
// A strategy gives each mesh axis one choice:
//   replicated   every coordinate computes everything,
//   a class      which must be shardable in all ops that have it,
//   a linear set of a single op: these operands are partial sums, the others
//                complete, the results partial sums.
// Everything else is derived: an operand is cut where its sub-dimension runs
// over a cut factor; a result is cut likewise, or partial if the cut factor is
// not in it. A partial sum that is used inside the node goes on as one where
// its users are linear in it; otherwise it is reduced where it is produced, by
// an all-reduce that is priced in the strategy.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_NODES_H
#define COLOSSAL_PLAN_NODES_H

#include "colossal/Plan/Batching.h"
#include "colossal/Plan/Reshards.h"

#include <map>

namespace colossal::plan {

/// What an axis does in a node.
struct Choice {
  enum class Kind { Replicated, Class, Linear } kind = Kind::Replicated;
  int index = 0; ///< class, or linear set of the op
};
bool operator==(const Choice &a, const Choice &b);

/// An operand of one of the node's ops that comes from outside of the node.
struct NodeInput {
  int value = 0;
  int op = 0, operand = 0;
};

struct OpNode {
  std::string name; ///< of the group, or of the op
  Segment segment = Segment::Forward;
  std::vector<int> ops; ///< in program order
  /// Per op of `ops` and factor its class.
  std::vector<std::vector<int>> classes;
  int classCount = 0;
  std::vector<bool> shardable;   ///< per class
  std::vector<int64_t> bounds;   ///< per class, the least of its factors
  std::vector<bool> isBatch;     ///< per class: a batch factor is in it
  std::vector<NodeInput> inputs; ///< from outside, in order
  std::vector<int> outputs;      ///< values used outside, or results
};

/// Cuts the program into nodes, in an order in which every node comes after
/// those it uses. A group that a path leaves and enters again falls apart into
/// its ops.
std::vector<OpNode> buildNodes(const Program &program,
                               const Batching &batching);

/// ns per byte of values.
using ByteTimes = std::map<int, double>;

/// A strategy with all that follows from it.
struct NodeStrategy {
  std::vector<Choice> choices; ///< per mesh axis
  /// Per op of the node and axis what it does: a class of its own, a linear
  /// set (partial sums that go on), or nothing.
  std::vector<std::vector<Choice>> opChoices;
  std::vector<Placements> inputs;  ///< per node input
  std::vector<Placements> outputs; ///< per node output
  std::vector<int> reduced;        ///< inner values that are all-reduced
  int64_t cost = 0;                ///< ns, of one execution
};

/// Derives inputs, outputs, inner reductions; nothing if the choices are not
/// legal. Cost is left at 0.
std::optional<NodeStrategy> deriveStrategy(const Program &program,
                                           const Mesh &mesh, const OpNode &node,
                                           std::vector<Choice> choices);

/// The state of a value that op number `position` of the node accesses by
/// `access`, as an operand (`result` false) or as its result. `choices`: of
/// the op.
Placements shardingOf(const Program &program, const OpNode &node, int position,
                      const Access &access, bool result,
                      const std::vector<Choice> &choices, int operand = -1);

/// Local bounds of an op's factors under a strategy.
std::vector<int64_t> localBounds(const Program &program,
                                 const Batching &batching, const Mesh &mesh,
                                 const OpNode &node, int position,
                                 const std::vector<Choice> &choices,
                                 int64_t microbatches);

/// Time of one execution of the node: its kernels and products, and its inner
/// reductions. `byteTimes`: per value that crosses the node's border (Reuse.h).
int64_t nodeTime(const Program &program, const Batching &batching,
                 const machine::Cluster &cluster, const Reshards &reshards,
                 const Mesh &mesh, const OpNode &node,
                 const NodeStrategy &strategy, int64_t microbatches,
                 const ByteTimes &byteTimes);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_NODES_H
