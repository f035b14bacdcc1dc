//===- Batching.cpp - The batch, cut over time ----------------------------===//

#include "colossal/Plan/Batching.h"

#include <algorithm>

using namespace colossal::plan;

namespace {
class Analysis {
public:
  explicit Analysis(const Program &program) : program(program) {
    result.factors.assign(program.ops.size(), -1);
    result.subDims.assign(program.values.size(), -1);
    result.partial.assign(program.values.size(), false);
    hoisted.assign(program.ops.size(), false);
    result.batchOnly.assign(program.values.size(), false);
  }

  Batching run() {
    for (size_t v = 0; v < program.values.size(); ++v) {
      const ProgramValue &value = program.values[v];
      result.batchOnly[v] =
          value.role == Role::Batch || value.role == Role::Control;
      result.subDims[v] = value.batchSubDim;
      if (value.batchSubDim >= 0)
        result.batch =
            std::max(result.batch, value.subDims()[value.batchSubDim]);
    }
    // Hoisting an op changes what its users see: repeat until nothing changes.
    bool changed = true;
    while (changed) {
      changed = false;
      result.divisible = true;
      result.reason.clear();
      for (size_t i = 0; i < program.ops.size(); ++i)
        changed |= visit(int(i));
    }
    for (size_t i = 0; i < program.ops.size(); ++i)
      if (hoisted[i])
        result.hoisted.push_back(int(i));
    return result;
  }

private:
  void fail(const std::string &reason) {
    if (result.divisible)
      result.reason = reason;
    result.divisible = false;
  }

  bool inLoop(const Op &op, int index) const {
    return !hoisted[index] &&
           (op.segment == Segment::Forward || op.segment == Segment::Backward);
  }

  /// Marks the op and all it depends on; true if something is new.
  bool hoist(int index) {
    if (hoisted[index] || program.ops[index].segment == Segment::Prologue)
      return false;
    hoisted[index] = true;
    for (const Access &access : program.ops[index].operands)
      if (int producer = program.values[access.value].producer; producer >= 0)
        hoist(producer);
    return true;
  }

  /// A sum over time is used where it must be complete.
  bool complete(const Op &op, const Access &access) {
    int producer = program.values[access.value].producer;
    if (producer >= 0 && result.batchOnly[access.value])
      return hoist(producer);
    fail("\"" + op.name + "\" needs \"" + program.values[access.value].name +
         "\" of the whole batch");
    return false;
  }

  bool visit(int index);
  bool isPartialLegal(const Op &op, const std::vector<int> &operands) const {
    for (const std::vector<int> &set : op.linear)
      if (set == operands)
        return true;
    return false;
  }

  const Program &program;
  Batching result;
  std::vector<bool> hoisted;
};
} // namespace

bool Analysis::visit(int index) {
  const Op &op = program.ops[index];
  bool all = !op.operands.empty();
  for (const Access &access : op.operands)
    all &= result.batchOnly[access.value];
  for (const Access &access : op.results) {
    result.batchOnly[access.value] = all;
    result.subDims[access.value] = -1;
    result.partial[access.value] = false;
  }
  result.factors[index] = -1;

  // The factor that runs over a batch sub-dimension of an operand.
  int factor = -1;
  std::vector<int> partialOperands;
  for (size_t o = 0; o < op.operands.size(); ++o) {
    const Access &access = op.operands[o];
    if (result.partial[access.value])
      partialOperands.push_back(int(o));
    int sub = result.subDims[access.value];
    if (sub < 0)
      continue;
    const SubIndex &at = access.map[sub];
    if (at.factor < 0 || !at.plain || !op.factors[at.factor].shardable ||
        (factor >= 0 && factor != at.factor)) {
      fail("\"" + op.name + "\" mixes samples of the batch");
      return false;
    }
    factor = at.factor;
  }
  if (!inLoop(op, index)) {
    // The whole batch is at hand; the update sees complete sums. A value of
    // the prologue keeps its batch sub-dimension: its users cut it.
    if (op.segment == Segment::Update) {
      if (factor >= 0)
        fail("\"" + op.name + "\" uses samples of all microbatches");
      return false;
    }
  } else if (!partialOperands.empty()) {
    bool legal = factor < 0 && isPartialLegal(op, partialOperands);
    if (!legal) {
      bool changed = false;
      for (int operand : partialOperands)
        changed |= complete(op, op.operands[operand]);
      return changed;
    }
  }
  result.factors[index] = factor;
  for (const Access &access : op.results) {
    bool kept = false;
    for (size_t k = 0; k < access.map.size(); ++k)
      if (factor >= 0 && access.map[k].factor == factor) {
        result.subDims[access.value] = int(k);
        kept = true;
      }
    bool sums = factor >= 0 && !kept;
    if (sums && op.factors[factor].kind == FactorKind::Max &&
        inLoop(op, index)) {
      if (result.batchOnly[access.value])
        return hoist(index);
      fail("\"" + op.name + "\" takes a maximum over the batch");
    }
    result.partial[access.value] =
        inLoop(op, index) && (sums || !partialOperands.empty());
  }
  return false;
}

Batching colossal::plan::analyzeBatching(const Program &program) {
  Batching result = Analysis(program).run();
  for (size_t v = 0; v < program.values.size(); ++v)
    if (program.values[v].metric && result.subDims[v] >= 0 &&
        result.divisible) {
      result.divisible = false;
      result.reason = "the result \"" + program.values[v].name +
                      "\" has one entry for each sample";
    }
  return result;
}

std::vector<int64_t>
colossal::plan::microbatchCounts(const Batching &batching) {
  std::vector<int64_t> counts;
  for (int64_t m = 1; m <= batching.batch; ++m)
    if (batching.batch % m == 0 && (m == 1 || batching.divisible))
      counts.push_back(m);
  return counts;
}
