//===- CopyGraph.cpp - What the loop of a plan computes and holds ---------===//

#include "CopyGraph.h"
#include "Curve.h"

#include <algorithm>
#include <limits>

using namespace colossal;
using namespace colossal::plan;

//===----------------------------------------------------------------------===//
// Building
//===----------------------------------------------------------------------===//

namespace {
class GraphBuilder {
public:
  GraphBuilder(const Program &program, const Batching &batching,
               const std::vector<OpNode> &nodes,
               const std::vector<int> &blockOfNode, const Plan &plan,
               const PlanTimes &times)
      : program(program), batching(batching), nodes(nodes),
        blockOfNode(blockOfNode), plan(plan), times(times),
        isAdded(plan.reshards.size()) {
    for (const PlannedUse &use : plan.uses)
      copyOfUse[{use.op, use.operand}] = use.copy;
    for (size_t n = 0; n < nodes.size(); ++n)
      for (int op : nodes[n].ops)
        nodeOfOp[op] = int(n);
  }

  CopyGraph run() {
    for (Segment segment : {Segment::Forward, Segment::Backward}) {
      for (size_t n = 0; n < nodes.size(); ++n)
        if (plan.ops[nodes[n].ops.front()].segment == segment)
          addNode(int(n), segment);
      for (size_t r = 0; r < plan.reshards.size(); ++r)
        if (plan.reshards[r].segment == segment)
          addReshard(int(r), blockOfProducer(plan.reshards[r].value));
    }
    holdResults();
    return std::move(graph);
  }

private:
  int copyOf(const NodeInput &input) const {
    auto it = copyOfUse.find({input.op, input.operand});
    return it == copyOfUse.end() ? originalCopy : it->second;
  }
  int blockOfProducer(int value) const {
    int producer = program.values[value].producer;
    return producer < 0 ? 0 : blockOfNode[nodeOfOp.at(producer)];
  }
  void read(int step, int value, int copy) {
    auto it = indexOf.find({value, copy});
    if (it == indexOf.end())
      return; // it is there all the time
    std::vector<int> &users = graph.copies[it->second].users;
    if (!users.empty() && users.back() == step)
      return;
    users.push_back(step);
    graph.steps[step].reads.push_back(it->second);
  }
  void write(int step, int value, int copy, const Placements &state) {
    CopyGraph::Copy added;
    added.name = {value, copy};
    added.bytes = localBytes(program.values[value], plan.mesh, state,
                             batching.subDims[value], plan.microbatches);
    added.producer = step;
    added.isSum = batching.partial[value] && plan.microbatches > 1;
    indexOf[{value, copy}] = int(graph.copies.size());
    graph.steps[step].writes.push_back(int(graph.copies.size()));
    graph.copies.push_back(std::move(added));
  }
  int addStep(Segment segment, int stage, int block, int64_t time) {
    CopyGraph::Step &step = graph.steps.emplace_back();
    step.segment = segment;
    step.stage = stage;
    step.block = block;
    step.timeNs = time;
    return int(graph.steps.size()) - 1;
  }
  void addNode(int n, Segment segment) {
    const OpNode &node = nodes[n];
    for (const NodeInput &input : node.inputs)
      if (int copy = copyOf(input);
          copy != originalCopy && plan.reshards[copy].segment == segment)
        addReshard(copy, blockOfNode[n]);
    int step = addStep(segment, plan.ops[node.ops.front()].stage,
                       blockOfNode[n], times.nodes[n]);
    graph.steps[step].node = n;
    for (const NodeInput &input : node.inputs)
      read(step, input.value, copyOf(input));
    for (int output : node.outputs)
      write(step, output, originalCopy,
            producedSharding(program, plan, output));
    for (int output : node.outputs)
      findSources(n, output);
  }
  void findSources(int n, int output) {
    int producer = program.values[output].producer;
    const Op &op = program.ops[producer];
    for (const Factor &factor : op.factors)
      if (factor.combiner)
        return;
    std::vector<int> sources;
    for (size_t o = 0; o < op.operands.size(); ++o) {
      int value = op.operands[o].value, maker = program.values[value].producer;
      auto it = indexOf.find({value, copyOf({0, producer, int(o)})});
      if (it != indexOf.end())
        sources.push_back(it->second);
      else if (maker >= 0 && nodeOfOp.at(maker) == n)
        return; // stored nowhere
    }
    CopyGraph::Copy &copy = graph.copies[indexOf.at({output, originalCopy})];
    copy.isElementwise = true;
    copy.sources = std::move(sources);
  }
  void addReshard(int r, int block) {
    const PlannedReshard &reshard = plan.reshards[r];
    if (isAdded[r])
      return;
    isAdded[r] = true;
    if (reshard.source != originalCopy &&
        plan.reshards[reshard.source].segment == reshard.segment)
      addReshard(reshard.source, block);
    int step =
        addStep(reshard.segment, reshard.stage, block, times.reshards[r]);
    read(step, reshard.value, reshard.source);
    write(step, reshard.value, r, reshard.to);
  }
  void holdResults() {
    auto hold = [&](int value, int copy) {
      if (auto it = indexOf.find({value, copy}); it != indexOf.end())
        graph.copies[it->second].isHeld = true;
    };
    for (size_t i = 0; i < plan.ops.size(); ++i)
      if (plan.ops[i].segment == Segment::Update)
        for (size_t o = 0; o < program.ops[i].operands.size(); ++o)
          hold(program.ops[i].operands[o].value, copyOf({0, int(i), int(o)}));
    for (const PlannedReshard &reshard : plan.reshards)
      if (reshard.segment == Segment::Update)
        hold(reshard.value, reshard.source);
    for (size_t v = 0; v < program.values.size(); ++v)
      if (program.values[v].isResult()) {
        auto it = plan.results.find(int(v));
        hold(int(v), it == plan.results.end() ? originalCopy : it->second);
      }
  }

  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  const std::vector<int> &blockOfNode;
  const Plan &plan;
  const PlanTimes &times;
  std::vector<bool> isAdded; ///< per reshard
  std::map<std::pair<int, int>, int> copyOfUse, indexOf;
  std::map<int, int> nodeOfOp;
  CopyGraph graph;
};
} // namespace

CopyGraph colossal::plan::buildCopyGraph(const Program &program,
                                         const Batching &batching,
                                         const std::vector<OpNode> &nodes,
                                         const std::vector<int> &blockOfNode,
                                         const Plan &plan,
                                         const PlanTimes &times) {
  return GraphBuilder(program, batching, nodes, blockOfNode, plan, times).run();
}

//===----------------------------------------------------------------------===//
// Walking
//===----------------------------------------------------------------------===//

namespace {
constexpr int never = std::numeric_limits<int>::max();

/// One stage's steps, with those that are done again.
class Walk {
public:
  Walk(const CopyGraph &graph, int stage, const std::vector<bool> &recomputed,
       bool mayRepeatForEachUse)
      : graph(graph), recomputed(recomputed),
        mayRepeatForEachUse(mayRepeatForEachUse),
        place(graph.steps.size(), never), again(graph.steps.size(), never) {
    for (size_t s = 0; s < graph.steps.size(); ++s) {
      const CopyGraph::Step &step = graph.steps[s];
      if (step.stage == stage)
        (step.segment == Segment::Forward ? forward : backward)
            .push_back(int(s));
    }
    orderBackward();
  }

  CopyMemory measure();

private:
  bool isForward(int copy) const {
    return graph.steps[graph.copies[copy].producer].segment == Segment::Forward;
  }
  bool isRepeated(int copy) const {
    return recomputed[copy] && again[graph.copies[copy].producer] != never;
  }
  void orderBackward();
  void findLastUses();
  std::vector<std::pair<int, int>> usesOf(int copy) const;
  bool isMadeForEachUse(int copy,
                        const std::vector<std::pair<int, int>> &uses) const;

  const CopyGraph &graph;
  const std::vector<bool> &recomputed;
  bool mayRepeatForEachUse;
  std::vector<int> forward, backward; ///< steps of the stage
  /// Per step of the stage its place in its segment, and the place in backward
  /// where it is done again.
  std::vector<int> place, again;
  std::vector<int> lastBack; ///< per copy, in backward; -1: no use there
  size_t length = 0;         ///< of backward, with what is done again
  CopyMemory memory;
};
} // namespace

/// Puts each repeated step in front of the first step that needs it.
void Walk::orderBackward() {
  std::vector<int> order(graph.steps.size(), never); ///< without repetitions
  for (size_t i = 0; i < backward.size(); ++i)
    order[backward[i]] = int(i);
  std::vector<std::vector<int>> before(backward.size());
  for (size_t i = forward.size(); i-- > 0;) {
    int first = never;
    for (int copy : graph.steps[forward[i]].writes)
      if (recomputed[copy])
        for (int user : graph.copies[copy].users)
          first = std::min(first, order[user]);
    if (first == never)
      continue;
    order[forward[i]] = first;
    before[first].push_back(forward[i]); // the last one first
  }
  for (size_t i = 0; i < forward.size(); ++i)
    place[forward[i]] = int(i);
  for (size_t i = 0; i < backward.size(); ++i) {
    for (size_t k = before[i].size(); k-- > 0;)
      again[before[i][k]] = int(length++);
    place[backward[i]] = int(length++);
  }
}

void Walk::findLastUses() {
  lastBack.assign(graph.copies.size(), -1);
  for (size_t c = 0; c < graph.copies.size(); ++c)
    for (int user : graph.copies[c].users) {
      bool isAhead = graph.steps[user].segment == Segment::Forward;
      int at = place[user] == never ? never
               : isAhead            ? again[user]
                                    : place[user];
      if (at != never)
        lastBack[c] = std::max(lastBack[c], at);
    }
}

/// Uses of a copy in backward: first and last places of those that follow each
/// other.
std::vector<std::pair<int, int>> Walk::usesOf(int copy) const {
  std::vector<int> places;
  for (int user : graph.copies[copy].users) {
    bool isAhead = graph.steps[user].segment == Segment::Forward;
    if (int at = isAhead ? again[user] : place[user];
        at != never && place[user] != never)
      places.push_back(at);
  }
  std::sort(places.begin(), places.end());
  std::vector<std::pair<int, int>> uses;
  for (int at : places)
    if (!uses.empty() && at <= uses.back().second + 1)
      uses.back().second = at;
    else
      uses.push_back({at, at});
  return uses;
}

bool Walk::isMadeForEachUse(
    int index, const std::vector<std::pair<int, int>> &uses) const {
  const CopyGraph::Copy &copy = graph.copies[index];
  return mayRepeatForEachUse && copy.isElementwise && uses.size() > 1 &&
         std::all_of(copy.sources.begin(), copy.sources.end(), [&](int source) {
           return !memory.forEachUse[source] &&
                  lastBack[source] >= uses.back().second;
         });
}

CopyMemory Walk::measure() {
  memory.forEachUse.assign(graph.copies.size(), false);
  for (int s : forward)
    if (again[s] != never)
      memory.repeatedNs += graph.steps[s].timeNs;
  findLastUses();
  Curve ahead(forward.size()), back(length);
  for (size_t c = 0; c < graph.copies.size(); ++c) {
    const CopyGraph::Copy &copy = graph.copies[c];
    // Where the stage has it: made there, or received for its first use.
    bool isOfForward = isForward(int(c));
    int made = place[copy.producer];
    int firstAhead = isOfForward ? made : never, lastAhead = -1;
    int firstBack = isOfForward ? never : made;
    for (int user : copy.users) {
      if (place[user] == never)
        continue;
      if (graph.steps[user].segment == Segment::Forward) {
        firstAhead = std::min(firstAhead, place[user]);
        lastAhead = std::max(lastAhead, place[user]);
      } else {
        firstBack = std::min(firstBack, place[user]);
      }
    }
    bool isHere = made != never;
    if (isOfForward) {
      bool isAgain = isRepeated(int(c));
      bool isKept = (!isAgain && lastBack[c] >= 0) ||
                    (copy.isHeld && !copy.isSum && isHere);
      if (firstAhead == never && (isKept || lastBack[c] >= 0))
        firstAhead = 0; // received, for backward alone
      if (firstAhead != never)
        ahead.add(firstAhead,
                  isKept ? int(forward.size()) - 1
                         : std::max(firstAhead, lastAhead),
                  copy.bytes);
      if (isKept) {
        memory.kept += copy.bytes;
        if (length > 0)
          back.add(0, copy.isHeld && isHere ? int(length) - 1 : lastBack[c],
                   copy.bytes);
      }
      if (!isAgain || lastBack[c] < 0)
        continue;
      int first = again[copy.producer];
      std::vector<std::pair<int, int>> uses = usesOf(int(c));
      if (isMadeForEachUse(int(c), uses)) {
        memory.forEachUse[c] = true;
        memory.repeatedNs +=
            int64_t(uses.size() - 1) * graph.steps[copy.producer].timeNs;
        uses.front().first = std::min(uses.front().first, first);
        for (auto [begin, end] : uses)
          back.add(begin, end, copy.bytes);
      } else {
        back.add(first, std::max(first, lastBack[c]), copy.bytes);
      }
    } else if (firstBack != never) {
      int last = std::max(firstBack, lastBack[c]);
      if (copy.isHeld && !copy.isSum && isHere)
        last = int(length) - 1;
      back.add(firstBack, last, copy.bytes);
    }
  }
  memory.forward = ahead.peak();
  memory.backward = back.peak();
  return memory;
}

CopyMemory colossal::plan::memoryOf(const CopyGraph &graph, int stage,
                                    const std::vector<bool> &recomputed,
                                    bool forEachUse) {
  return Walk(graph, stage, recomputed, forEachUse).measure();
}
