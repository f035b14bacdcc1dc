//===- Formulation.h - From a program to the inner problem ------*- C++ -*-===//
//
// One Problem for the whole step on one mesh with a given number of
// microbatches. Repeated blocks appear once, with a weight.
//
// Pieces. The nodes are divided into pieces (Pieces.h); equal pieces have one
// representative, and only representatives are in the problem. A value of
// another piece enters a piece through a *source* node, whose strategies are
// the states, and leaves its own through a *sink*; both are tied, for every
// copy, so that what is chosen once is right everywhere. Arguments of the
// program are sources as well; the source of a state argument is tied to the
// sink of its update.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_FORMULATION_H
#define COLOSSAL_PLAN_FORMULATION_H

#include "colossal/Plan/Nodes.h"
#include "colossal/Plan/Pieces.h"

#include <map>
#include <memory>

namespace colossal::plan {

/// What an axis may serve.
enum class AxisRule {
  Free,
  Data,  ///< cuts the batch in every node that has it
  Tensor ///< never cuts the batch
};

struct FormulationOptions {
  int64_t microbatches = 1;
  int64_t inFlight = 1;        ///< microbatches whose activations are held
  std::vector<AxisRule> rules; ///< per mesh axis; empty: Free
  /// What is cut over the data axes wherever it can be: 1 and more: optimizer
  /// state; 2 and more: what is kept of gradients; 3: parameters. 0 to 2:
  /// parameters are not; 0: nor is optimizer state.
  std::optional<int64_t> zero;
  int64_t memoryPrice = 0;
  std::optional<int64_t> memoryLimit;
  /// Arguments (values) whose state is given: another program's plan has it.
  std::map<int, Placements> stored;
  /// Per node what its values cost by byte, where it is known already: of the
  /// same program, pieces, devices of a group and microbatches.
  std::shared_ptr<const std::vector<ByteTimes>> byteTimes;
};

/// What a node of the problem stands for.
struct FormulatedNode {
  enum class Kind { Ops, Source, Sink } kind = Kind::Ops;
  int piece = 0;
  int node = -1;  ///< Ops: the OpNode
  int value = -1; ///< Source, Sink: the program value
};

/// A value of the problem: a program value as one piece sees it.
struct FormulatedValue {
  int piece = 0;
  int value = 0;
  std::vector<Placements> states;
};

struct Formulation {
  Problem problem;
  Mesh mesh;
  FormulationOptions options;
  std::vector<FormulatedNode> nodes;
  std::vector<FormulatedValue> values;
  /// Per problem node and strategy what it is; empty for sources and sinks,
  /// whose strategy of index s is `states[s]` of `boundary`.
  std::vector<std::vector<NodeStrategy>> strategies;
  /// (piece, program value) -> problem value.
  std::map<std::pair<int, int>, int> valueIndex;

  int valueOf(int piece, int value) const {
    auto it = valueIndex.find({piece, value});
    return it == valueIndex.end() ? -1 : it->second;
  }
};

/// Builds the problem. Returns nothing and sets `error` where a node has no
/// legal strategy under the options (a pin that cannot be met).
std::optional<Formulation>
formulate(const Program &program, const Batching &batching,
          const std::vector<OpNode> &nodes, const Pieces &pieces,
          const machine::Cluster &cluster, const Mesh &mesh,
          const FormulationOptions &options, std::string &error);

/// Makes of a formulation the one with other numbers of memory, without
/// building it again: `inFlight`, `memoryPrice` and `memoryLimit`, which
/// strategies and states do not depend on.
void setMemory(Formulation &formulation, const Program &program,
               const FormulationOptions &options);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_FORMULATION_H
