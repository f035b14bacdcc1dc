//===- ShardKernels.cpp - Kernels of local reshards -----------------------===//

#include "ShardKernels.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/MeshAttribute.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

/// Elements per unit of the range.
static constexpr int64_t kBlock = 4096;

FailureOr<rank::AffineOffset>
colossal::lower::groupNumber(Operation *op, ArrayAttr axes, int64_t scale) {
  rank::AffineOffset number;
  for (Attribute attribute : llvm::reverse(axes.getValue())) {
    StringRef axis = cast<StringAttr>(attribute).getValue();
    int64_t size = sizeOfAxis(op, axis).value_or(0);
    if (size == 0)
      return op->emitError("found axis '")
             << axis << "', expected an axis of the module's " << names::mesh;
    number.terms.insert(number.terms.begin(), {axis.str(), scale});
    scale *= size;
  }
  return number;
}

/// Stores `value` at `index` of a tensor of `element`, or adds it.
static void storeOrAdd(KernelFrame &frame, Value value, Value base, Value index,
                       Type element, bool accumulate) {
  if (accumulate) {
    Value old = frame.load(element, base, index);
    value = createCombine(frame.builder, frame.loc, Combiner::Sum, old, value);
  }
  frame.store(value, base, index, element);
}

FailureOr<int64_t> colossal::lower::emitShardSlice(KernelFrame &frame,
                                                   ShardSliceOp op,
                                                   bool accumulate) {
  OpBuilder &builder = frame.builder;
  Location loc = frame.loc;
  auto type = cast<RankedTensorType>(op.getResult().getType());
  int64_t outer = op.getOuter(), inner = op.getInnermost();
  // Per outer index one run of `run` elements, of which those before `whole`,
  // counted from the run's start in the input, exist.
  int64_t run = type.getNumElements() / std::max<int64_t>(1, outer);
  int64_t whole = op.getExtent() * inner;
  FailureOr<rank::AffineOffset> start = groupNumber(op, op.getAxes(), run);
  if (failed(start))
    return failure();
  frame.offsets.push_back(*start);
  Value first = frame.integerAt(0);
  Value source = frame.buffer(0), target = frame.buffer(1);

  int64_t blocks = llvm::divideCeil(run, kBlock);
  scf::ForOp units = frame.rangeLoop(frame.begin, frame.end, 1);
  auto binary = [&](auto tag, Value x, Value y) -> Value {
    return decltype(tag)::create(builder, loc, x, y);
  };
  Value unit = units.getInductionVar();
  Value o = binary(arith::DivUIOp(), unit, frame.constant(blocks));
  Value block = binary(arith::RemUIOp(), unit, frame.constant(blocks));
  Value lower = binary(arith::MulIOp(), block, frame.constant(kBlock));
  Value upper = binary(arith::AddIOp(), lower, frame.constant(kBlock));
  upper = binary(arith::MinSIOp(), upper, frame.constant(run));
  Value existing = binary(arith::SubIOp(), frame.constant(whole), first);
  existing = binary(arith::MaxSIOp(), existing, lower);
  existing = binary(arith::MinSIOp(), existing, upper);
  Value from = binary(arith::MulIOp(), o, frame.constant(whole));
  from = binary(arith::AddIOp(), from, first);
  Value to = binary(arith::MulIOp(), o, frame.constant(run));

  scf::ForOp copy = frame.loop(lower, existing, 1, {}, true);
  Value read = binary(arith::AddIOp(), from, copy.getInductionVar());
  Value written = binary(arith::AddIOp(), to, copy.getInductionVar());
  storeOrAdd(frame, frame.load(type.getElementType(), source, read), target,
             written, type.getElementType(), accumulate);
  frame.close();
  if (!accumulate) {
    scf::ForOp clear = frame.loop(existing, upper, 1, {}, true);
    written = binary(arith::AddIOp(), to, clear.getInductionVar());
    frame.store(frame.constantOf(type.getElementType(), 0), target, written,
                type.getElementType());
    frame.close();
  }
  frame.close();
  return outer * blocks;
}

FailureOr<int64_t> colossal::lower::emitShardMask(KernelFrame &frame,
                                                  ShardMaskOp op,
                                                  bool accumulate) {
  OpBuilder &builder = frame.builder;
  Location loc = frame.loc;
  auto type = cast<RankedTensorType>(op.getResult().getType());
  FailureOr<rank::AffineOffset> number = groupNumber(op, op.getAxes(), 1);
  if (failed(number))
    return failure();
  frame.offsets.push_back(*number);
  Value keeps = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                      frame.integerAt(0), frame.constant(0));
  Value source = frame.buffer(0), target = frame.buffer(1);
  Value block = frame.constant(kBlock);
  frame.at(0);
  Value lower = arith::MulIOp::create(builder, loc, frame.begin, block);
  Value upper = arith::MulIOp::create(builder, loc, frame.end, block);
  upper = arith::MinSIOp::create(builder, loc, upper,
                                 frame.constant(type.getNumElements()));
  scf::ForOp loop = frame.loop(lower, upper, 1, {}, true);
  Value value =
      frame.load(type.getElementType(), source, loop.getInductionVar());
  value = arith::SelectOp::create(builder, loc, keeps, value,
                                  frame.constantOf(type.getElementType(), 0));
  storeOrAdd(frame, value, target, loop.getInductionVar(),
             type.getElementType(), accumulate);
  frame.close();
  return llvm::divideCeil(type.getNumElements(), kBlock);
}
