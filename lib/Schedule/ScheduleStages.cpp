//===- ScheduleStages.cpp - Lifetimes, offsets, order of microbatches -----===//

#include "Colossal/IR/MeshAttribute.h"
#include "StageScheduler.h"
#include "colossal/Timeline/Arena.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

/// With several microbatches the segments run more than once, in turn: what
/// one of them hands to a later one lives through all forwards and backwards.
void StageScheduler::widenLinked() {
  for (auto [number, root] : llvm::enumerate(roots)) {
    if (!root.linked || mesh.microbatches() == 1)
      continue;
    int64_t forward = segmentBegin[unsigned(Segment::Forward)];
    int64_t backward = segmentEnd[unsigned(Segment::Backward)];
    if (root.begin < backward && root.end > forward) {
      if (root.begin >= forward)
        root.begin = forward;
      root.end = std::max(root.end, backward);
    }
  }
  for (int64_t root : zeroed)
    roots[root].begin = 0;
}

/// States first, one after the other; everything else behind them.
void StageScheduler::planOffsets() {
  int64_t end = segmentEnd[unsigned(Segment::Update)] + 2;
  std::vector<timeline::LiveRange> ranges;
  auto align = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  int64_t stateBytes = 0;
  for (const Root &root : roots) {
    timeline::LiveRange range;
    if (root.kind == Root::Kind::State) {
      stateBytes += align(root.bytes);
    } else {
      range.bytes = align(root.bytes) * root.slots;
      bool whole = root.kind == Root::Kind::Fixed;
      range.begin = whole ? 0 : std::min(root.begin, root.end);
      range.end = whole ? end : root.end;
    }
    ranges.push_back(range);
  }
  timeline::ArenaPlan plan = timeline::planArena(ranges);
  result.program.arenaBytes = stateBytes + plan.totalBytes;
  result.program.liveBytes = stateBytes + timeline::maximumLiveBytes(ranges);
  int64_t next = 0;
  for (auto [number, root] : llvm::enumerate(roots)) {
    bool isState = root.kind == Root::Kind::State;
    plan.offsets[number] = isState ? next : stateBytes + plan.offsets[number];
    next += isState ? align(root.bytes) : 0;
  }
  for (auto [number, root] : llvm::enumerate(roots)) {
    rank::Buffer buffer;
    buffer.id = number;
    buffer.name = root.name;
    buffer.dtype = root.dtype;
    buffer.offset = plan.offsets[number];
    buffer.bytes = root.bytes;
    buffer.slots = root.slots;
    buffer.slotStride = root.slots > 1 ? align(root.bytes) : 0;
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

void schedule::forEachOwnOp(const StageSchedule &stage, Segment segment,
                            rank::OpKind kind,
                            llvm::function_ref<void(const rank::Op &)> visit) {
  for (const rank::Segment &entry : stage.program.segments)
    if (entry.name == nameOf(segment))
      for (const rank::Op &op : entry.ops)
        if (op.kind == kind)
          visit(op);
}

FailureOr<StageSchedule> StageScheduler::run() {
  result.program.stage = stage;
  result.program.stages = mesh.stages;
  result.program.microbatches = mesh.microbatches();
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
    result.program.mesh.push_back({mesh.axes[axis].name, mesh.axes[axis].size});
  for (const StateArgument &state : states)
    addState(state);
  int64_t position = 1;
  for (Segment segment : allSegments) {
    unsigned index = unsigned(segment);
    std::string name = "stage" + std::to_string(stage) + "." + nameOf(segment);
    auto function = module.lookupSymbol<func::FuncOp>(name);
    segmentBegin[index] = position;
    if (function) {
      if (failed(checkGroupable(function)))
        return failure();
      prepareForGrouping(function);
      SegmentSchedule entry;
      entry.segment = segment;
      entry.function = function;
      entry.groups = groupOps(function);
      returned.clear();
      for (auto [number, value] :
           llvm::enumerate(function.front().getTerminator()->getOperands()))
        if (DictionaryAttr attributes = function.getResultAttrDict(number))
          returned[value] = attributes;
      segmentEnd[index] = position + int64_t(entry.groups.size());
      if (failed(placeArguments(entry)) ||
          failed(placeGroups(entry, position)) || failed(finishResults(entry)))
        return failure();
      result.segments.push_back(std::move(entry));
    } else {
      segmentEnd[index] = position;
    }
    position = segmentEnd[index] + 1;
  }
  widenLinked();
  planOffsets();
  for (auto &[value, place] : places)
    result.storage[value] = {int64_t(place.root), place.offset};
  llvm::SmallSet<Segment, 4> exists;
  for (const SegmentSchedule &entry : result.segments)
    exists.insert(entry.segment);
  if (!zeroed.empty())
    exists.insert(Segment::Prologue);
  for (Segment segment : allSegments) {
    if (!exists.contains(segment))
      continue;
    rank::Segment entry{nameOf(segment), {}};
    if (segment == Segment::Prologue)
      for (int64_t root : zeroed)
        entry.ops.push_back(zeroFill(result.program.buffers[root]));
    llvm::append_range(entry.ops, copies[segment]);
    result.program.segments.push_back(std::move(entry));
  }
  for (const timeline::Step &step : timeline::scheduleOrder(
           mesh.schedule, stage, mesh.stages, mesh.microbatches()))
    if (exists.contains(step.segment))
      result.program.schedule.push_back(
          {nameOf(step.segment), step.microbatch});
  return std::move(result);
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
  /// Per stage and name: the first function that has it.
  std::map<std::pair<int64_t, std::string>, size_t> known;
  for (ModuleOp module : programs) {
    FailureOr<layout::Mesh> mesh = meshOfPartitioned(module);
    if (failed(mesh))
      return failure();
    schema.resize(std::max(schema.size(), size_t(mesh->stages)));
    auto addArguments = [&](int64_t stage,
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
        auto [it, isNew] = known.try_emplace({stage, name.getValue().str()},
                                             schema[stage].size());
        if (isNew) {
          schema[stage].push_back({type, attributes});
          continue;
        }
        if (schema[stage][it->second].type != type)
          return function.emitError("state '")
                 << name.getValue() << "' is " << type << " on stage " << stage
                 << ", and " << schema[stage][it->second].type
                 << " in another function or program";
      }
      return success();
    };
    for (int64_t stage = 0; stage < mesh->stages; ++stage)
      for (Segment segment : allSegments)
        if (auto function = module.lookupSymbol<func::FuncOp>(
                "stage" + std::to_string(stage) + "." + nameOf(segment)))
          if (failed(addArguments(stage, function)))
            return failure();
  }
  return schema;
}

FailureOr<std::vector<StageSchedule>>
schedule::scheduleStages(ModuleOp module, const StateSchema &schema) {
  FailureOr<layout::Mesh> mesh = meshOfPartitioned(module);
  if (failed(mesh))
    return failure();
  std::vector<StageSchedule> stages;
  for (int64_t stage = 0; stage < mesh->stages; ++stage) {
    FailureOr<StageSchedule> scheduled =
        StageScheduler(module, *mesh, stage, schema[stage]).run();
    if (failed(scheduled))
      return failure();
    stages.push_back(std::move(*scheduled));
  }
  return stages;
}

FailureOr<std::vector<StageSchedule>>
schedule::scheduleStages(ModuleOp module) {
  FailureOr<StateSchema> schema = stateOf(module);
  if (failed(schema))
    return failure();
  return scheduleStages(module, *schema);
}
