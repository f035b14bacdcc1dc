//===- ScheduleStages.cpp - Groups, buffers and offsets -------------------===//

#include "Storage.h"
#include "colossal/Timeline/Arena.h"
#include "mlir/IR/BuiltinAttributes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using timeline::Segment;

namespace {

constexpr Segment segments[] = {Segment::Prologue, Segment::Forward,
                                Segment::Backward, Segment::Update};

/// What the module's attributes say.
struct Setting {
  std::vector<rank::Axis> mesh;
  std::vector<rank::Axis> meshWithTime;
  int64_t stages = 1;
  int64_t microbatches = 1;
  timeline::ScheduleKind schedule = timeline::ScheduleKind::OneFOneB;
};

class StageScheduler {
public:
  StageScheduler(ModuleOp module, const Setting &setting, int64_t stage)
      : module(module), setting(setting), stage(stage) {}
  FailureOr<StageSchedule> run();

private:
  LogicalResult placeArguments(SegmentSchedule &segment);
  LogicalResult placeGroups(SegmentSchedule &segment, int64_t base);
  LogicalResult placeOutputs(SegmentSchedule &segment, Group &group,
                             int64_t position);
  LogicalResult finishResults(SegmentSchedule &segment);
  void placeState(Value value, DictionaryAttr attributes);
  void placeInput(Value value, DictionaryAttr attributes);
  void planOffsets();
  void widenLinked();

  unsigned newRoot(Value value, StringRef name, Root::Kind kind);
  /// The fixed root with this key, made at the first call.
  unsigned fixedRoot(StringRef key, Value value, StringRef name, bool &isNew);
  /// Whether `output` may be written where `state` (a root) lies, at the
  /// position of `group`.
  bool mayOverwrite(SegmentSchedule &segment, const Group &group,
                    unsigned output, unsigned root, int64_t position);
  /// Positions of the last reads in the segment at hand.
  int64_t lastRead(unsigned root) const;

  ModuleOp module;
  const Setting &setting;
  int64_t stage;
  StageSchedule result;
  std::vector<Root> roots;
  DenseMap<Value, Place> places;
  llvm::StringMap<unsigned> fixed; ///< "state:NAME" -> root
  llvm::StringMap<Place> links;
  /// For the segment at hand: value -> positions of the groups that read it.
  DenseMap<Value, SmallVector<int64_t>> reads;
  /// Result role of a returned value of the segment at hand.
  DenseMap<Value, DictionaryAttr> returned;
  int64_t segmentBegin[4] = {}, segmentEnd[4] = {};
};

} // namespace

//===----------------------------------------------------------------------===//
// Roots
//===----------------------------------------------------------------------===//

unsigned StageScheduler::newRoot(Value value, StringRef name, Root::Kind kind) {
  Root root;
  root.kind = kind;
  root.name = name.str();
  root.dtype =
      *dtypeOf(cast<RankedTensorType>(value.getType()).getElementType());
  root.bytes = schedule::bytesOf(value);
  roots.push_back(root);
  return roots.size() - 1;
}

unsigned StageScheduler::fixedRoot(StringRef key, Value value, StringRef name,
                                   bool &isNew) {
  auto [entry, inserted] = fixed.try_emplace(key, 0);
  isNew = inserted;
  if (inserted)
    entry->second = newRoot(value, name, Root::Kind::Fixed);
  return entry->second;
}

void StageScheduler::placeState(Value value, DictionaryAttr attributes) {
  std::string name = attributes.getAs<StringAttr>(names::name).getValue().str();
  bool isNew = false;
  unsigned root = fixedRoot("state:" + name, value, name, isNew);
  places[value] = {root, 0};
  if (!isNew)
    return;
  rank::State state;
  state.buffer = root;
  state.name = name;
  state.role = attributes.getAs<StringAttr>(names::role).getValue().str();
  state.layout = layoutOf(attributes, setting.meshWithTime);
  state.globalShape = globalShapeOf(state.layout);
  if (auto source = attributes.getAs<DictionaryAttr>(names::source)) {
    auto integer = [&](StringRef key) -> int64_t {
      auto attr = source.getAs<IntegerAttr>(key);
      return attr ? attr.getInt() : 0;
    };
    if (auto file = source.getAs<StringAttr>("file")) {
      state.initial.file = file.getValue().str();
      state.initial.offset = integer("offset");
      state.initial.bytes = integer("bytes");
      state.initial.crc = uint32_t(integer("crc"));
    }
    if (auto fill = source.getAs<FloatAttr>("fill"))
      state.initial.fill = fill.getValueAsDouble();
  }
  result.program.states.push_back(state);
}

void StageScheduler::placeInput(Value value, DictionaryAttr attributes) {
  std::string name = attributes.getAs<StringAttr>(names::name).getValue().str();
  // The whole batch and its microbatches are different layouts of one input.
  std::string text;
  llvm::raw_string_ostream(text) << attributes.get(names::sharding);
  bool isNew = false;
  unsigned root = fixedRoot("batch:" + name + text, value, name, isNew);
  places[value] = {root, 0};
  if (!isNew)
    return;
  rank::Input input;
  input.buffer = root;
  input.name = name;
  input.layout = layoutOf(attributes, setting.meshWithTime);
  input.globalShape = globalShapeOf(input.layout);
  if (auto dim = attributes.getAs<IntegerAttr>(names::batchDim))
    input.batchDim = dim.getInt();
  for (const auto &dimension : input.layout.dimensions)
    for (const rank::SubDimension &sub : dimension)
      if (llvm::is_contained(sub.axes, names::timeAxis.str()))
        roots[root].slots = setting.microbatches;
  result.program.inputs.push_back(input);
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LogicalResult StageScheduler::placeArguments(SegmentSchedule &segment) {
  func::FuncOp function = segment.function;
  for (BlockArgument argument : function.getArguments()) {
    DictionaryAttr attributes =
        function.getArgAttrDict(argument.getArgNumber());
    if (!attributes)
      attributes = DictionaryAttr::get(function.getContext());
    if (!dtypeOf(cast<RankedTensorType>(argument.getType()).getElementType()))
      return function.emitError("argument ")
             << argument.getArgNumber() << " has type " << argument.getType()
             << ", expected f32, f64, i64, i32 or i1 elements";
    if (auto link = attributes.getAs<StringAttr>(names::link)) {
      auto known = links.find(link.getValue());
      if (known == links.end())
        return function.emitError("argument ")
               << argument.getArgNumber() << " is linked to '"
               << link.getValue() << "', which no earlier segment returns";
      places[argument] = known->second;
      continue;
    }
    auto role = attributes.getAs<StringAttr>(names::role);
    auto name = attributes.getAs<StringAttr>(names::name);
    if (!role || !name)
      return function.emitError("argument ")
             << argument.getArgNumber()
             << " has neither colossal.link nor colossal.role and name";
    if (role.getValue() == "batch") {
      placeInput(argument, attributes);
    } else if (role.getValue() == "control") {
      bool isNew = false;
      unsigned root = fixedRoot(("control:" + name.getValue()).str(), argument,
                                name.getValue(), isNew);
      places[argument] = {root, 0};
      if (isNew)
        result.program.controls.push_back({root, name.getValue().str()});
    } else {
      placeState(argument, attributes);
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

int64_t StageScheduler::lastRead(unsigned root) const {
  int64_t last = -1;
  for (const auto &[value, positions] : reads) {
    auto place = places.find(value);
    if (place != places.end() && place->second.root == root)
      for (int64_t position : positions)
        last = std::max(last, position);
  }
  return last;
}

bool StageScheduler::mayOverwrite(SegmentSchedule &segment, const Group &group,
                                  unsigned output, unsigned root,
                                  int64_t position) {
  int64_t last = lastRead(root);
  if (last > position || group.kind == GroupKind::Alias)
    return false;
  if (last < position)
    return true;
  // Read by this very group: element by element only.
  for (auto [number, input] : llvm::enumerate(group.inputs)) {
    auto place = places.find(input);
    if (place == places.end() || place->second.root != root)
      continue;
    if (!llvm::is_contained(group.inPlace,
                            std::pair<unsigned, unsigned>(number, output)) ||
        place->second.offset != 0)
      return false;
  }
  return true;
}

LogicalResult StageScheduler::placeOutputs(SegmentSchedule &segment,
                                           Group &group, int64_t position) {
  for (auto [number, output] : llvm::enumerate(group.outputs)) {
    Type element = cast<RankedTensorType>(output.getType()).getElementType();
    if (!dtypeOf(element))
      return group.ops.back()->emitError("found elements of type ")
             << element << ", expected f32, f64, i64, i32 or i1";
    if (group.kind == GroupKind::Alias) {
      Place from = places.lookup(group.inputs[0]);
      places[output] = {from.root,
                        from.offset + group.aliasOffset *
                                          rank::bytesOf(*dtypeOf(element))};
      continue;
    }
    DictionaryAttr role = returned.lookup(output);
    bool accumulates =
        number < group.accumulate.size() && group.accumulate[number];
    // State is updated in its own buffer, a metric computed in its own.
    if (role) {
      std::optional<unsigned> target;
      if (auto updates = role.getAs<StringAttr>(names::updates)) {
        auto state = fixed.find(("state:" + updates.getValue()).str());
        if (state == fixed.end())
          return group.ops.back()->emitError("updates '")
                 << updates.getValue() << "', which is no state of this stage";
        target = state->second;
      } else if (auto metric = role.getAs<StringAttr>(names::metric)) {
        bool isNew = false;
        target = fixedRoot(("metric:" + metric.getValue()).str(), output,
                           metric.getValue(), isNew);
        if (isNew)
          result.program.metrics.push_back({*target, metric.getValue().str()});
      }
      if (target && mayOverwrite(segment, group, number, *target, position)) {
        places[output] = {*target, 0};
        if (accumulates)
          result.zeroed.push_back(*target);
        continue;
      }
    }
    // In the place of an input that dies here.
    bool placed = false;
    std::vector<std::pair<unsigned, unsigned>> inPlace = group.inPlace;
    if (isa<AllReduceOp>(group.ops.back()))
      inPlace.push_back({0, 0});
    for (auto [input, candidate] : inPlace) {
      if (candidate != number)
        continue;
      Place from = places.lookup(group.inputs[input]);
      Root &root = roots[from.root];
      // What an earlier segment has linked dies in the last one at most.
      bool mayDie = !root.linked || segment.segment == Segment::Update;
      if (root.kind != Root::Kind::Temporary || !mayDie || root.slots > 1 ||
          from.offset != 0 || root.bytes != schedule::bytesOf(output) ||
          lastRead(from.root) > position)
        continue;
      if (group.kind != GroupKind::Collective &&
          !mayOverwrite(segment, group, number, from.root, position))
        continue;
      // A returned value must not share with another returned one.
      bool shared = false;
      for (auto &[value, attributes] : returned) {
        auto other = places.find(value);
        shared |= other != places.end() && other->second.root == from.root;
      }
      if (shared)
        continue;
      places[output] = {from.root, 0};
      root.dtype = *dtypeOf(element);
      placed = true;
      break;
    }
    if (!placed) {
      std::string name = group.name();
      unsigned root = newRoot(output, name, Root::Kind::Temporary);
      places[output] = {root, 0};
    }
    if (accumulates)
      result.zeroed.push_back(places[output].root);
  }
  return success();
}

LogicalResult StageScheduler::placeGroups(SegmentSchedule &segment,
                                          int64_t base) {
  reads.clear();
  for (auto [number, group] : llvm::enumerate(segment.groups)) {
    // One microbatch needs no accumulation.
    if (setting.microbatches == 1)
      group.accumulate.assign(group.outputs.size(), false);
    for (Value input : group.inputs)
      reads[input].push_back(base + int64_t(number));
  }
  for (auto [number, group] : llvm::enumerate(segment.groups)) {
    int64_t position = base + int64_t(number);
    if (failed(placeOutputs(segment, group, position)))
      return failure();
    for (Value value : group.inputs)
      roots[places.lookup(value).root].liveAt(position);
    for (Value value : group.outputs)
      roots[places.lookup(value).root].liveAt(position);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

LogicalResult StageScheduler::finishResults(SegmentSchedule &segment) {
  func::FuncOp function = segment.function;
  for (auto [number, value] :
       llvm::enumerate(function.front().getTerminator()->getOperands())) {
    DictionaryAttr attributes = function.getResultAttrDict(number);
    auto found = places.find(value);
    if (!attributes || found == places.end())
      return function.emitError("result ")
             << number << " has no place or no role";
    Place place = found->second;
    if (auto link = attributes.getAs<StringAttr>(names::link)) {
      links[link.getValue()] = place;
      Root &root = roots[place.root];
      if (root.kind == Root::Kind::Temporary) {
        root.linked = true;
        if (attributes.contains(names::perMicrobatch) &&
            setting.microbatches > 1)
          root.slots = timeline::maximumInFlight(
              setting.schedule, stage, setting.stages, setting.microbatches);
      }
      continue;
    }
    StringRef name;
    unsigned target = 0;
    bool isNew = false;
    if (auto updates = attributes.getAs<StringAttr>(names::updates)) {
      auto state = fixed.find(("state:" + updates.getValue()).str());
      if (state == fixed.end())
        return function.emitError("result ")
               << number << " updates '" << updates.getValue()
               << "', which is no state of this stage";
      target = state->second;
      name = updates.getValue();
    } else if (auto metric = attributes.getAs<StringAttr>(names::metric)) {
      target = fixedRoot(("metric:" + metric.getValue()).str(), value,
                         metric.getValue(), isNew);
      if (isNew)
        result.program.metrics.push_back({target, metric.getValue().str()});
      name = metric.getValue();
    } else {
      return function.emitError("result ") << number << " has no role";
    }
    if (place.root == target && place.offset == 0)
      continue;
    segment.copies.push_back({{int64_t(place.root), place.offset},
                              {int64_t(target), 0},
                              schedule::bytesOf(value),
                              name.str()});
    roots[place.root].liveAt(segmentEnd[unsigned(segment.segment)]);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Offsets
//===----------------------------------------------------------------------===//

/// With several microbatches the segments run more than once, in turn: what
/// one of them hands to a later one lives through all forwards and backwards.
void StageScheduler::widenLinked() {
  for (auto [number, root] : llvm::enumerate(roots)) {
    if (!root.linked || setting.microbatches == 1)
      continue;
    int64_t forward = segmentBegin[unsigned(Segment::Forward)];
    int64_t backward = segmentEnd[unsigned(Segment::Backward)];
    if (root.begin < backward && root.end > forward) {
      if (root.begin >= forward)
        root.begin = forward;
      root.end = std::max(root.end, backward);
    }
  }
  for (int64_t root : result.zeroed)
    roots[root].begin = 0;
}

void StageScheduler::planOffsets() {
  int64_t end = segmentEnd[unsigned(Segment::Update)] + 2;
  std::vector<timeline::LiveRange> ranges;
  auto align = [](int64_t bytes) { return (bytes + 63) / 64 * 64; };
  for (const Root &root : roots) {
    timeline::LiveRange range;
    range.bytes = align(root.bytes) * root.slots;
    bool whole = root.kind == Root::Kind::Fixed;
    range.begin = whole ? 0 : std::min(root.begin, root.end);
    range.end = whole ? end : root.end;
    ranges.push_back(range);
  }
  timeline::ArenaPlan plan = timeline::planArena(ranges);
  result.program.arenaBytes = plan.totalBytes;
  result.program.liveBytes = timeline::maximumLiveBytes(ranges);
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

FailureOr<StageSchedule> StageScheduler::run() {
  result.program.stage = stage;
  result.program.stages = setting.stages;
  result.program.microbatches = setting.microbatches;
  result.program.mesh = setting.mesh;
  int64_t position = 1;
  for (Segment segment : segments) {
    unsigned index = unsigned(segment);
    std::string name =
        "stage" + std::to_string(stage) + "." + timeline::nameOf(segment);
    auto function = module.lookupSymbol<func::FuncOp>(name);
    segmentBegin[index] = position;
    if (function) {
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
  auto exists = [&](Segment segment) {
    if (segment == Segment::Prologue && !result.zeroed.empty())
      return true;
    return llvm::any_of(result.segments, [&](const SegmentSchedule &entry) {
      return entry.segment == segment;
    });
  };
  for (Segment segment : segments)
    if (exists(segment))
      result.program.segments.push_back({timeline::nameOf(segment), {}});
  for (const timeline::Step &step : timeline::scheduleOrder(
           setting.schedule, stage, setting.stages, setting.microbatches))
    if (exists(step.segment))
      result.program.schedule.push_back(
          {timeline::nameOf(step.segment), step.microbatch});
  return std::move(result);
}

static FailureOr<Setting> readSetting(ModuleOp module) {
  Setting setting;
  auto mesh = module->getAttrOfType<ArrayAttr>(names::mesh);
  auto stages = module->getAttrOfType<IntegerAttr>(names::stages);
  auto microbatches = module->getAttrOfType<IntegerAttr>(names::microbatches);
  auto kind = module->getAttrOfType<StringAttr>(names::schedule);
  if (!mesh || !stages || !microbatches)
    return module.emitError(
        "found no colossal.mesh, colossal.stages or colossal.microbatches: "
        "expected a partitioned module");
  for (Attribute entry : mesh) {
    auto pair = cast<ArrayAttr>(entry);
    setting.mesh.push_back({cast<StringAttr>(pair[0]).getValue().str(),
                            cast<IntegerAttr>(pair[1]).getInt()});
  }
  setting.stages = stages.getInt();
  setting.microbatches = microbatches.getInt();
  if (kind) {
    auto parsed = timeline::scheduleKindOf(kind.getValue().str());
    if (!parsed)
      return module.emitError("unknown schedule '") << kind.getValue() << "'";
    setting.schedule = *parsed;
  }
  setting.meshWithTime = setting.mesh;
  setting.meshWithTime.push_back({names::timeAxis.str(), setting.microbatches});
  return setting;
}

FailureOr<std::vector<StageSchedule>>
schedule::scheduleStages(ModuleOp module) {
  FailureOr<Setting> setting = readSetting(module);
  if (failed(setting))
    return failure();
  std::vector<StageSchedule> stages;
  for (int64_t stage = 0; stage < setting->stages; ++stage) {
    FailureOr<StageSchedule> scheduled =
        StageScheduler(module, *setting, stage).run();
    if (failed(scheduled))
      return failure();
    stages.push_back(std::move(*scheduled));
  }
  return stages;
}
