//===- KernelValues.cpp - Scalars, loads and indices of a kernel ----------===//

#include "Colossal/IR/NarrowFloat.h"
#include "KernelEmitter.h"
#include "colossal/Lower/ScalarOp.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

Leveled KernelEmitter::emitAt(unsigned level,
                              llvm::function_ref<Value()> build) {
  frame.at(level);
  return {build(), level};
}

static unsigned maxLevel(ArrayRef<Leveled> values) {
  unsigned level = 0;
  for (const Leveled &value : values)
    level = std::max(level, value.level);
  return level;
}

//===----------------------------------------------------------------------===//
// Indices
//===----------------------------------------------------------------------===//

Leveled KernelEmitter::indexOf(unsigned dim, Environment &env) {
  Leveled index = env.indices[dim];
  if (index.value)
    return index;
  assert(plan.dims[dim].bound == 1 && "index of a dim that is not iterated");
  return {frame.constant(0), 0};
}

Leveled KernelEmitter::linearIndex(const Access &access, Environment &env) {
  Leveled sum{frame.constant(access.offset), 0};
  bool isZero = access.offset == 0;
  // Outer indices first, so that their part is computed outside.
  SmallVector<std::pair<unsigned, unsigned>> terms; // level, dim
  for (auto [dim, stride] : llvm::enumerate(access.strides))
    if (stride && plan.dims[dim].bound != 1)
      terms.push_back({indexOf(dim, env).level, unsigned(dim)});
  llvm::sort(terms);
  for (auto [level, dim] : terms) {
    Leveled term = indexOf(dim, env);
    if (access.strides[dim] != 1)
      term = emitAt(level, [&] {
        return arith::MulIOp::create(builder, frame.loc, term.value,
                                     frame.constant(access.strides[dim]));
      });
    sum = isZero ? term : emitAt(std::max(level, sum.level), [&] {
      return arith::AddIOp::create(builder, frame.loc, sum.value, term.value);
    });
    isZero = false;
  }
  return sum;
}

/// Indices are below 2^31 in practice; narrow ones compare at full vector
/// width.
static bool isNarrow(FactorAttr factor) {
  return std::max(factor.getExtent(), factor.getBound()) < (int64_t(1) << 30);
}

Leveled KernelEmitter::globalIndex(unsigned factorNumber, Environment &env) {
  const KernelFactor &factor = plan.factors[factorNumber];
  Leveled local = indexOf(factor.dim, env);
  if (plan.dims[factor.dim].factors.size() > 1)
    local = emitAt(local.level, [&] {
      Value major = arith::DivUIOp::create(builder, frame.loc, local.value,
                                           frame.constant(factor.inner));
      return arith::RemUIOp::create(builder, frame.loc, major,
                                    frame.constant(factor.attr.getBound()));
    });
  Value offset = frame.offsetOf(factor.attr.getTerms());
  bool narrow = isNarrow(factor.attr);
  Type type = narrow ? builder.getI32Type() : builder.getI64Type();
  return emitAt(local.level, [&] {
    Value index = local.value;
    if (narrow)
      index = arith::TruncIOp::create(builder, frame.loc, type, index);
    if (offset) {
      Value base = offset;
      if (narrow)
        base = arith::TruncIOp::create(builder, frame.loc, type, base);
      index = arith::AddIOp::create(builder, frame.loc, index, base);
    }
    if (narrow)
      index = arith::ExtSIOp::create(builder, frame.loc, builder.getI64Type(),
                                     index);
    return index;
  });
}

Leveled KernelEmitter::isValid(const KernelOp &op, Dims dims,
                               Environment &env) {
  Leveled all;
  for (unsigned number : op.factors) {
    const KernelFactor &factor = plan.factors[number];
    if (!has(dims & ~env.limited, factor.dim) || !factor.attr.isPadded())
      continue;
    Leveled index = globalIndex(number, env);
    Leveled inside = emitAt(index.level, [&] {
      return arith::CmpIOp::create(builder, frame.loc,
                                   arith::CmpIPredicate::slt, index.value,
                                   frame.constant(factor.attr.getExtent()));
    });
    all = !all.value ? inside : emitAt(maxLevel({all, inside}), [&] {
      return arith::AndIOp::create(builder, frame.loc, all.value, inside.value);
    });
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

unsigned KernelEmitter::bufferOf(Value tensor) const {
  for (auto [position, input] : llvm::enumerate(group.inputs))
    if (input == tensor)
      return position;
  for (auto [position, output] : llvm::enumerate(group.outputs))
    if (output == tensor)
      return group.inputs.size() + position;
  llvm_unreachable("a tensor without a buffer");
}

Leveled KernelEmitter::loadOperand(const KernelOp &op, unsigned operand,
                                   Environment &env) {
  Value tensor = op.op->getOperands()[operand];
  Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
  const Access &access = *op.operands[operand];
  Value base = frame.buffer(bufferOf(tensor));
  if (access.clips.empty()) {
    Leveled index = linearIndex(access, env);
    return emitAt(index.level,
                  [&] { return frame.load(element, base, index.value); });
  }
  // Outside the tensor the first element is read, and zero taken. The offset of
  // the access is part of `access.offset`: for a check, index + offset.
  Leveled inside;
  for (const Access::Clip &clip : access.clips) {
    Leveled index = indexOf(clip.dim, env);
    Leveled ok = emitAt(index.level, [&] {
      Value position = arith::AddIOp::create(builder, frame.loc, index.value,
                                             frame.constant(clip.offset));
      // As unsigned numbers, negative positions are large.
      return arith::CmpIOp::create(builder, frame.loc,
                                   arith::CmpIPredicate::ult, position,
                                   frame.constant(clip.bound));
    });
    inside = !inside.value ? ok : emitAt(maxLevel({inside, ok}), [&] {
      return arith::AndIOp::create(builder, frame.loc, inside.value, ok.value);
    });
  }
  Leveled index = linearIndex(access, env);
  unsigned level = maxLevel({index, inside});
  Leveled safe = emitAt(level, [&] {
    return arith::SelectOp::create(builder, frame.loc, inside.value,
                                   index.value, frame.constant(0));
  });
  return emitAt(level, [&] {
    Value loaded = frame.load(element, base, safe.value);
    return arith::SelectOp::create(builder, frame.loc, inside.value, loaded,
                                   frame.constantOf(element, 0));
  });
}

Leveled KernelEmitter::arrayIndex(const KernelOp &op, Environment &env) {
  Access access;
  access.strides.assign(plan.dims.size(), 0);
  Dims dims = op.parallel & ~plan.rows;
  int64_t stride = 1;
  bool hasLane = plan.lane && has(dims, *plan.lane);
  if (hasLane) {
    access.strides[*plan.lane] = 1;
    stride = laneUpper
                 ? std::min<int64_t>(kLaneStripe, plan.dims[*plan.lane].bound)
                 : plan.dims[*plan.lane].bound;
  }
  for (int dim = plan.dims.size() - 1; dim >= 0; --dim)
    if (has(dims, dim) && !(hasLane && unsigned(dim) == *plan.lane)) {
      access.strides[dim] = stride;
      stride *= plan.dims[dim].bound;
    }
  Leveled index = linearIndex(access, env);
  if (!hasLane || !laneLower)
    return index;
  return emitAt(std::max(index.level, rowLevel), [&] {
    return arith::SubIOp::create(builder, frame.loc, index.value, laneLower);
  });
}

Leveled KernelEmitter::evaluate(Value tensor, Environment &env) {
  if (auto it = env.values.find(tensor); it != env.values.end())
    return it->second;
  if (auto it = rowValues.find(tensor); it != rowValues.end())
    return it->second;
  const KernelOp &op = *plan.find(tensor.getDefiningOp());
  if (filled.contains(tensor)) {
    Leveled index = arrayIndex(op, env);
    Type element = heldType(getElementTypeOrSelf(tensor.getType()));
    // An earlier nest of this row has filled the array: not before the row,
    // even where the index is a constant.
    Leveled loaded = emitAt(std::max(index.level, rowLevel), [&] {
      return frame.load(element, arrays[tensor], index.value);
    });
    // Arrays of sums hold them as they grew.
    if (op.reduces())
      loaded = asRead(op, cast<OpResult>(tensor).getResultNumber(), loaded);
    return env.values[tensor] = loaded;
  }
  std::vector<Leveled> values = evaluateOp(op, env);
  for (auto [result, value] : llvm::zip(op.op->getResults(), values))
    env.values[result] = value;
  return env.values[tensor];
}

//===----------------------------------------------------------------------===//
// Bodies
//===----------------------------------------------------------------------===//

std::vector<Leveled> KernelEmitter::evaluateOp(const KernelOp &op,
                                               Environment &env) {
  std::vector<Leveled> values;
  if (op.selection)
    values = evaluateSelected(op, env);
  else
    for (Value yielded : GenericOp(op.op).getYielded())
      values.push_back(evaluateScalar(yielded, op, env));
  if (!op.reduces())
    for (auto [number, value] : llvm::enumerate(values))
      value = asRead(op, number, value);
  return values;
}

Leveled KernelEmitter::asRead(const KernelOp &op, unsigned result,
                              Leveled value) {
  Value tensor = op.op->getResult(result);
  Type element = getElementTypeOrSelf(tensor.getType());
  if (!op.results[result] || !isNarrowFloat(element) ||
      llvm::none_of(tensor.getUsers(),
                    [&](Operation *user) { return plan.find(user); }))
    return value;
  return emitAt(value.level,
                [&] { return frame.roundTo(element, value.value); });
}

/// Whether a quotient may be a product with the reciprocal: not for a constant
/// whose reciprocal is no normal number.
static bool allowsReciprocal(Operation *quotient) {
  FloatAttr divisor;
  Value number = quotient->getOperand(1);
  if (auto rounded = number.getDefiningOp<arith::TruncFOp>())
    number = rounded.getIn();
  if (!matchPattern(number, m_Constant(&divisor)))
    return true;
  double size = std::abs(divisor.getValueAsDouble());
  return size >= 0x1p-100 && size <= 0x1p100;
}

Leveled KernelEmitter::evaluateScalar(Value scalar, const KernelOp &op,
                                      Environment &env) {
  if (auto it = env.values.find(scalar); it != env.values.end())
    return it->second;
  Leveled result;
  if (auto argument = dyn_cast<BlockArgument>(scalar)) {
    unsigned operand = argument.getArgNumber();
    result = op.operands[operand]
                 ? loadOperand(op, operand, env)
                 : evaluate(op.op->getOperands()[operand], env);
  } else if (auto index = scalar.getDefiningOp<IndexOp>()) {
    auto factors = FactoredOp(GenericOp(op.op).getOperation()).getFactorList();
    for (auto [number, factor] : llvm::enumerate(factors))
      if (factor.getName() == index.getFactor())
        result = globalIndex(op.factors[number], env);
  } else if (auto where = scalar.getDefiningOp<WhereOp>()) {
    result = evaluateWhere(where, op, env);
  } else if (auto own = scalar.getDefiningOp<WithDerivativeOp>()) {
    result = evaluateScalar(own.getValue(), op, env);
  } else {
    Operation *definition = scalar.getDefiningOp();
    SmallVector<Leveled> operands;
    SmallVector<Value> values;
    for (Value operand : definition->getOperands()) {
      operands.push_back(evaluateScalar(operand, op, env));
      values.push_back(operands.back().value);
    }
    unsigned level = maxLevel(operands);
    if (isa<arith::DivFOp>(definition) && operands[1].level < level &&
        allowsReciprocal(definition)) {
      // Divided by what does not change here: multiplied by its reciprocal, and
      // corrected by the remainder, so that the quotient is the nearest number
      // (floor(41 / 41) is 1). Zeros, infinities and overflow have no
      // remainder.
      Value &reciprocal = reciprocals[values[1]];
      if (!reciprocal)
        reciprocal =
            emitAt(operands[1].level, [&] {
              return arith::DivFOp::create(
                  builder, frame.loc,
                  frame.constantOf(values[1].getType(), 1.0), values[1]);
            }).value;
      result = emitAt(level, [&] {
        Location loc = frame.loc;
        Value quotient =
            arith::MulFOp::create(builder, loc, values[0], reciprocal);
        Value negated = arith::NegFOp::create(builder, loc, quotient);
        Value remainder =
            math::FmaOp::create(builder, loc, negated, values[1], values[0]);
        Value corrected =
            math::FmaOp::create(builder, loc, remainder, reciprocal, quotient);
        Value isNumber = arith::CmpFOp::create(
            builder, loc, arith::CmpFPredicate::ORD, corrected, corrected);
        return arith::SelectOp::create(builder, loc, isNumber, corrected,
                                       quotient);
      });
    } else {
      result = emitAt(level, [&] { return scalarOp(definition, values); });
    }
  }
  return env.values[scalar] = result;
}

Value KernelEmitter::scalarOp(Operation *op, ValueRange operands) {
  FailureOr<Value> value = emitScalarOp(frame, op, operands);
  if (succeeded(value))
    return *value;
  status = failure();
  return frame.constantOf(op->getResultTypes()[0], 0);
}
