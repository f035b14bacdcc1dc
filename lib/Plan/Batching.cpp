//===- Batching.cpp - The batch, cut over time ----------------------------===//

#include "colossal/Plan/Batching.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::plan;

namespace {
class Analysis {
public:
  explicit Analysis(const Program &program)
      : program(program), users(program.users()) {
    size_t ops = program.ops.size(), values = program.values.size();
    result.factors.assign(ops, -1);
    result.subDims.assign(values, -1);
    result.partial.assign(values, false);
    result.batchOnly.assign(values, false);
    known.assign(values, false);
    asked.assign(ops, -1);
    for (const Op &op : program.ops)
      segments.push_back(op.segment);
  }

  Batching run();

private:
  void readArguments();
  void hoistCopies();
  void fail(const std::string &reason) {
    if (result.divisible)
      result.reason = reason;
    result.divisible = false;
  }
  bool inLoop(int op) const {
    return segments[op] == Segment::Forward ||
           segments[op] == Segment::Backward;
  }
  bool isWhole(int value) const {
    return result.subDims[value] < 0 && !result.partial[value];
  }

  // One pass over the program, in order.
  void sweep();
  void visit(int index);
  int factorOf(int index);
  bool mayBePartial(int index, const std::vector<int> &operands);
  void needComplete(int index, int value);

  // What a pass asks for. True if the next pass sees another program.
  bool move();
  std::vector<bool> findSinkable() const;
  void sink(int index);
  bool cutWholes();
  int wantedSubDim(int value) const;

  const Program &program;
  std::vector<std::vector<int>> users;
  Batching result;
  /// Per value: of batch, controls, constants and buffers that nothing updates.
  std::vector<bool> known;
  std::vector<Segment> segments; ///< per op, as far as it moved
  std::vector<int> asked; ///< per op that needs no batch the factor to cut
  /// Ops that need a complete sum, and the first value of which they do.
  std::vector<std::pair<int, int>> incomplete;
  std::vector<int> early; ///< ops to be hoisted
};
} // namespace

void Analysis::readArguments() {
  std::vector<bool> changed = program.changedStates();
  for (size_t v = 0; v < program.values.size(); ++v) {
    const ProgramValue &value = program.values[v];
    if (value.producer >= 0)
      continue;
    result.batchOnly[v] =
        value.role == Role::Batch || value.role == Role::Control;
    known[v] =
        result.batchOnly[v] || (value.role == Role::Buffer && !changed[v]);
    result.subDims[v] = value.batchSubDim;
    if (value.batchSubDim >= 0)
      result.batch = std::max(result.batch, value.subDims()[value.batchSubDim]);
  }
}

/// A parameter's copy in fewer bytes is the same for all microbatches, and is
/// what they read: it is made before them.
void Analysis::hoistCopies() {
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    if (op.segment != Segment::Forward || op.operands.size() != 1 ||
        op.results.size() != 1)
      continue;
    const ProgramValue &from = program.values[op.operands[0].value];
    const ProgramValue &to = program.values[op.results[0].value];
    if (from.producer < 0 && from.role == Role::Parameter && !to.isResult() &&
        to.elements() == from.elements() && to.elementBytes < from.elementBytes)
      segments[i] = Segment::Prologue;
  }
}

//===----------------------------------------------------------------------===//
// One pass
//===----------------------------------------------------------------------===//

void Analysis::sweep() {
  result.divisible = true;
  result.reason.clear();
  incomplete.clear();
  early.clear();
  for (size_t i = 0; i < program.ops.size(); ++i)
    visit(int(i));
  for (size_t v = 0; v < program.values.size(); ++v)
    if (program.values[v].metric && result.subDims[v] >= 0)
      fail("the result \"" + program.values[v].name +
           "\" has one entry for each sample");
}

/// The factor that runs over a batch sub-dimension of an operand.
int Analysis::factorOf(int index) {
  const Op &op = program.ops[index];
  int factor = -1;
  for (const Access &access : op.operands) {
    int sub = result.subDims[access.value];
    if (sub < 0)
      continue;
    const SubIndex &at = access.map[sub];
    bool cuttable =
        at.factor >= 0 && at.plain && op.factors[at.factor].shardable;
    if (!cuttable || (factor >= 0 && factor != at.factor))
      fail("\"" + op.name + "\" mixes samples of the batch");
    if (cuttable && factor < 0)
      factor = at.factor;
  }
  return factor;
}

bool Analysis::mayBePartial(int index, const std::vector<int> &operands) {
  const Op &op = program.ops[index];
  if (std::count(op.linear.begin(), op.linear.end(), operands))
    return true;
  std::pair<int, std::vector<int>> set(index, operands);
  if (!std::count(result.unlisted.begin(), result.unlisted.end(), set))
    result.unlisted.push_back(set);
  return false;
}

/// A sum over the microbatches is used where it must be complete.
void Analysis::needComplete(int index, int value) {
  int producer = program.values[value].producer;
  if (producer >= 0 && known[value])
    early.push_back(producer);
  else
    incomplete.push_back({index, value});
}

void Analysis::visit(int index) {
  const Op &op = program.ops[index];
  bool batchOnly = !op.operands.empty(), allKnown = true;
  std::vector<int> partial;
  for (size_t o = 0; o < op.operands.size(); ++o) {
    int value = op.operands[o].value;
    batchOnly &= result.batchOnly[value];
    allKnown &= known[value];
    if (result.partial[value])
      partial.push_back(int(o));
  }
  int factor = factorOf(index);
  bool loop = inLoop(index);
  // The whole batch is at hand outside of the loop, and sums are complete. A
  // value of the prologue keeps its batch sub-dimension: its users cut it.
  if (segments[index] == Segment::Update) {
    if (factor >= 0)
      fail("\"" + op.name + "\" uses samples of all microbatches");
    factor = -1;
  }
  if (loop && factor < 0 && partial.empty())
    factor = asked[index];
  bool sums =
      loop && !partial.empty() && factor < 0 && mayBePartial(index, partial);
  if (loop && !sums)
    for (int operand : partial)
      needComplete(index, op.operands[operand].value);

  result.factors[index] = factor;
  for (const Access &access : op.results) {
    const ProgramValue &value = program.values[access.value];
    result.batchOnly[access.value] = batchOnly;
    known[access.value] = allKnown;
    result.subDims[access.value] = -1;
    result.partial[access.value] = sums;
    bool kept = false;
    for (size_t k = 0; k < access.map.size(); ++k)
      if (factor >= 0 && access.map[k].factor == factor) {
        result.subDims[access.value] = int(k);
        kept = true;
      }
    if (loop && factor >= 0 && !kept) {
      result.partial[access.value] = true;
      Combiner combiner = op.factors[factor].combiner.value_or(Combiner::Sum);
      if (!factsOf(combiner).isLinear) {
        // What does not add up is complete at once, or not at all.
        result.partial[access.value] = false;
        if (allKnown)
          early.push_back(index);
        else
          fail("\"" + op.name + "\" takes the " + factsOf(combiner).name +
               " over the batch");
      }
    }
    // State changes once in a step, and a sum is given back when it is one.
    if (loop && (value.updates >= 0 || (value.output && sums)))
      incomplete.push_back({index, access.value});
  }
}

//===----------------------------------------------------------------------===//
// Out of the loop
//===----------------------------------------------------------------------===//

/// Per op, whether it may run after the loop, with all that uses its results:
/// none of them has samples of one microbatch.
std::vector<bool> Analysis::findSinkable() const {
  std::vector<bool> sinkable(program.ops.size(), true);
  for (size_t i = program.ops.size(); i-- > 0;) {
    if (!inLoop(int(i)))
      continue;
    bool alone = result.factors[i] < 0;
    for (const Access &access : program.ops[i].results)
      for (int user : users[access.value])
        alone &= sinkable[user];
    sinkable[i] = alone;
  }
  return sinkable;
}

/// Moves the op behind the loop, with all that uses its results.
void Analysis::sink(int index) {
  std::vector<int> late = {index};
  while (!late.empty()) {
    int op = late.back();
    late.pop_back();
    if (!inLoop(op))
      continue;
    segments[op] = Segment::Update;
    for (const Access &access : program.ops[op].results)
      late.insert(late.end(), users[access.value].begin(),
                  users[access.value].end());
  }
}

bool Analysis::move() {
  if (!early.empty()) {
    // With all that they depend on.
    while (!early.empty()) {
      int index = early.back();
      early.pop_back();
      if (segments[index] == Segment::Prologue)
        continue;
      segments[index] = Segment::Prologue;
      for (const Access &access : program.ops[index].operands)
        if (int producer = program.values[access.value].producer; producer >= 0)
          early.push_back(producer);
    }
    return true;
  }
  std::vector<bool> sinkable = findSinkable();
  for (auto [index, value] : incomplete) {
    const std::string &name = program.values[value].name;
    if (!sinkable[index])
      fail(program.values[value].producer == index
               ? "the new state \"" + name +
                     "\" is computed for each microbatch"
               : "\"" + program.ops[index].name + "\" needs \"" + name +
                     "\" of the whole batch");
  }
  if (!result.divisible)
    return false;
  for (auto [index, value] : incomplete)
    sink(index);
  return !incomplete.empty();
}

//===----------------------------------------------------------------------===//
// Whole values of the batch's shape
//===----------------------------------------------------------------------===//

/// The sub-dimension along which all users want a whole value cut; -1: there
/// is none.
int Analysis::wantedSubDim(int value) const {
  if (program.values[value].isResult())
    return -1;
  int wanted = -1;
  for (int user : users[value]) {
    if (!inLoop(user) || result.factors[user] < 0)
      return -1;
    for (const Access &access : program.ops[user].operands) {
      if (access.value != value)
        continue;
      int here = -1;
      for (size_t k = 0; k < access.map.size(); ++k)
        if (access.map[k].factor == result.factors[user])
          here = access.map[k].plain && here < 0 ? int(k) : -2;
      if (here < 0 || (wanted >= 0 && wanted != here))
        return -1;
      wanted = here;
    }
  }
  return wanted;
}

bool Analysis::cutWholes() {
  bool changed = false;
  for (size_t i = program.ops.size(); i-- > 0;) {
    const Op &op = program.ops[i];
    if (!inLoop(int(i)) || result.factors[i] >= 0 || asked[i] >= 0)
      continue;
    int factor = -1;
    for (const Access &access : op.results) {
      int k = isWhole(access.value) ? wantedSubDim(access.value) : -1;
      int here = k < 0 ? -1 : access.map[k].factor;
      if (here < 0 || (factor >= 0 && factor != here)) {
        factor = -1;
        break;
      }
      factor = here;
    }
    bool takesPartial =
        std::any_of(op.operands.begin(), op.operands.end(),
                    [&](const Access &a) { return result.partial[a.value]; });
    if (factor < 0 || takesPartial || !op.factors[factor].shardable)
      continue;
    // Its operands are seen with it, in this pass from the end.
    asked[i] = result.factors[i] = factor;
    changed = true;
  }
  return changed;
}

Batching Analysis::run() {
  readArguments();
  hoistCopies();
  // Every move, and between moves every cut, is made at most once.
  while (true) {
    sweep();
    if (move()) {
      std::fill(asked.begin(), asked.end(), -1);
      continue;
    }
    if (!cutWholes())
      break;
  }
  if (result.divisible) {
    for (size_t i = 0; i < program.ops.size(); ++i)
      if (segments[i] != program.ops[i].segment)
        (segments[i] == Segment::Prologue ? result.hoisted : result.sunk)
            .push_back(int(i));
    return std::move(result);
  }
  // One microbatch is at hand as a whole: nothing moves.
  std::string reason = result.reason;
  for (size_t i = 0; i < program.ops.size(); ++i)
    segments[i] = program.ops[i].segment;
  std::fill(asked.begin(), asked.end(), -1);
  do
    sweep();
  while (cutWholes());
  result.divisible = false;
  result.reason = reason;
  return std::move(result);
}

Batching colossal::plan::analyzeBatching(const Program &program) {
  return Analysis(program).run();
}

std::vector<int> colossal::plan::sumsForUpdate(const Program &program,
                                               const Batching &batching) {
  std::vector<std::vector<int>> users = program.users();
  std::vector<int> found;
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    if (op.segment != Segment::Backward || op.operands.size() < 2 ||
        !op.group.empty())
      continue;
    std::vector<int> all;
    bool sums = true;
    for (size_t o = 0; o < op.operands.size(); ++o) {
      all.push_back(int(o));
      sums &= batching.partial[op.operands[o].value];
    }
    sums &= std::count(op.linear.begin(), op.linear.end(), all) > 0;
    for (const Access &access : op.results)
      for (int user : users[access.value])
        sums &= program.ops[user].segment == Segment::Update;
    if (sums)
      found.push_back(int(i));
  }
  return found;
}

std::vector<int64_t>
colossal::plan::microbatchCounts(const Batching &batching) {
  std::vector<int64_t> counts = {1};
  if (!batching.divisible)
    return counts;
  for (int64_t m = 2; m <= std::min(batching.batch, kMaxCount); ++m)
    if (batching.batch % m == 0)
      counts.push_back(m);
  return counts;
}
