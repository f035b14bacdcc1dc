//===- ScoreKernel.cpp - The body of attention as a kernel ----------------===//

#include "Lowering.h"
#include "Roles.h"
#include "colossal/Lower/ScalarOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::attention;

namespace {

/// Evaluates the body at one (query, key) of one (batch, head).
class ScoreBody {
public:
  ScoreBody(KernelFrame &frame, FactoredOp op, const Maps &maps)
      : frame(frame), op(op), maps(maps), b(frame.builder) {}

  /// Local index of every factor of the body.
  SmallVector<Value> indices;
  Value score;

  FailureOr<Value> evaluate(Value value) {
    if (auto it = known.find(value); it != known.end())
      return it->second;
    FailureOr<Value> result = compute(value);
    if (succeeded(result))
      known[value] = *result;
    return result;
  }

private:
  KernelFrame &frame;
  FactoredOp op;
  const Maps &maps;
  OpBuilder &b;
  DenseMap<Value, Value> known;

  FailureOr<Value> compute(Value value) {
    Location loc = frame.loc;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (argument.getArgNumber() == 0)
        return score;
      return extra(argument.getArgNumber() - 1);
    }
    if (auto index = value.getDefiningOp<IndexOp>()) {
      for (auto [number, factor] : llvm::enumerate(maps.factors)) {
        if (factor.getName() != index.getFactor())
          continue;
        Value global = indices[number];
        if (!global)
          return op->emitError("the body uses the index of feature '")
                 << factor.getName() << "'";
        if (Value offset = frame.offsetOf(factor.getTerms()))
          global = arith::AddIOp::create(b, loc, global, offset);
        return global;
      }
    }
    if (auto own = value.getDefiningOp<WithDerivativeOp>())
      return evaluate(own.getValue());
    Operation *definition = value.getDefiningOp();
    SmallVector<Value> operands;
    for (Value operand : definition->getOperands()) {
      FailureOr<Value> evaluated = evaluate(operand);
      if (failed(evaluated))
        return failure();
      operands.push_back(*evaluated);
    }
    return emitScalarOp(frame, definition, operands);
  }

  Value extra(unsigned number) {
    unsigned first = isa<AttentionBackwardOp>(op.getOperation()) ? 6 : 3;
    unsigned tensor = first + number;
    Location loc = frame.loc;
    Value index = frame.constant(maps.strides[tensor].offset);
    for (auto [f, stride] : llvm::enumerate(maps.strides[tensor].of)) {
      if (!stride || maps.factors[f].getBound() == 1)
        continue;
      Value term =
          arith::MulIOp::create(b, loc, indices[f], frame.constant(stride));
      index = arith::AddIOp::create(b, loc, index, term);
    }
    Type element = cast<RankedTensorType>(op->getOperand(tensor).getType())
                       .getElementType();
    return frame.load(element, frame.buffer(1 + number), index);
  }
};

} // namespace

/// Splits a merged local number over the factors of a role, major to minor in
/// the order of `Maps::extents`.
static void splitIndex(KernelFrame &frame, Value number,
                       ArrayRef<unsigned> factors, const Maps &maps,
                       SmallVector<Value> &indices) {
  OpBuilder &b = frame.builder;
  for (unsigned f : llvm::reverse(factors)) {
    if (f == factors.front()) {
      indices[f] = number;
      break;
    }
    Value bound = frame.constant(maps.factors[f].getBound());
    indices[f] = arith::RemUIOp::create(b, frame.loc, number, bound);
    number = arith::DivUIOp::create(b, frame.loc, number, bound);
  }
}

LogicalResult colossal::attention::emitScoreKernel(KernelFrame &frame,
                                                   FactoredOp op) {
  Maps maps(op);
  FailureOr<CallShape> shape = analyzeCall(op);
  if (failed(shape))
    return failure();
  Block &block = op->getRegion(0).front();
  for (unsigned t = isa<AttentionOp>(op.getOperation()) ? 3 : 6;
       t < op->getNumOperands(); ++t) {
    bool clipped = false;
    maps.maps[t].walk([&](unsigned, unsigned, SubDimAttr sub) {
      clipped |= sub.getClipped();
    });
    if (clipped)
      return op->emitError("an extra operand is read through an offset");
  }
  // Factors of every role, major first, as merged by analyzeCall.
  auto factorsOf = [&](Role role) {
    SmallVector<unsigned> list;
    for (unsigned f = 0; f < maps.factors.size(); ++f)
      if (maps.roles[f] == role && maps.factors[f].getBound() != 1)
        list.push_back(f);
    unsigned leader = role == Role::Key ? 1 : 0;
    llvm::sort(list, [&](unsigned x, unsigned y) {
      return std::make_pair(maps.strides[leader].of[x], y) >
             std::make_pair(maps.strides[leader].of[y], x);
    });
    return list;
  };
  ScoreBody body(frame, op, maps);
  body.indices.assign(maps.factors.size(), Value());
  Value zero = frame.constant(0);
  for (unsigned f = 0; f < maps.factors.size(); ++f)
    if (maps.factors[f].getBound() == 1)
      body.indices[f] = zero;

  // The caller's indices end with the local batch and head; where they are is
  // known once all offsets are, so offsets are collected first.
  block.walk([&](IndexOp index) {
    for (FactorAttr factor : maps.factors)
      if (factor.getName() == index.getFactor())
        frame.offsetOf(factor.getTerms());
  });
  for (auto [factor, role] : llvm::zip(maps.factors, maps.roles))
    if (role == Role::Key && factor.isPadded())
      frame.offsetOf(factor.getTerms());
  unsigned count = frame.offsets.size();
  Value batch = frame.integerAt(count), head = frame.integerAt(count + 1);
  frame.at(0);
  SmallVector<unsigned> batchFactors = factorsOf(Role::Batch);
  // Merged factors are consecutive: the first extent's product is `batch`.
  unsigned split = 0;
  for (int64_t size = 1;
       split < batchFactors.size() && size < shape->attention.batch; ++split)
    size *= maps.factors[batchFactors[split]].getBound();
  ArrayRef<unsigned> list(batchFactors);
  splitIndex(frame, batch, list.take_front(split), maps, body.indices);
  splitIndex(frame, head, list.drop_front(split), maps, body.indices);

  scf::ForOp rows = frame.rangeLoop(frame.begin, frame.end, 1);
  Value keys = frame.constant(shape->attention.keys);
  Value row = arith::MulIOp::create(frame.builder, frame.loc,
                                    rows.getInductionVar(), keys);
  splitIndex(frame, rows.getInductionVar(), factorsOf(Role::Query), maps,
             body.indices);
  scf::ForOp columns = frame.loop(zero, keys, 1, {}, true);
  splitIndex(frame, columns.getInductionVar(), factorsOf(Role::Key), maps,
             body.indices);
  Value index = arith::AddIOp::create(frame.builder, frame.loc, row,
                                      columns.getInductionVar());
  body.score = frame.load(frame.builder.getF32Type(), frame.buffer(0), index);
  FailureOr<Value> masked = body.evaluate(block.getTerminator()->getOperand(0));
  if (failed(masked))
    return failure();
  for (auto [number, factor] : llvm::enumerate(maps.factors)) {
    if (maps.roles[number] != Role::Key || !factor.isPadded())
      continue;
    OpBuilder &b = frame.builder;
    Value global = arith::AddIOp::create(b, frame.loc, body.indices[number],
                                         frame.offsetOf(factor.getTerms()));
    Value exists =
        arith::CmpIOp::create(b, frame.loc, arith::CmpIPredicate::slt, global,
                              frame.constant(factor.getExtent()));
    Value hidden = frame.constantOf(b.getF32Type(),
                                    -std::numeric_limits<double>::infinity());
    masked = arith::SelectOp::create(b, frame.loc, exists, *masked, hidden)
                 .getResult();
  }
  frame.store(*masked, frame.buffer(0), index);
  frame.close();
  frame.close();
  return success();
}
