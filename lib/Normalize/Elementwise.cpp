//===- Elementwise.cpp - Scalar expressions over tensors ------------------===//

#include "Elementwise.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Dtypes.h"
#include "Shapes.h"
#include "Strides.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Known numbers
//===----------------------------------------------------------------------===//

/// The number that a body without arguments yields, if it folds to one.
static Attribute foldBody(Block &block) {
  DenseMap<Value, Attribute> known;
  for (Operation &op : block.without_terminator()) {
    SmallVector<Attribute> operands;
    for (Value operand : op.getOperands())
      operands.push_back(known.lookup(operand));
    SmallVector<OpFoldResult> results;
    if (failed(op.fold(operands, results)) || results.size() != 1)
      return {};
    if (auto attribute = dyn_cast<Attribute>(results[0]))
      known[op.getResult(0)] = attribute;
    else
      known[op.getResult(0)] = known.lookup(cast<Value>(results[0]));
    if (!known[op.getResult(0)])
      return {};
  }
  return known.lookup(block.getTerminator()->getOperand(0));
}

/// The type in which a body gets an operand; null: the operand's own.
static Type operandType(const ElementwiseOptions &options, unsigned number) {
  return options.types.empty() ? options.compute : options.types[number];
}

/// Computes `body` on known numbers, floats in f64.
static std::optional<Scalar> fold(Call &c, ArrayRef<Item> inputs,
                                  const ElementwiseOptions &options,
                                  Type result, GenericBuilder::Body body) {
  auto exact = [&](Type type) {
    return isa<FloatType>(type) ? Type(c.builder().getF64Type()) : type;
  };
  Block block;
  OpBuilder builder(c.builder().getContext());
  builder.setInsertionPointToStart(&block);
  ScalarBuilder s(builder, c.loc());
  SmallVector<Value> values;
  Scalar folded;
  for (auto [index, input] : llvm::enumerate(inputs)) {
    const Scalar &number = input.scalar;
    Type type = exact(number.type), wanted = operandType(options, index);
    Value value = number.isFloat() ? s.constant(type, number.real)
                                   : s.integer(type, number.integer);
    values.push_back(wanted ? s.cast(value, exact(wanted)) : value);
    folded.weak &= number.weak;
    folded.isTensor |= number.isTensor;
  }
  Value value = s.cast(body(s, values), exact(result));
  YieldOp::create(builder, c.loc(), value);
  Attribute attribute = foldBody(block);
  folded.type = result;
  if (auto real = dyn_cast_or_null<FloatAttr>(attribute))
    folded.real = real.getValueAsDouble();
  else if (auto integer = dyn_cast_or_null<IntegerAttr>(attribute))
    folded.integer = integerOf(integer);
  else
    return std::nullopt;
  return folded;
}

//===----------------------------------------------------------------------===//
// Generics
//===----------------------------------------------------------------------===//

/// A known number as a constant of `type` (null: its own).
static Value constantOf(ScalarBuilder &s, const Scalar &number, Type type) {
  if (!type)
    type = number.type;
  if (isa<FloatType>(type) || type.isInteger(1))
    return s.constant(type, number.asReal());
  return s.integer(type, number.asInteger());
}

Item normalize::elementwise(Call &c, ArrayRef<Item> inputs,
                            const ElementwiseOptions &options,
                            GenericBuilder::Body body) {
  Type resultType = options.result ? options.result : options.compute;
  bool allKnown =
      llvm::all_of(inputs, [](const Item &input) { return input.isScalar(); });
  if (allKnown && !inputs.empty())
    if (std::optional<Scalar> number =
            fold(c, inputs, options, resultType, body))
      return *number;

  SmallVector<Value> tensors;
  SmallVector<ArrayRef<int64_t>> shapes;
  SmallVector<TensorRef> aliases;
  for (const Item &input : inputs) {
    if (input.isScalar())
      continue;
    tensors.push_back(c.tensor(input));
    shapes.push_back(
        cast<RankedTensorType>(tensors.back().getType()).getShape());
    if (input.isTensor())
      aliases.push_back(input.tensor);
  }
  SmallVector<int64_t> shape = broadcast(c, shapes);
  GenericBuilder g =
      options.member ? c.member(options.suffix) : c.generic(options.suffix);
  if (c.failed()) { // shapes do not agree; the error is reported
    g.result(resultType, "[]");
    return c.state.fresh(g.build([&](ScalarBuilder &s, ValueRange) {
      return s.zero(resultType);
    }),
                         c.op.getName(), c.loc());
  }
  DimFactors dims = addFactors(g, broadcastDims(shape, tensors));
  for (Value tensor : tensors)
    g.operand(tensor,
              broadcastMap(g,
                           cast<RankedTensorType>(tensor.getType()).getShape(),
                           dims));
  g.result(resultType, plainMap(g, dims));
  Value value = g.build([&](ScalarBuilder &s, ValueRange in) {
    SmallVector<Value> values;
    unsigned next = 0;
    for (auto [index, input] : llvm::enumerate(inputs)) {
      Type type = operandType(options, index);
      Value element =
          input.isScalar() ? constantOf(s, input.scalar, type) : in[next++];
      values.push_back(type ? s.cast(element, type) : element);
    }
    return s.cast(body(s, values), resultType);
  });
  TensorRef result = c.state.fresh(value, c.op.getName(), c.loc());
  result->strides = stridesOfElementwise(aliases, shape);
  result->areStridesAssumed = false;
  return result;
}

Value normalize::elementwiseValue(Call &c, ArrayRef<Value> inputs,
                                  const ElementwiseOptions &options,
                                  GenericBuilder::Body body) {
  std::vector<Item> items;
  for (Value input : inputs)
    items.push_back(c.state.fresh(input, c.op.getName(), c.loc()));
  return c.tensor(elementwise(c, items, options, body));
}

//===----------------------------------------------------------------------===//
// Casts
//===----------------------------------------------------------------------===//

Item normalize::castTo(Call &c, const Item &item, Type type, StringRef suffix) {
  if (item.isTensor() && item.tensor->type.getElementType() == type)
    return item;
  if (item.isScalar() && item.scalar.type == type && !item.scalar.weak)
    return item;
  ElementwiseOptions options;
  options.result = type;
  options.suffix = suffix;
  Item cast = elementwise(c, {item}, options,
                          [](ScalarBuilder &, ValueRange in) { return in[0]; });
  if (cast.isScalar()) {
    cast.scalar.weak = false;
    cast.scalar.isTensor = true;
  }
  return cast;
}

Value normalize::castTo(Call &c, Value value, Type type, StringRef suffix) {
  if (getElementTypeOrSelf(value.getType()) == type)
    return value;
  ElementwiseOptions options;
  options.result = type;
  options.suffix = suffix;
  return elementwiseValue(c, {value}, options,
                          [](ScalarBuilder &, ValueRange in) { return in[0]; });
}
