//===- ProgramOps.cpp - Ops of rank programs, executed --------------------===//

#include "ProgramArithmetic.h"
#include "ProgramChecker.h"
#include "colossal/Reference/Compare.h"
#include "colossal/Run/Layout.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::dtypeOf;
using schedule::Group;

//===----------------------------------------------------------------------===//
// Ops of memory alone
//===----------------------------------------------------------------------===//

bool ProgramChecker::runOwn(int64_t rank, const PairedOp &paired,
                            int64_t microbatch, std::string &error) {
  const rank::Op &op = *paired.op;
  if (op.kind == rank::OpKind::Wait) {
    if (wait(rank, op.token, error))
      return true;
    error = paired.place + ": " + error;
    return false;
  }
  MemoryPlace to = locate(rank, op.operands.back(), microbatch);
  bool ok = false;
  if (op.kind == rank::OpKind::Fill) {
    const rank::Buffer &buffer = programOf(rank).buffers[op.operands[0].buffer];
    int64_t count =
        (buffer.bytes - op.operands[0].offset) / rank::bytesOf(buffer.dtype);
    ok = to.memory->fill(to.offset, to.type, count, op.value,
                         "the fill of \"" + buffer.name + "\"");
  } else {
    MemoryPlace from = locate(rank, op.operands[0], microbatch);
    ok = from.memory == to.memory &&
         to.memory->copy(from.offset, to.offset, op.bytes,
                         "the copy of \"" + op.name + "\"");
  }
  if (!ok)
    error = paired.place + ": leaves the memory";
  return ok;
}

bool ProgramChecker::runOwn(int64_t rank, const PairedSegment &segment,
                            size_t first, int64_t microbatch,
                            std::string &error) {
  for (size_t i = first; i < segment.ops.size() && !segment.ops[i].group; ++i)
    if (!runOwn(rank, segment.ops[i], microbatch, error))
      return false;
  return true;
}

//===----------------------------------------------------------------------===//
// Collectives under way
//===----------------------------------------------------------------------===//

static int64_t sizeAt(const MemoryPlace &place, const TensorRef &value) {
  return value->size() * rank::bytesOf(place.type);
}

bool ProgramChecker::begin(int64_t rank, int64_t microbatch,
                           const PairedOp &paired, const TensorRef &result,
                           std::string &error) {
  UnderWay started = {paired.op->token,
                      paired.place,
                      locate(rank, paired, 0, microbatch),
                      locate(rank, paired, 1, microbatch),
                      nullptr,
                      result};
  // In place there is nothing left to look at.
  if (started.from.memory != started.to.memory ||
      started.from.offset != started.to.offset)
    started.input = pending[rank].lookup(paired.operands[0]);
  if (!started.to.memory->forget(started.to.offset,
                                 sizeAt(started.to, result))) {
    error = "its result does not fit into " + started.to.text;
    return false;
  }
  underWay[rank].push_back(std::move(started));
  return true;
}

bool ProgramChecker::wait(int64_t rank, int64_t token, std::string &error) {
  bool any = false;
  for (const UnderWay &started : underWay[rank]) {
    if (started.token != token)
      continue;
    any = true;
    const MemoryPlace &to = started.to;
    if (started.input && !check(started.from, started.input,
                                "what " + started.place + " reads", error))
      return false;
    if (!to.memory->isForgotten(to.offset, sizeAt(to, started.result))) {
      error = to.text + " was written while " + started.place +
              " was under way, by " + to.memory->ownerOf(to.offset, to.type, 0);
      return false;
    }
    to.memory->write(to.offset, to.type, started.result, started.place);
  }
  llvm::erase_if(underWay[rank], [&](const UnderWay &started) {
    return started.token == token;
  });
  if (!any)
    error = "found nothing under way with its token";
  return any;
}

//===----------------------------------------------------------------------===//
// Ops that compute
//===----------------------------------------------------------------------===//

bool ProgramChecker::agrees(Tensor found, const Tensor &expected,
                            double scale) const {
  if (found.size() != expected.size() || found.kind != expected.kind)
    return false;
  found.shape = expected.shape;
  if (relativeError(found, expected) <= tolerance)
    return true;
  double square = 0.0;
  for (int64_t i = 0, e = expected.size(); i < e; ++i)
    square += std::pow(found.number(i) - expected.number(i), 2);
  return std::sqrt(square) <= tolerance * scale;
}

/// "the operand "h.0/out"", "the operand 'lr'".
static std::string describeOperand(Value value, const RankStep &step) {
  if (Operation *producer = value.getDefiningOp()) {
    auto name = producer->getAttrOfType<StringAttr>("name");
    return name ? "the operand \"" + name.str() + "\"" : "the operand";
  }
  unsigned argument = cast<BlockArgument>(value).getArgNumber();
  func::FuncOp function = step.function;
  auto link = function.getArgAttrOfType<StringAttr>(argument, names::link);
  return "the operand '" +
         (link ? link.str() : argumentName(function, argument)) + "'";
}

bool ProgramChecker::checkInputs(int64_t rank, const RankStep &step,
                                 const PairedOp &paired, Operation *op,
                                 ArrayRef<TensorRef> operands,
                                 std::string &error) {
  for (auto [value, tensor] : llvm::zip(op->getOperands(), operands)) {
    pending[rank][value] = tensor;
    for (size_t i = 0; i < paired.numInputs; ++i)
      if (paired.operands[i] == value &&
          !check(locate(rank, paired, i, step.microbatch), tensor,
                 describeOperand(value, step), error))
        return false;
  }
  return true;
}

/// Whether the op adds to this output.
static bool accumulates(const PairedOp &paired, Value output) {
  if (paired.op->kind == rank::OpKind::Gemm)
    return paired.op->gemm.accumulate;
  const Group &group = *paired.group;
  for (auto [number, candidate] : llvm::enumerate(group.outputs))
    if (candidate == output)
      return number < group.accumulate.size() && group.accumulate[number];
  return false;
}

bool ProgramChecker::call(int64_t rank, int64_t microbatch,
                          const PairedOp &paired, std::string &error) {
  std::vector<CompiledCheck::Operand> operands;
  for (size_t i = 0; i < paired.operands.size(); ++i) {
    MemoryPlace place = locate(rank, paired, i, microbatch);
    CompiledCheck::Operand operand;
    operand.offset = place.offset;
    operand.inWindow = place.memory == &windows[rank];
    operand.type = place.type;
    operand.value = paired.operands[i];
    operand.viewOffset = paired.offsets[i];
    if (i < paired.numInputs) {
      operand.before = pending[rank].lookup(operand.value);
    } else if (accumulates(paired, operand.value)) {
      auto type = cast<RankedTensorType>(operand.value.getType());
      auto total =
          place.memory->read(place.offset, place.type, type.getNumElements());
      if (!total) {
        error = "has nothing to be added to in, " + place.text;
        return false;
      }
      total->shape = type.getShape().vec();
      operand.before = share(roundedTo(place.type, std::move(*total)));
    }
    operands.push_back(std::move(operand));
  }
  const rank::Program &program = programOf(rank);
  rank::Coordinate coordinate = rank::coordinateOf(
      program, rank % mesh.devices(), std::max<int64_t>(microbatch, 0));
  std::vector<int64_t> indices;
  for (const rank::AffineOffset &index : paired.op->indices)
    indices.push_back(rank::evaluate(index, coordinate));
  Place place = mesh.placeOf(rank);
  mesh.setMicrobatch(place, microbatch);
  return compiled->run(paired, operands, indices, place, error);
}

bool ProgramChecker::multiply(int64_t rank, int64_t microbatch,
                              const PairedOp &paired, const Tensor &expected,
                              std::string &error) {
  const rank::Gemm &gemm = paired.op->gemm;
  MemoryPlace places[3];
  for (size_t i = 0; i < 3; ++i) {
    places[i] = locate(rank, paired.op->operands[i], microbatch);
    places[i].type = i < 2 ? gemm.dtype : gemm.result;
    if (places[i].type != dtypeOf(paired.operands[i])) {
      error = "found another type of elements than that of operand " +
              std::to_string(i);
      return false;
    }
  }
  auto operandAt = [&](size_t i) {
    return ProductOperand{*pending[rank].lookup(paired.operands[i]),
                          paired.offsets[i] / rank::bytesOf(gemm.dtype)};
  };
  ProductOperand left = operandAt(0), right = operandAt(1);
  std::optional<Tensor> found =
      evaluateGemm(gemm, left, right, expected.size(), error);
  if (!found)
    return false;
  double scale = normOf(left.value) * normOf(right.value);
  if (agrees(std::move(*found), expected, scale))
    return true;
  error = "its product is not the value that it stands for";
  return false;
}

/// The first member that comes to a collective computes what all get: none has
/// written its result yet.
bool ProgramChecker::meet(int64_t rank, int64_t microbatch,
                          const PairedOp &paired, const Tensor &expected,
                          std::string &error) {
  const rank::Op &op = *paired.op;
  if (collected[rank].empty()) {
    std::vector<int64_t> members = mesh.membersOf(rank, op.collective.axes);
    std::vector<Tensor> inputs;
    for (int64_t member : members) {
      MemoryPlace place = locate(member, op.operands[0], microbatch);
      auto input = place.memory->read(place.offset, op.collective.dtype,
                                      op.collective.elements);
      if (!input) {
        error = "reads elements of rank " + std::to_string(member) +
                " that were not written, from " + place.text;
        return false;
      }
      inputs.push_back(std::move(*input));
    }
    auto results = evaluateCollective(
        op, getElementTypeOrSelf(paired.operands[1]), inputs, error);
    if (!results)
      return false;
    for (auto [member, result] : llvm::zip_equal(members, *results))
      collected[member].push_back(std::move(result));
  }
  Tensor found = std::move(collected[rank].front());
  collected[rank].pop_front();
  if (op.collective.dtype == dtypeOf(paired.operands[1]) &&
      agrees(std::move(found), expected, 0.0))
    return true;
  error = "its result is not the value that it stands for";
  return false;
}

bool ProgramChecker::send(int64_t rank, int64_t microbatch,
                          const PairedOp &paired, std::string &error) {
  const rank::Op &op = *paired.op;
  MemoryPlace place = locate(rank, op.operands[0], microbatch);
  place.type = dtypeOf(paired.operands[0]);
  auto sent = place.memory->read(place.offset, place.type,
                                 op.bytes / rank::bytesOf(place.type));
  if (!sent) {
    error = "sends what was not written, from " + place.text;
    return false;
  }
  int64_t device = rank % mesh.devices();
  messages[{rank, op.peerGroup * mesh.devices() + device, op.tag}].push_back(
      std::move(*sent));
  return true;
}

bool ProgramChecker::receive(int64_t rank, const PairedOp &paired,
                             const Tensor &expected, std::string &error) {
  const rank::Op &op = *paired.op;
  int64_t device = rank % mesh.devices();
  auto &queue =
      messages[{op.peerGroup * mesh.devices() + device, rank, op.tag}];
  if (queue.empty()) {
    error = "found nothing sent under its tag";
    return false;
  }
  Tensor found = std::move(queue.front());
  queue.pop_front();
  if (op.bytes ==
          expected.size() * rank::bytesOf(dtypeOf(paired.operands[0])) &&
      agrees(std::move(found), expected, 0.0))
    return true;
  error = "what comes under its tag is not the value that it stands for";
  return false;
}

/// Whether the op may write this output over an input that begins at the same
/// byte: what an iteration reads is then not written by an earlier one.
static bool mayOverwrite(const PairedOp &paired, Value input, Value output) {
  if (paired.op->kind == rank::OpKind::AllReduce)
    return true;
  const Group &group = *paired.group;
  return llvm::any_of(group.inPlace, [&](std::pair<unsigned, unsigned> pair) {
    return group.inputs[pair.first] == input &&
           group.outputs[pair.second] == output;
  });
}

bool ProgramChecker::checkOverlap(int64_t rank, int64_t microbatch,
                                  const PairedOp &paired, size_t output,
                                  std::string &error) {
  auto bytesOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getNumElements() *
           rank::bytesOf(dtypeOf(value));
  };
  MemoryPlace to = locate(rank, paired, output, microbatch);
  for (size_t i = 0; i < paired.numInputs; ++i) {
    MemoryPlace from = locate(rank, paired, i, microbatch);
    Value input = paired.operands[i], result = paired.operands[output];
    bool overlaps = from.memory == to.memory &&
                    from.offset < to.offset + bytesOf(result) &&
                    to.offset < from.offset + bytesOf(input);
    if (!overlaps ||
        (from.offset == to.offset && mayOverwrite(paired, input, result)))
      continue;
    error = "writes " + to.text + " while it reads operand " +
            std::to_string(i) + " from " + from.text;
    return false;
  }
  return true;
}

bool ProgramChecker::finishOp(int64_t rank, const RankStep &step,
                              const PairedOp &paired, std::string &error) {
  const rank::Op &op = *paired.op;
  int64_t microbatch = step.microbatch;
  if (op.kind == rank::OpKind::Send)
    return send(rank, microbatch, paired, error);
  if (compiled && rank::CompiledOps::isCall(op.kind) &&
      !call(rank, microbatch, paired, error))
    return false;
  std::string owner = "\"" + op.name + "\"";
  if (microbatch >= 0)
    owner += " of microbatch " + std::to_string(microbatch);
  for (size_t i = paired.numInputs; i < paired.operands.size(); ++i) {
    Value output = paired.operands[i];
    TensorRef computed = pending[rank].lookup(output);
    if (!computed) {
      error = "its group does not compute output " +
              std::to_string(i - paired.numInputs);
      return false;
    }
    if (!checkOverlap(rank, microbatch, paired, i, error))
      return false;
    const TensorRef &expected = computed;
    bool ok = true, adds = accumulates(paired, output);
    switch (op.kind) {
    case rank::OpKind::Gemm:
      ok = multiply(rank, microbatch, paired, *expected, error);
      break;
    case rank::OpKind::Kernel:
    case rank::OpKind::Library:
      break;
    case rank::OpKind::Recv:
      ok = receive(rank, paired, *expected, error);
      break;
    default:
      ok = meet(rank, microbatch, paired, *expected, error);
    }
    if (!ok)
      return false;
    if (op.queue > 0) {
      if (!begin(rank, microbatch, paired, expected, error))
        return false;
      continue;
    }
    MemoryPlace where = locate(rank, paired, i, microbatch);
    if (adds ? where.memory->add(where.offset, where.type, expected, owner)
             : where.memory->write(where.offset, where.type, expected, owner))
      continue;
    error = "a result does not fit into, or has nothing to be added to in, " +
            where.text;
    return false;
  }
  return true;
}

bool ProgramChecker::completed(int64_t rank, const RankStep &step,
                               size_t number, ArrayRef<TensorRef> operands,
                               ArrayRef<TensorRef> results,
                               std::string &error) {
  func::FuncOp function = step.function;
  const ProgramWalk &walk = walks[function];
  std::optional<size_t> position = walk.paired[number];
  if (!position)
    return true;
  const PairedOp &paired = walk.segment->ops[*position];
  Operation *op = (*walk.order)[number];
  auto fail = [&] {
    error = paired.place + ": " + error;
    return false;
  };
  if (!checkInputs(rank, step, paired, op, operands, error))
    return fail();
  for (auto [value, tensor] : llvm::zip(op->getResults(), results))
    pending[rank][value] = tensor;
  // Renamings may stand between the ops of a group.
  auto next = std::find_if(walk.paired.begin() + number + 1, walk.paired.end(),
                           [](const auto &other) { return bool(other); });
  if (next != walk.paired.end() && *next == position)
    return true;
  if (!finishOp(rank, step, paired, error))
    return fail();
  pending[rank].clear();
  return runOwn(rank, *walk.segment, *position + 1, step.microbatch, error);
}
