//===- OpCheck.cpp - The faults that an op has by itself ------------------===//

#include "ProgramCheck.h"
#include "colossal/Run/LibraryFunction.h"
#include "colossal/Run/NarrowRows.h"
#include "colossal/Support/Combiner.h"

#include <algorithm>
#include <set>

namespace colossal::rank {

namespace {

class OpChecker : OperandFaults {
public:
  using OperandFaults::OperandFaults;
  void checkOp(const Segment &segment, size_t index);

private:
  void checkKernel(const std::string &place, const Op &op);
  void checkGemm(const std::string &place, const Op &op);
  void checkLibrary(const std::string &place, const Op &op);
  void checkCollective(const std::string &place, const Op &op);
  void checkQueue(const std::string &place, const Op &op);
};

void OpChecker::checkKernel(const std::string &place, const Op &op) {
  if (op.symbol.empty())
    fault(place, "no symbol", "a kernel's name");
  if (op.range < 0 || op.grain < 1)
    fault(place, "range " + text(op.range) + ", grain " + text(op.grain),
          "at least 0 and 1");
}

void OpChecker::checkGemm(const std::string &place, const Op &op) {
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
    return index + 1;
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
  int64_t elements[] = {last(gemm.aBatch, gemm.m, gemm.aM, gemm.k, gemm.aK),
                        last(gemm.bBatch, gemm.k, gemm.bK, gemm.n, gemm.bN),
                        last(gemm.cBatch, gemm.m, gemm.cM, gemm.n, gemm.cN)};
  bool narrow = isNarrow(gemm.dtype);
  if ((gemm.dtype != DType::F32 && !narrow) ||
      (gemm.result != DType::F32 && !(narrow && gemm.result == gemm.dtype)))
    return fault(place,
                 std::string("a product of ") + nameOf(gemm.dtype) + " as " +
                     nameOf(gemm.result),
                 "f32 as f32, bf16 and f16 as themselves or f32");
  for (int i = 0; i < 3; ++i) {
    DType type = i == 2 ? gemm.result : gemm.dtype;
    checkType(place + names[i], op.operands[i], type);
    checkInside(place + names[i], op.operands[i], elements[i] * bytesOf(type));
  }
  bool repeated = (gemm.m > 1 && gemm.cM == 0) || (gemm.n > 1 && gemm.cN == 0);
  for (size_t i = 0; i < rank; ++i)
    repeated |= gemm.batch[i] > 1 && gemm.cBatch[i] == 0;
  if (repeated)
    fault(place + " C", "stride 0 over an extent above 1", "distinct elements");
}

void OpChecker::checkLibrary(const std::string &place, const Op &op) {
  const LibraryCheck *check = findLibraryCheck(op.library.function);
  if (!check)
    return fault(place, "function '" + op.library.function + "'",
                 "one of " + namesOfLibraryFunctions());
  check->check(*this, place, op);
}

void OpChecker::checkCollective(const std::string &place, const Op &op) {
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
  bool reduces =
      op.kind == OpKind::AllReduce || op.kind == OpKind::ReduceScatter;
  bool isBoolean = collective.dtype == DType::I1;
  std::optional<Combiner> combiner = combinerNamed(collective.combiner);
  if (!combiner || (reduces && factsOf(*combiner).ofBooleans != isBoolean))
    fault(place, "combiner '" + collective.combiner + "'",
          reduces ? combinerNames(isBoolean) : combinerNames());
  int64_t outer = collective.outer, middle = collective.middle,
          inner = collective.inner;
  if (std::min({outer, middle, inner, collective.elements,
                collective.gather.bound, collective.gather.extent,
                collective.scatter.bound, collective.scatter.extent}) < 0) {
    fault(place, "a negative extent", "extents of at least 0");
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
    // An input may be a part of a value: the first rows of what was gathered.
    bool isOutput = i == 1;
    if (isOutput && operand.offset == 0 && bytes < buffer.bytes)
      fault(place + names[i],
            text(counts[i]) + " elements, " + text(bytes) + " bytes",
            "all " + text(buffer.bytes) + " bytes of " +
                describeBuffer(buffer));
  }
}

void OpChecker::checkQueue(const std::string &place, const Op &op) {
  bool waits = op.kind == OpKind::Wait;
  if (op.queue < 0 || (op.queue > 0 && !isCollective(op.kind)))
    return fault(place, "queue " + text(op.queue),
                 isCollective(op.kind) ? "0 or the number of a queue"
                                       : "0: only collectives are started");
  if (waits || op.queue > 0 ? op.token < 1 : op.token != 0)
    fault(place, "token " + text(op.token),
          waits          ? "the token of an op that was started"
          : op.queue > 0 ? "one above 0, which its wait has too"
                         : "none: it is not started on a queue");
}

void OpChecker::checkOp(const Segment &segment, size_t index) {
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
  checkQueue(place, op);
  switch (op.kind) {
  case OpKind::Kernel:
    return checkKernel(place, op);
  case OpKind::Gemm:
    return checkGemm(place, op);
  case OpKind::Library:
    return checkLibrary(place, op);
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
    if (op.peerGroup < 0 || op.peerGroup >= program.groups ||
        op.peerGroup == program.group)
      fault(place, "peer group " + text(op.peerGroup),
            "another device group below " + text(program.groups));
    return;
  case OpKind::Wait:
    checkCount(place, op, 0, 0);
    return;
  }
}

} // namespace

void checkOp(const Program &program, const Segment &segment, size_t op,
             std::vector<std::string> &faults) {
  OpChecker(program, faults).checkOp(segment, op);
}

} // namespace colossal::rank
