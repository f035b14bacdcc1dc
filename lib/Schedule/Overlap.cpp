//===- Overlap.cpp - Collectives beside what does not need them -----------===//
//
// A collective is started as soon as its operand is there, and waited for where
// its bytes are next touched: in between, ranks that are not equally far need
// not wait for each other, and an engine that can moves bytes beside its
// compute. Bytes under way stay reserved, so few collectives are under way at a
// time.
//
//===----------------------------------------------------------------------===//

#include "RankScheduler.h"
#include "llvm/ADT/SetVector.h"
#include <numeric>

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// The first of the groups between `number` and `end` that reads an output of
/// group `number`, or `end`.
static size_t firstReader(ArrayRef<Group> groups, size_t number, size_t end) {
  ArrayRef<Value> values = groups[number].outputs;
  for (size_t i = number + 1; i < end; ++i)
    if (llvm::any_of(groups[i].inputs, [&](Value input) {
          return llvm::is_contained(values, input);
        }))
      return i;
  return end;
}

void schedule::advanceCollectives(std::vector<Group> &groups) {
  llvm::DenseMap<Value, size_t> computed;
  std::optional<size_t> previous;
  for (size_t i = 0; i < groups.size(); ++i) {
    size_t target = i;
    if (groups[i].kind == GroupKind::Collective) {
      // Not above the first reader of the one before: a result that waits for
      // its readers costs memory.
      target = previous ? firstReader(groups, *previous, i) : 0;
      for (Value input : groups[i].inputs)
        if (auto it = computed.find(input); it != computed.end())
          target = std::max(target, it->second + 1);
      previous = target;
      std::rotate(groups.begin() + target, groups.begin() + i,
                  groups.begin() + i + 1);
    }
    for (size_t moved = target; moved <= i; ++moved)
      for (Value output : groups[moved].outputs)
        computed[output] = moved;
  }
}

//===----------------------------------------------------------------------===//
// Starts and waits
//===----------------------------------------------------------------------===//

namespace {
/// A collective, or some that follow each other, and the position before which
/// it must be over.
struct Bucket {
  SmallVector<std::pair<SegmentSchedule *, int64_t>> groups;
  int64_t begin = 0, last = 0; ///< positions of the first and last
  int64_t end = INT64_MAX;     ///< the first position that touches its bytes
  int64_t bytes = 0;
};
} // namespace

/// Groups and copies that touch each root: position, and whether they write.
using Touches = llvm::DenseMap<unsigned, std::vector<std::pair<int64_t, bool>>>;

static bool isExecuted(const Group &group) {
  return group.kind != GroupKind::Alias;
}

/// The first position after `position` that touches the root, or writes it.
static int64_t nextTouch(const Touches &touches, unsigned root,
                         int64_t position, bool writesAlone) {
  auto found = touches.find(root);
  if (found == touches.end())
    return INT64_MAX;
  const auto &list = found->second;
  auto it = std::lower_bound(list.begin(), list.end(),
                             std::make_pair(position + 1, false));
  while (it != list.end() && writesAlone && !it->second)
    ++it;
  return it == list.end() ? INT64_MAX : it->first;
}

void RankScheduler::startCollectives(int64_t peak) {
  Touches touches;
  for (SegmentSchedule &segment : result.segments) {
    int64_t position = segment.begin;
    for (const Group &group : segment.groups) {
      if (isExecuted(group)) {
        for (Value value : group.inputs)
          touches[places.lookup(value).root].push_back({position, false});
        for (Value value : group.outputs)
          touches[places.lookup(value).root].push_back({position, true});
      }
      ++position;
    }
    for (const rank::Op &copy : copies[segment.name])
      for (auto [number, operand] : llvm::enumerate(copy.operands))
        touches[operand.buffer].push_back({segment.end, number == 1});
  }

  OverlapLimits limits = result.planner->overlap();
  // With several microbatches a segment runs more than once: what it starts it
  // waits for.
  bool crossesSegments = mesh.microbatches() == 1;
  int64_t endOfStep = result.segments.back().end;
  std::vector<Bucket> buckets;
  for (SegmentSchedule &segment : result.segments) {
    bool follows = false;
    for (auto [number, group] : llvm::enumerate(segment.groups)) {
      if (!isExecuted(group))
        continue;
      if (group.kind != GroupKind::Collective) {
        follows = false;
        continue;
      }
      int64_t position = segment.begin + int64_t(number);
      unsigned input = places.lookup(group.inputs[0]).root;
      unsigned output = places.lookup(group.outputs[0]).root;
      int64_t end =
          std::min({crossesSegments ? endOfStep : segment.end,
                    nextTouch(touches, input, position, /*writesAlone=*/true),
                    nextTouch(touches, output, position, false)});
      // The runtime reads metrics and outputs of a step.
      if (roots[output].kind == Root::Kind::Fixed) {
        follows = false;
        continue;
      }
      int64_t bytes = bytesOf(group.inputs[0]);
      bool joins = follows && end > position + 1 &&
                   buckets.back().end > position &&
                   buckets.back().bytes + bytes <= limits.bucketBytes;
      if (!joins)
        buckets.push_back({{}, position});
      Bucket &bucket = buckets.back();
      bucket.groups.push_back({&segment, int64_t(number)});
      bucket.last = position;
      bucket.end = std::min(bucket.end, end);
      bucket.bytes += bytes;
      follows = true;
    }
  }
  size_t most = limits.bucketsUnderWay;
  for (size_t i = 0; i + most < buckets.size(); ++i)
    buckets[i].end = std::min(buckets[i].end, buckets[i + most].begin);

  /// Whether a group runs between two positions.
  auto runsBetween = [&](int64_t first, int64_t last) {
    for (const SegmentSchedule &segment : result.segments)
      for (int64_t at = std::max(first, segment.begin);
           at < std::min(last, segment.begin + int64_t(segment.groups.size()));
           ++at)
        if (isExecuted(segment.groups[at - segment.begin]))
          return true;
    return false;
  };
  // What is live at each position: bytes under way must fit beside it.
  int64_t stateBytes = 0;
  std::vector<int64_t> live(endOfStep + 4, 0);
  for (const timeline::LiveRange &range : liveRanges(stateBytes))
    if (range.begin < range.end) {
      live[range.begin] += range.bytes;
      live[range.end] -= range.bytes;
    }
  std::partial_sum(live.begin(), live.end(), live.begin());
  int64_t room = peak - stateBytes;
  int64_t token = 0;
  for (Bucket &bucket : buckets) {
    llvm::SmallSetVector<unsigned, 8> held;
    for (auto [segment, number] : bucket.groups)
      for (Value value : {segment->groups[number].inputs[0],
                          segment->groups[number].outputs[0]})
        if (unsigned root = places.lookup(value).root;
            roots[root].kind == Root::Kind::Temporary)
          held.insert(root);
    auto keptAt = [&](int64_t position) {
      int64_t bytes = 0;
      for (unsigned root : held)
        if (roots[root].end <= position)
          bytes += liveRangeOf(roots[root]).bytes;
      return bytes;
    };
    int64_t end = bucket.last + 1;
    while (end < bucket.end && live[end] + keptAt(end) <= room)
      ++end;
    if (!runsBetween(bucket.last + 1, end))
      continue;
    for (int64_t at = bucket.last + 1; at < end; ++at)
      live[at] += keptAt(at);
    for (unsigned root : held)
      roots[root].liveAt(end - 1);
    bucket.end = end;
    ++token;
    for (auto [segment, number] : bucket.groups)
      segment->started[number] = token;
    // The segment of the position, or the end of the one before it.
    SegmentSchedule *waiting = nullptr;
    for (SegmentSchedule &segment : result.segments)
      if (segment.function && segment.begin <= bucket.end)
        waiting = &segment;
    int64_t number =
        std::min(bucket.end - waiting->begin, int64_t(waiting->groups.size()));
    waiting->waits[number].push_back(token);
  }
}
