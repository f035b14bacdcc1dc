//===- GenericBuilder.cpp - Builds one colossal.generic -------------------===//

#include "colossal/Normalize/GenericBuilder.h"
#include "llvm/Support/ErrorHandling.h"

using namespace mlir;
using namespace colossal;

//===----------------------------------------------------------------------===//
// Factors
//===----------------------------------------------------------------------===//

int64_t GenericBuilder::lookup(StringRef factorName) const {
  for (auto [number, factor] : llvm::enumerate(factors))
    if (factor.getName() == factorName)
      return number;
  return -1;
}

int64_t GenericBuilder::factor(StringRef wanted, int64_t bound,
                               FactorKind kind) {
  std::string unique = wanted.str();
  std::string stem = unique;
  if (!stem.empty() && llvm::isDigit(stem.back()))
    stem += "_";
  for (unsigned count = 1; lookup(unique) >= 0; ++count)
    unique = stem + std::to_string(count);
  return factor(FactorAttr::get(builder.getContext(), unique, bound, kind));
}

int64_t GenericBuilder::factor(FactorAttr factor) {
  factors.push_back(factor);
  return factors.size() - 1;
}

void GenericBuilder::setKind(int64_t number, FactorKind kind) {
  FactorAttr old = factors[number];
  factors[number] =
      FactorAttr::get(builder.getContext(), old.getName(), old.getBound(), kind,
                      old.getExtent(), old.getTerms());
}

//===----------------------------------------------------------------------===//
// Index maps
//===----------------------------------------------------------------------===//

SubDimAttr GenericBuilder::plain(int64_t number) const {
  return SubDimAttr::get(builder.getContext(), number, 0,
                         factors[number].getBound(), /*clipped=*/false);
}

SubDimAttr GenericBuilder::clipped(int64_t number, int64_t offset,
                                   int64_t bound) const {
  return SubDimAttr::get(builder.getContext(), number, offset, bound,
                         /*clipped=*/true);
}

SubDimAttr GenericBuilder::constant(int64_t index, int64_t bound) const {
  return SubDimAttr::get(builder.getContext(), -1, index, bound,
                         /*clipped=*/false);
}

IndexMapAttr GenericBuilder::map(ArrayRef<int64_t> numbers) const {
  SmallVector<SmallVector<SubDimAttr>> dimensions;
  for (int64_t number : numbers)
    dimensions.push_back({plain(number)});
  return map(dimensions);
}

IndexMapAttr
GenericBuilder::map(ArrayRef<SmallVector<SubDimAttr>> dimensions) const {
  SmallVector<DimAttr> dims;
  for (const SmallVector<SubDimAttr> &subs : dimensions)
    dims.push_back(DimAttr::get(builder.getContext(), subs));
  return IndexMapAttr::get(builder.getContext(), dims);
}

namespace {
/// Reads the text form of an index map.
struct MapReader {
  const GenericBuilder &builder;
  StringRef text;
  StringRef whole = text;

  [[noreturn]] void fail() const {
    llvm::report_fatal_error(llvm::Twine("malformed index map '") + whole +
                             "'");
  }

  bool take(StringRef token) {
    text = text.ltrim();
    return text.consume_front(token);
  }

  int64_t integer() {
    int64_t value = 0;
    text = text.ltrim();
    if (text.consumeInteger(10, value))
      fail();
    return value;
  }

  SubDimAttr subDim() {
    text = text.ltrim();
    if (!text.empty() && llvm::isDigit(text.front())) {
      int64_t index = integer();
      if (!take("of"))
        fail();
      return builder.constant(index, integer());
    }
    StringRef factorName = text.take_while(
        [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; });
    text = text.drop_front(factorName.size());
    int64_t number = builder.lookup(factorName);
    if (number < 0)
      fail();
    bool plus = take("+");
    if (!plus && !take("-"))
      return builder.plain(number);
    int64_t offset = integer();
    if (!take("of"))
      fail();
    return builder.clipped(number, plus ? offset : -offset, integer());
  }

  SmallVector<SubDimAttr> dimension() {
    if (!take("("))
      return {subDim()};
    SmallVector<SubDimAttr> subs;
    if (take(")"))
      return subs;
    do
      subs.push_back(subDim());
    while (take(","));
    if (!take(")"))
      fail();
    return subs;
  }

  IndexMapAttr read() {
    SmallVector<SmallVector<SubDimAttr>> dimensions;
    if (!take("["))
      fail();
    if (!take("]")) {
      do
        dimensions.push_back(dimension());
      while (take(","));
      if (!take("]"))
        fail();
    }
    return builder.map(dimensions);
  }
};
} // namespace

IndexMapAttr GenericBuilder::map(StringRef text) const {
  return MapReader{*this, text}.read();
}

//===----------------------------------------------------------------------===//
// Operands, results, body
//===----------------------------------------------------------------------===//

unsigned GenericBuilder::operand(Value value, IndexMapAttr map) {
  operands.push_back(value);
  operandMaps.push_back(map);
  return operands.size() - 1;
}

void GenericBuilder::result(Type elementType, IndexMapAttr map) {
  resultTypes.push_back(RankedTensorType::get(map.getShape(), elementType));
  resultMaps.push_back(map);
}

GenericBuilder &GenericBuilder::group(StringRef groupName) {
  attributes.push_back(
      builder.getNamedAttr("group", builder.getStringAttr(groupName)));
  return *this;
}

GenericBuilder &GenericBuilder::keep() {
  attributes.push_back(builder.getNamedAttr("keep", builder.getUnitAttr()));
  return *this;
}

GenericBuilder &GenericBuilder::noGradient() {
  attributes.push_back(
      builder.getNamedAttr("no_gradient", builder.getUnitAttr()));
  return *this;
}

Value GenericBuilder::build(Body body) {
  return buildMany([&](ScalarBuilder &scalars, ValueRange in) {
           return SmallVector<Value>{body(scalars, in)};
         })
      .getOutputs()[0];
}

GenericOp GenericBuilder::buildMany(Bodies body) {
  SmallVector<Type> arguments;
  for (Value operand : operands)
    arguments.push_back(getElementTypeOrSelf(operand.getType()));
  return cast<GenericOp>(createFactored(
      builder, loc, GenericOp::getOperationName(), name, factors, operands,
      operandMaps, resultTypes, resultMaps, attributes, arguments, body));
}

Operation *colossal::createFactored(
    OpBuilder &builder, Location loc, StringRef opName, StringRef name,
    ArrayRef<FactorAttr> factors, ValueRange operands,
    ArrayRef<IndexMapAttr> operandMaps, TypeRange resultTypes,
    ArrayRef<IndexMapAttr> resultMaps, ArrayRef<NamedAttribute> attributes,
    TypeRange arguments, GenericBuilder::Bodies body) {
  auto toArray = [&](auto list) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(list.begin(), list.end()));
  };
  OperationState state(loc, opName);
  state.addOperands(operands);
  state.addTypes(resultTypes);
  state.addAttribute("name", builder.getStringAttr(name));
  state.addAttribute("factors", toArray(factors));
  state.addAttribute("operandMaps", toArray(operandMaps));
  state.addAttribute("resultMaps", toArray(resultMaps));
  state.addAttributes(attributes);
  Block *block = new Block;
  state.addRegion()->push_back(block);
  block->addArguments(arguments, SmallVector<Location>(arguments.size(), loc));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(block);
    ScalarBuilder scalars(builder, loc);
    YieldOp::create(builder, loc, body(scalars, block->getArguments()));
  }
  return builder.create(state);
}
