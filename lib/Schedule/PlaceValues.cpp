//===- PlaceValues.cpp - Which buffer a value lives in --------------------===//

#include "RankScheduler.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Roots
//===----------------------------------------------------------------------===//

unsigned RankScheduler::newRoot(RankedTensorType type, StringRef name,
                                Root::Kind kind) {
  Root root;
  root.kind = kind;
  root.name = name.str();
  root.dtype = *dtypeOf(type.getElementType());
  root.bytes = schedule::bytesOf(type);
  roots.push_back(root);
  return roots.size() - 1;
}

unsigned RankScheduler::fixedRoot(StringRef key, Value value, StringRef name,
                                  bool &isNew) {
  auto [entry, inserted] = fixed.try_emplace(key, 0);
  isNew = inserted;
  if (inserted)
    entry->second = newRoot(cast<RankedTensorType>(value.getType()), name,
                            Root::Kind::Fixed);
  return entry->second;
}

void RankScheduler::placeState(Value value, DictionaryAttr attributes) {
  std::string name = attributes.getAs<StringAttr>(names::name).getValue().str();
  places[value] = {fixed.lookup("state:" + name), 0};
}

void RankScheduler::addState(const StateArgument &argument) {
  DictionaryAttr attributes = argument.attributes;
  std::string name = attributes.getAs<StringAttr>(names::name).getValue().str();
  unsigned root = newRoot(argument.type, name, Root::Kind::State);
  fixed["state:" + name] = root;
  rank::State state;
  state.buffer = root;
  state.name = name;
  state.role = nameOf(attributes.getAs<RoleAttr>(names::role).getValue());
  layout::Layout layout = layoutOf(attributes, mesh);
  state.layout = toRank(layout, mesh);
  state.globalShape = layout.globalShape();
  if (auto aliases = attributes.getAs<ArrayAttr>(names::aliases))
    for (auto alias : aliases.getAsRange<StringAttr>())
      state.aliases.push_back(alias.str());
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
      if (auto elements = source.getAs<StringAttr>("elements"))
        state.initial.elements = elements.getValue().str();
    }
    if (auto fill = source.getAs<FloatAttr>("fill"))
      state.initial.fill = fill.getValueAsDouble();
    if (auto normal = source.getAs<FloatAttr>("normal")) {
      state.initial.normal = normal.getValueAsDouble();
      state.initial.seed = integer("seed");
      state.initial.stream = source.getAs<StringAttr>("stream").str();
    }
  }
  result.program.states.push_back(state);
}

void RankScheduler::placeInput(Value value, DictionaryAttr attributes) {
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
  layout::Layout layout = layoutOf(attributes, mesh);
  input.layout = toRank(layout, mesh);
  input.globalShape = layout.globalShape();
  if (auto dim = attributes.getAs<IntegerAttr>(names::batchDim))
    input.batchDim = dim.getInt();
  if (layout.cutBy(mesh.timeAxis()) >= 0)
    roots[root].slots = mesh.microbatches();
  result.program.inputs.push_back(input);
}

unsigned RankScheduler::metricRoot(Value value, StringRef name) {
  bool isNew = false;
  unsigned root = fixedRoot(("metric:" + name).str(), value, name, isNew);
  if (isNew)
    result.program.metrics.push_back({root, name.str()});
  return root;
}

unsigned RankScheduler::outputRoot(Value value, DictionaryAttr attributes) {
  StringRef name = attributes.getAs<StringAttr>(names::output).getValue();
  bool isNew = false;
  unsigned root = fixedRoot(("output:" + name).str(), value, name, isNew);
  if (!isNew)
    return root;
  rank::Output output;
  output.buffer = root;
  output.name = name.str();
  layout::Layout layout = layoutOf(attributes, mesh);
  output.layout = toRank(layout, mesh);
  output.globalShape = layout.globalShape();
  if (auto dim = attributes.getAs<IntegerAttr>(names::batchDim))
    output.batchDim = dim.getInt();
  if (layout.cutBy(mesh.timeAxis()) >= 0)
    roots[root].slots = mesh.microbatches();
  result.program.outputs.push_back(output);
  return root;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

LogicalResult RankScheduler::placeArguments(SegmentSchedule &segment) {
  func::FuncOp function = segment.function;
  for (BlockArgument argument : function.getArguments()) {
    DictionaryAttr attributes =
        function.getArgAttrDict(argument.getArgNumber());
    if (!attributes)
      attributes = DictionaryAttr::get(function.getContext());
    if (!dtypeOf(cast<RankedTensorType>(argument.getType()).getElementType()))
      return function.emitError("argument ")
             << argument.getArgNumber() << " has type " << argument.getType()
             << ", expected elements of " << kElementTypes;
    if (auto link = attributes.getAs<StringAttr>(names::link)) {
      auto known = links.find(link.getValue());
      if (known == links.end())
        return function.emitError("argument ")
               << argument.getArgNumber() << " is linked to '"
               << link.getValue() << "', which no earlier segment returns";
      places[argument] = known->second;
      if (attributes.contains(names::perMicrobatch))
        roots[known->second.root].lastReader = segment.segment;
      continue;
    }
    auto role = attributes.getAs<RoleAttr>(names::role);
    auto name = attributes.getAs<StringAttr>(names::name);
    if (!role || !name)
      return function.emitError("argument ")
             << argument.getArgNumber()
             << " has neither colossal.link nor colossal.role and name";
    if (role.getValue() == ArgumentRole::Batch) {
      placeInput(argument, attributes);
    } else if (role.getValue() == ArgumentRole::Control) {
      bool isNew = false;
      unsigned root = fixedRoot(("control:" + name.getValue()).str(), argument,
                                name.getValue(), isNew);
      places[argument] = {root, 0};
      if (isNew)
        result.program.controls.push_back({root, name.getValue().str()});
    } else if (fixed.count(("state:" + name.getValue()).str())) {
      placeState(argument, attributes);
    } else {
      return function.emitError("argument ")
             << argument.getArgNumber() << ", '" << name.getValue()
             << "', is no state of device group " << this->group;
    }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

int64_t RankScheduler::lastRead(unsigned root) const {
  auto it = lastReads.find(root);
  return it == lastReads.end() ? -1 : it->second;
}

void RankScheduler::place(Value value, Place place) {
  places[value] = place;
  if (auto read = reads.find(value); read != reads.end()) {
    int64_t &last = lastReads.try_emplace(place.root, -1).first->second;
    last = std::max(last, read->second);
  }
  if (returned.contains(value))
    returnedRoots.insert(place.root);
}

bool RankScheduler::mayOverwrite(SegmentSchedule &segment, const Group &group,
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

LogicalResult RankScheduler::placeOutputs(SegmentSchedule &segment,
                                          Group &group, int64_t position) {
  for (auto [number, output] : llvm::enumerate(group.outputs)) {
    Type element = cast<RankedTensorType>(output.getType()).getElementType();
    if (!dtypeOf(element))
      return group.ops.back()->emitError("found elements of type ")
             << element << ", expected " << kElementTypes;
    if (group.kind == GroupKind::Alias) {
      Place from = places.lookup(group.inputs[0]);
      place(output,
            {from.root, from.offset + group.aliasOffset *
                                          rank::bytesOf(*dtypeOf(element))});
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
                 << updates.getValue()
                 << "', which is no state of this device group";
        target = state->second;
      } else if (auto metric = role.getAs<StringAttr>(names::metric)) {
        target = metricRoot(output, metric.getValue());
      } else if (role.contains(names::output)) {
        target = outputRoot(output, role);
      }
      if (target && mayOverwrite(segment, group, number, *target, position)) {
        place(output, {*target, 0});
        if (accumulates)
          zeroed.push_back(*target);
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
      bool mayDie = !root.linked || segment.segment.kind == Segment::Update;
      if (root.kind != Root::Kind::Temporary || !mayDie || root.perMicrobatch ||
          from.offset != 0 || root.bytes != bytesOf(output) ||
          lastRead(from.root) > position)
        continue;
      if (group.kind != GroupKind::Collective &&
          !mayOverwrite(segment, group, number, from.root, position))
        continue;
      // A returned value must not share with another returned one.
      if (returnedRoots.contains(from.root))
        continue;
      place(output, {from.root, 0});
      root.dtype = *dtypeOf(element);
      placed = true;
      break;
    }
    if (!placed) {
      std::string name = group.name();
      unsigned root = newRoot(cast<RankedTensorType>(output.getType()), name,
                              Root::Kind::Temporary);
      place(output, {root, 0});
    }
    if (accumulates)
      zeroed.push_back(places[output].root);
  }
  return success();
}

LogicalResult RankScheduler::placeGroups(SegmentSchedule &segment) {
  reads.clear();
  lastReads.clear();
  returnedRoots.clear();
  for (auto [number, group] : llvm::enumerate(segment.groups)) {
    // One microbatch needs no accumulation.
    if (mesh.microbatches() == 1)
      group.accumulate.assign(group.outputs.size(), false);
    for (Value input : group.inputs)
      reads[input] = segment.begin + int64_t(number);
  }
  for (Value argument : segment.function.getArguments())
    place(argument, places.lookup(argument));
  for (auto [number, group] : llvm::enumerate(segment.groups)) {
    int64_t position = segment.begin + int64_t(number);
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

LogicalResult RankScheduler::finishResults(SegmentSchedule &segment) {
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
            mesh.microbatches() > 1)
          root.perMicrobatch = root.lastReader = segment.segment;
      }
      continue;
    }
    StringRef name;
    unsigned target = 0;
    if (auto updates = attributes.getAs<StringAttr>(names::updates)) {
      auto state = fixed.find(("state:" + updates.getValue()).str());
      if (state == fixed.end())
        return function.emitError("result ")
               << number << " updates '" << updates.getValue()
               << "', which is no state of this device group";
      target = state->second;
      name = updates.getValue();
    } else if (auto metric = attributes.getAs<StringAttr>(names::metric)) {
      target = metricRoot(value, metric.getValue());
      name = metric.getValue();
    } else if (auto output = attributes.getAs<StringAttr>(names::output)) {
      target = outputRoot(value, attributes);
      name = output.getValue();
    } else {
      return function.emitError("result ") << number << " has no role";
    }
    if (place.root == target && place.offset == 0)
      continue;
    rank::Op copy;
    copy.kind = rank::OpKind::Copy;
    copy.name = name.str();
    copy.operands = {{int64_t(place.root), place.offset}, {int64_t(target), 0}};
    copy.bytes = bytesOf(value);
    copies[segment.name].push_back(copy);
    roots[place.root].liveAt(segment.end);
  }
  return success();
}
