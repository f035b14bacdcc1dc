//===- Where.cpp - Values where equations of indices hold -----------------===//

#include "Colossal/IR/Where.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace colossal;

//===----------------------------------------------------------------------===//
// EquationAttr
//===----------------------------------------------------------------------===//

/// Damaged text may hold any numbers; they wrap around, and E2 refuses them.
static int64_t wrappingAdd(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) + uint64_t(b));
}
static int64_t wrappingMul(int64_t a, int64_t b) {
  return int64_t(uint64_t(a) * uint64_t(b));
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
    if (!sum) {
      result.terms.push_back({factor, stride});
      continue;
    }
    for (auto [part, own] : sum->terms)
      result.terms.push_back({part, wrappingMul(own, stride)});
    result.constant =
        wrappingAdd(result.constant, wrappingMul(sum->constant, stride));
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

//===----------------------------------------------------------------------===//
// WhereOp
//===----------------------------------------------------------------------===//

void WhereOp::build(OpBuilder &builder, OperationState &state, Value value,
                    ArrayRef<EquationAttr> equations, ValueRange ids) {
  SmallVector<Attribute> list(equations.begin(), equations.end());
  build(builder, state, value.getType(), value, ids,
        builder.getArrayAttr(list));
}

Value WhereOp::getId(unsigned number) {
  if (!getEquation(number).getHasId())
    return {};
  unsigned id = 0;
  for (unsigned i = 0; i < number; ++i)
    id += getEquation(i).getHasId();
  return getIds()[id];
}

void WhereOp::substitute(
    llvm::function_ref<std::optional<IndexSum>(StringAttr)> sumOf) {
  SmallVector<Attribute> equations;
  for (Attribute equation : getEquations())
    equations.push_back(cast<EquationAttr>(equation).substitute(sumOf));
  setEquationsAttr(ArrayAttr::get(getContext(), equations));
}

ParseResult WhereOp::parse(OpAsmParser &parser, OperationState &result) {
  OpAsmParser::UnresolvedOperand value;
  SmallVector<OpAsmParser::UnresolvedOperand> ids;
  SmallVector<Type> idTypes;
  SmallVector<Attribute> equations;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  auto parseId = [&]() -> OptionalParseResult {
    OpAsmParser::UnresolvedOperand id;
    OptionalParseResult parsed = parser.parseOptionalOperand(id);
    if (!parsed.has_value())
      return std::nullopt;
    ids.push_back(id);
    return failure(failed(*parsed) ||
                   parser.parseColonType(idTypes.emplace_back()));
  };
  if (parser.parseOperand(value) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                     [&]() -> ParseResult {
                                       FailureOr<EquationAttr> equation =
                                           parseEquation(parser, parseId);
                                       if (failed(equation))
                                         return failure();
                                       equations.push_back(*equation);
                                       return success();
                                     }) ||
      parser.parseOptionalAttrDict(result.attributes) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(value, type, result.operands) ||
      parser.resolveOperands(ids, idTypes, loc, result.operands))
    return failure();
  result.addAttribute(getEquationsAttrName(result.name),
                      parser.getBuilder().getArrayAttr(equations));
  result.addTypes(type);
  return success();
}

void WhereOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getValue() << " [";
  llvm::interleaveComma(llvm::seq<unsigned>(0, getEquations().size()), printer,
                        [&](unsigned number) {
                          printEquation(printer, getEquation(number), [&] {
                            Value id = getId(number);
                            printer << id << " : " << id.getType();
                          });
                        });
  printer << "]";
  printer.printOptionalAttrDict((*this)->getAttrs(), {getEquationsAttrName()});
  printer << " : " << getResult().getType();
}

LogicalResult WhereOp::verify() {
  unsigned wanted = 0;
  for (Attribute equation : getEquations())
    wanted += cast<EquationAttr>(equation).getHasId();
  if (wanted != getIds().size())
    return emitOpError("E3: found ")
           << getIds().size() << " ids, expected one for each of the " << wanted
           << " equations that have one";
  return success();
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

/// E1, E2 and E4.
static LogicalResult verifyEquations(WhereOp where, FactoredOp op) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (unsigned number = 0, e = where.getEquations().size(); number < e;
       ++number) {
    EquationAttr equation = where.getEquation(number);
    llvm::SmallBitVector named(factors.size());
    for (auto [name, stride] :
         llvm::zip(equation.getFactors(), equation.getStrides())) {
      auto found = llvm::find_if(
          factors, [&](FactorAttr f) { return f.getName() == name; });
      if (found == factors.end())
        return where.emitOpError("E1: found ")
               << name << ", expected the name of a factor";
      if (stride == 0 || named.test(found - factors.begin()))
        return where.emitOpError("E1: found ")
               << name << " with stride " << stride
               << ", expected it once and with another stride than 0";
      named.set(found - factors.begin());
    }
    if (!isSized(equation, op))
      return where.emitOpError("E2: found ")
             << equation
             << ", expected a constant and strides times sizes of at most "
             << kMaxElements;
    Value id = where.getId(number);
    if (!id)
      continue;
    llvm::SmallBitVector common = factorsOf(op, id);
    common &= named;
    if (common.any())
      return where.emitOpError("E4: found an id that varies with '")
             << factors[common.find_first()].getName()
             << "', a factor of its equation";
  }
  return success();
}

LogicalResult GenericOp::verifyRegions() {
  FactoredOp op(getOperation());
  for (auto where : getBody().getOps<WhereOp>())
    if (failed(verifyEquations(where, op)))
      return failure();
  return verifySelection(*this);
}

//===----------------------------------------------------------------------===//
// Ops that keep zeros
//===----------------------------------------------------------------------===//

static bool isZero(Value value) {
  return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
}

static bool isFiniteConstant(Value value) {
  FloatAttr number;
  if (auto rounded = value.getDefiningOp<arith::TruncFOp>())
    value = rounded.getIn();
  return matchPattern(value, m_Constant(&number)) &&
         std::isfinite(number.getValueAsDouble()) &&
         number.getValueAsDouble() != 0;
}

/// The operands that have to be zero for the result to be zero; none: it is not
/// known to be.
static SmallVector<unsigned> zeroOperands(Operation *op) {
  if (op->getNumResults() != 1)
    return {};
  if (isa<arith::ExtFOp, arith::TruncFOp, arith::ExtSIOp, arith::ExtUIOp,
          arith::TruncIOp, arith::SIToFPOp, arith::UIToFPOp, arith::NegFOp>(op))
    return {0};
  if (isa<arith::AddFOp, arith::SubFOp, arith::AddIOp, arith::SubIOp,
          arith::OrIOp>(op))
    return {0, 1};
  if (isa<arith::SelectOp>(op))
    return {1, 2};
  if (isa<arith::MulFOp>(op) && isFiniteConstant(op->getOperand(0)))
    return {1};
  if (isa<arith::MulFOp, arith::DivFOp>(op) &&
      isFiniteConstant(op->getOperand(1)))
    return {0};
  return {};
}

static WhereOp selectionOf(Value value, DenseMap<Value, WhereOp> &known) {
  auto [it, isNew] = known.try_emplace(value);
  if (!isNew)
    return it->second;
  Operation *op = value.getDefiningOp();
  if (!op)
    return {};
  WhereOp found = dyn_cast<WhereOp>(op);
  if (!found)
    for (unsigned number : zeroOperands(op)) {
      Value operand = op->getOperand(number);
      if (isZero(operand))
        continue;
      WhereOp below = selectionOf(operand, known);
      if (!below || (found && !found.statesSame(below)))
        return {};
      found = below;
    }
  return known[value] = found;
}

WhereOp colossal::selectionOf(Value value) {
  DenseMap<Value, WhereOp> known;
  return ::selectionOf(value, known);
}

//===----------------------------------------------------------------------===//
// Simplification
//===----------------------------------------------------------------------===//

/// An id that is a sum of indices.
static std::optional<IndexSum> matchSum(Value value, unsigned depth = 0) {
  IndexSum sum;
  IntegerAttr number;
  if (matchPattern(value, m_Constant(&number))) {
    sum.constant = number.getInt();
    return sum;
  }
  Operation *op = value.getDefiningOp();
  if (!op || depth > 8)
    return std::nullopt;
  if (auto index = dyn_cast<IndexOp>(op)) {
    sum.terms.push_back({index.getFactorAttr(), 1});
    return sum;
  }
  auto addScaled = [&](Value part, int64_t scale) {
    std::optional<IndexSum> own = matchSum(part, depth + 1);
    if (!own)
      return false;
    for (auto [factor, stride] : own->terms)
      sum.terms.push_back({factor, wrappingMul(stride, scale)});
    sum.constant = wrappingAdd(sum.constant, wrappingMul(own->constant, scale));
    return true;
  };
  bool matches = false;
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    matches = addScaled(op->getOperand(0), 1) &&
              addScaled(op->getOperand(1), isa<arith::SubIOp>(op) ? -1 : 1);
  else if (isa<arith::MulIOp>(op))
    for (unsigned side : {0, 1})
      if (!matches && matchPattern(op->getOperand(side), m_Constant(&number)))
        matches = addScaled(op->getOperand(1 - side), number.getInt());
  if (!matches)
    return std::nullopt;
  return sum;
}

namespace {
/// Nested selections are one; equations that always hold or are stated twice
/// go; one that never holds leaves zero; ids that are sums of indices are
/// terms.
struct SimplifyEquations : OpRewritePattern<WhereOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(WhereOp op,
                                PatternRewriter &rewriter) const override {
    auto becomeZero = [&] {
      rewriter.replaceOpWithNewOp<arith::ConstantOp>(
          op, rewriter.getZeroAttr(op.getType()));
      return success();
    };
    if (isZero(op.getValue()))
      return becomeZero();
    SmallVector<EquationAttr> equations;
    SmallVector<Value> idOf;
    bool never = false;
    auto add = [&](WhereOp where) {
      for (unsigned i = 0, e = where.getEquations().size(); i < e; ++i) {
        EquationAttr equation = where.getEquation(i);
        Value id = where.getId(i);
        std::optional<IndexSum> sum = id ? matchSum(id) : std::nullopt;
        if (sum) {
          IndexSum difference;
          for (auto [factor, stride] :
               llvm::zip(equation.getFactors(), equation.getStrides()))
            difference.terms.push_back({factor, stride});
          for (auto [factor, stride] : sum->terms)
            difference.terms.push_back({factor, wrappingMul(-1, stride)});
          auto whole = EquationAttr::get(
              op.getContext(), difference,
              wrappingAdd(equation.getConstant(), sum->constant), false);
          if (isSized(whole, cast<FactoredOp>(op->getParentOp()))) {
            equation = whole;
            id = {};
          }
        }
        if (equation.getFactors().empty() && !id) {
          never |= equation.getConstant() != 0;
          continue;
        }
        bool isKnown = false;
        for (auto [other, its] : llvm::zip(equations, idOf))
          isKnown |= other == equation && its == id;
        if (isKnown)
          continue;
        equations.push_back(equation);
        idOf.push_back(id);
      }
    };
    auto inner = op.getValue().getDefiningOp<WhereOp>();
    if (inner)
      add(inner);
    add(op);
    if (never)
      return becomeZero();
    Value value = inner ? inner.getValue() : op.getValue();
    if (equations.empty()) {
      rewriter.replaceOp(op, value);
      return success();
    }
    SmallVector<Attribute> list(equations.begin(), equations.end());
    if (!inner && rewriter.getArrayAttr(list) == op.getEquations())
      return failure();
    SmallVector<Value> ids =
        llvm::filter_to_vector(idOf, [](Value id) { return bool(id); });
    rewriter.replaceOpWithNewOp<WhereOp>(op, value, equations, ids);
    return success();
  }
};

/// Selects after ops that keep zeros: what a sum selects is at its root.
struct SelectLast : RewritePattern {
  SelectLast(MLIRContext *context)
      : RewritePattern(MatchAnyOpTypeTag(), 1, context) {}
  LogicalResult matchAndRewrite(Operation *op,
                                PatternRewriter &rewriter) const override {
    WhereOp common;
    SmallVector<Value> operands(op->getOperands());
    for (unsigned number : zeroOperands(op)) {
      if (isZero(operands[number]))
        continue;
      auto where = operands[number].getDefiningOp<WhereOp>();
      if (!where || (common && !common.statesSame(where)))
        return failure();
      common = where;
      operands[number] = where.getValue();
    }
    if (!common || !isa<GenericOp>(op->getParentOp()))
      return failure();
    Operation *inner = rewriter.clone(*op);
    inner->setOperands(operands);
    SmallVector<EquationAttr> equations;
    for (Attribute equation : common.getEquations())
      equations.push_back(cast<EquationAttr>(equation));
    rewriter.replaceOpWithNewOp<WhereOp>(op, inner->getResult(0), equations,
                                         common.getIds());
    return success();
  }
};
} // namespace

void WhereOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                          MLIRContext *context) {
  patterns.add<SimplifyEquations, SelectLast>(context);
}

//===----------------------------------------------------------------------===//
// In other words
//===----------------------------------------------------------------------===//

Value colossal::expandWhere(OpBuilder &builder, WhereOp where, Value value,
                            ValueRange ids,
                            llvm::function_ref<Value(StringAttr)> indexOf) {
  Location loc = where.getLoc();
  auto integer = [&](int64_t number) -> Value {
    return arith::ConstantOp::create(builder, loc,
                                     builder.getI64IntegerAttr(number));
  };
  Value condition;
  for (Attribute attribute : where.getEquations()) {
    auto equation = cast<EquationAttr>(attribute);
    Value sides[2]; // left, right
    auto add = [&](Value &side, Value term) {
      side = side ? arith::AddIOp::create(builder, loc, side, term).getResult()
                  : term;
    };
    if (equation.getHasId()) {
      Value id = ids.front();
      ids = ids.drop_front();
      if (!id.getType().isInteger(64))
        id = arith::ExtSIOp::create(builder, loc, builder.getI64Type(), id);
      add(sides[1], id);
    }
    for (auto [factor, stride] :
         llvm::zip(equation.getFactors(), equation.getStrides())) {
      Value term = indexOf(factor);
      if (std::abs(stride) != 1)
        term = arith::MulIOp::create(builder, loc, term,
                                     integer(std::abs(stride)));
      add(sides[stride < 0], term);
    }
    if (equation.getConstant() != 0)
      add(sides[1], integer(equation.getConstant()));
    for (Value &side : sides)
      if (!side)
        side = integer(0);
    Value holds = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                        sides[0], sides[1]);
    condition =
        condition
            ? arith::AndIOp::create(builder, loc, condition, holds).getResult()
            : holds;
  }
  if (!condition)
    return value;
  Value zero = arith::ConstantOp::create(builder, loc,
                                         builder.getZeroAttr(value.getType()));
  return arith::SelectOp::create(builder, loc, condition, value, zero);
}

void colossal::expandWhere(WhereOp where) {
  OpBuilder builder(where);
  Value expanded = expandWhere(
      builder, where, where.getValue(), where.getIds(), [&](StringAttr factor) {
        return IndexOp::create(builder, where.getLoc(), builder.getI64Type(),
                               factor)
            .getResult();
      });
  where.replaceAllUsesWith(expanded);
  where.erase();
}

int64_t colossal::scalarOpsOf(WhereOp where) {
  int64_t ops = 0; // the choice counts as the first conjunction
  for (Attribute attribute : where.getEquations()) {
    auto equation = cast<EquationAttr>(attribute);
    int64_t left = 0,
            right = equation.getHasId() + (equation.getConstant() != 0);
    for (int64_t stride : equation.getStrides()) {
      (stride > 0 ? left : right) += 1;
      ops += std::abs(stride) != 1;
    }
    ops += std::max<int64_t>(left - 1, 0) + std::max<int64_t>(right - 1, 0) + 2;
  }
  return ops;
}
