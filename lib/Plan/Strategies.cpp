//===- Strategies.cpp - What follows from a node's choices ----------------===//

#include "colossal/Plan/Nodes.h"

#include <algorithm>
#include <map>
#include <set>

using namespace colossal;
using namespace colossal::plan;

/// The factor of op number `position` that belongs to the class; -1: none.
static int factorOf(const OpNode &node, int position, int number) {
  const std::vector<int> &classes = node.classes[position];
  auto it = std::find(classes.begin(), classes.end(), number);
  return it == classes.end() ? -1 : int(it - classes.begin());
}

Placements colossal::plan::shardingOf(const Program &program,
                                      const OpNode &node, int position,
                                      const Access &access, bool result,
                                      const std::vector<Choice> &choices,
                                      int operand) {
  const Op &op = program.ops[node.ops[position]];
  Placements sharding(choices.size(), replicated);
  for (size_t a = 0; a < choices.size(); ++a) {
    if (choices[a].kind == Choice::Kind::Linear) {
      const std::vector<int> &set = op.linear[choices[a].index];
      if (result || std::find(set.begin(), set.end(), operand) != set.end())
        sharding[a] = partialSum;
      continue;
    }
    if (choices[a].kind != Choice::Kind::Class)
      continue;
    int factor = factorOf(node, position, choices[a].index);
    if (factor < 0)
      continue;
    for (size_t k = 0; k < access.map.size(); ++k)
      if (access.map[k].factor == factor && access.map[k].plain)
        sharding[a] = int(k);
    Combiner combiner = op.factors[factor].combiner.value_or(Combiner::Sum);
    // Tuples of the parts are gathered and combined at once.
    if (result && sharding[a] == replicated && !isTuple(combiner))
      sharding[a] = partialOf(combiner);
  }
  return sharding;
}

/// Whether the axes fit the classes they cut, and do not mix a sum with a
/// maximum.
static bool choicesAreLegal(const Program &program, const Mesh &mesh,
                            const OpNode &node,
                            const std::vector<Choice> &choices) {
  std::map<int, int64_t> parts;
  for (size_t a = 0; a < choices.size(); ++a) {
    const Choice &choice = choices[a];
    if (choice.kind == Choice::Kind::Linear && node.ops.size() > 1)
      return false;
    if (choice.kind != Choice::Kind::Class)
      continue;
    if (!node.shardable[choice.index])
      return false;
    parts.emplace(choice.index, 1).first->second *= mesh.axes[a].size;
  }
  for (auto [number, count] : parts)
    if (node.bounds[number] < count)
      return false;
  return true;
}

namespace {
/// Derives what follows from a node's choices; run again with one more value
/// reduced until every partial value finds users that take it.
class Derivation {
public:
  Derivation(const Program &program, const OpNode &node,
             const std::vector<Choice> &choices)
      : program(program), node(node), choices(choices) {}

  std::optional<NodeStrategy> run() {
    while (true) {
      size_t before = reduced.size();
      if (!simulate())
        return std::nullopt;
      if (reduced.size() == before)
        break;
    }
    NodeStrategy strategy;
    for (const NodeInput &input : node.inputs) {
      int position = int(std::find(node.ops.begin(), node.ops.end(), input.op) -
                         node.ops.begin());
      const Access &access = program.ops[input.op].operands[input.operand];
      strategy.inputs.push_back(shardingOf(program, node, position, access,
                                           false, opChoices[position],
                                           input.operand));
    }
    for (int value : node.outputs)
      strategy.outputs.push_back(produced[value]);
    for (int i : node.ops)
      for (const Access &access : program.ops[i].results)
        if (reduced.count(access.value))
          strategy.reduced.push_back(access.value);
    strategy.choices = choices;
    strategy.opChoices = std::move(opChoices);
    return strategy;
  }

private:
  bool simulate();
  std::vector<Choice> choicesOf(int position);

  const Program &program;
  const OpNode &node;
  const std::vector<Choice> &choices;
  std::set<int> reduced;
  std::map<int, Placements> produced;
  std::vector<std::vector<Choice>> opChoices;
};
} // namespace

/// What an op does on every axis. A partial operand that the op is not linear
/// in is marked as reduced.
std::vector<Choice> Derivation::choicesOf(int position) {
  const Op &op = program.ops[node.ops[position]];
  std::vector<Choice> result;
  for (size_t a = 0; a < choices.size(); ++a) {
    if (choices[a].kind == Choice::Kind::Linear) {
      result.push_back(choices[a]);
      continue;
    }
    bool cuts = choices[a].kind == Choice::Kind::Class &&
                factorOf(node, position, choices[a].index) >= 0;
    std::vector<int> partial;
    for (size_t o = 0; o < op.operands.size(); ++o)
      if (auto it = produced.find(op.operands[o].value);
          it != produced.end() && isPartial(it->second[a]))
        partial.push_back(int(o));
    Choice choice = cuts ? choices[a] : Choice();
    auto set = std::find(op.linear.begin(), op.linear.end(), partial);
    bool sums = std::all_of(partial.begin(), partial.end(), [&](int o) {
      return produced[op.operands[o].value][a] == partialSum;
    });
    if (!partial.empty() && !cuts && sums && set != op.linear.end())
      choice = {Choice::Kind::Linear, int(set - op.linear.begin())};
    else
      for (int o : partial)
        reduced.insert(op.operands[o].value);
    result.push_back(choice);
  }
  return result;
}

bool Derivation::simulate() {
  produced.clear();
  opChoices.clear();
  for (size_t p = 0; p < node.ops.size(); ++p) {
    const Op &op = program.ops[node.ops[p]];
    size_t before = reduced.size();
    opChoices.push_back(choicesOf(int(p)));
    if (reduced.size() != before)
      return true; // begins again
    // What is used inside must be as it was produced.
    for (size_t o = 0; o < op.operands.size(); ++o) {
      auto it = produced.find(op.operands[o].value);
      if (it != produced.end() &&
          shardingOf(program, node, int(p), op.operands[o], false,
                     opChoices.back(), int(o)) != it->second)
        return false;
    }
    for (const Access &access : op.results) {
      Placements sharding = shardingOf(program, node, int(p), access,
                                       /*result=*/true, opChoices.back());
      if (layout::mixesCombiners(sharding))
        return false;
      if (reduced.count(access.value))
        for (int &axis : sharding)
          if (isPartial(axis))
            axis = replicated;
      produced[access.value] = sharding;
    }
  }
  return true;
}

std::optional<NodeStrategy>
colossal::plan::deriveStrategy(const Program &program, const Mesh &mesh,
                               const OpNode &node,
                               std::vector<Choice> choices) {
  if (!choicesAreLegal(program, mesh, node, choices))
    return std::nullopt;
  return Derivation(program, node, choices).run();
}

std::vector<int64_t>
colossal::plan::localBounds(const Program &program, const Batching &batching,
                            const Mesh &mesh, const OpNode &node, int position,
                            const std::vector<Choice> &choices,
                            int64_t microbatches) {
  const Op &op = program.ops[node.ops[position]];
  bool inLoop =
      op.segment == Segment::Forward || op.segment == Segment::Backward;
  std::vector<int64_t> bounds;
  for (size_t f = 0; f < op.factors.size(); ++f) {
    int64_t parts = 1;
    for (size_t a = 0; a < choices.size(); ++a)
      if (choices[a].kind == Choice::Kind::Class &&
          choices[a].index == node.classes[position][f])
        parts *= mesh.axes[a].size;
    int64_t bound = (op.factors[f].bound + parts - 1) / parts;
    if (inLoop && batching.factors[node.ops[position]] == int(f))
      bound = (bound + microbatches - 1) / microbatches;
    bounds.push_back(bound);
  }
  return bounds;
}

//===----------------------------------------------------------------------===//
// Time
//===----------------------------------------------------------------------===//

/// The product of the bounds of the factors with a role.
static int64_t product(const Op &op, const std::vector<int64_t> &bounds,
                       cost::FactorRole role) {
  int64_t result = 1;
  for (size_t f = 0; f < bounds.size(); ++f)
    if (op.work.roles[f] == role)
      result *= bounds[f];
  return result;
}

/// Bytes that an access touches: of a looked-up operand the rows read only.
static int64_t accessBytes(const Program &program, const Op &op,
                           const Access &access,
                           const std::vector<int64_t> &bounds, bool result) {
  int64_t elements = 1;
  std::vector<bool> seen(bounds.size());
  for (const SubIndex &index : access.map)
    if (index.factor >= 0)
      seen[index.factor] = true;
  bool lookedUp = false;
  for (size_t f = 0; f < bounds.size(); ++f) {
    bool isFree =
        !op.work.roles.empty() && op.work.roles[f] == cost::FactorRole::Free;
    lookedUp |= isFree && seen[f] && !result;
    if (seen[f])
      elements *= bounds[f];
  }
  if (lookedUp) {
    int64_t points = 1;
    for (size_t f = 0; f < bounds.size(); ++f)
      if (op.work.roles[f] != cost::FactorRole::Free)
        points *= bounds[f];
    elements = std::min(elements, points);
  }
  return elements * program.values[access.value].elementBytes;
}

static machine::DataType dataType(const ProgramValue &value) {
  return value.elementBytes == 8 ? machine::DataType::F64
         : value.elementBytes == 2
             ? (value.isHalf ? machine::DataType::F16 : machine::DataType::BF16)
             : machine::DataType::F32;
}

/// What whole ops compute in: 16 bits are widened on the way.
static machine::DataType libraryType(const ProgramValue &value) {
  return value.elementBytes == 2 ? machine::DataType::F32 : dataType(value);
}

/// To gather the tuples of parts over the axes that cut what is reduced.
static int64_t tupleTime(const Program &program,
                         const machine::Cluster &cluster,
                         const Reshards &reshards, const Mesh &mesh,
                         const OpNode &node, int position,
                         const std::vector<Choice> &choices,
                         const std::vector<int64_t> &bounds) {
  const Op &op = program.ops[node.ops[position]];
  int64_t time = 0;
  for (size_t a = 0; a < choices.size(); ++a) {
    if (choices[a].kind != Choice::Kind::Class)
      continue;
    int factor = factorOf(node, position, choices[a].index);
    if (factor < 0 || !op.factors[factor].combiner ||
        !isTuple(*op.factors[factor].combiner))
      continue;
    for (const Access &access : op.results)
      time += cost::allGatherTime(
          cluster, reshards.spanOf(int(a)),
          mesh.axes[a].size * accessBytes(program, op, access, bounds, true));
  }
  return time;
}

int64_t
colossal::plan::nodeTime(const Program &program, const Batching &batching,
                         const machine::Cluster &cluster,
                         const Reshards &reshards, const Mesh &mesh,
                         const OpNode &node, const NodeStrategy &strategy,
                         int64_t microbatches, const ByteTimes &byteTimes) {
  using Role = cost::FactorRole;
  int64_t time = 0, flops = 0;
  double movingNs = 0.0;
  auto move = [&](int value, int64_t bytes) {
    movingNs += double(bytes) * byteTimes.at(value);
  };
  std::set<int> read;
  std::set<int> own(node.ops.begin(), node.ops.end());
  std::set<int> outputs(node.outputs.begin(), node.outputs.end());
  for (size_t p = 0; p < node.ops.size(); ++p) {
    const Op &op = program.ops[node.ops[p]];
    std::vector<int64_t> bounds = localBounds(
        program, batching, mesh, node, int(p), strategy.choices, microbatches);
    if (op.work.kind == Work::Kind::Product) {
      int64_t m = product(op, bounds, Role::Rows),
              n = product(op, bounds, Role::Columns),
              k = product(op, bounds, Role::Inner),
              batch = product(op, bounds, Role::Batch);
      if (cost::isWorthALibraryCall(batch, m, n, k)) {
        time += cost::gemmTime(cluster, m, n, k, batch,
                               dataType(program.values[op.operands[0].value]));
        continue;
      }
    }
    if (op.work.kind == Work::Kind::Library) {
      std::vector<int64_t> global;
      for (const Factor &factor : op.factors)
        global.push_back(factor.bound);
      double moved = 0;
      for (const Access &access : op.operands)
        moved += double(accessBytes(program, op, access, bounds, false));
      for (const Access &access : op.results)
        moved += double(accessBytes(program, op, access, bounds, true));
      time += cost::libraryTime(
          cluster, op.work.rate, cost::libraryFlops(op.work, bounds, global),
          moved, libraryType(program.values[op.results[0].value]));
      continue;
    }
    time += tupleTime(program, cluster, reshards, mesh, node, int(p),
                      strategy.opChoices[p], bounds);
    // Kernels of one node are fused: only what crosses its border moves.
    int64_t points = 1;
    for (size_t f = 0; f < bounds.size(); ++f)
      if (op.work.roles.empty() || op.work.roles[f] != Role::Free)
        points *= bounds[f];
    flops += points * op.work.flopsPerPoint;
    for (const Access &access : op.operands)
      if (!own.count(program.values[access.value].producer) &&
          read.insert(access.value).second)
        move(access.value, accessBytes(program, op, access, bounds, false));
    for (const Access &access : op.results)
      if (outputs.count(access.value))
        move(access.value, accessBytes(program, op, access, bounds, true));
  }
  time += cost::kernelTime(cluster, flops, movingNs);
  // Inner reductions: the state before is partial on the reduced axes.
  for (int value : strategy.reduced) {
    int producer = program.values[value].producer;
    int position = int(std::find(node.ops.begin(), node.ops.end(), producer) -
                       node.ops.begin());
    const Access &access =
        program.ops[producer].results[program.values[value].result];
    Placements from = shardingOf(program, node, position, access, true,
                                 strategy.opChoices[position]);
    int64_t parts =
        batching.subDims[value] >= 0 && (node.segment == Segment::Forward ||
                                         node.segment == Segment::Backward)
            ? microbatches
            : 1;
    for (size_t a = 0; a < from.size(); ++a) {
      if (!isPartial(from[a]))
        continue;
      Placements to = from;
      to[a] = replicated;
      time += reshards
                  .time(program.values[value], from, to,
                        batching.subDims[value], parts)
                  .value_or(0);
      from = to;
    }
  }
  return time;
}
