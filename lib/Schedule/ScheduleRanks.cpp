//===- ScheduleRanks.cpp - Lifetimes, offsets, order of microbatches ------===//

#include "Colossal/IR/MeshAttribute.h"
#include "RankScheduler.h"
#include "colossal/Timeline/Arena.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

/// Whether each microbatch goes back before the next one goes forward.
static bool isOneByOne(const std::vector<timeline::Step> &order) {
  std::vector<timeline::Step> looped;
  llvm::copy_if(
      order, std::back_inserter(looped),
      [](const timeline::Step &step) { return step.microbatch >= 0; });
  return llvm::is_sorted(looped,
                         [](const timeline::Step &a, const timeline::Step &b) {
                           return a.microbatch < b.microbatch;
                         });
}

/// With several microbatches the segments run more than once, in turn: what
/// one of them hands to a later one lives through all forwards and backwards.
/// Where microbatches go one by one, what is of a microbatch is gone before the
/// next one begins.
void RankScheduler::widenLinked(const std::vector<timeline::Step> &order) {
  bool oneByOne = isOneByOne(order);
  int64_t loopBegin = INT64_MAX, loopEnd = 0;
  for (const SegmentSchedule &segment : result.segments)
    if (isPerMicrobatch(segment.segment.kind)) {
      loopBegin = std::min(loopBegin, segment.begin);
      loopEnd = std::max(loopEnd, segment.end);
    }
  for (Root &root : roots) {
    if (!root.linked || mesh.microbatches() == 1 ||
        (root.perMicrobatch && oneByOne))
      continue;
    if (root.begin < loopEnd && root.end > loopBegin) {
      if (root.begin >= loopBegin)
        root.begin = loopBegin;
      root.end = std::max(root.end, loopEnd);
    }
  }
  for (int64_t root : zeroed)
    roots[root].begin = 0;
}

/// As many as microbatches are on their way to the last reader.
void RankScheduler::countSlots(const std::vector<timeline::Step> &order) {
  for (Root &root : roots)
    if (root.perMicrobatch)
      root.slots = timeline::maximumInFlight(order, *root.perMicrobatch,
                                             root.lastReader);
}

int64_t RankScheduler::aligned(int64_t bytes) const {
  return llvm::alignTo(bytes, result.planner->bufferAlignment());
}

timeline::LiveRange RankScheduler::liveRangeOf(const Root &root) const {
  timeline::LiveRange range;
  if (root.kind == Root::Kind::State)
    return range;
  range.bytes = aligned(root.bytes) * root.slots;
  bool whole = root.kind == Root::Kind::Fixed;
  range.begin = whole ? 0 : std::min(root.begin, root.end);
  range.end = whole ? result.segments.back().end + 2 : root.end;
  return range;
}

std::vector<timeline::LiveRange>
RankScheduler::liveRanges(int64_t &stateBytes) const {
  std::vector<timeline::LiveRange> ranges;
  stateBytes = 0;
  for (const Root &root : roots) {
    ranges.push_back(liveRangeOf(root));
    if (root.kind == Root::Kind::State)
      stateBytes += aligned(root.bytes);
  }
  return ranges;
}

int64_t RankScheduler::peak() const {
  int64_t stateBytes = 0;
  std::vector<timeline::LiveRange> ranges = liveRanges(stateBytes);
  return stateBytes + timeline::maximumLiveBytes(ranges);
}

/// States first, one after the other; everything else behind them.
void RankScheduler::planOffsets() {
  int64_t stateBytes = 0;
  std::vector<timeline::LiveRange> ranges = liveRanges(stateBytes);
  timeline::ArenaPlan plan = timeline::planArena(ranges);
  result.program.arenaBytes = stateBytes + plan.totalBytes;
  result.program.liveBytes = stateBytes + timeline::maximumLiveBytes(ranges);
  int64_t next = 0;
  for (auto [number, root] : llvm::enumerate(roots)) {
    bool isState = root.kind == Root::Kind::State;
    plan.offsets[number] = isState ? next : stateBytes + plan.offsets[number];
    next += isState ? aligned(root.bytes) : 0;
  }
  for (auto [number, root] : llvm::enumerate(roots)) {
    rank::Buffer buffer;
    buffer.id = number;
    buffer.name = root.name;
    buffer.dtype = root.dtype;
    buffer.offset = plan.offsets[number];
    buffer.bytes = root.bytes;
    buffer.slots = root.slots;
    buffer.slotStride = root.slots > 1 ? aligned(root.bytes) : 0;
    result.program.buffers.push_back(buffer);
  }
}

static rank::Op zeroFill(const rank::Buffer &buffer) {
  rank::Op fill;
  fill.kind = rank::OpKind::Fill;
  fill.name = buffer.name + ".zero";
  fill.operands = {{buffer.id, 0}};
  return fill;
}

size_t schedule::beginningOf(const rank::Segment &segment) {
  auto isFill = [](const rank::Op &op) {
    return op.kind == rank::OpKind::Fill;
  };
  return llvm::find_if_not(segment.ops, isFill) - segment.ops.begin();
}

void schedule::forEachOwnOp(const RankSchedule &schedule, StringRef segment,
                            rank::OpKind kind,
                            llvm::function_ref<void(const rank::Op &)> visit) {
  for (const rank::Segment &entry : schedule.program.segments)
    if (entry.name == segment)
      for (const rank::Op &op : entry.ops)
        if (op.kind == kind)
          visit(op);
}

/// Segments that have work, and the order in which they run.
void RankScheduler::fillProgram(const std::vector<timeline::Step> &order) {
  llvm::StringSet<> exists;
  for (const SegmentSchedule &entry : result.segments) {
    bool clears = entry.segment.kind == Segment::Prologue && !zeroed.empty();
    if (!entry.function && !clears)
      continue;
    exists.insert(entry.name);
    rank::Segment segment{entry.name, {}};
    if (clears)
      for (int64_t root : zeroed)
        segment.ops.push_back(zeroFill(result.program.buffers[root]));
    llvm::append_range(segment.ops, copies[entry.name]);
    result.program.segments.push_back(std::move(segment));
  }
  for (const timeline::Step &step : order)
    if (std::string name = nameOf(step.segment, mesh.stages);
        exists.contains(name))
      result.program.schedule.push_back({name, step.microbatch});
}

LogicalResult RankScheduler::place() {
  result.program.group = group;
  result.program.groups = mesh.stages.groups;
  result.program.microbatches = mesh.microbatches();
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
    result.program.mesh.push_back({mesh.axes[axis].name, mesh.axes[axis].size});
  for (const StateArgument &state : states)
    addState(state);
  for (SegmentSchedule &entry : segments) {
    if (func::FuncOp function = entry.function) {
      returned.clear();
      for (auto [number, value] :
           llvm::enumerate(function.front().getTerminator()->getOperands()))
        if (DictionaryAttr attributes = function.getResultAttrDict(number))
          returned[value] = attributes;
      if (failed(placeArguments(entry)) || failed(placeGroups(entry)) ||
          failed(finishResults(entry)))
        return failure();
    }
    result.segments.push_back(std::move(entry));
  }
  order = timeline::scheduleOrder(mesh.schedule, group, mesh.stages,
                                  mesh.microbatches());
  widenLinked(order);
  countSlots(order);
  return success();
}

RankSchedule RankScheduler::finish() {
  planOffsets();
  for (auto &[value, place] : places)
    result.storage[value] = {int64_t(place.root), place.offset};
  fillProgram(order);
  llvm::erase_if(result.segments,
                 [](const SegmentSchedule &entry) { return !entry.function; });
  return std::move(result);
}

//===----------------------------------------------------------------------===//
// Device groups
//===----------------------------------------------------------------------===//

/// The segments of a device group with their groups of ops, at their positions.
static FailureOr<std::vector<SegmentSchedule>>
groupSegments(ModuleOp module, const Stages &stages, int64_t group,
              const KernelPlanner &planner) {
  std::vector<SegmentSchedule> segments;
  int64_t position = 1;
  for (const PlacedSegment &segment : segmentsOf(group, stages)) {
    SegmentSchedule &entry = segments.emplace_back();
    entry.segment = segment;
    entry.name = nameOf(segment, stages);
    entry.function = module.lookupSymbol<func::FuncOp>(functionOf(segment));
    if (entry.function) {
      if (failed(checkGroupable(entry.function)))
        return failure();
      prepareForGrouping(entry.function, planner);
      entry.groups = groupOps(entry.function, planner);
    }
    entry.begin = position;
    entry.end = position + int64_t(entry.groups.size());
    position = entry.end + 1;
  }
  return std::move(segments);
}

static bool hasCollectives(ArrayRef<SegmentSchedule> segments) {
  return llvm::any_of(segments, [](const SegmentSchedule &segment) {
    return llvm::any_of(segment.groups, [](const Group &group) {
      return group.kind == GroupKind::Collective;
    });
  });
}

static FailureOr<RankSchedule>
scheduleGroup(ModuleOp module, const layout::Mesh &mesh, int64_t group,
              ArrayRef<StateArgument> states, const KernelPlanner &planner,
              bool overlaps) {
  FailureOr<std::vector<SegmentSchedule>> segments =
      groupSegments(module, mesh.stages, group, planner);
  if (failed(segments))
    return failure();
  RankScheduler inPlace(mesh, group, states, planner, *segments);
  if (failed(inPlace.place()))
    return failure();
  if (!overlaps || !hasCollectives(*segments))
    return inPlace.finish();
  // What is under way may not cost memory. Moving collectives up does, in some
  // segments: then all of them stay where they are.
  for (SegmentSchedule &segment : *segments)
    advanceCollectives(segment.groups);
  RankScheduler advanced(mesh, group, states, planner, std::move(*segments));
  if (failed(advanced.place()))
    return failure();
  int64_t peak = inPlace.peak();
  RankScheduler &chosen = advanced.peak() <= peak ? advanced : inPlace;
  chosen.startCollectives(peak);
  return chosen.finish();
}

/// The mesh of a partitioned module, which says all of it.
static FailureOr<layout::Mesh> meshOfPartitioned(ModuleOp module) {
  if (!meshOf(module) || !stagesOf(module) || !microbatchesOf(module))
    return module.emitError(
        "found no colossal.mesh, colossal.stages or colossal.microbatches: "
        "expected a partitioned module");
  return readMesh(module);
}

FailureOr<StateSchema> schedule::stateOf(ArrayRef<ModuleOp> programs) {
  StateSchema schema;
  /// Per group and name: the first function that has it.
  std::map<std::pair<int64_t, std::string>, size_t> known;
  for (ModuleOp module : programs) {
    FailureOr<layout::Mesh> mesh = meshOfPartitioned(module);
    if (failed(mesh))
      return failure();
    const Stages &stages = mesh->stages;
    schema.resize(std::max(schema.size(), size_t(stages.groups)));
    auto addArguments = [&](int64_t group,
                            func::FuncOp function) -> LogicalResult {
      for (BlockArgument argument : function.getArguments()) {
        DictionaryAttr attributes =
            function.getArgAttrDict(argument.getArgNumber());
        auto role =
            attributes ? attributes.getAs<RoleAttr>(names::role) : RoleAttr();
        auto name = attributes ? attributes.getAs<StringAttr>(names::name)
                               : StringAttr();
        auto type = dyn_cast<RankedTensorType>(argument.getType());
        if (!role || !name || !type || !colossal::isState(role.getValue()) ||
            !dtypeOf(type.getElementType()) || attributes.get(names::link))
          continue;
        auto [it, isNew] = known.try_emplace({group, name.getValue().str()},
                                             schema[group].size());
        if (isNew) {
          schema[group].push_back({type, attributes});
          continue;
        }
        if (schema[group][it->second].type != type)
          return function.emitError("state '")
                 << name.getValue() << "' is " << type << " on device group "
                 << group << ", and " << schema[group][it->second].type
                 << " in another function or program";
      }
      return success();
    };
    for (int64_t group = 0; group < stages.groups; ++group)
      for (const PlacedSegment &segment : segmentsOf(group, stages))
        if (auto function =
                module.lookupSymbol<func::FuncOp>(functionOf(segment)))
          if (failed(addArguments(group, function)))
            return failure();
  }
  return schema;
}

FailureOr<std::vector<RankSchedule>>
schedule::scheduleRanks(ModuleOp module, const StateSchema &schema,
                        const KernelPlanner &planner, bool overlaps) {
  FailureOr<layout::Mesh> mesh = meshOfPartitioned(module);
  if (failed(mesh))
    return failure();
  std::vector<RankSchedule> schedules;
  for (int64_t group = 0; group < mesh->stages.groups; ++group) {
    FailureOr<RankSchedule> scheduled =
        scheduleGroup(module, *mesh, group, schema[group], planner, overlaps);
    if (failed(scheduled))
      return failure();
    schedules.push_back(std::move(*scheduled));
  }
  return schedules;
}

FailureOr<std::vector<RankSchedule>>
schedule::scheduleRanks(ModuleOp module, const KernelPlanner &planner,
                        bool overlaps) {
  FailureOr<StateSchema> schema = stateOf(module);
  if (failed(schema))
    return failure();
  return scheduleRanks(module, *schema, planner, overlaps);
}
