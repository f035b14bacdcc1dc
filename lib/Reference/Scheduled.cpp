//===- Scheduled.cpp - Ranks inside their arenas --------------------------===//

#include "colossal/Reference/Scheduled.h"
#include "RankMemory.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::dtypeOf;
using schedule::forEachOwnOp;
using schedule::Group;
using schedule::GroupKind;
using schedule::RankSchedule;
using schedule::SegmentSchedule;

namespace {
/// A segment's ops in the order of its groups.
struct OrderedSegment {
  const SegmentSchedule *segment;
  std::shared_ptr<std::vector<Operation *>> order;
  std::vector<const Group *> groups; ///< per op of the order; null: in none
};

class MemoryChecker : public RankChecker {
public:
  MemoryChecker(const Mesh &mesh, ArrayRef<RankSchedule> schedules);

  bool initialise(const NamedTensors &values, std::string &error);
  std::vector<std::vector<RankStep>> steps() const;

  bool completed(int64_t rank, const RankStep &step, size_t number,
                 ArrayRef<TensorRef> operands, ArrayRef<TensorRef> results,
                 std::string &error) override;
  bool left(int64_t rank, const RankStep &step, std::string &error) override;
  bool finished(int64_t rank, const NamedTensors &state,
                const NamedTensors &metrics,
                const std::vector<LocalOutput> &outputs,
                std::string &error) override;

private:
  struct Location {
    RankMemory *memory;
    int64_t offset;
    rank::DType type;
    std::string text; ///< for messages
  };
  const RankSchedule &scheduleOf(int64_t rank) const {
    return schedules[rank / mesh.devices()];
  }
  const OrderedSegment &orderOf(int64_t rank, const RankStep &step) const;
  Location locate(int64_t rank, const rank::Operand &operand,
                  int64_t microbatch);
  bool check(const Location &place, const TensorRef &expected,
             const std::string &what, std::string &error);

  const Mesh &mesh;
  ArrayRef<RankSchedule> schedules;
  std::vector<RankMemory> arenas, windows;       ///< per rank
  std::map<Operation *, OrderedSegment> ordered; ///< by function
  /// Outputs of the group at hand, per rank, until its last op.
  struct Pending {
    Value value;
    TensorRef tensor;
    bool accumulates;
  };
  std::vector<std::vector<Pending>> pending;
};
} // namespace

MemoryChecker::MemoryChecker(const Mesh &mesh, ArrayRef<RankSchedule> schedules)
    : mesh(mesh), schedules(schedules), pending(mesh.ranks()) {
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    arenas.emplace_back(scheduleOf(rank).program.arenaBytes);
    windows.emplace_back(scheduleOf(rank).program.windowBytes);
  }
  for (const RankSchedule &schedule : schedules)
    for (const SegmentSchedule &segment : schedule.segments) {
      OrderedSegment entry = {
          &segment, std::make_shared<std::vector<Operation *>>(), {}};
      llvm::SmallPtrSet<Operation *, 32> grouped;
      for (const Group &group : segment.groups)
        grouped.insert(group.ops.begin(), group.ops.end());
      func::FuncOp function = segment.function;
      for (Operation &op : function.getBody().front().without_terminator())
        if (!grouped.contains(&op)) {
          entry.order->push_back(&op);
          entry.groups.push_back(nullptr);
        }
      for (const Group &group : segment.groups)
        for (Operation *op : group.ops) {
          entry.order->push_back(op);
          entry.groups.push_back(&group);
        }
      ordered[function] = std::move(entry);
    }
}

const OrderedSegment &MemoryChecker::orderOf(int64_t rank,
                                             const RankStep &step) const {
  func::FuncOp function = step.function;
  return ordered.find(function.getOperation())->second;
}

/// As RankSchedule's schedule says: a segment without a function (a prologue
/// that only clears accumulators) is no step here.
std::vector<std::vector<RankStep>> MemoryChecker::steps() const {
  std::vector<std::vector<RankStep>> result;
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    const RankSchedule &schedule = scheduleOf(rank);
    std::vector<RankStep> list;
    for (const rank::Step &step : schedule.program.schedule)
      for (const SegmentSchedule &segment : schedule.segments) {
        func::FuncOp function = segment.function;
        if (step.segment == segment.name)
          list.push_back({function, step.microbatch,
                          ordered.find(function.getOperation())->second.order});
      }
    result.push_back(std::move(list));
  }
  return result;
}

MemoryChecker::Location MemoryChecker::locate(int64_t rank,
                                              const rank::Operand &operand,
                                              int64_t microbatch) {
  const rank::Buffer &buffer = scheduleOf(rank).program.buffers[operand.buffer];
  int64_t slot = microbatch < 0 ? 0 : microbatch % buffer.slots;
  int64_t offset = buffer.offset + slot * buffer.slotStride + operand.offset;
  bool inWindow = buffer.space == rank::Space::Window;
  std::string text = "buffer " + std::to_string(buffer.id) + " (\"" +
                     buffer.name + "\", slot " + std::to_string(slot) +
                     ") at byte " + std::to_string(offset) + " of the " +
                     (inWindow ? "window" : "arena");
  return {&(inWindow ? windows : arenas)[rank], offset, buffer.dtype, text};
}

bool MemoryChecker::check(const Location &place, const TensorRef &expected,
                          const std::string &what, std::string &error) {
  std::optional<int64_t> element =
      place.memory->compare(place.offset, place.type, expected);
  if (!element)
    return true;
  error = what + " is not in " + place.text + ": element " +
          std::to_string(*element) + " was last written by " +
          place.memory->ownerOf(place.offset, place.type, *element);
  return false;
}

/// Arguments that are not linked are in their places before the step begins.
bool MemoryChecker::initialise(const NamedTensors &values, std::string &error) {
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    const RankSchedule &schedule = scheduleOf(rank);
    for (const SegmentSchedule &segment : schedule.segments) {
      func::FuncOp function = segment.function;
      bool repeats = isPerMicrobatch(segment.segment.kind);
      for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
        auto storage = schedule.storage.find(function.getArgument(i));
        auto given = values.find(argumentName(function, i));
        if (function.getArgAttr(i, names::link) ||
            storage == schedule.storage.end() || given == values.end())
          continue;
        for (int64_t m = 0; m < (repeats ? mesh.microbatches : 1); ++m) {
          int64_t microbatch = repeats ? m : -1;
          Place place = mesh.placeOf(rank);
          mesh.setMicrobatch(place, microbatch);
          TensorRef shard =
              shardArgument(function, i, given->second, place, error);
          if (!shard)
            return false;
          Location where = locate(rank, storage->second, microbatch);
          if (!where.memory->write(where.offset,
                                   dtypeOf(function.getArgument(i)), shard,
                                   "the input '" + given->first + "'")) {
            error = "'" + given->first + "' does not fit into " + where.text;
            return false;
          }
        }
      }
    }
    forEachOwnOp(schedule, nameOf(Segment::Prologue), rank::OpKind::Fill,
                 [&](const rank::Op &fill) {
                   const rank::Operand &place = fill.operands[0];
                   Location where = locate(rank, place, -1);
                   where.memory->fillZero(
                       where.offset,
                       schedule.program.buffers[place.buffer].bytes,
                       "the start of the step (zero)");
                 });
  }
  return true;
}

bool MemoryChecker::completed(int64_t rank, const RankStep &step, size_t number,
                              ArrayRef<TensorRef> operands,
                              ArrayRef<TensorRef> results, std::string &error) {
  const RankSchedule &schedule = scheduleOf(rank);
  const OrderedSegment &entry = orderOf(rank, step);
  const Group *group = entry.groups[number];
  if (!group)
    return true;
  Operation *op = (*entry.order)[number];
  for (auto [value, tensor] : llvm::zip(op->getOperands(), operands)) {
    auto storage = schedule.storage.find(value);
    if (!llvm::is_contained(group->inputs, value))
      continue;
    if (storage == schedule.storage.end()) {
      error = "an operand of group \"" + group->name() + "\" has no buffer";
      return false;
    }
    Location where = locate(rank, storage->second, step.microbatch);
    where.type = dtypeOf(value);
    std::string what = "the operand";
    if (Operation *producer = value.getDefiningOp()) {
      if (auto name = producer->getAttrOfType<StringAttr>("name"))
        what += " \"" + name.str() + "\"";
    } else {
      unsigned argument = cast<BlockArgument>(value).getArgNumber();
      func::FuncOp function = step.function;
      auto link = function.getArgAttrOfType<StringAttr>(argument, names::link);
      what +=
          " '" + (link ? link.str() : argumentName(function, argument)) + "'";
    }
    if (!check(where, tensor, what, error))
      return false;
  }
  for (auto [value, tensor] : llvm::zip(op->getResults(), results))
    for (auto [position, output] : llvm::enumerate(group->outputs))
      if (output == value)
        pending[rank].push_back({value, tensor,
                                 position < group->accumulate.size() &&
                                     group->accumulate[position]});
  bool isLast =
      number + 1 == entry.groups.size() || entry.groups[number + 1] != group;
  if (!isLast)
    return true;
  std::string owner = "\"" + group->name() + "\"";
  if (step.microbatch >= 0)
    owner += " of microbatch " + std::to_string(step.microbatch);
  for (const Pending &output : pending[rank]) {
    auto storage = schedule.storage.find(output.value);
    if (storage == schedule.storage.end()) {
      error = "a result of group \"" + group->name() + "\" has no buffer";
      return false;
    }
    Location where = locate(rank, storage->second, step.microbatch);
    where.type = dtypeOf(output.value);
    bool ok = true;
    if (group->kind == GroupKind::Alias)
      ok = check(where, output.tensor, "the renamed value", error);
    else if (output.accumulates)
      ok = where.memory->add(where.offset, where.type, output.tensor, owner);
    else
      ok = where.memory->write(where.offset, where.type, output.tensor, owner);
    if (!ok) {
      if (error.empty())
        error =
            "a result does not fit into, or has nothing to be added to in, " +
            where.text;
      return false;
    }
  }
  pending[rank].clear();
  return true;
}

bool MemoryChecker::left(int64_t rank, const RankStep &step,
                         std::string &error) {
  forEachOwnOp(scheduleOf(rank), orderOf(rank, step).segment->name,
               rank::OpKind::Copy, [&](const rank::Op &copy) {
                 Location from =
                     locate(rank, copy.operands[0], step.microbatch);
                 Location to = locate(rank, copy.operands[1], step.microbatch);
                 to.memory->copy(from.offset, to.offset, copy.bytes,
                                 "the copy of \"" + copy.name + "\"");
               });
  return true;
}

bool MemoryChecker::finished(int64_t rank, const NamedTensors &state,
                             const NamedTensors &metrics,
                             const std::vector<LocalOutput> &outputs,
                             std::string &error) {
  const RankSchedule &schedule = scheduleOf(rank);
  for (const rank::State &entry : schedule.program.states) {
    auto value = state.find(entry.name);
    if (value != state.end() &&
        !check(locate(rank, {entry.buffer, 0}, -1), value->second,
               "the new state '" + entry.name + "'", error))
      return false;
  }
  for (const rank::Metric &entry : schedule.program.metrics) {
    auto value = metrics.find(entry.name);
    if (value != metrics.end() &&
        !check(locate(rank, {entry.buffer, 0}, -1), value->second,
               "the metric '" + entry.name + "'", error))
      return false;
  }
  for (const rank::Output &entry : schedule.program.outputs)
    for (const LocalOutput &output : outputs)
      if (output.name == entry.name &&
          !check(locate(rank, {entry.buffer, 0}, output.microbatch),
                 output.value, "the output '" + entry.name + "'", error))
        return false;
  return true;
}

int64_t colossal::reference::arenaBytes(ArrayRef<RankSchedule> schedules,
                                        const Mesh &mesh) {
  int64_t bytes = 0;
  for (const RankSchedule &schedule : schedules)
    bytes += (schedule.program.arenaBytes + schedule.program.windowBytes) *
             mesh.devices();
  return bytes;
}

std::optional<StepResult> colossal::reference::runScheduledStep(
    ModuleOp module, ArrayRef<RankSchedule> schedules,
    const NamedTensors &values, RankOptions options, std::string &error) {
  std::optional<Mesh> mesh = Mesh::get(module, error);
  if (!mesh)
    return std::nullopt;
  MemoryChecker checker(*mesh, schedules);
  if (!checker.initialise(values, error))
    return std::nullopt;
  options.checker = &checker;
  return runStep(*mesh, checker.steps(), values, options, error);
}
