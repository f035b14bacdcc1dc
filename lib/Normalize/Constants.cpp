//===- Constants.cpp - Constants of an aten program -----------------------===//

#include "Constants.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Shapes.h"

#include <complex>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// More elements than this are better kept in a buffer of the module.
static constexpr int64_t maxElements = 512;

std::optional<Scalar> normalize::numberOf(Attribute attribute) {
  Scalar number;
  if (auto real = dyn_cast<FloatAttr>(attribute)) {
    number.type = real.getType();
    number.real = real.getValueAsDouble();
  } else if (auto integer = dyn_cast<IntegerAttr>(attribute)) {
    number.type = integer.getType();
    number.integer = integerOf(integer);
  } else {
    return std::nullopt;
  }
  return number;
}

Value normalize::constantTensor(Interpreter &state, Location loc,
                                DenseElementsAttr dense) {
  RankedTensorType type = cast<RankedTensorType>(dense.getType());
  Type element = type.getElementType();
  SmallVector<Scalar> numbers;
  for (Attribute attribute : dense.getValues<Attribute>())
    numbers.push_back(*numberOf(attribute));
  GenericBuilder g(state.builder, loc, state.uniqueName("constant"));
  DimFactors factors = addFactors(g, plainDims(type.getShape()));
  g.result(element, plainMap(g, factors));
  return g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    auto constant = [&](const Scalar &number) {
      return number.isFloat() ? s.constant(element, number.real)
                              : s.integer(element, number.integer);
    };
    if (numbers.empty())
      return s.zero(element);
    if (dense.isSplat())
      return constant(numbers[0]);
    Type i64 = s.getBuilder().getI64Type();
    SmallVector<int64_t> digits;
    for (const SmallVector<int64_t> &dim : factors)
      digits.append(dim);
    Value index = mixedRadix(g, s, digits);
    if (isa<IntegerType>(element) && !element.isInteger(1)) {
      int64_t step = numbers[1].integer - numbers[0].integer;
      bool even = true;
      for (unsigned i = 1; i < numbers.size(); ++i)
        even &= numbers[i].integer - numbers[i - 1].integer == step;
      if (even)
        return s.cast(s.add(s.mul(index, s.integer(i64, step)),
                            s.integer(i64, numbers[0].integer)),
                      element);
    }
    Value chosen = constant(numbers.back());
    for (unsigned i = numbers.size() - 1; i-- > 0;)
      chosen = s.select(s.compare(Relation::Equal, index, s.integer(i64, i)),
                        constant(numbers[i]), chosen);
    return chosen;
  });
}

/// The real or imaginary parts of complex numbers.
static DenseElementsAttr partOf(DenseElementsAttr dense, bool imaginary) {
  auto type = cast<RankedTensorType>(dense.getType());
  SmallVector<APFloat> numbers;
  for (const std::complex<APFloat> &number :
       dense.getValues<std::complex<APFloat>>())
    numbers.push_back(imaginary ? number.imag() : number.real());
  Type element = cast<ComplexType>(type.getElementType()).getElementType();
  return DenseElementsAttr::get(RankedTensorType::get(type.getShape(), element),
                                numbers);
}

static LogicalResult interpretTensor(Interpreter &state, AtenConstantOp op,
                                     DenseElementsAttr dense, Item &item) {
  if (cast<RankedTensorType>(dense.getType()).getRank() == 0) {
    Scalar number = *numberOf(*dense.getValues<Attribute>().begin());
    number.weak = op.getWeak();
    number.isTensor = true;
    item = number;
    return success();
  }
  if (dense.getNumElements() > maxElements && !dense.isSplat())
    return op.emitError("found a constant tensor of ")
           << dense.getNumElements() << " elements, expected at most "
           << maxElements << "; register it as a buffer of its module";
  item = state.fresh(constantTensor(state, op.getLoc(), dense), "constant",
                     op.getLoc());
  return success();
}

Item normalize::listOf(Call &c, ArrayRef<int64_t> numbers) {
  auto type = RankedTensorType::get({int64_t(numbers.size())},
                                    c.builder().getI64Type());
  Value list =
      constantTensor(c.state, c.loc(), DenseElementsAttr::get(type, numbers));
  return c.state.fresh(list, c.op.getName(), c.loc());
}

LogicalResult normalize::interpretConstant(Interpreter &state,
                                           AtenConstantOp op) {
  Attribute value = op.getValue();
  auto bindItem = [&](Item item) {
    state.bind(op.getResult(), std::move(item));
    return success();
  };
  if (isa<UnitAttr>(value))
    return bindItem(Item());
  if (auto text = dyn_cast<StringAttr>(value))
    return bindItem(Item::makeText(text.getValue()));
  if (std::optional<Scalar> number = numberOf(value))
    return bindItem(*number);
  if (auto list = dyn_cast<ArrayAttr>(value)) {
    std::vector<Item> items;
    for (Attribute element : list) {
      std::optional<Scalar> number = numberOf(element);
      if (!number)
        return op.emitError("found a list constant with an element ")
               << element << ", expected numbers";
      items.push_back(*number);
    }
    return bindItem(Item::makeList(items));
  }
  auto dense = dyn_cast<DenseElementsAttr>(value);
  bool isComplex = dense && isa<ComplexType>(dense.getElementType());
  if (!dense || (!isComplex && !dense.getElementType().isIntOrFloat()))
    return op.emitError("found a constant of an unsupported type ") << value;
  Item parts[2];
  for (bool imaginary : {false, true})
    if (isComplex && failed(interpretTensor(state, op, partOf(dense, imaginary),
                                            parts[imaginary])))
      return failure();
  if (isComplex)
    return bindItem(Item::makeComplex(parts[0], parts[1]));
  Item item;
  if (failed(interpretTensor(state, op, dense, item)))
    return failure();
  return bindItem(item);
}
