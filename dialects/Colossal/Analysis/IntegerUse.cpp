//===- IntegerUse.cpp - Which integers a program can take -----------------===//

#include "Colossal/Analysis/IntegerUse.h"
#include "Colossal/IR/Locations.h"
#include "Colossal/IR/UnsignedByte.h"

#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace colossal;

std::optional<int64_t> IntegerUse::ignored() const {
  for (int64_t constant : constants)
    if (constant < 0 || constant >= extent.value_or(0))
      return constant;
  return std::nullopt;
}

namespace {

class UseAnalysis {
public:
  explicit UseAnalysis(Location location) : result(location) {}
  /// `certain`: every element gets here as it is.
  void follow(Value value, bool certain);
  IntegerUse result;

private:
  void followScalar(FactoredOp op, Value scalar, bool certain);
  void compared(arith::CmpIOp compare, Value other);
  void lookedUp(FactoredOp op, WhereOp where, unsigned id, bool certain);
  void limit(FactoredOp op, Location location, int64_t extent, bool certain);
  bool wraps(arith::SelectOp select, Value scalar);

  llvm::SmallDenseSet<Value> seen[2]; ///< by `certain`
};

} // namespace

static std::optional<int64_t> constantOf(Value value) {
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  if (Operation *op = value.getDefiningOp();
      op && isa<arith::ExtSIOp, arith::TruncIOp>(op))
    return constantOf(op->getOperand(0));
  return std::nullopt;
}

void UseAnalysis::compared(arith::CmpIOp compare, Value other) {
  if (compare.getPredicate() != arith::CmpIPredicate::eq &&
      compare.getPredicate() != arith::CmpIPredicate::ne)
    return;
  std::optional<int64_t> constant = constantOf(other);
  if (constant && !llvm::is_contained(result.constants, *constant))
    result.constants.push_back(*constant);
}

void UseAnalysis::limit(FactoredOp op, Location location, int64_t extent,
                        bool certain) {
  result.extent = std::min(result.extent.value_or(extent), extent);
  if (!certain || (result.required && *result.required <= extent))
    return;
  result.required = extent;
  result.location = location;
  result.lookup = nameOf(location).str();
  if (result.lookup.empty())
    result.lookup = op.getFactoredName().str();
}

/// The id counts from zero to what the indices of its equation add up to.
void UseAnalysis::lookedUp(FactoredOp op, WhereOp where, unsigned id,
                           bool certain) {
  for (unsigned number = 0, e = where.getEquations().size(); number < e;
       ++number) {
    EquationAttr equation = where.getEquation(number);
    if (!equation.getHasId() || id-- != 0)
      continue;
    int64_t extent = 1 - equation.getConstant();
    for (FactorAttr factor : op.getFactorList())
      extent += equation.getStride(factor.getName()) *
                std::max<int64_t>(factor.getExtent() - 1, 0);
    limit(op, where.getLoc(), extent, certain);
  }
}

/// select(x < 0, x + n, x): an index from the end.
bool UseAnalysis::wraps(arith::SelectOp select, Value scalar) {
  auto compare = select.getCondition().getDefiningOp<arith::CmpIOp>();
  auto sum = select.getTrueValue().getDefiningOp<arith::AddIOp>();
  return compare && sum && select.getFalseValue() == scalar &&
         compare.getPredicate() == arith::CmpIPredicate::slt &&
         compare.getLhs() == scalar && constantOf(compare.getRhs()) == 0 &&
         (sum.getLhs() == scalar || sum.getRhs() == scalar);
}

/// Whether a condition asks only for equality with constants, which
/// `compared` collects.
static bool excludesConstants(Value condition, Value scalar) {
  if (auto compare = condition.getDefiningOp<arith::CmpIOp>()) {
    auto predicate = compare.getPredicate();
    return (predicate == arith::CmpIPredicate::eq ||
            predicate == arith::CmpIPredicate::ne) &&
           ((compare.getLhs() == scalar && constantOf(compare.getRhs())) ||
            (compare.getRhs() == scalar && constantOf(compare.getLhs())));
  }
  if (auto both = condition.getDefiningOp<arith::AndIOp>())
    return excludesConstants(both.getLhs(), scalar) &&
           excludesConstants(both.getRhs(), scalar);
  if (auto either = condition.getDefiningOp<arith::OrIOp>())
    return excludesConstants(either.getLhs(), scalar) &&
           excludesConstants(either.getRhs(), scalar);
  if (auto inverse = condition.getDefiningOp<arith::XOrIOp>())
    return excludesConstants(inverse.getLhs(), scalar) &&
           constantOf(inverse.getRhs());
  return false;
}

/// Whether a value depends on nothing but indices and constants.
static bool isOfIndices(Value value) {
  Operation *op = value.getDefiningOp();
  return op && llvm::all_of(op->getOperands(), isOfIndices);
}

/// Whether an op makes a byte or two of a number: what does not fit becomes
/// another number. (Those that i32 cannot hold count as errors.)
static bool wrapsAround(Operation *op) {
  return isa<WrapOp>(op) ||
         (isa<arith::TruncIOp>(op) &&
          op->getResult(0).getType().getIntOrFloatBitWidth() < 32);
}

void UseAnalysis::followScalar(FactoredOp op, Value scalar, bool certain) {
  if (!seen[certain].insert(scalar).second)
    return;
  for (OpOperand &use : scalar.getUses()) {
    Operation *user = use.getOwner();
    if (auto compare = dyn_cast<arith::CmpIOp>(user)) {
      compared(compare, compare->getOperand(1 - use.getOperandNumber()));
    } else if (auto where = dyn_cast<WhereOp>(user)) {
      if (use.getOperandNumber() > 0)
        lookedUp(op, where, use.getOperandNumber() - 1, certain);
      else
        followScalar(op, where.getResult(), certain && where.getIds().empty());
    } else if (isa<YieldOp>(user)) {
      follow(op->getResult(use.getOperandNumber()), certain);
    } else if (auto select = dyn_cast<arith::SelectOp>(user)) {
      if (use.getOperandNumber() == 0)
        continue;
      bool fromEnd = wraps(select, scalar);
      result.fromEnd |= fromEnd;
      // Positions that are dropped (labels shifted by one) hold labels too.
      bool stays = fromEnd || isOfIndices(select.getCondition()) ||
                   excludesConstants(select.getCondition(), scalar);
      followScalar(op, select.getResult(), certain && stays);
    } else if (isa<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp, WidenOp,
                   WrapOp>(user)) {
      followScalar(op, user->getResult(0), certain && !wrapsAround(user));
    }
  }
}

void UseAnalysis::follow(Value value, bool certain) {
  if (!seen[certain].insert(value).second)
    return;
  for (OpOperand &use : value.getUses()) {
    if (auto reshard = dyn_cast<ReshardOp>(use.getOwner()))
      follow(reshard.getResult(), certain);
    if (auto generic = dyn_cast<GenericOp>(use.getOwner()))
      followScalar(cast<FactoredOp>(use.getOwner()),
                   generic.getBody().getArgument(use.getOperandNumber()),
                   certain);
  }
}

IntegerUse colossal::analyzeIntegerUse(Value value) {
  UseAnalysis analysis(value.getLoc());
  analysis.follow(value, true);
  // No label of type ui8 is -100.
  Type element = getElementTypeOrSelf(value.getType());
  llvm::erase_if(analysis.result.constants, [&](int64_t constant) {
    return wrapped(element, constant) != constant;
  });
  return analysis.result;
}
