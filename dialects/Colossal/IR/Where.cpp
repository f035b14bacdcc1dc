//===- Where.cpp - Values where equations of indices hold -----------------===//

#include "Colossal/IR/Where.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "Colossal/IR/UnsignedByte.h"

#include <cmath>

using namespace mlir;
using namespace colossal;

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
  Value zero = createZero(builder, loc, value.getType());
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
