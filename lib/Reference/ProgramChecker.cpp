//===- ProgramChecker.cpp - Programs, and the ends of a step --------------===//

#include "ProgramChecker.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::dtypeOf;
using schedule::RankSchedule;

//===----------------------------------------------------------------------===//
// Programs and functions
//===----------------------------------------------------------------------===//

ProgramChecker::ProgramChecker(const Mesh &mesh,
                               ArrayRef<rank::Program> programs,
                               double tolerance, rank::CompiledOps *code)
    : mesh(mesh), programs(programs), tolerance(tolerance),
      silent(mesh.ranks()), numEntered(mesh.ranks(), 0), pending(mesh.ranks()),
      underWay(mesh.ranks()), collected(mesh.ranks()) {
  if (code)
    compiled.emplace(*code);
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    arenas.emplace_back(programOf(rank).arenaBytes);
    windows.emplace_back(programOf(rank).windowBytes);
  }
}

/// Appends to `walk` the renamings that `op` needs and that are not there.
static void addAliases(Operation *op, const PairedSegment &segment,
                       llvm::SmallPtrSetImpl<Operation *> &seen,
                       ProgramWalk &walk) {
  for (Value operand : op->getOperands()) {
    Operation *producer = operand.getDefiningOp();
    if (!producer || !segment.aliases.contains(producer) ||
        !seen.insert(producer).second)
      continue;
    addAliases(producer, segment, seen, walk);
    walk.order->push_back(producer);
    walk.paired.push_back(std::nullopt);
  }
}

static ProgramWalk walkOf(const PairedSegment &segment) {
  ProgramWalk walk = {
      &segment, std::make_shared<std::vector<Operation *>>(), {}};
  llvm::SmallPtrSet<Operation *, 32> seen;
  for (auto [number, paired] : llvm::enumerate(segment.ops)) {
    if (!paired.group)
      continue;
    for (Operation *op : paired.group->ops) {
      addAliases(op, segment, seen, walk);
      walk.order->push_back(op);
      walk.paired.push_back(number);
    }
  }
  func::FuncOp function = segment.function;
  addAliases(function.getBody().front().getTerminator(), segment, seen, walk);
  return walk;
}

bool ProgramChecker::pair(MLIRContext *context,
                          ArrayRef<RankSchedule> schedules,
                          std::string &error) {
  lower::Lowering lowering(context);
  for (auto [schedule, program] : llvm::zip_equal(schedules, programs)) {
    auto paired = pairOps(schedule, program, lowering, error);
    if (!paired)
      return false;
    segments.push_back(std::move(*paired));
  }
  for (const auto &list : segments)
    for (const PairedSegment &segment : list)
      if (func::FuncOp function = segment.function)
        walks[function] = walkOf(segment);
  return true;
}

std::vector<std::vector<RankStep>> ProgramChecker::steps() {
  std::vector<std::vector<RankStep>> result;
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    std::vector<RankStep> list;
    for (const rank::Step &step : programOf(rank).schedule)
      for (const PairedSegment &segment : segments[rank / mesh.devices()]) {
        if (step.segment != segment.name)
          continue;
        if (func::FuncOp function = segment.function)
          list.push_back({function, step.microbatch, walks[function].order});
        else
          silent[rank][list.size()].push_back({&segment, step.microbatch});
      }
    result.push_back(std::move(list));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

MemoryPlace ProgramChecker::locate(int64_t rank, const rank::Operand &operand,
                                   int64_t microbatch) {
  const rank::Buffer &buffer = programOf(rank).buffers[operand.buffer];
  int64_t slot = microbatch < 0 ? 0 : microbatch % buffer.slots;
  int64_t offset = buffer.offset + slot * buffer.slotStride + operand.offset;
  bool inWindow = buffer.space == rank::Space::Window;
  std::string text = "buffer " + std::to_string(buffer.id) + " (\"" +
                     buffer.name + "\", slot " + std::to_string(slot) +
                     ") at byte " + std::to_string(offset) + " of the " +
                     (inWindow ? "window" : "arena");
  return {&(inWindow ? windows : arenas)[rank], offset, buffer.dtype, text};
}

MemoryPlace ProgramChecker::locate(int64_t rank, const PairedOp &paired,
                                   size_t i, int64_t microbatch) {
  rank::Operand operand = paired.op->operands[i];
  operand.offset -= paired.offsets[i];
  MemoryPlace place = locate(rank, operand, microbatch);
  place.type = dtypeOf(paired.operands[i]);
  return place;
}

bool ProgramChecker::check(const MemoryPlace &place, const TensorRef &expected,
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

//===----------------------------------------------------------------------===//
// Before the step
//===----------------------------------------------------------------------===//

/// The layout of the runtime as that of the interpreter.
static Layout layoutOf(const rank::Layout &layout, const Place &sizes) {
  Layout result;
  for (const auto &dimension : layout.dimensions) {
    result.dims.emplace_back();
    for (const rank::SubDimension &sub : dimension) {
      Layout::SubDim converted = {sub.extent, sub.bound, {}};
      int64_t distance = sub.bound;
      for (const std::string &axis : llvm::reverse(sub.axes)) {
        converted.terms.push_back({axis, distance});
        auto size = sizes.sizes.find(axis);
        distance *= size == sizes.sizes.end() ? 1 : size->second;
      }
      result.dims.back().push_back(std::move(converted));
    }
  }
  return result;
}

static bool namesTime(const rank::Layout &layout) {
  for (const auto &dimension : layout.dimensions)
    for (const rank::SubDimension &sub : dimension)
      if (llvm::is_contained(sub.axes, names::timeAxis.str()))
        return true;
  return false;
}

bool ProgramChecker::place(int64_t rank, int64_t buffer,
                           const std::string &name, const rank::Layout *layout,
                           const NamedTensors &values, std::string &error) {
  auto found = values.find(name);
  if (found == values.end())
    return true; // read by no function
  for (int64_t slot = 0; slot < programOf(rank).buffers[buffer].slots; ++slot) {
    TensorRef shard = found->second;
    MemoryPlace where = locate(rank, {buffer, 0}, slot);
    if (layout) {
      Place at = mesh.placeOf(rank);
      mesh.setMicrobatch(at, namesTime(*layout) ? slot : -1);
      Layout converted = layoutOf(*layout, at);
      if (converted.globalShape() != shard->shape) {
        error = "'" + name + "' has another shape in the rank program";
        return false;
      }
      shard = converted.shard(shard, at);
    }
    if (shard->kind != kindOf(where.type) ||
        !where.memory->write(where.offset, where.type, shard,
                             "the input '" + name + "'")) {
      error = "'" + name + "' does not fit into " + where.text;
      return false;
    }
  }
  return true;
}

bool ProgramChecker::initialise(const NamedTensors &values,
                                std::string &error) {
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank) {
    const rank::Program &program = programOf(rank);
    for (const rank::State &state : program.states)
      if (!place(rank, state.buffer, state.name, &state.layout, values, error))
        return false;
    for (const rank::Input &input : program.inputs)
      if (!place(rank, input.buffer, input.name, &input.layout, values, error))
        return false;
    for (const rank::Control &control : program.controls)
      if (!place(rank, control.buffer, control.name, nullptr, values, error))
        return false;
  }
  return true;
}

bool ProgramChecker::entered(int64_t rank, const RankStep &step,
                             std::string &error) {
  for (auto [segment, microbatch] : silent[rank][numEntered[rank]++])
    if (!runOwn(rank, *segment, 0, microbatch, error))
      return false;
  func::FuncOp function = step.function;
  return runOwn(rank, *walks[function].segment, 0, step.microbatch, error);
}

//===----------------------------------------------------------------------===//
// After the step
//===----------------------------------------------------------------------===//

bool ProgramChecker::finished(int64_t rank, const NamedTensors &state,
                              const NamedTensors &metrics,
                              const std::vector<LocalOutput> &outputs,
                              std::string &error) {
  const rank::Program &program = programOf(rank);
  for (auto [segment, microbatch] : silent[rank][numEntered[rank]])
    if (!runOwn(rank, *segment, 0, microbatch, error))
      return false;
  if (!underWay[rank].empty()) {
    const UnderWay &left = underWay[rank].front();
    error = left.place + ": found no wait for its token " +
            std::to_string(left.token);
    return false;
  }
  auto checkAll = [&](const auto &entries, const char *kind,
                      const std::string &name, int64_t microbatch,
                      const TensorRef &value) {
    std::string what = std::string("the ") + kind + " '" + name + "'";
    auto entry = llvm::find_if(
        entries, [&](const auto &candidate) { return candidate.name == name; });
    if (entry != entries.end())
      return check(locate(rank, {entry->buffer, 0}, microbatch), value, what,
                   error);
    error = what + " has no buffer in the rank program";
    return false;
  };
  for (const auto &[name, value] : state)
    if (!checkAll(program.states, "new state", name, -1, value))
      return false;
  for (const auto &[name, value] : metrics)
    if (!checkAll(program.metrics, "metric", name, -1, value))
      return false;
  for (const LocalOutput &output : outputs)
    if (!checkAll(program.outputs, "output", output.name, output.microbatch,
                  output.value))
      return false;
  return true;
}
