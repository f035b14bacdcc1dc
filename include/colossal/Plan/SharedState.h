//===- SharedState.h - State that several programs share --------*- C++ -*-===//
//
// The programs of a bundle (training, evaluation) work on one state: where a
// parameter lies is decided once, by the plan of the program that changes it,
// and given to the plans of the others. They have its mesh and its stages.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_SHAREDSTATE_H
#define COLOSSAL_PLAN_SHAREDSTATE_H

#include "colossal/Plan/Plan.h"

namespace colossal::plan {

/// How a plan stores an argument.
struct StoredState {
  /// Bounds of the sub-dimensions, per dimension, as that program sees them.
  std::vector<std::vector<int64_t>> dims;
  Placements sharding;
  int stage = 0;
};

struct SharedState {
  Mesh mesh;
  std::map<std::string, StoredState> states; ///< by the argument's name
};

/// What `plan` decided about the state of `program`. State that no op reads is
/// whole on every device of the first stage.
SharedState sharedStateOf(const Program &program, const Plan &plan);

/// The same places in a program that divides the dimensions into `dims`;
/// nothing where an axis cuts between them.
std::optional<Placements>
shardingIn(const StoredState &stored, const Mesh &mesh,
           const std::vector<std::vector<int64_t>> &dims);

/// Per state argument of `program` (a value) that is shared its sharding. Sets
/// `error` where that is not possible.
std::map<int, Placements> storedShardings(const Program &program,
                                          const SharedState &shared,
                                          std::string &error);

/// Whether equal pieces read equally sharded states; else each piece must be a
/// representative of its own.
bool agreesWithPieces(const Pieces &pieces,
                      const std::map<int, Placements> &stored);
/// Every piece as its own representative.
Pieces withoutCopies(const Program &program, const std::vector<OpNode> &nodes,
                     Pieces pieces);

/// The stages of pieces, never falling, such that as few bytes of state as
/// possible are read on another stage than their own.
std::vector<int> stagesOfState(const Program &program,
                               const std::vector<OpNode> &nodes,
                               const Pieces &pieces, const SharedState &shared);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_SHAREDSTATE_H
