//===- VerifyPlan.cpp - Checks a plan against its program -----------------===//

#include "colossal/Plan/Batching.h"
#include "colossal/Plan/Plan.h"

#include <algorithm>
#include <map>
#include <set>

using namespace colossal;
using namespace colossal::plan;

/// What an op's axes imply for an operand (number) or a result (-1).
static Placements impliedSharding(const Program &program, const Plan &plan,
                                  int index, const Access &access,
                                  int operand) {
  const Op &op = program.ops[index];
  Placements state(plan.mesh.axes.size(), replicated);
  for (size_t a = 0; a < state.size(); ++a) {
    const PlannedAxis &axis = plan.ops[index].axes[a];
    const std::vector<int> &linear = axis.linear;
    if (!linear.empty() &&
        (operand < 0 || std::count(linear.begin(), linear.end(), operand)))
      state[a] = partialSum;
    if (axis.factor < 0)
      continue;
    for (size_t k = 0; k < access.map.size(); ++k)
      if (access.map[k].factor == axis.factor && access.map[k].plain)
        state[a] = int(k);
    Combiner combiner =
        op.factors[axis.factor].combiner.value_or(Combiner::Sum);
    if (operand < 0 && state[a] == replicated && !isTuple(combiner))
      state[a] = partialOf(combiner);
  }
  return state;
}

Placements colossal::plan::producedSharding(const Program &program,
                                            const Plan &plan, int index) {
  const ProgramValue &value = program.values[index];
  if (value.producer >= 0)
    return impliedSharding(program, plan, value.producer,
                           program.ops[value.producer].results[value.result],
                           -1);
  auto it = plan.arguments.find(index);
  return it == plan.arguments.end()
             ? Placements(plan.mesh.axes.size(), replicated)
             : it->second;
}

std::vector<std::pair<int, Placements>>
colossal::plan::leftByBackward(const Program &program, const Plan &plan) {
  std::set<std::pair<int, int>> copies; ///< by value
  auto leave = [&](int value, int copy) {
    int producer = program.values[value].producer;
    Segment made = copy != originalCopy ? plan.reshards[copy].segment
                   : producer < 0       ? Segment::Prologue
                                        : plan.ops[producer].segment;
    if (made == Segment::Backward)
      copies.insert({value, copy});
  };
  std::map<std::pair<int, int>, int> copyOfUse;
  for (const PlannedUse &use : plan.uses)
    copyOfUse[{use.op, use.operand}] = use.copy;
  for (size_t i = 0; i < program.ops.size(); ++i)
    if (plan.ops[i].segment == Segment::Update)
      for (size_t o = 0; o < program.ops[i].operands.size(); ++o) {
        auto use = copyOfUse.find({int(i), int(o)});
        leave(program.ops[i].operands[o].value,
              use == copyOfUse.end() ? originalCopy : use->second);
      }
  for (const PlannedReshard &reshard : plan.reshards)
    if (reshard.segment == Segment::Update)
      leave(reshard.value, reshard.source);
  std::vector<std::pair<int, Placements>> left;
  for (auto [value, copy] : copies)
    left.emplace_back(value, copy == originalCopy
                                 ? producedSharding(program, plan, value)
                                 : plan.reshards[copy].to);
  return left;
}

namespace {
class Verifier {
public:
  Verifier(const Program &program, const Plan &plan)
      : program(program), plan(plan) {}

  std::vector<std::string> run();

private:
  void fault(const std::string &where, const std::string &what) {
    faults.push_back("plan: \"" + where + "\": " + what);
  }
  Placements implied(int op, const Access &access, int operand) const {
    return impliedSharding(program, plan, op, access, operand);
  }
  Placements produced(int value) const {
    return producedSharding(program, plan, value);
  }
  Placements stateOf(int value, int copy) const {
    return copy == originalCopy ? produced(value) : plan.reshards[copy].to;
  }
  /// The segment from which on a copy is there.
  Segment segmentOf(int value, int copy) const {
    if (copy != originalCopy)
      return plan.reshards[copy].segment;
    int producer = program.values[value].producer;
    return producer < 0 ? Segment::Prologue : plan.ops[producer].segment;
  }
  bool isCopyOf(int copy, int value) const {
    return copy == originalCopy ||
           (copy >= 0 && copy < int(plan.reshards.size()) &&
            plan.reshards[copy].value == value);
  }
  bool checkShape();
  void checkTime();
  void checkArguments();
  void checkReshard(size_t index);
  void checkOp(int op);
  void checkResult(int value);
  void checkRecomputed(const RecomputedCopy &copy);

  const Program &program;
  const Plan &plan;
  std::map<std::pair<int, int>, int> copies;
  Batching batching;
  std::vector<std::string> faults;
};
} // namespace

/// Whether the parts of the plan belong to each other at all.
bool Verifier::checkShape() {
  if (plan.ops.size() != program.ops.size()) {
    fault("program", "has another number of ops than the plan");
    return false;
  }
  for (size_t i = 0; i < plan.ops.size(); ++i)
    if (plan.ops[i].axes.size() != plan.mesh.axes.size() ||
        plan.ops[i].stage < 0 || plan.ops[i].stage >= plan.mesh.stages.count())
      fault(program.ops[i].name,
            "has no valid stage or not one entry per axis");
  for (size_t r = 0; r < plan.reshards.size(); ++r) {
    const PlannedReshard &reshard = plan.reshards[r];
    if (reshard.source >= int(r) || !isCopyOf(reshard.source, reshard.value))
      fault(program.values[reshard.value].name,
            "a reshard starts from another value or from a later one");
  }
  for (const PlannedUse &use : plan.uses) {
    const Op &op = program.ops[use.op];
    std::string where = "operand " + std::to_string(use.operand);
    if (!isCopyOf(use.copy, op.operands[use.operand].value))
      fault(op.name, where + " reads a copy of another value");
    if (!copies.insert({{use.op, use.operand}, use.copy}).second)
      fault(op.name, where + " reads two copies");
  }
  for (const RecomputedCopy &copy : plan.recomputed)
    if (!isCopyOf(copy.copy, copy.value) ||
        (copy.copy == originalCopy && program.values[copy.value].producer < 0))
      fault(program.values[copy.value].name,
            "is computed again, but is no copy that forward makes");
  for (auto [value, copy] : plan.results)
    if (!isCopyOf(copy, value))
      fault(program.values[value].name, "ends as a copy of another value");
  return faults.empty();
}

/// Segments are those of the program, and the batch can be cut so.
void Verifier::checkTime() {
  batching = analyzeBatching(program);
  std::vector<bool> mayMove(program.ops.size());
  for (int op : sumsForUpdate(program, batching))
    mayMove[op] = true;
  for (size_t i = 0; i < program.ops.size(); ++i) {
    Segment need = program.ops[i].segment, found = plan.ops[i].segment;
    if (found != need && !(mayMove[i] && found == Segment::Update))
      fault(program.ops[i].name, std::string("runs in ") + nameOf(found) +
                                     ", expected " + nameOf(need));
  }
  if (plan.microbatches == 1)
    return;
  if (!batching.divisible)
    fault("microbatches", "found " + std::to_string(plan.microbatches) +
                              ", expected 1: " + batching.reason);
  else if (plan.microbatches < 1 || batching.batch % plan.microbatches != 0)
    fault("microbatches", "found " + std::to_string(plan.microbatches) +
                              ", expected a divisor of the batch of " +
                              std::to_string(batching.batch));
}

void Verifier::checkArguments() {
  for (const auto &[value, state] : plan.arguments) {
    if (program.values[value].producer >= 0)
      fault(program.values[value].name, "is no argument of the program");
    if (std::any_of(state.begin(), state.end(), isPartial))
      fault(program.values[value].name,
            "is stored as " + nameOf(state) + ", expected no partial state");
  }
}

void Verifier::checkReshard(size_t index) {
  const PlannedReshard &reshard = plan.reshards[index];
  const ProgramValue &value = program.values[reshard.value];
  Placements source = stateOf(reshard.value, reshard.source);
  if (source != reshard.from)
    fault(value.name, "a reshard starts from " + nameOf(reshard.from) +
                          ", but its source is " + nameOf(source));
  int changes = 0;
  for (size_t a = 0; a < reshard.from.size(); ++a)
    changes += reshard.from[a] != reshard.to[a];
  if (changes != 1)
    fault(value.name,
          "a reshard changes " + std::to_string(changes) + " axes, expected 1");
  if (segmentOf(reshard.value, reshard.source) > reshard.segment)
    fault(value.name, "a reshard runs before the segment of its source");
}

void Verifier::checkOp(int index) {
  const Op &op = program.ops[index];
  const PlannedOp &planned = plan.ops[index];
  for (const PlannedAxis &axis : planned.axes)
    if (axis.factor >= 0 && !axis.linear.empty())
      fault(op.name, "cuts a factor and is linear over the same axis");
  for (size_t o = 0; o < op.operands.size(); ++o) {
    int value = op.operands[o].value;
    auto it = copies.find({index, int(o)});
    int copy = it == copies.end() ? originalCopy : it->second;
    Placements need = implied(index, op.operands[o], int(o));
    Placements state = stateOf(value, copy);
    if (need != state)
      fault(op.name, "operand " + std::to_string(o) + " needs " + nameOf(need) +
                         ", found " + nameOf(state));
    if (segmentOf(value, copy) > planned.segment)
      fault(op.name,
            "runs before the segment of its operand " + std::to_string(o));
  }
}

/// Results are complete, and state ends as it began.
void Verifier::checkResult(int index) {
  const ProgramValue &value = program.values[index];
  if (value.producer < 0 || !value.isResult())
    return;
  auto it = plan.results.find(index);
  Placements state =
      stateOf(index, it == plan.results.end() ? originalCopy : it->second);
  if (value.output) {
    if (std::any_of(state.begin(), state.end(), isPartial))
      fault(value.name,
            "ends as " + nameOf(state) + ", expected no partial state");
    return;
  }
  Placements need = value.updates >= 0
                        ? produced(value.updates)
                        : Placements(plan.mesh.axes.size(), replicated);
  if (state != need)
    fault(value.name,
          "ends as " + nameOf(state) + ", expected " + nameOf(need));
}

/// What forward makes from what a microbatch has, on the stage that needs it.
void Verifier::checkRecomputed(const RecomputedCopy &copy) {
  const ProgramValue &value = program.values[copy.value];
  if (segmentOf(copy.value, copy.copy) != Segment::Forward)
    fault(value.name, "is computed again, but not by forward");
  else if (plan.microbatches > 1 && batching.partial[copy.value])
    fault(value.name, "is computed again, but is a sum over microbatches");
}

std::vector<std::string> Verifier::run() {
  if (!checkShape())
    return faults;
  checkTime();
  checkArguments();
  for (size_t r = 0; r < plan.reshards.size(); ++r)
    checkReshard(r);
  for (size_t i = 0; i < program.ops.size(); ++i)
    checkOp(int(i));
  for (size_t v = 0; v < program.values.size(); ++v)
    checkResult(int(v));
  for (const RecomputedCopy &copy : plan.recomputed)
    checkRecomputed(copy);
  return faults;
}

std::vector<std::string> colossal::plan::verifyPlan(const Program &program,
                                                    const Plan &plan) {
  return Verifier(program, plan).run();
}
