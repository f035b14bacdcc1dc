//===- ProgramCheck.cpp - What the text of a rank program cannot say ------===//
//
// Structure: mesh, buffers, layouts, schedule, tags. One op by itself is the
// subject of OpCheck.cpp, the order of ops (a value read before it is written,
// a clobbered buffer) that of FlowCheck.cpp, the transfers between device
// groups that of ScheduleCheck.cpp.
//
//===----------------------------------------------------------------------===//

#include "ProgramCheck.h"

#include "colossal/Run/Layout.h"
#include "colossal/Support/StoredFloat.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

namespace colossal::rank {

std::string describePlace(const Program &program, const Segment &segment,
                          size_t op) {
  const Op &at = segment.ops[op];
  std::string text = "device group " + std::to_string(program.group) + ": " +
                     segment.name + "[" + std::to_string(op) + "] " +
                     nameOf(at.kind);
  if (!at.name.empty())
    text += " '" + at.name + "'";
  if (!at.source.empty())
    text += " (" + at.source + ")";
  return text;
}

const char *nameOf(OpKind kind) {
  static const char *names[] = {"kernel",     "gemm",           "library",
                                "fill",       "copy",           "all_reduce",
                                "all_gather", "reduce_scatter", "all_to_all",
                                "send",       "recv",           "wait"};
  return names[static_cast<int>(kind)];
}

std::string describeBuffer(const Buffer &buffer) {
  return "buffer " + std::to_string(buffer.id) +
         (buffer.name.empty() ? "" : " '" + buffer.name + "'");
}

namespace {

class StructureChecker : FaultList {
public:
  using FaultList::FaultList;
  void run();

private:
  void checkMesh();
  void checkBuffers();
  void checkLayout(const std::string &place, const Layout &layout,
                   const std::vector<int64_t> &shape, int64_t buffer,
                   bool timeAllowed);
  void checkPersistent();
  void checkSchedule();
  void checkTags();
};

void StructureChecker::checkMesh() {
  std::set<std::string> names;
  for (const Axis &axis : program.mesh) {
    if (axis.size < 1)
      fault(prefix + "mesh axis '" + axis.name + "'", axis.size,
            "a size of at least 1");
    if (axis.name == "time" || !names.insert(axis.name).second)
      fault(prefix + "mesh", "axis '" + axis.name + "'",
            "distinct names other than 'time'");
  }
  if (program.groups < 1 || program.group < 0 ||
      program.group >= program.groups)
    fault(prefix + "group", program.group,
          "a group below " + text(program.groups));
  if (program.microbatches < 1)
    fault(prefix + "microbatches", program.microbatches, "at least 1");
}

void StructureChecker::checkBuffers() {
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    std::string place = prefix + describeBuffer(buffer);
    if (buffer.id != int64_t(i))
      fault(place, "id " + text(buffer.id) + " at position " + text(i),
            "equal numbers");
    int64_t element = bytesOf(buffer.dtype);
    if (buffer.bytes < 0 || buffer.bytes % element)
      fault(place, text(buffer.bytes) + " bytes",
            "a multiple of " + text(element));
    if (buffer.offset < 0 || buffer.offset % element)
      fault(place, "offset " + text(buffer.offset),
            "a multiple of " + text(element));
    if (buffer.slots < 1 ||
        (buffer.slots > 1 &&
         (buffer.slotStride < buffer.bytes || buffer.slotStride % element)))
      fault(place,
            text(buffer.slots) + " slots " + text(buffer.slotStride) +
                " bytes apart",
            "at least one slot, at least " + text(buffer.bytes) +
                " bytes apart");
    int64_t limit =
        buffer.space == Space::Arena ? program.arenaBytes : program.windowBytes;
    int64_t end = endOf(buffer);
    if (end > limit)
      fault(place, "an end at byte " + text(end),
            std::string("one inside the ") +
                (buffer.space == Space::Arena ? "arena" : "window") + " of " +
                text(limit) + " bytes");
  }
}

void StructureChecker::checkLayout(const std::string &place,
                                   const Layout &layout,
                                   const std::vector<int64_t> &shape,
                                   int64_t id, bool timeAllowed) {
  if (layout.dimensions.size() != shape.size()) {
    fault(place, text(int64_t(layout.dimensions.size())) + " dimensions",
          text(int64_t(shape.size())));
    return;
  }
  std::set<std::string> used;
  for (size_t d = 0; d < shape.size(); ++d) {
    int64_t extent = 1;
    for (const SubDimension &sub : layout.dimensions[d]) {
      extent *= sub.extent;
      int64_t parts = 1;
      for (const std::string &axis : sub.axes) {
        int64_t size = axisSize(axis);
        if (size == 0 || (axis == "time" && !timeAllowed))
          fault(place, "axis '" + axis + "'", "an axis of the mesh");
        if (!used.insert(axis).second)
          fault(place, "axis '" + axis + "' twice", "each axis once");
        parts *= std::max<int64_t>(size, 1);
      }
      if (sub.bound < std::min<int64_t>(1, sub.extent) ||
          sub.bound * parts < sub.extent)
        fault(place,
              "bound " + text(sub.bound) + " in " + text(parts) + " parts",
              "at least the extent " + text(sub.extent));
    }
    if (extent != shape[d])
      fault(place + " dimension " + text(int64_t(d)), "extent " + text(extent),
            "size " + text(shape[d]));
  }
  const Buffer &buffer = program.buffers[id];
  int64_t bytes = localElements(layout) * bytesOf(buffer.dtype);
  if (bytes != buffer.bytes)
    fault(place,
          describeBuffer(buffer) + " of " + text(buffer.bytes) + " bytes",
          text(bytes) + " bytes, by the layout");
}

void StructureChecker::checkPersistent() {
  struct Part {
    std::string place;
    const Buffer *buffer;
  };
  std::vector<Part> parts;
  std::set<std::string> names;
  for (const State &state : program.states) {
    std::string place = prefix + "state '" + state.name + "'";
    if (!names.insert(state.name).second)
      fault(place, "the name twice", "distinct names");
    if (!checkId(place, state.buffer))
      continue;
    const Buffer &buffer = program.buffers[state.buffer];
    checkLayout(place, state.layout, state.globalShape, state.buffer, false);
    int64_t bytes = elementsOf(state.globalShape) * bytesOf(buffer.dtype);
    const Initial &initial = state.initial;
    if (!initial.elements.empty())
      bytes = elementsOf(state.globalShape) * bytesOfFloat(initial.elements);
    if (!initial.file.empty() && initial.bytes != bytes)
      fault(place, text(initial.bytes) + " initial bytes",
            text(bytes) + " bytes, by the shape");
    bool isFloat = buffer.dtype == DType::F32 || buffer.dtype == DType::F64;
    if (initial.normal != 0 &&
        !(isFloat && initial.normal > 0 && std::isfinite(initial.normal)))
      fault(place,
            "normal numbers of deviation " + std::to_string(initial.normal),
            "floats and a finite deviation above 0");
    if (buffer.slots != 1)
      fault(place, text(buffer.slots) + " slots", "1");
    parts.push_back({place, &buffer});
  }
  for (const Input &input : program.inputs) {
    std::string place = prefix + "input '" + input.name + "'";
    if (!checkId(place, input.buffer))
      continue;
    checkLayout(place, input.layout, input.globalShape, input.buffer, true);
    int64_t slots = program.buffers[input.buffer].slots;
    if (slots != 1 && slots != program.microbatches)
      fault(place, text(slots) + " slots",
            "1 or " + text(program.microbatches) + ", one per microbatch");
    if (input.batchDim < -1 ||
        input.batchDim >= int64_t(input.globalShape.size()))
      fault(place, "batch dimension " + text(input.batchDim),
            "-1 or a dimension");
    parts.push_back({place, &program.buffers[input.buffer]});
  }
  for (const Output &output : program.outputs) {
    std::string place = prefix + "output '" + output.name + "'";
    if (!checkId(place, output.buffer))
      continue;
    checkLayout(place, output.layout, output.globalShape, output.buffer, true);
    int64_t slots = program.buffers[output.buffer].slots;
    if (slots != 1 && slots != program.microbatches)
      fault(place, text(slots) + " slots",
            "1 or " + text(program.microbatches) + ", one per microbatch");
    if (output.batchDim < -1 ||
        output.batchDim >= int64_t(output.globalShape.size()))
      fault(place, "batch dimension " + text(output.batchDim),
            "-1 or a dimension");
    parts.push_back({place, &program.buffers[output.buffer]});
  }
  auto scalar = [&](const std::string &place, int64_t id) {
    if (!checkId(place, id))
      return;
    const Buffer &buffer = program.buffers[id];
    bool isFloat = buffer.dtype == DType::F32 || buffer.dtype == DType::F64;
    if (!isFloat || buffer.bytes < bytesOf(buffer.dtype))
      fault(place, text(buffer.bytes) + " bytes of " + nameOf(buffer.dtype),
            "a scalar of f32 or f64");
  };
  for (const Control &control : program.controls) {
    std::string place = prefix + "control '" + control.name + "'";
    scalar(place, control.buffer);
    if (isBuffer(control.buffer))
      parts.push_back({place, &program.buffers[control.buffer]});
  }
  for (const Metric &metric : program.metrics)
    scalar(prefix + "metric '" + metric.name + "'", metric.buffer);

  // State, inputs and controls live for the whole step: they are disjoint.
  std::sort(parts.begin(), parts.end(), [](const Part &a, const Part &b) {
    return std::make_pair(a.buffer->space, a.buffer->offset) <
           std::make_pair(b.buffer->space, b.buffer->offset);
  });
  for (size_t i = 1; i < parts.size(); ++i) {
    const Buffer &before = *parts[i - 1].buffer, &after = *parts[i].buffer;
    if (before.space == after.space && endOf(before) > after.offset &&
        before.bytes && after.bytes)
      fault(parts[i].place,
            describeBuffer(after) + " at byte " + text(after.offset),
            "no overlap with " + parts[i - 1].place + ", " +
                describeBuffer(before) + ", which ends at byte " +
                text(endOf(before)));
  }
}

void StructureChecker::checkSchedule() {
  std::map<std::string, const Segment *> segments;
  for (const Segment &segment : program.segments)
    if (!segments.emplace(segment.name, &segment).second)
      fault(prefix + "segment '" + segment.name + "'", "the name twice",
            "distinct names");
  std::set<std::string> used;
  std::set<std::pair<std::string, int64_t>> seen;
  for (size_t i = 0; i < program.schedule.size(); ++i) {
    const Step &step = program.schedule[i];
    std::string place = prefix + "schedule[" + text(int64_t(i)) + "]";
    if (!segments.count(step.segment))
      fault(place, "segment '" + step.segment + "'", "a segment of the group");
    if (step.microbatch < -1 || step.microbatch >= program.microbatches)
      fault(place, "microbatch " + text(step.microbatch),
            "-1 or one below " + text(program.microbatches));
    if (!seen.insert({step.segment, step.microbatch}).second)
      fault(place,
            "segment '" + step.segment + "' with microbatch " +
                text(step.microbatch) + " again",
            "each once");
    used.insert(step.segment);
  }
  for (const Segment &segment : program.segments)
    if (!used.count(segment.name) && !segment.ops.empty())
      fault(prefix + "schedule", "no entry for segment '" + segment.name + "'",
            "one at least");
}

void StructureChecker::checkTags() {
  // (is a send, peer, tag) -> first use.
  std::map<std::tuple<bool, int64_t, int64_t>, std::string> uses;
  for (const Segment &segment : program.segments)
    for (size_t i = 0; i < segment.ops.size(); ++i) {
      const Op &op = segment.ops[i];
      if (op.kind != OpKind::Send && op.kind != OpKind::Recv)
        continue;
      std::string place = describePlace(program, segment, i);
      auto [it, isNew] = uses.emplace(
          std::make_tuple(op.kind == OpKind::Send, op.peerGroup, op.tag),
          place);
      if (!isNew)
        fault(place,
              "tag " + text(op.tag) + " with device group " +
                  text(op.peerGroup),
              "a tag of its own; " + it->second + " has the same");
    }
}

void StructureChecker::run() {
  checkMesh();
  checkBuffers();
  // What follows looks into buffers: they must be sound.
  if (!faults.empty())
    return;
  checkPersistent();
  for (const Segment &segment : program.segments)
    for (size_t i = 0; i < segment.ops.size(); ++i)
      checkOp(program, segment, i, faults);
  checkSchedule();
  checkTags();
}

} // namespace

int64_t endOf(const Buffer &buffer) {
  return buffer.offset + (buffer.slots - 1) * buffer.slotStride + buffer.bytes;
}

std::vector<std::string> checkStructure(const Program &program) {
  std::vector<std::string> faults;
  StructureChecker(program, faults).run();
  return faults;
}

std::vector<std::string> checkShared(const std::vector<Program> &programs) {
  std::vector<std::string> faults;
  auto describe = [](const Program &program) {
    std::vector<std::string> lines;
    for (const State &state : program.states) {
      const Buffer &buffer = program.buffers[state.buffer];
      std::string line = "'" + state.name + "' of " + nameOf(buffer.dtype) +
                         " at byte " + std::to_string(buffer.offset) +
                         ", cut as";
      for (const auto &dimension : state.layout.dimensions) {
        line += " [";
        for (const SubDimension &sub : dimension) {
          line += " " + std::to_string(sub.extent);
          for (const std::string &axis : sub.axes)
            line += "/" + axis;
        }
        line += " ]";
      }
      lines.push_back(line);
    }
    return lines;
  };
  for (size_t p = 1; p < programs.size(); ++p) {
    std::vector<std::string> first = describe(programs[0]),
                             other = describe(programs[p]);
    std::string place = "device group " + std::to_string(programs[p].group) +
                        ": program '" + programs[p].name + "': ";
    if (first.size() != other.size())
      faults.push_back(place + "found " + std::to_string(other.size()) +
                       " states, expected the " + std::to_string(first.size()) +
                       " of program '" + programs[0].name + "'");
    for (size_t i = 0; i < first.size() && i < other.size(); ++i)
      if (first[i] != other[i])
        faults.push_back(place + "found state " + other[i] + ", expected " +
                         first[i] + " as in program '" + programs[0].name +
                         "'");
  }
  return faults;
}

std::vector<std::string> checkProgram(const Program &program) {
  std::vector<std::string> faults = checkStructure(program);
  if (faults.empty())
    checkFlow(program, faults);
  return faults;
}

} // namespace colossal::rank
