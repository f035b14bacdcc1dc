//===- Problem.h - The inner problem of the planner -------------*- C++ -*-===//
//
// Which strategy does every node take, in which state is every value, and
// where does a value change its state? A `Problem` says what there is to
// choose and what each choice costs; a `Solution` says what was chosen. Both
// are plain data: nothing here knows ops, models or meshes, and problems are
// text files as well, so solvers are tested with no compiler around them.
//
// The model
// - A *node* has strategies. A strategy asks for one state of every input,
//   leaves every output in one state, and takes time.
// - A *value* has one producing node and any number of users. An *arc* changes
//   the state of a value and takes time.
// - A *segment* is a piece of the step: prologue and update run once, forward
//   and backward once per microbatch. Times in a segment count `repeats` times.
// - Inside a segment, arcs are shared: each arc of a value is paid at most once
//   per segment, however many users need its result, and an arc may start at
//   the result of another one.
// - A value that a later segment uses is *kept* in one state, which the
//   producing segment must deliver (it is one more user there). The users of
//   the later segment start from the kept state, and pay their own arcs. A
//   state may be excluded from that: then it is there inside a segment alone.
// - Memory counts what outlives a segment: `storedCopies` of the state in which
//   a value is produced (parameters, optimizer state) and `keptCopies` of
//   the kept state (activations: as many as microbatches are in flight).
//   Keeping a *resident* value in the state in which it is produced is free.
// - A *tie* makes two nodes take strategies of the same index: a parameter is
//   stored as its update leaves it, a block begins as the one before it ends.
//
// The objective is time + memory priced with `memoryPrice`, subject to
// `memoryLimit`. Units: ns, bytes, ns per MiB; all integers, so that solvers
// agree exactly.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_PROBLEM_H
#define COLOSSAL_PLAN_PROBLEM_H

#include "colossal/Support/Step.h"

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace colossal::plan {

using colossal::Segment;
using colossal::segmentOf;
constexpr int segmentCount = int(std::size(allSegments));

struct State {
  std::string name;
  int64_t bytes = 0;   ///< of one copy, per device
  bool mayKeep = true; ///< from one segment to a later one
};

struct Arc {
  int from = 0, to = 0; ///< states of the value
  int64_t cost = 0;     ///< ns
};

struct ProblemValue {
  std::string name;
  std::vector<State> states;
  std::vector<Arc> arcs;
  /// How many equal values this one stands for (blocks that repeat): a factor
  /// of the times of its arcs and of its memory.
  int64_t weight = 1;
  int64_t storedCopies = 0;
  int64_t keptCopies = 0;
  /// The produced copy is there in every segment (arguments of the program).
  bool resident = false;
};

struct Strategy {
  std::string name;
  int64_t cost = 0;         ///< ns
  std::vector<int> inputs;  ///< state of each input of the node
  std::vector<int> outputs; ///< state of each output of the node
};

struct ProblemNode {
  std::string name;
  Segment segment = Segment::Forward;
  int64_t weight = 1; ///< how many equal nodes this one stands for
  std::vector<int> inputs, outputs; ///< values
  std::vector<Strategy> strategies;
};

/// Both nodes take the strategy of the same index.
struct Tie {
  int first = 0, second = 0;
};

struct Problem {
  std::array<int64_t, segmentCount> repeats = {1, 1, 1, 1};
  std::vector<ProblemValue> values;
  std::vector<ProblemNode> nodes;
  std::vector<Tie> ties;
  int64_t memoryPrice = 0;            ///< ns per MiB
  std::optional<int64_t> memoryLimit; ///< bytes

  /// One message per fault; none if the problem is well formed: indices in
  /// range, one producer per value, no negative numbers, no user in a
  /// segment before the producer's, tied nodes with as many strategies.
  std::vector<std::string> check() const;
};

/// Where a value is used: the producing node and, by segment, the uses.
struct Use {
  int node = 0, input = 0;
};
struct ValueUses {
  int producer = -1, output = 0;
  std::array<std::vector<Use>, segmentCount> uses;
  Segment produced = Segment::Forward;
  /// Whether a segment after the producing one uses the value.
  bool crosses = false;
};
std::vector<ValueUses> usesOf(const Problem &problem);

struct Solution {
  std::vector<int> strategies; ///< per node
  std::vector<int> kept;       ///< per value a state; -1 if it does not cross
  /// Per value and segment the arcs that are paid (rising indices).
  std::vector<std::array<std::vector<int>, segmentCount>> arcs;

  int64_t time = 0;   ///< ns
  int64_t memory = 0; ///< bytes
  int64_t cost = 0;   ///< time + price of the memory

  /// Recomputes everything from the problem: that each use is reached from its
  /// supply over paid arcs, that ties and the limit hold, and the three
  /// totals. One message per fault.
  std::vector<std::string> verify(const Problem &problem) const;
};

/// Computes `time`, `memory` and `cost` of the choices.
void evaluate(const Problem &problem, Solution &solution);

/// The price of `bytes`, rounded up: what memory adds to the cost.
int64_t priceOf(const Problem &problem, int64_t bytes);

/// Completes strategies and kept states by the cheapest sets of arcs, and
/// evaluates. False if a use cannot be reached. Exact: per value and segment
/// a minimum arborescence by dynamic programming over sets of demanded states.
bool completeWithArcs(const Problem &problem, Solution &solution);

/// Text form (docs/Phases/04-plan.md). Reading returns nothing and sets
/// `error` to one line "<file>:<line>: ..." on failure, or if check() fails.
std::string writeProblem(const Problem &problem);
std::optional<Problem> readProblem(const std::string &text,
                                   const std::string &file, std::string &error);
std::string writeSolution(const Problem &problem, const Solution &solution);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PROBLEM_H
