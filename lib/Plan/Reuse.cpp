//===- Reuse.cpp - How long ago a node's values were touched --------------===//

#include "Reuse.h"

#include <algorithm>
#include <initializer_list>

using namespace colossal;
using namespace colossal::plan;

static bool isInLoop(Segment segment) {
  return segment == Segment::Forward || segment == Segment::Backward;
}

namespace {
/// One execution of a node: `microbatch` 0 or 1 in the loop, -1 outside.
struct Visit {
  int node = 0, microbatch = -1;
  int64_t begin = 0, end = 0; ///< bytes touched before and with it
};

class Walk {
public:
  Walk(const Program &program, const Batching &batching,
       const std::vector<OpNode> &nodes, int64_t devices, int64_t microbatches)
      : program(program), batching(batching), nodes(nodes), devices(devices),
        microbatches(microbatches), visitsOf(nodes.size()),
        touches(3 * program.values.size()) {
    // The second microbatch stands for all that have one before them.
    visitSegment({Segment::Prologue}, -1);
    for (int turn = 0; turn < std::min<int64_t>(microbatches, 2); ++turn)
      visitSegment({Segment::Forward, Segment::Backward}, turn);
    visitSegment({Segment::Update}, -1);
    for (size_t v = 0; v < program.values.size(); ++v) {
      bool isBatch = program.values[v].role == Role::Batch;
      everything += bytesOf(int(v), !isBatch && isLooped(int(v)));
    }
  }

  /// Distances of the values at a node's border.
  std::map<int, int64_t> distancesOf(int number) const {
    const OpNode &node = nodes[number];
    std::map<int, int64_t> result;
    const std::vector<int> &own = visitsOf[number];
    for (const NodeInput &input : node.inputs)
      result[input.value] = bounded(distanceBefore(input.value, own.back()));
    for (int value : node.outputs)
      result[value] = bounded(distanceAfter(value, own.front()));
    return result;
  }

private:
  bool isLooped(int value) const {
    int producer = program.values[value].producer;
    return producer < 0 ? program.values[value].role == Role::Batch
                        : isInLoop(program.ops[producer].segment);
  }
  bool isCut(int value) const {
    return batching.subDims[value] >= 0 && isLooped(value);
  }
  int64_t bytesOf(int value, bool inLoop) const {
    const ProgramValue &its = program.values[value];
    int64_t parts = devices * (inLoop && isCut(value) ? microbatches : 1);
    return std::max<int64_t>(its.elements() * its.elementBytes / parts, 1);
  }
  /// Of the touches of a value, or of its part of a microbatch.
  size_t keyOf(int value, int microbatch) const {
    return 3 * size_t(value) + (isCut(value) ? microbatch + 1 : 0);
  }
  int64_t bounded(int64_t distance) const {
    return std::clamp<int64_t>(distance, 0, everything);
  }

  void visitSegment(std::initializer_list<Segment> segments, int microbatch) {
    std::vector<int> touched;
    for (Segment segment : segments)
      for (size_t n = 0; n < nodes.size(); ++n) {
        if (nodes[n].segment != segment)
          continue;
        touched = nodes[n].outputs;
        for (const NodeInput &input : nodes[n].inputs)
          touched.push_back(input.value);
        std::sort(touched.begin(), touched.end());
        touched.erase(std::unique(touched.begin(), touched.end()),
                      touched.end());
        Visit visit{int(n), microbatch, clock, clock};
        for (int value : touched) {
          visit.end += bytesOf(value, microbatch >= 0);
          touches[keyOf(value, microbatch)].push_back(int(visits.size()));
        }
        clock = visit.end;
        visitsOf[n].push_back(int(visits.size()));
        visits.push_back(visit);
      }
  }

  int64_t distanceBefore(int value, int visit) const {
    const std::vector<int> &all =
        touches[keyOf(value, visits[visit].microbatch)];
    auto at = std::lower_bound(all.begin(), all.end(), visit);
    return at == all.begin() ? everything
                             : visits[visit].end - visits[*(at - 1)].end;
  }

  int64_t distanceAfter(int value, int visit) const {
    if (program.values[value].updates >= 0)
      return everything;
    const std::vector<int> &all =
        touches[keyOf(value, visits[visit].microbatch)];
    auto at = std::lower_bound(all.begin(), all.end(), visit);
    if (at + 1 == all.end()) // nobody uses it
      return visits[visit].end - visits[visit].begin;
    int64_t most = 0;
    for (; at + 1 != all.end(); ++at) {
      most = std::max(most, visits[*(at + 1)].end - visits[*at].end);
      // From here on the next microbatch writes the sum again.
      if (visits[*(at + 1)].node == visits[visit].node)
        break;
    }
    return most;
  }

  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  int64_t devices, microbatches;
  int64_t clock = 0, everything = 0;
  std::vector<Visit> visits;
  std::vector<std::vector<int>> visitsOf; ///< per node
  std::vector<std::vector<int>> touches;  ///< by key: visits, rising
};
} // namespace

std::shared_ptr<const std::vector<ByteTimes>> colossal::plan::byteTimesOf(
    const Program &program, const Batching &batching,
    const std::vector<OpNode> &nodes, const Pieces &pieces,
    const machine::Cluster &cluster, int64_t devices, int64_t microbatches) {
  std::vector<int> nodeOf(program.ops.size());
  for (size_t n = 0; n < nodes.size(); ++n)
    for (int op : nodes[n].ops)
      nodeOf[op] = int(n);
  Walk walk(program, batching, nodes, devices, microbatches);
  std::vector<ByteTimes> result(nodes.size());
  std::vector<std::map<int, int64_t>> counts(nodes.size());
  for (size_t n = 0; n < nodes.size(); ++n) {
    int piece = pieces.ofNode[n];
    int first = program.ops[nodes[n].ops[0]].results[0].value;
    int producer = program.values[pieces.counterpart(piece, first)].producer;
    int representative = nodeOf[producer];
    for (auto [value, distance] : walk.distancesOf(int(n))) {
      int its = pieces.counterpart(piece, value);
      result[representative][its] += cost::byteTime(cluster, distance);
      ++counts[representative][its];
    }
  }
  for (size_t n = 0; n < nodes.size(); ++n)
    for (auto &[value, time] : result[n])
      time /= double(counts[n][value]);
  return std::make_shared<const std::vector<ByteTimes>>(std::move(result));
}
