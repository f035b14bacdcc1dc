//===- ProgramCheck.cpp - What the text of a rank program cannot say ------===//
//
// Structure: ids, ranges, axes, sizes, layouts, one op at a time. The order of
// ops (a value read before it is written, a clobbered buffer) is the subject of
// FlowCheck.cpp, the transfers between stages that of ScheduleCheck.cpp.
//
//===----------------------------------------------------------------------===//

#include "ProgramCheck.h"

#include "colossal/Run/Layout.h"

#include <algorithm>
#include <map>
#include <set>

namespace colossal::rank {

std::string describePlace(const Program &program, const Segment &segment,
                          size_t op) {
  const Op &at = segment.ops[op];
  std::string text = "stage " + std::to_string(program.stage) + ": " +
                     segment.name + "[" + std::to_string(op) + "] " +
                     nameOf(at.kind);
  if (!at.name.empty())
    text += " '" + at.name + "'";
  if (!at.source.empty())
    text += " (" + at.source + ")";
  return text;
}

const char *nameOf(OpKind kind) {
  static const char *names[] = {
      "kernel",         "gemm",       "attention",  "attention_backward",
      "fill",           "copy",       "all_reduce", "all_gather",
      "reduce_scatter", "all_to_all", "send",       "recv"};
  return names[static_cast<int>(kind)];
}

std::string describeBuffer(const Buffer &buffer) {
  return "buffer " + std::to_string(buffer.id) +
         (buffer.name.empty() ? "" : " '" + buffer.name + "'");
}

namespace {

class Checker {
public:
  explicit Checker(const Program &program) : program(program) {}
  std::vector<std::string> run();

private:
  template <class A, class B>
  void fault(const std::string &place, A &&found, B &&expected) {
    faults.push_back(place + ": found " + text(found) + ", expected " +
                     text(expected));
  }
  static std::string text(int64_t value) { return std::to_string(value); }
  static std::string text(const std::string &value) { return value; }

  int64_t axisSize(const std::string &name) const {
    for (const Axis &axis : program.mesh)
      if (axis.name == name)
        return axis.size;
    return name == "time" ? program.microbatches : 0;
  }
  bool isBuffer(int64_t id) const {
    return id >= 0 && id < int64_t(program.buffers.size());
  }
  /// Faults of an id outside the list of buffers.
  bool checkId(const std::string &place, int64_t id) {
    if (isBuffer(id))
      return true;
    fault(place, "buffer " + text(id),
          "an id below " + text(int64_t(program.buffers.size())));
    return false;
  }

  void checkMesh();
  void checkBuffers();
  void checkLayout(const std::string &place, const Layout &layout,
                   const std::vector<int64_t> &shape, int64_t buffer,
                   bool timeAllowed);
  void checkPersistent();
  void checkOp(const Segment &segment, size_t index);
  void checkKernel(const std::string &place, const Op &op);
  void checkGemm(const std::string &place, const Op &op);
  void checkAttention(const std::string &place, const Op &op);
  void checkCollective(const std::string &place, const Op &op);
  void checkSchedule();
  void checkTags();

  /// `bytes` bytes from the operand's offset lie inside one slot.
  void checkInside(const std::string &place, const Operand &operand,
                   int64_t bytes) {
    const Buffer &buffer = program.buffers[operand.buffer];
    if (operand.offset < 0 || bytes < 0 || operand.offset > buffer.bytes ||
        bytes > buffer.bytes - operand.offset)
      fault(place,
            "bytes [" + text(operand.offset) + ", " +
                text(operand.offset + bytes) + ") of " + describeBuffer(buffer),
            "bytes inside [0, " + text(buffer.bytes) + ")");
  }
  void checkType(const std::string &place, const Operand &operand,
                 DType expected) {
    const Buffer &buffer = program.buffers[operand.buffer];
    if (buffer.dtype != expected)
      fault(place, describeBuffer(buffer) + " of dtype " + nameOf(buffer.dtype),
            std::string("dtype ") + nameOf(expected));
  }
  bool checkCount(const std::string &place, const Op &op, size_t operands,
                  int64_t outputs) {
    if (op.operands.size() == operands && op.numOutputs == outputs)
      return true;
    fault(place,
          text(int64_t(op.operands.size())) + " operands, " +
              text(op.numOutputs) + " of them outputs",
          text(int64_t(operands)) + " operands, " + text(outputs) +
              " of them outputs");
    return false;
  }

  const Program &program;
  std::vector<std::string> faults;
  std::string stage;
};

void Checker::checkMesh() {
  std::set<std::string> names;
  for (const Axis &axis : program.mesh) {
    if (axis.size < 1)
      fault(stage + "mesh axis '" + axis.name + "'", axis.size,
            "a size of at least 1");
    if (axis.name == "time" || !names.insert(axis.name).second)
      fault(stage + "mesh", "axis '" + axis.name + "'",
            "distinct names other than 'time'");
  }
  if (program.stages < 1 || program.stage < 0 ||
      program.stage >= program.stages)
    fault(stage + "stage", program.stage,
          "a stage below " + text(program.stages));
  if (program.microbatches < 1)
    fault(stage + "microbatches", program.microbatches, "at least 1");
}

void Checker::checkBuffers() {
  for (size_t i = 0; i < program.buffers.size(); ++i) {
    const Buffer &buffer = program.buffers[i];
    std::string place = stage + describeBuffer(buffer);
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

void Checker::checkLayout(const std::string &place, const Layout &layout,
                          const std::vector<int64_t> &shape, int64_t id,
                          bool timeAllowed) {
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
      if (sub.bound < 1 || sub.bound * parts < sub.extent)
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

void Checker::checkPersistent() {
  struct Part {
    std::string place;
    const Buffer *buffer;
  };
  std::vector<Part> parts;
  std::set<std::string> names;
  for (const State &state : program.states) {
    std::string place = stage + "state '" + state.name + "'";
    if (!names.insert(state.name).second)
      fault(place, "the name twice", "distinct names");
    if (!checkId(place, state.buffer))
      continue;
    const Buffer &buffer = program.buffers[state.buffer];
    checkLayout(place, state.layout, state.globalShape, state.buffer, false);
    int64_t bytes = elementsOf(state.globalShape) * bytesOf(buffer.dtype);
    if (!state.initial.file.empty() && state.initial.bytes != bytes)
      fault(place, text(state.initial.bytes) + " initial bytes",
            text(bytes) + " bytes, by the shape");
    if (buffer.slots != 1)
      fault(place, text(buffer.slots) + " slots", "1");
    parts.push_back({place, &buffer});
  }
  for (const Input &input : program.inputs) {
    std::string place = stage + "input '" + input.name + "'";
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
    std::string place = stage + "control '" + control.name + "'";
    scalar(place, control.buffer);
    if (isBuffer(control.buffer))
      parts.push_back({place, &program.buffers[control.buffer]});
  }
  for (const Metric &metric : program.metrics)
    scalar(stage + "metric '" + metric.name + "'", metric.buffer);

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

void Checker::checkKernel(const std::string &place, const Op &op) {
  if (op.symbol.empty())
    fault(place, "no symbol", "a kernel's name");
  if (op.range < 0 || op.grain < 1)
    fault(place, "range " + text(op.range) + ", grain " + text(op.grain),
          "at least 0 and 1");
}

void Checker::checkGemm(const std::string &place, const Op &op) {
  if (!checkCount(place, op, 3, 1))
    return;
  const Gemm &gemm = op.gemm;
  size_t rank = gemm.batch.size();
  if (gemm.aBatch.size() != rank || gemm.bBatch.size() != rank ||
      gemm.cBatch.size() != rank) {
    fault(place, "batch strides of another number than batch extents",
          text(int64_t(rank)) + " each");
    return;
  }
  auto last = [&](const std::vector<int64_t> &strides, int64_t rows,
                  int64_t rowStride, int64_t columns, int64_t columnStride) {
    int64_t index = (rows - 1) * rowStride + (columns - 1) * columnStride;
    for (size_t i = 0; i < rank; ++i)
      index += (gemm.batch[i] - 1) * strides[i];
    return (index + 1) * 4;
  };
  int64_t smallest = std::min({gemm.m, gemm.n, gemm.k, gemm.aM, gemm.aK,
                               gemm.bK, gemm.bN, gemm.cM, gemm.cN});
  for (size_t i = 0; i < rank; ++i)
    smallest = std::min({smallest, gemm.batch[i] - 1, gemm.aBatch[i],
                         gemm.bBatch[i], gemm.cBatch[i]});
  if (std::min({gemm.m, gemm.n, gemm.k}) < 1 || smallest < 0) {
    fault(place, "a negative stride or an empty extent",
          "strides of at least 0, extents of at least 1");
    return;
  }
  const char *names[] = {" A", " B", " C"};
  int64_t bytes[] = {last(gemm.aBatch, gemm.m, gemm.aM, gemm.k, gemm.aK),
                     last(gemm.bBatch, gemm.k, gemm.bK, gemm.n, gemm.bN),
                     last(gemm.cBatch, gemm.m, gemm.cM, gemm.n, gemm.cN)};
  for (int i = 0; i < 3; ++i) {
    checkType(place + names[i], op.operands[i], DType::F32);
    checkInside(place + names[i], op.operands[i], bytes[i]);
  }
  bool repeated = (gemm.m > 1 && gemm.cM == 0) || (gemm.n > 1 && gemm.cN == 0);
  for (size_t i = 0; i < rank; ++i)
    repeated |= gemm.batch[i] > 1 && gemm.cBatch[i] == 0;
  if (repeated)
    fault(place + " C", "stride 0 over an extent above 1", "distinct elements");
}

void Checker::checkAttention(const std::string &place, const Op &op) {
  const Attention &attention = op.attention;
  bool backward = op.kind == OpKind::AttentionBackward;
  size_t inputs = backward ? 6 : 3, outputs = backward ? 3 : 2;
  if (op.operands.size() < inputs + outputs ||
      op.numOutputs != int64_t(outputs) ||
      attention.strides.size() != op.operands.size()) {
    fault(place,
          text(int64_t(op.operands.size())) + " operands, " +
              text(op.numOutputs) + " outputs, " +
              text(int64_t(attention.strides.size())) + " strides",
          "at least " + text(int64_t(inputs + outputs)) + " operands, " +
              text(int64_t(outputs)) + " outputs, strides of each operand");
    return;
  }
  // Extent of (position, feature) of each operand, forward then backward.
  int64_t s = attention.queries, t = attention.keys, d = attention.qkFeatures,
          v = attention.vFeatures;
  using Extent = std::pair<int64_t, int64_t>;
  std::vector<Extent> head = {{s, d}, {t, d}, {t, v}};
  std::vector<Extent> tail = {{s, v}, {s, 1}};
  if (backward) {
    head.insert(head.end(), {{s, v}, {s, 1}, {s, v}});
    tail = {{s, d}, {t, d}, {t, v}};
  }
  if (std::min({attention.batch, attention.heads, s, t, d, v}) < 1) {
    fault(place, "an empty extent", "extents of at least 1");
    return;
  }
  size_t extras = op.operands.size() - inputs - outputs;
  if (extras && attention.kernel.empty())
    fault(place, text(int64_t(extras)) + " extra operands",
          "none without a mask kernel");
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (i >= inputs && i < inputs + extras)
      continue;
    const Extent &extent = i < inputs ? head[i] : tail[i - inputs - extras];
    const std::vector<int64_t> &strides = attention.strides[i];
    std::string at = place + " operand " + text(int64_t(i));
    if (strides.size() != 4 ||
        *std::min_element(strides.begin(), strides.end()) < 0) {
      fault(at, text(int64_t(strides.size())) + " strides", "4 of at least 0");
      continue;
    }
    int64_t index = (attention.batch - 1) * strides[0] +
                    (attention.heads - 1) * strides[1] +
                    (extent.first - 1) * strides[2] +
                    (extent.second - 1) * strides[3];
    checkType(at, op.operands[i], DType::F32);
    checkInside(at, op.operands[i], (index + 1) * 4);
  }
}

void Checker::checkCollective(const std::string &place, const Op &op) {
  if (!checkCount(place, op, 2, 1))
    return;
  const Collective &collective = op.collective;
  int64_t group = 1;
  std::set<std::string> used;
  for (const std::string &axis : collective.axes) {
    int64_t size = axis == "time" ? 0 : axisSize(axis);
    if (size == 0)
      fault(place, "axis '" + axis + "'", "an axis of the mesh");
    if (!used.insert(axis).second)
      fault(place, "axis '" + axis + "' twice", "each axis once");
    group *= std::max<int64_t>(size, 1);
  }
  if (collective.axes.empty())
    fault(place, "no axes", "the axes of a group");
  if (collective.combiner != "sum" && collective.combiner != "max")
    fault(place, "combiner '" + collective.combiner + "'", "sum or max");
  int64_t outer = collective.outer, middle = collective.middle,
          inner = collective.inner;
  if (std::min({outer, middle, inner, collective.elements,
                collective.gather.bound, collective.gather.extent,
                collective.scatter.bound, collective.scatter.extent}) < 1) {
    fault(place, "an empty extent", "extents of at least 1");
    return;
  }
  bool gathers = op.kind == OpKind::AllGather || op.kind == OpKind::AllToAll;
  bool scatters =
      op.kind == OpKind::ReduceScatter || op.kind == OpKind::AllToAll;
  auto checkCut = [&](const char *name, const Collective::Cut &cut) {
    int64_t expected = (cut.extent + group - 1) / group;
    if (cut.bound != expected)
      fault(place + " " + name,
            "extent " + text(cut.extent) + " with bound " + text(cut.bound),
            "bound " + text(expected) + " over a group of " + text(group));
  };
  if (gathers)
    checkCut("gather", collective.gather);
  if (scatters)
    checkCut("scatter", collective.scatter);
  int64_t input = collective.elements, output = collective.elements;
  if (gathers || scatters) {
    input = outer * middle * inner;
    output = input;
    if (gathers) {
      input *= collective.gather.bound;
      output *= collective.gather.extent;
    }
    if (scatters) {
      input *= collective.scatter.extent;
      output *= collective.scatter.bound;
    }
    if (input != collective.elements)
      fault(place, text(collective.elements) + " elements",
            text(input) + ", by its extents");
  }
  int64_t counts[] = {input, output};
  const char *names[] = {" input", " output"};
  for (int i = 0; i < 2; ++i) {
    const Operand &operand = op.operands[i];
    const Buffer &buffer = program.buffers[operand.buffer];
    checkType(place + names[i], operand, collective.dtype);
    int64_t bytes = counts[i] * bytesOf(collective.dtype);
    checkInside(place + names[i], operand, bytes);
    if (operand.offset == 0 && bytes < buffer.bytes)
      fault(place + names[i],
            text(counts[i]) + " elements, " + text(bytes) + " bytes",
            "all " + text(buffer.bytes) + " bytes of " +
                describeBuffer(buffer));
  }
}

void Checker::checkOp(const Segment &segment, size_t index) {
  const Op &op = segment.ops[index];
  std::string place = describePlace(program, segment, index);
  bool known = true;
  for (const auto *list : {&op.operands, &op.scratch})
    for (const Operand &operand : *list) {
      if (!checkId(place, operand.buffer)) {
        known = false;
        continue;
      }
      checkInside(place, operand, 0);
    }
  if (op.numOutputs < 0 || op.numOutputs > int64_t(op.operands.size())) {
    fault(place, text(op.numOutputs) + " outputs",
          "at most " + text(int64_t(op.operands.size())) + " operands");
    return;
  }
  for (const AffineOffset &affine : op.indices)
    for (const auto &term : affine.terms)
      if (axisSize(term.first) == 0)
        fault(place, "index over axis '" + term.first + "'",
              "an axis of the mesh or 'time'");
  if (!known)
    return;
  switch (op.kind) {
  case OpKind::Kernel:
    return checkKernel(place, op);
  case OpKind::Gemm:
    return checkGemm(place, op);
  case OpKind::Attention:
  case OpKind::AttentionBackward:
    return checkAttention(place, op);
  case OpKind::Fill:
    checkCount(place, op, 1, 1);
    return;
  case OpKind::Copy:
    if (checkCount(place, op, 2, 1))
      for (const Operand &operand : op.operands)
        checkInside(place, operand, op.bytes);
    return;
  case OpKind::AllReduce:
  case OpKind::AllGather:
  case OpKind::ReduceScatter:
  case OpKind::AllToAll:
    return checkCollective(place, op);
  case OpKind::Send:
  case OpKind::Recv:
    if (checkCount(place, op, 1, op.kind == OpKind::Recv ? 1 : 0))
      checkInside(place, op.operands[0], op.bytes);
    if (op.peerStage < 0 || op.peerStage >= program.stages ||
        op.peerStage == program.stage)
      fault(place, "peer stage " + text(op.peerStage),
            "another stage below " + text(program.stages));
    return;
  }
}

void Checker::checkSchedule() {
  std::map<std::string, const Segment *> segments;
  for (const Segment &segment : program.segments)
    if (!segments.emplace(segment.name, &segment).second)
      fault(stage + "segment '" + segment.name + "'", "the name twice",
            "distinct names");
  std::set<std::string> used;
  std::set<std::pair<std::string, int64_t>> seen;
  for (size_t i = 0; i < program.schedule.size(); ++i) {
    const Step &step = program.schedule[i];
    std::string place = stage + "schedule[" + text(int64_t(i)) + "]";
    if (!segments.count(step.segment))
      fault(place, "segment '" + step.segment + "'", "a segment of the stage");
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
      fault(stage + "schedule", "no entry for segment '" + segment.name + "'",
            "one at least");
}

void Checker::checkTags() {
  // (is a send, peer, tag) -> first use.
  std::map<std::tuple<bool, int64_t, int64_t>, std::string> uses;
  for (const Segment &segment : program.segments)
    for (size_t i = 0; i < segment.ops.size(); ++i) {
      const Op &op = segment.ops[i];
      if (op.kind != OpKind::Send && op.kind != OpKind::Recv)
        continue;
      std::string place = describePlace(program, segment, i);
      auto [it, isNew] = uses.emplace(
          std::make_tuple(op.kind == OpKind::Send, op.peerStage, op.tag),
          place);
      if (!isNew)
        fault(place,
              "tag " + text(op.tag) + " with stage " + text(op.peerStage),
              "a tag of its own; " + it->second + " has the same");
    }
}

std::vector<std::string> Checker::run() {
  stage = "stage " + std::to_string(program.stage) + ": ";
  checkMesh();
  checkBuffers();
  if (!faults.empty())
    return faults;
  checkPersistent();
  for (const Segment &segment : program.segments)
    for (size_t i = 0; i < segment.ops.size(); ++i)
      checkOp(segment, i);
  checkSchedule();
  checkTags();
  return std::move(faults);
}

} // namespace

const char *nameOf(DType dtype) {
  static const char *names[] = {"f32", "f64", "i64", "i32", "i1"};
  return names[static_cast<int>(dtype)];
}

int64_t endOf(const Buffer &buffer) {
  return buffer.offset + (buffer.slots - 1) * buffer.slotStride + buffer.bytes;
}

std::vector<std::string> checkStructure(const Program &program) {
  return Checker(program).run();
}

std::vector<std::string> checkProgram(const Program &program) {
  std::vector<std::string> faults = checkStructure(program);
  if (faults.empty())
    checkFlow(program, faults);
  return faults;
}

} // namespace colossal::rank
