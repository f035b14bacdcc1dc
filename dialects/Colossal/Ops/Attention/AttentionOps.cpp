//===- AttentionOps.cpp - Verifiers, syntax, cuts and work ----------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Mask.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::attention;

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// A5 and A6: roles are read off q, k and v; the others have no others.
static LogicalResult verifyRoles(FactoredOp op, unsigned minOperands) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<IndexMapAttr> maps;
  for (unsigned i = 0; i < minOperands; ++i)
    maps.push_back(op.getOperandMap(i));
  for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
    maps.push_back(op.getResultMap(i));
  auto isWritten = [](FactorAttr factor) { // others may be the index 0 of 1
    return factor.getBound() != 1 || factor.getExtent() != 1;
  };
  for (auto [f, factor] : llvm::enumerate(factors)) {
    bool q = maps[0].uses(f), k = maps[1].uses(f), v = maps[2].uses(f);
    if (isWritten(factor) &&
        ((q && v && !k) || (k && !q && !v) || (!q && !k && !v)))
      return op->emitOpError("A5: factor '")
             << factor.getName() << "' is in "
             << (q   ? "q and v"
                 : k ? "k alone"
                     : "none of q, k and v")
             << ", expected a batch, query, key or feature factor";
  }
  for (auto [f, factor] : llvm::enumerate(factors)) {
    if (!isWritten(factor))
      continue;
    bool q = maps[0].uses(f), k = maps[1].uses(f), v = maps[2].uses(f);
    // A row of the output has queries and features of the values.
    bool row = q && (!k || v), feature = v && !q && !k;
    auto check = [&](unsigned map, bool expected,
                     StringRef what) -> LogicalResult {
      if (maps[map].uses(f) == expected)
        return success();
      return op->emitOpError("A6: factor '")
             << factor.getName() << "' " << (expected ? "misses" : "occurs")
             << " in the map of " << what;
    };
    LogicalResult ok = success();
    if (minOperands == 3)
      ok = failure(failed(check(3, row || feature, "the result")) ||
                   failed(check(4, row, "the log-sum-exp")));
    else
      ok = failure(failed(check(3, row || feature, "the result")) ||
                   failed(check(4, row, "the log-sum-exp")) ||
                   failed(check(5, row || feature, "the result's gradient")) ||
                   failed(check(6, q, "q's gradient")) ||
                   failed(check(7, k, "k's gradient")) ||
                   failed(check(8, v, "v's gradient")));
    if (failed(ok))
      return failure();
  }
  return success();
}

static LogicalResult verifyAttention(FactoredOp op, ArrayAttr factors,
                                     ArrayAttr operandMaps,
                                     ArrayAttr resultMaps, unsigned minOperands,
                                     unsigned numResults) {
  if (op->getNumOperands() < minOperands || op->getNumResults() != numResults)
    return op->emitOpError("A1: found ")
           << op->getNumOperands() << " operands and " << op->getNumResults()
           << " results, expected at least " << minOperands << " and "
           << numResults;
  if (failed(verifyFactored(op, factors, operandMaps, resultMaps)))
    return failure();
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() != 1 + op->getNumOperands() - minOperands)
    return op->emitOpError(
        "A2: the body takes the score and one element of each extra operand");
  if (block.empty() || !isa<YieldOp>(block.back()) ||
      block.back().getNumOperands() != 1 ||
      block.back().getOperand(0).getType() != block.getArgument(0).getType())
    return op->emitOpError("A3: the body yields the masked score");
  auto elementOf = [&](unsigned operand) -> Type {
    Type type = getElementTypeOrSelf(op->getOperand(operand));
    bool isNarrowScore = operand == 0 && isNarrowFloat(type);
    return isNarrowScore ? Float32Type::get(op->getContext()) : type;
  };
  for (auto [index, argument] : llvm::enumerate(block.getArguments()))
    if (Type expected = elementOf(index ? minOperands + index - 1 : 0);
        argument.getType() != expected || (!index && !isa<FloatType>(expected)))
      return op->emitOpError("A4: argument ")
             << index << " of the body has type " << argument.getType()
             << ", expected "
             << (index ? "that of its operand, " : "a float, as of q, ")
             << expected;
  return verifyRoles(op, minOperands);
}

LogicalResult AttentionOp::verify() {
  return verifyAttention(*this, getFactors(), getOperandMaps(), getResultMaps(),
                         3, 2);
}

LogicalResult AttentionBackwardOp::verify() {
  return verifyAttention(*this, getFactors(), getOperandMaps(), getResultMaps(),
                         6, 3);
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static FactoredParameter scaleIn(MLIRContext *context) {
  return {"scale", Float64Type::get(context)};
}

ParseResult AttentionOp::parse(OpAsmParser &parser, OperationState &result) {
  return parseFactored(parser, result, scaleIn(parser.getContext()));
}
void AttentionOp::print(OpAsmPrinter &printer) {
  printFactored(printer, *this, scaleIn(getContext()));
}
ParseResult AttentionBackwardOp::parse(OpAsmParser &parser,
                                       OperationState &result) {
  return parseFactored(parser, result, scaleIn(parser.getContext()));
}
void AttentionBackwardOp::print(OpAsmPrinter &printer) {
  printFactored(printer, *this, scaleIn(getContext()));
}

//===----------------------------------------------------------------------===//
// Cuts
//===----------------------------------------------------------------------===//

static bool inMap(FactoredOp op, unsigned operand, unsigned factor) {
  return op.getOperandMap(operand).uses(factor);
}

bool AttentionOp::isShardable(unsigned factor) {
  // Batch and query: factors of q that are not features of the scores.
  return inMap(*this, 0, factor) &&
         FactoredOp(*this).getResultMap(0).uses(factor) &&
         !hasOffsetUse(*this, factor);
}

bool AttentionBackwardOp::isShardable(unsigned factor) {
  // Batch, query and key: all but the features.
  bool query = inMap(*this, 0, factor) && inMap(*this, 3, factor);
  bool key = inMap(*this, 1, factor) && inMap(*this, 2, factor);
  return (query || key) && !hasOffsetUse(*this, factor);
}

SmallVector<SmallVector<unsigned>> AttentionOp::getLinearOperandSets() {
  return {};
}

SmallVector<SmallVector<unsigned>> AttentionBackwardOp::getLinearOperandSets() {
  return {};
}

/// Without keys: zero, and the logarithm of zero.
FactorKind AttentionOp::getCombiner(unsigned result) {
  return result == 1 ? FactorKind::Max : FactorKind::Sum;
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

/// Two products, q k and p v; `perProduct` flops at each of their points.
static cost::Work workOf(FactoredOp op, StringRef rate, double perProduct) {
  Maps maps(op);
  cost::Work work;
  work.kind = cost::Work::Kind::Library;
  work.rate = rate.str();
  work.terms.assign(2, {perProduct, {}});
  int64_t queries = 1, keys = 1;
  for (auto [index, role] : llvm::enumerate(maps.roles)) {
    if (role != Role::VFeature)
      work.terms[0].factors.push_back(index);
    if (role != Role::QkFeature)
      work.terms[1].factors.push_back(index);
    if (role == Role::Query || role == Role::Key)
      work.uncut.push_back(index);
    if (role == Role::Query)
      queries *= maps.factors[index].getBound();
    if (role == Role::Key)
      keys *= maps.factors[index].getBound();
  }
  work.neededShare = readMask(op, maps).visibleShare(queries, keys);
  return work;
}

cost::Work AttentionOp::getWork() { return workOf(*this, "attention", 2); }

/// Backward computes the scores again, and two gradients for each product.
cost::Work AttentionBackwardOp::getWork() {
  return workOf(*this, "attention_backward", 5);
}
