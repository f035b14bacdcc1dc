//===- VerifyPlan.cpp - Checks a plan against its program -----------------===//

#include "colossal/Plan/Plan.h"

#include <algorithm>

using namespace colossal::plan;

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
  /// What an op's axes imply for an operand (number) or a result (-1).
  Sharding implied(int op, const Access &access, int operand) const;
  Sharding produced(int value) const;
  Sharding stateOf(int value, int copy) const {
    return copy == originalCopy ? produced(value) : plan.reshards[copy].to;
  }
  void checkReshard(size_t index);
  void checkOp(int op);

  const Program &program;
  const Plan &plan;
  std::map<std::pair<int, int>, int> copies;
  std::vector<std::string> faults;
};
} // namespace

Sharding Verifier::implied(int index, const Access &access, int operand) const {
  const Op &op = program.ops[index];
  Sharding state(plan.mesh.axes.size(), replicated);
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
    if (operand < 0 && state[a] == replicated)
      state[a] = op.factors[axis.factor].kind == FactorKind::Max ? partialMax
                                                                 : partialSum;
  }
  return state;
}

Sharding Verifier::produced(int index) const {
  const ProgramValue &value = program.values[index];
  if (value.producer >= 0)
    return implied(value.producer,
                   program.ops[value.producer].results[value.result], -1);
  auto it = plan.arguments.find(index);
  return it == plan.arguments.end()
             ? Sharding(plan.mesh.axes.size(), replicated)
             : it->second;
}

void Verifier::checkReshard(size_t index) {
  const PlannedReshard &reshard = plan.reshards[index];
  const ProgramValue &value = program.values[reshard.value];
  if (reshard.source >= int(index) ||
      (reshard.source != originalCopy &&
       plan.reshards[reshard.source].value != reshard.value))
    return fault(value.name, "a reshard starts from another value or from a "
                             "later one");
  Sharding source = stateOf(reshard.value, reshard.source);
  if (source != reshard.from)
    fault(value.name, "a reshard starts from " + nameOf(reshard.from) +
                          ", but its source is " + nameOf(source));
  int changes = 0;
  for (size_t a = 0; a < reshard.from.size(); ++a)
    changes += reshard.from[a] != reshard.to[a];
  if (changes != 1)
    fault(value.name,
          "a reshard changes " + std::to_string(changes) + " axes, expected 1");
}

void Verifier::checkOp(int index) {
  const Op &op = program.ops[index];
  const PlannedOp &planned = plan.ops[index];
  if (planned.axes.size() != plan.mesh.axes.size() || planned.stage < 0 ||
      planned.stage >= plan.mesh.stages)
    return fault(op.name, "has no valid stage or not one entry per axis");
  for (size_t o = 0; o < op.operands.size(); ++o) {
    int value = op.operands[o].value;
    auto it = copies.find({index, int(o)});
    int copy = it == copies.end() ? originalCopy : it->second;
    if (copy != originalCopy && plan.reshards[copy].value != value) {
      fault(op.name, "operand " + std::to_string(o) +
                         " reads a copy of "
                         "another value");
      continue;
    }
    Sharding need = implied(index, op.operands[o], int(o));
    Sharding state = stateOf(value, copy);
    if (need != state)
      fault(op.name, "operand " + std::to_string(o) + " needs " + nameOf(need) +
                         ", found " + nameOf(state));
    int producer = program.values[value].producer;
    if (producer >= 0 && plan.ops[producer].segment > planned.segment)
      fault(op.name,
            "runs before the segment of its operand " + std::to_string(o));
  }
}

std::vector<std::string> Verifier::run() {
  for (const PlannedUse &use : plan.uses)
    copies[{use.op, use.operand}] = use.copy;
  if (plan.ops.size() != program.ops.size()) {
    fault("program", "has another number of ops than the plan");
    return faults;
  }
  for (size_t r = 0; r < plan.reshards.size(); ++r)
    checkReshard(r);
  for (size_t i = 0; i < program.ops.size(); ++i)
    checkOp(int(i));
  // Results are complete, and state ends as it began.
  for (size_t v = 0; v < program.values.size(); ++v) {
    const ProgramValue &value = program.values[v];
    if (value.producer < 0 || (!value.metric && value.updates < 0))
      continue;
    auto it = plan.results.find(int(v));
    Sharding state =
        stateOf(int(v), it == plan.results.end() ? originalCopy : it->second);
    Sharding need = value.updates >= 0
                        ? produced(value.updates)
                        : Sharding(plan.mesh.axes.size(), replicated);
    if (state != need)
      fault(value.name,
            "ends as " + nameOf(state) + ", expected " + nameOf(need));
  }
  return faults;
}

std::vector<std::string> colossal::plan::verifyPlan(const Program &program,
                                                    const Plan &plan) {
  return Verifier(program, plan).run();
}
