//===- Placement.cpp - Recognises sums over equations of indices ----------===//

#include "Colossal/Analysis/Placement.h"
#include "Colossal/IR/Combiner.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace colossal;

bool Placement::solves(unsigned factor) const {
  return llvm::any_of(equations, [&](const Equation &equation) {
    return llvm::any_of(equation.solved, [&](const Term &term) {
      return term.factor == factor;
    });
  });
}

namespace {
/// constant + sum(coefficients * global indices)
struct LinearIndex {
  SmallVector<int64_t> coefficients; ///< per factor
  int64_t constant = 0;

  /// Adds `scale` times the scalar; false if it is no such sum.
  bool add(Value scalar, int64_t scale, ArrayRef<FactorAttr> factors) {
    IntegerAttr number;
    if (matchPattern(scalar, m_Constant(&number))) {
      constant += scale * number.getInt();
      return true;
    }
    Operation *op = scalar.getDefiningOp();
    if (!op)
      return false;
    if (auto index = dyn_cast<IndexOp>(op)) {
      for (auto [position, factor] : llvm::enumerate(factors))
        if (factor.getName() == index.getFactor())
          coefficients[position] += scale;
      return true;
    }
    if (isa<arith::AddIOp, arith::SubIOp>(op))
      return add(op->getOperand(0), scale, factors) &&
             add(op->getOperand(1), isa<arith::SubIOp>(op) ? -scale : scale,
                 factors);
    if (isa<arith::MulIOp>(op))
      for (unsigned side : {0, 1})
        if (matchPattern(op->getOperand(side), m_Constant(&number)))
          return add(op->getOperand(1 - side), scale * number.getInt(),
                     factors);
    return false;
  }
};
} // namespace

/// The parts of a conjunction.
static void collectConditions(Value condition, SmallVectorImpl<Value> &parts) {
  if (auto conjunction = condition.getDefiningOp<arith::AndIOp>()) {
    collectConditions(conjunction.getLhs(), parts);
    collectConditions(conjunction.getRhs(), parts);
    return;
  }
  parts.push_back(condition);
}

/// The condition as an equation that determines all sums in it.
static std::optional<Placement::Equation> solve(Value condition,
                                                ArrayRef<FactorAttr> factors) {
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
    return std::nullopt;
  LinearIndex difference;
  difference.coefficients.assign(factors.size(), 0);
  if (!difference.add(compare.getLhs(), 1, factors) ||
      !difference.add(compare.getRhs(), -1, factors))
    return std::nullopt;
  Placement::Equation equation;
  int64_t sign = 0; // of the sums, which must agree
  for (auto [position, factor] : llvm::enumerate(factors)) {
    int64_t coefficient = difference.coefficients[position];
    if (factor.isParallel() || coefficient == 0)
      continue;
    if (sign == 0)
      sign = coefficient > 0 ? 1 : -1;
    if (coefficient * sign < 0)
      return std::nullopt;
    equation.solved.push_back({unsigned(position), coefficient * sign});
  }
  if (equation.solved.empty())
    return std::nullopt;
  for (auto [position, factor] : llvm::enumerate(factors))
    if (factor.isParallel() && difference.coefficients[position] != 0)
      equation.known.push_back(
          {unsigned(position), -sign * difference.coefficients[position]});
  equation.constant = -sign * difference.constant;
  llvm::sort(equation.solved,
             [](const auto &x, const auto &y) { return x.stride > y.stride; });
  // Unique: what the later terms can be is less than one step of each.
  int64_t rest = 0;
  for (const Placement::Term &term : llvm::reverse(equation.solved)) {
    if (term.stride <= rest)
      return std::nullopt;
    rest += (factors[term.factor].getExtent() - 1) * term.stride;
  }
  return equation;
}

std::optional<Placement> colossal::analyzePlacement(GenericOp op) {
  FactoredOp factored(op.getOperation());
  if (op.getNumResults() != 1 || !isZeroNeutral(factored))
    return std::nullopt;
  SmallVector<FactorAttr> factors = factored.getFactorList();
  auto select = op.getYielded()[0].getDefiningOp<arith::SelectOp>();
  if (!select || (!matchPattern(select.getFalseValue(), m_AnyZeroFloat()) &&
                  !matchPattern(select.getFalseValue(), m_Zero())))
    return std::nullopt;
  SmallVector<Value> conditions;
  collectConditions(select.getCondition(), conditions);
  Placement placement;
  bool all = true;
  for (Value condition : conditions) {
    std::optional<Placement::Equation> equation = solve(condition, factors);
    bool fits = equation && llvm::none_of(equation->solved, [&](auto &term) {
                  return placement.solves(term.factor);
                });
    if (fits)
      placement.equations.push_back(*equation);
    all &= fits;
  }
  if (placement.equations.empty())
    return std::nullopt;
  // Other conditions are evaluated at the solution, with the equations.
  placement.value = all ? select.getTrueValue() : op.getYielded()[0];
  return placement;
}
