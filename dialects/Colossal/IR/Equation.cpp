//===- Equation.cpp - Linear equations of indices -------------------------===//

#include "Colossal/IR/FactoredSyntax.h"
#include "Colossal/IR/Where.h"

#include <cmath>

using namespace mlir;
using namespace colossal;

/// Damaged text may hold any numbers; they wrap around, and E2 refuses them.
static int64_t wrappingAdd(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
static int64_t wrappingMul(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
}

void colossal::addScaled(IndexSum &sum, const IndexSum &part, int64_t scale) {
  for (auto [factor, stride] : part.terms)
    sum.terms.push_back({factor, wrappingMul(stride, scale)});
  sum.constant = wrappingAdd(sum.constant, wrappingMul(part.constant, scale));
}

EquationAttr EquationAttr::get(MLIRContext *context, const IndexSum &sum,
                               int64_t constant, bool hasId) {
  SmallVector<StringAttr> factors;
  SmallVector<int64_t> strides;
  for (auto [factor, stride] : sum.terms) {
    auto found = llvm::find(factors, factor);
    if (found != factors.end()) {
      int64_t &own = strides[found - factors.begin()];
      own = wrappingAdd(own, stride);
      continue;
    }
    factors.push_back(factor);
    strides.push_back(stride);
  }
  for (unsigned i = factors.size(); i-- > 0;)
    if (strides[i] == 0) {
      factors.erase(factors.begin() + i);
      strides.erase(strides.begin() + i);
    }
  constant = wrappingAdd(constant, wrappingMul(-1, sum.constant));
  if (!hasId && !strides.empty() && strides[0] < 0) {
    for (int64_t &stride : strides)
      stride = wrappingMul(-1, stride);
    constant = wrappingMul(-1, constant);
  }
  return get(context, factors, strides, constant, hasId);
}

int64_t EquationAttr::getStride(StringRef factor) const {
  for (auto [own, stride] : llvm::zip(getFactors(), getStrides()))
    if (own == factor)
      return stride;
  return 0;
}

EquationAttr EquationAttr::substitute(
    llvm::function_ref<std::optional<IndexSum>(StringAttr)> sumOf) const {
  IndexSum result;
  for (auto [factor, stride] : llvm::zip(getFactors(), getStrides())) {
    std::optional<IndexSum> sum = sumOf(factor);
    addScaled(result, sum ? *sum : IndexSum{{{factor, 1}}, 0}, stride);
  }
  return get(getContext(), result, getConstant(), getHasId());
}

void colossal::printEquation(AsmPrinter &printer, EquationAttr equation,
                             llvm::function_ref<void()> printId) {
  bool isFirst = true;
  auto join = [&](StringRef sign) {
    if (!isFirst)
      printer << sign;
    isFirst = false;
  };
  auto printTerms = [&](bool left) {
    for (auto [factor, stride] :
         llvm::zip(equation.getFactors(), equation.getStrides())) {
      if ((stride > 0) != left)
        continue;
      join(" + ");
      if (std::abs(stride) != 1)
        printer << std::abs(stride) << " * ";
      printer.printKeywordOrString(factor);
    }
  };
  printTerms(true);
  if (isFirst)
    printer << 0;
  printer << " == ";
  isFirst = true;
  if (equation.getHasId()) {
    join("");
    printId();
  }
  printTerms(false);
  int64_t constant = equation.getConstant();
  if (isFirst) {
    printer << constant;
  } else if (constant != 0) {
    join(constant < 0 ? " - " : " + ");
    printer << std::abs(constant);
  }
}

FailureOr<EquationAttr>
colossal::parseEquation(AsmParser &parser,
                        llvm::function_ref<OptionalParseResult()> parseId) {
  IndexSum sum;
  bool hasId = false;
  auto parseTerm = [&](int64_t sign, bool mayBeId) -> ParseResult {
    if (mayBeId) {
      OptionalParseResult id = parseId();
      if (id.has_value()) {
        hasId = true;
        return *id;
      }
    }
    int64_t number = 1;
    OptionalParseResult parsed = parser.parseOptionalInteger(number);
    if (parsed.has_value() && failed(*parsed))
      return failure();
    number = wrappingMul(number, sign);
    if (parsed.has_value() && failed(parser.parseOptionalStar())) {
      sum.constant = wrappingAdd(sum.constant, number);
      return success();
    }
    std::string name;
    if (parser.parseKeywordOrString(&name))
      return failure();
    sum.terms.push_back({parser.getBuilder().getStringAttr(name), number});
    return success();
  };
  for (int64_t side : {1, -1}) {
    if (side < 0 && (parser.parseEqual() || parser.parseEqual()))
      return failure();
    for (int64_t sign = side; sign != 0;) {
      if (parseTerm(sign, side < 0 && sign < 0 && !hasId))
        return failure();
      if (succeeded(parser.parseOptionalPlus()))
        sign = side;
      else if (succeeded(parser.parseOptionalMinus()))
        sign = -side;
      else
        sign = 0;
    }
  }
  return EquationAttr::get(parser.getContext(), sum, 0, hasId);
}

void EquationAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printEquation(printer, *this, [&] { printer << "?"; });
  printer << ">";
}

Attribute EquationAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<EquationAttr> equation =
      parseEquation(parser, [&]() -> OptionalParseResult {
        if (failed(parser.parseOptionalQuestion()))
          return std::nullopt;
        return success();
      });
  if (failed(equation) || parser.parseGreater())
    return {};
  return *equation;
}

bool colossal::isSized(EquationAttr equation, FactoredOp op) {
  auto isSize = [](__int128 number) {
    return number <= kMaxElements && number >= -kMaxElements;
  };
  bool fits = isSize(equation.getConstant());
  for (FactorAttr factor : op.getFactorList())
    fits &= isSize(__int128(equation.getStride(factor.getName())) *
                   std::max<int64_t>(factor.getExtent(), 1));
  return fits;
}
