//===- SimplifyWhere.cpp - One selection, and last ------------------------===//

#include "Colossal/IR/UnsignedByte.h"
#include "Colossal/IR/Where.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/PatternMatch.h"

#include <cmath>

using namespace mlir;
using namespace colossal;

//===----------------------------------------------------------------------===//
// Ops that keep zeros
//===----------------------------------------------------------------------===//

static bool isZero(Value value) {
  if (auto byte = value.getDefiningOp<WrapOp>())
    value = byte.getValue();
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
          arith::TruncIOp, arith::SIToFPOp, arith::UIToFPOp, arith::NegFOp,
          WidenOp, WrapOp>(op))
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
  auto addPart = [&](Value part, int64_t scale) {
    std::optional<IndexSum> own = matchSum(part, depth + 1);
    if (!own)
      return false;
    addScaled(sum, *own, scale);
    return true;
  };
  bool matches = false;
  if (isa<arith::AddIOp, arith::SubIOp>(op))
    matches = addPart(op->getOperand(0), 1) &&
              addPart(op->getOperand(1), isa<arith::SubIOp>(op) ? -1 : 1);
  else if (isa<arith::MulIOp>(op))
    for (unsigned side : {0, 1})
      if (!matches && matchPattern(op->getOperand(side), m_Constant(&number)))
        matches = addPart(op->getOperand(1 - side), number.getInt());
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
      rewriter.replaceOp(op, createZero(rewriter, op.getLoc(), op.getType()));
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
          addScaled(difference, *sum, -1);
          auto whole = EquationAttr::get(op.getContext(), difference,
                                         equation.getConstant(), false);
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
