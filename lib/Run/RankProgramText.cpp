//===- RankProgramText.cpp - JSON form of a rank program ------------------===//

#include "SharedFields.h"
#include "colossal/Run/Elements.h"
#include "colossal/Run/ProgramFaults.h"

namespace colossal::rank {

int64_t bytesOf(DType type) {
  return withElement(type, [](auto zero) { return int64_t(sizeof zero); });
}

const char *nameOf(DType type) {
  return json::Spelling<DType>::names[static_cast<int>(type)];
}

template <class Io> void fields(Io &io, SubDimension &sub) {
  io("extent", sub.extent);
  io("bound", sub.bound);
  io("axes", sub.axes);
}

template <class Io> void fields(Io &io, Layout &layout) {
  io("dimensions", layout.dimensions);
}

template <class Io> void fields(Io &io, Buffer &buffer) {
  io("id", buffer.id);
  io("name", buffer.name);
  io("dtype", buffer.dtype);
  io("space", buffer.space);
  io("offset", buffer.offset);
  io("bytes", buffer.bytes);
  io("slots", buffer.slots);
  io("slotStride", buffer.slotStride);
}

template <class Io> void fields(Io &io, Initial &initial) {
  io("file", initial.file);
  io("offset", initial.offset);
  io("bytes", initial.bytes);
  io("crc", initial.crc);
  io("fill", initial.fill);
  io("normal", initial.normal);
  io("stream", initial.stream);
  io("seed", initial.seed);
  io("elements", initial.elements);
}

template <class Io> void fields(Io &io, State &state) {
  io("buffer", state.buffer);
  io("name", state.name);
  io("role", state.role);
  io("globalShape", state.globalShape);
  io("layout", state.layout);
  io("initial", state.initial);
  io("owned", state.owned);
  io("aliases", state.aliases);
}

template <class Io> void fields(Io &io, Input &input) {
  io("buffer", input.buffer);
  io("name", input.name);
  io("globalShape", input.globalShape);
  io("layout", input.layout);
  io("batchDim", input.batchDim);
}

template <class Io> void fields(Io &io, Output &output) {
  io("buffer", output.buffer);
  io("name", output.name);
  io("globalShape", output.globalShape);
  io("layout", output.layout);
  io("batchDim", output.batchDim);
}

template <class Io> void fields(Io &io, Control &control) {
  io("buffer", control.buffer);
  io("name", control.name);
}

template <class Io> void fields(Io &io, Metric &metric) {
  io("buffer", metric.buffer);
  io("name", metric.name);
}

template <class Io> void fields(Io &io, AffineOffset &affine) {
  io("constant", affine.constant);
  io("terms", affine.terms);
}

template <class Io> void fields(Io &io, Operand &operand) {
  io("buffer", operand.buffer);
  io("offset", operand.offset);
}

template <class Io> void fields(Io &io, Gemm &gemm) {
  io("m", gemm.m);
  io("n", gemm.n);
  io("k", gemm.k);
  io("batch", gemm.batch);
  io("aBatch", gemm.aBatch);
  io("bBatch", gemm.bBatch);
  io("cBatch", gemm.cBatch);
  io("aM", gemm.aM);
  io("aK", gemm.aK);
  io("bK", gemm.bK);
  io("bN", gemm.bN);
  io("cM", gemm.cM);
  io("cN", gemm.cN);
  io("accumulate", gemm.accumulate);
  io("dtype", gemm.dtype);
  io("result", gemm.result);
}

template <class Io> void fields(Io &io, LibraryCall &call) {
  io("function", call.function);
  io("integers", call.integers);
  io("reals", call.reals);
  io("strides", call.strides);
  io("kernel", call.kernel);
}

template <class Io> void fields(Io &io, Collective::Cut &cut) {
  io("bound", cut.bound);
  io("extent", cut.extent);
}

template <class Io> void fields(Io &io, Collective &collective) {
  io("axes", collective.axes);
  io("combiner", collective.combiner);
  io("dtype", collective.dtype);
  io("elements", collective.elements);
  io("outer", collective.outer);
  io("middle", collective.middle);
  io("inner", collective.inner);
  io("gather", collective.gather);
  io("scatter", collective.scatter);
  io("scatterFirst", collective.scatterFirst);
}

template <class Io> void fields(Io &io, Op &op) {
  // `kind` first and always: it is what a reader of the text looks for.
  io("kind", op.kind);
  io("name", op.name);
  io("source", op.source);
  io("operands", op.operands);
  io("numOutputs", op.numOutputs);
  io("symbol", op.symbol);
  io("indices", op.indices);
  io("range", op.range);
  io("grain", op.grain);
  io("scratch", op.scratch);
  io("gemm", op.gemm);
  io("library", op.library);
  io("collective", op.collective);
  io("value", op.value);
  io("bytes", op.bytes);
  io("peerGroup", op.peerGroup);
  io("tag", op.tag);
  io("link", op.link);
  io("queue", op.queue);
  io("token", op.token);
}

template <class Io> void fields(Io &io, Segment &segment) {
  io("name", segment.name);
  io("ops", segment.ops);
}

template <class Io> void fields(Io &io, Step &step) {
  io("segment", step.segment);
  io("microbatch", step.microbatch);
}

template <class Io> void fields(Io &io, Program &program) {
  io("name", program.name);
  io("group", program.group);
  io("groups", program.groups);
  io("microbatches", program.microbatches);
  io("mesh", program.mesh);
  io("arenaBytes", program.arenaBytes);
  io("windowBytes", program.windowBytes);
  io("liveBytes", program.liveBytes);
  io("buffers", program.buffers);
  io("states", program.states);
  io("inputs", program.inputs);
  io("controls", program.controls);
  io("metrics", program.metrics);
  io("outputs", program.outputs);
  io("segments", program.segments);
  io("schedule", program.schedule);
}

namespace {

// An array of structs, one a line; ops inside segments too.
std::string printLines(const json::Json &array, const std::string &indent) {
  if (array.empty())
    return "[]";
  std::string text = "[";
  bool first = true;
  for (const json::Json &element : array) {
    text += (first ? "\n" : ",\n") + indent + "  ";
    first = false;
    if (element.is_object() && element.contains("ops")) {
      text += "{\"name\":" + json::textOf(element["name"]) +
              ",\"ops\":" + printLines(element["ops"], indent + "  ") + "}";
    } else {
      text += json::textOf(element);
    }
  }
  return text + "\n" + indent + "]";
}

} // namespace

std::string writeProgram(const Program &program) {
  json::Json document = json::toJson(program);
  for (size_t s = 0; s < program.segments.size(); ++s) {
    json::Json &segment = document["segments"][s];
    segment["name"] = program.segments[s].name;
    if (!segment.contains("ops"))
      segment["ops"] = json::Json::array();
    for (size_t o = 0; o < program.segments[s].ops.size(); ++o) {
      json::Json op = json::Json::object();
      op["kind"] = json::toJson(program.segments[s].ops[o].kind);
      op.update(segment["ops"][o]);
      segment["ops"][o] = std::move(op);
    }
  }
  std::string text = "{";
  bool first = true;
  for (const auto &item : document.items()) {
    text += (first ? "\n  " : ",\n  ") + json::textOf(item.key()) + ": ";
    first = false;
    text += item.value().is_array() ? printLines(item.value(), "  ")
                                    : json::textOf(item.value());
  }
  return text + "\n}\n";
}

std::optional<Program> readProgram(const std::string &text,
                                   const std::string &file,
                                   std::string &error) {
  try {
    Program program;
    json::fromJson(json::parse(text), program, "");
    return program;
  } catch (const json::FieldError &fault) {
    error = fault.message(file);
  } catch (const std::exception &fault) {
    error = file + ": document: found " + fault.what() +
            ", expected a rank program";
  }
  return std::nullopt;
}

namespace json {

Json parse(const std::string &text) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error &fault) {
    throw FieldError{"byte " + std::to_string(fault.byte), "no JSON value",
                     "JSON (" + std::string(fault.what()) + ")"};
  }
}

} // namespace json
} // namespace colossal::rank
