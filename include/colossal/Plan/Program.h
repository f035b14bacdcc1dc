//===- Program.h - What the planner knows of a program ----------*- C++ -*-===//
//
// A training step as plain data: ops over factors, values with dimensions and
// sub-dimensions. It holds what the planner may know, and nothing else: no op
// kinds, no models. `lib/Plan/Extract.cpp` reads it off the IR; tests build it
// by hand.
//
// A value's dimensions are flattened: sub-dimension k of a value counts over
// all its dimensions, major to minor. An access says, for each sub-dimension,
// which factor of the op runs over it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_PROGRAM_H
#define COLOSSAL_PLAN_PROGRAM_H

#include "colossal/Cost/Work.h"
#include "colossal/Plan/Problem.h"
#include "colossal/Support/Combiner.h"

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::plan {

struct Factor {
  std::string name;
  int64_t bound = 1;
  std::optional<Combiner> combiner; ///< of a reduction; none: parallel
  bool shardable = true;            ///< may be cut over a mesh axis

  /// Of the combiner, from 1; 0 if parallel. For hashes.
  uint64_t kindNumber() const { return combiner ? 1 + uint64_t(*combiner) : 0; }
};

/// Index of one sub-dimension: a factor, or (factor < 0) a constant. With
/// `plain` false the access is shifted: a cut of the factor is no cut here.
struct SubIndex {
  int factor = -1;
  bool plain = true;
};

struct Access {
  int value = 0;
  std::vector<SubIndex> map; ///< per sub-dimension of the value
};

/// What an op costs, from the local bounds of its factors.
using cost::Work;

struct Op {
  std::string name;
  Segment segment = Segment::Forward;
  std::string group;     ///< composite that the op belongs to; may be empty
  std::string forwardOf; ///< forward op, or parameter, that it belongs to
  /// Hash of what the op computes, without names and without operands.
  uint64_t structure = 0;
  std::vector<Factor> factors;
  std::vector<Access> operands, results;
  /// Sets of operands in which the op is jointly linear.
  std::vector<std::vector<int>> linear;
  Work work;
};

using Role = ArgumentRole;

/// For hashes; 0 for values that are no arguments.
inline uint64_t numberOf(std::optional<Role> role) {
  return role ? uint64_t(*role) + 1 : 0;
}

struct ProgramValue {
  std::string name;
  /// Bounds of the sub-dimensions, per dimension.
  std::vector<std::vector<int64_t>> dims;
  int64_t elementBytes = 4;
  bool isFloat = true;
  bool isHalf = false;      ///< of the floats of 2 bytes f16, not bf16
  int producer = -1;        ///< op; -1: an argument of the program
  int result = 0;           ///< which result of the producer
  std::optional<Role> role; ///< of an argument
  int batchSubDim = -1;     ///< of a batch argument
  int updates = -1;         ///< the state argument that this result updates
  bool metric = false;      ///< a result that every rank has, complete
  bool output = false;      ///< a result that stays as it is cut

  /// Whether the program gives it back.
  bool isResult() const { return metric || output || updates >= 0; }
  /// The bounds, flattened.
  std::vector<int64_t> subDims() const;
  int64_t elements() const;
};

struct Program {
  std::vector<ProgramValue> values;
  std::vector<Op> ops; ///< in program order, segment by segment

  /// One message per fault: indices, order of definition, bounds of factors
  /// against those of the sub-dimensions they run over.
  std::vector<std::string> check() const;
  /// Ops that use a value, in order.
  std::vector<std::vector<int>> users() const;
  /// Per value whether it is state that the step changes.
  std::vector<bool> changedStates() const;
  /// Hash of the whole: structure, bounds, roles; no names of ops.
  uint64_t structureHash() const;
};

/// FNV-1a, the hash of every structure here.
uint64_t hashCombine(uint64_t seed, uint64_t value);
uint64_t hashText(const std::string &text);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PROGRAM_H
