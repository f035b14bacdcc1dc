//===- ScheduleAttributes.cpp - Schedules written into their module -------===//

#include "Colossal/IR/MeshAttribute.h"
#include "GroupOf.h"
#include "colossal/Schedule/RankProgramOps.h"
#include "colossal/Schedule/RankSchedule.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static void attachGroups(const SegmentSchedule &segment) {
  llvm::MapVector<Operation *, SmallVector<int64_t>> groups;
  for (auto [number, group] : llvm::enumerate(segment.groups))
    for (Operation *op : group.ops)
      groups[op].push_back(int64_t(number));
  for (auto &[op, numbers] : groups)
    op->setAttr(rank::names::groups,
                DenseI64ArrayAttr::get(op->getContext(), numbers));
}

/// The op of a group that says for what it waits. A function of indices may be
/// in several groups.
static Operation *speakerOf(ArrayRef<Operation *> ops,
                            const KernelPlanner &planner) {
  return *llvm::find_if_not(
      ops, [&](Operation *op) { return isInlined(op, planner); });
}

static void attachQueues(const SegmentSchedule &segment,
                         const KernelPlanner &planner) {
  func::FuncOp function = segment.function;
  Builder builder(function.getContext());
  for (auto [number, token] : segment.started)
    segment.groups[number].ops.back()->setAttr(
        rank::names::token, builder.getI64IntegerAttr(token));
  for (const auto &[number, tokens] : segment.waits) {
    bool isEnd = number == int64_t(segment.groups.size());
    Operation *op = isEnd ? function.front().getTerminator()
                          : speakerOf(segment.groups[number].ops, planner);
    op->setAttr(rank::names::waits, builder.getDenseI64ArrayAttr(tokens));
  }
}

static void attachPlaces(const RankSchedule &schedule, func::FuncOp function) {
  MLIRContext *context = function.getContext();
  SmallVector<DictionaryAttr> attributes;
  for (BlockArgument argument : function.getArguments()) {
    NamedAttrList own(function.getArgAttrDict(argument.getArgNumber()));
    if (auto it = schedule.storage.find(argument); it != schedule.storage.end())
      own.set(rank::names::place,
              DenseI64ArrayAttr::get(context,
                                     {it->second.buffer, it->second.offset}));
    attributes.push_back(own.getDictionary(context));
  }
  function.setAllArgAttrs(attributes);
  for (Operation &op : function.getBody().front().without_terminator()) {
    SmallVector<int64_t> places;
    bool any = false;
    for (Value result : op.getResults()) {
      auto it = schedule.storage.find(result);
      any |= it != schedule.storage.end();
      rank::Operand place =
          it != schedule.storage.end() ? it->second : rank::Operand{-1, 0};
      places.append({place.buffer, place.offset});
    }
    if (any)
      op.setAttr(rank::names::places, DenseI64ArrayAttr::get(context, places));
  }
}

void schedule::attachSchedule(ModuleOp module,
                              ArrayRef<RankSchedule> schedules) {
  auto builder = OpBuilder::atBlockBegin(module.getBody());
  for (const RankSchedule &schedule : schedules) {
    module->setAttr(rank::names::device,
                    builder.getStringAttr(schedule.planner->device()));
    for (const SegmentSchedule &segment : schedule.segments) {
      attachGroups(segment);
      attachQueues(segment, *schedule.planner);
      attachPlaces(schedule, segment.function);
    }
    rank::writeProgramOp(builder, module.getLoc(), schedule.program);
  }
}

void schedule::detachSchedule(ModuleOp module) {
  module->removeAttr(rank::names::device);
  for (rank::ProgramOp program :
       llvm::make_early_inc_range(module.getOps<rank::ProgramOp>()))
    program.erase();
  for (auto function : module.getOps<func::FuncOp>()) {
    SmallVector<DictionaryAttr> attributes;
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
      NamedAttrList own(function.getArgAttrDict(i));
      own.erase(rank::names::place);
      attributes.push_back(own.getDictionary(function.getContext()));
    }
    function.setAllArgAttrs(attributes);
    function.walk([](Operation *op) {
      op->removeAttr(rank::names::groups);
      op->removeAttr(rank::names::places);
      op->removeAttr(rank::names::token);
      op->removeAttr(rank::names::waits);
    });
  }
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The ops of each group, in program order.
static FailureOr<std::vector<SmallVector<Operation *>>>
readMembers(func::FuncOp function, const KernelPlanner &planner) {
  auto isInlined = [&](Operation *op) {
    return schedule::isInlined(op, planner);
  };
  std::vector<SmallVector<Operation *>> members;
  Block &block = function.getBody().front();
  const int64_t most = block.getOperations().size();
  for (Operation &op : block.without_terminator()) {
    auto numbers = op.getAttrOfType<DenseI64ArrayAttr>(rank::names::groups);
    if (!numbers && !isInlined(&op))
      return op.emitError("found no ")
             << rank::names::groups << ", expected the number of its group";
    if (numbers && numbers.size() > 1 && !isInlined(&op))
      return op.emitError("found several ")
             << rank::names::groups
             << ", expected one: only a function of indices is computed in "
                "every kernel that needs it";
    if (!numbers)
      continue;
    for (int64_t number : numbers.asArrayRef()) {
      if (number >= most)
        return op.emitError("found group ")
               << number << ", expected numbers without gaps";
      if (number >= int64_t(members.size()))
        members.resize(number + 1);
      members[number].push_back(&op);
    }
  }
  for (auto [number, ops] : llvm::enumerate(members))
    if (llvm::all_of(ops, isInlined))
      return function.emitError("found no op of group ")
             << number << ", expected numbers without gaps";
  return std::move(members);
}

/// A group of several ops has those alone that may share a kernel.
static LogicalResult checkMembers(ArrayRef<Operation *> ops,
                                  const KernelPlanner &planner) {
  if (ops.size() > 1)
    for (Operation *op : ops)
      if (!mayFuse(op, planner))
        return op->emitError("found a ")
               << nameOf(kindOf(op, planner))
               << " in a group with others, expected it in one of its own";
  return success();
}

/// What a group reads is there before, and what it writes has a place.
static LogicalResult checkGroup(const Group &group,
                                const llvm::DenseSet<Value> &computed,
                                const RankSchedule &schedule) {
  for (Value input : group.inputs)
    if (input.getDefiningOp() && !computed.contains(input))
      return group.ops.back()->emitError(
                 "its group reads what a later group computes: '")
             << input << "'";
  for (Value output : group.outputs)
    if (!schedule.storage.contains(output))
      return output.getDefiningOp()->emitError("found no ")
             << rank::names::places
             << ", expected a buffer for what another group reads";
  return success();
}

static LogicalResult readPlaces(func::FuncOp function, RankSchedule &schedule) {
  auto add = [&](Value value, int64_t buffer, int64_t offset) -> LogicalResult {
    const auto &buffers = schedule.program.buffers;
    if (buffer >= int64_t(buffers.size()))
      return function.emitError("found buffer ")
             << buffer << ", expected one of " << buffers.size();
    if (buffer >= 0)
      schedule.storage[value] = {buffer, offset};
    return success();
  };
  for (BlockArgument argument : function.getArguments()) {
    auto place = function.getArgAttrOfType<DenseI64ArrayAttr>(
        argument.getArgNumber(), rank::names::place);
    if (!place)
      return function.emitError("argument ")
             << argument.getArgNumber() << " has no " << rank::names::place;
    if (failed(add(argument, place[0], place[1])))
      return failure();
  }
  for (Operation &op : function.getBody().front().without_terminator())
    if (auto places = op.getAttrOfType<DenseI64ArrayAttr>(rank::names::places))
      for (OpResult result : op.getResults())
        if (unsigned i = 2 * result.getResultNumber();
            failed(add(result, places[i], places[i + 1])))
          return failure();
  return success();
}

static LogicalResult readQueues(SegmentSchedule &segment,
                                const KernelPlanner &planner) {
  auto readWaits = [&](Operation *op, int64_t number) {
    if (auto waits = op->getAttrOfType<DenseI64ArrayAttr>(rank::names::waits))
      segment.waits[number] = waits.asArrayRef().vec();
  };
  for (auto [number, group] : llvm::enumerate(segment.groups)) {
    for (Operation *op : group.ops) {
      auto token = op->getAttrOfType<IntegerAttr>(rank::names::token);
      if (token && group.kind != GroupKind::Collective)
        return op->emitError("found ")
               << rank::names::token << ", expected it on a collective";
      if (token)
        segment.started[number] = token.getInt();
    }
    readWaits(speakerOf(group.ops, planner), number);
  }
  func::FuncOp function = segment.function;
  readWaits(function.front().getTerminator(), segment.groups.size());
  return success();
}

static LogicalResult readSegment(func::FuncOp function,
                                 const PlacedSegment &segment, StringRef name,
                                 RankSchedule &schedule) {
  const KernelPlanner &planner = *schedule.planner;
  auto members = readMembers(function, planner);
  if (failed(checkGroupable(function)) || failed(members) ||
      failed(readPlaces(function, schedule)))
    return failure();
  SegmentSchedule &entry = schedule.segments.emplace_back();
  entry.segment = segment;
  entry.name = name.str();
  entry.function = function;
  llvm::DenseSet<Value> computed;
  for (ArrayRef<Operation *> ops : *members) {
    if (failed(checkMembers(ops, planner)))
      return failure();
    Group group = groupOf(function, ops, planner, /*isPlaced=*/true);
    if (schedule.program.microbatches == 1)
      group.accumulate.assign(group.outputs.size(), false);
    if (failed(checkGroup(group, computed, schedule)))
      return failure();
    computed.insert(group.outputs.begin(), group.outputs.end());
    entry.groups.push_back(std::move(group));
  }
  return readQueues(entry, planner);
}

FailureOr<std::vector<RankSchedule>>
schedule::readSchedule(ModuleOp module, const KernelPlanner &planner) {
  FailureOr<std::vector<rank::Program>> programs = rank::readPrograms(module);
  if (failed(programs))
    return failure();
  auto device = module->getAttrOfType<StringAttr>(rank::names::device);
  if (!device || device.getValue() != planner.device())
    return module.emitError("found ")
           << (device ? "a schedule for devices of kind '" +
                            device.getValue().str() + "'"
                      : "no " + rank::names::device.str())
           << ", expected a schedule for devices of kind '" << planner.device()
           << "'";
  // Without a mesh every group has one stage.
  Stages stages = stagesOf(module).value_or(Stages{int64_t(programs->size())});
  std::vector<RankSchedule> schedules;
  for (rank::Program &program : *programs) {
    RankSchedule &schedule = schedules.emplace_back();
    schedule.planner = &planner;
    schedule.program = std::move(program);
    std::vector<PlacedSegment> known =
        segmentsOf(schedule.program.group, stages);
    for (const rank::Segment &segment : schedule.program.segments) {
      auto placed = llvm::find_if(known, [&](const PlacedSegment &entry) {
        return nameOf(entry, stages) == segment.name;
      });
      if (placed == known.end()) {
        InFlightDiagnostic diagnostic =
            module.emitError("found the segment '")
            << segment.name << "' in a rank program, expected one of ";
        llvm::interleaveComma(known, diagnostic, [&](const auto &entry) {
          diagnostic << nameOf(entry, stages);
        });
        return diagnostic;
      }
      // A prologue may only clear accumulators.
      auto function = module.lookupSymbol<func::FuncOp>(functionOf(*placed));
      if (function &&
          failed(readSegment(function, *placed, segment.name, schedule)))
        return failure();
    }
  }
  return std::move(schedules);
}
