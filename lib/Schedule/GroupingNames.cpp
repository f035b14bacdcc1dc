//===- GroupingNames.cpp - Small questions about grouped ops --------------===//

#include "colossal/Schedule/GroupingNames.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/MapStrides.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

StringRef colossal::schedule::nameOfOp(Operation *op) {
  if (auto factored = dyn_cast<FactoredOp>(op))
    return factored.getFactoredName();
  if (auto name = op->getAttrOfType<StringAttr>("name"))
    return name.getValue();
  return op->getName().getStringRef();
}

bool colossal::schedule::isIndexFunction(Operation *op) {
  auto generic = dyn_cast_or_null<GenericOp>(op);
  return generic && generic.getNumOperands() == 0 && generic.isAllParallel() &&
         !generic->hasAttr(kMaterialize);
}

/// True if the terms count 0, 1, 2... in steps of `step` in memory, and no axis
/// cuts them; `count`: how far.
static bool countsMemory(ArrayRef<SolvedEquation::Term> terms,
                         ArrayRef<FactorAttr> factors,
                         ArrayRef<int64_t> strides, int64_t &step,
                         int64_t &count) {
  SmallVector<SolvedEquation::Term> sorted(terms);
  llvm::sort(sorted,
             [](const auto &x, const auto &y) { return x.stride < y.stride; });
  count = 1;
  for (const SolvedEquation::Term &term : sorted) {
    FactorAttr factor = factors[term.factor];
    if (factor.isLocal() || term.stride != count)
      return false;
    if (step == 0)
      step = strides[term.factor];
    if (strides[term.factor] != step * count)
      return false;
    count *= factor.getBound();
  }
  return true;
}

/// A copy that changes the decomposition and not the place of any element.
static bool keepsMemory(GenericOp op) {
  std::optional<Selection> selection = analyzeSelection(op);
  if (!selection || selection->scatter || !selection->conditions.empty() ||
      selection->where.getValue() != op.getBody().front().getArgument(0))
    return false;
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  auto [from, offset] = MapStrides(factored.getOperandMap(0), factors.size());
  auto [to, zero] = MapStrides(factored.getResultMap(0), factors.size());
  llvm::SmallBitVector placed(factors.size());
  for (const SolvedEquation &equation : selection->sums) {
    int64_t step = 0, before = 0, after = 0;
    if (equation.constant != 0 || equation.id ||
        !countsMemory(equation.solved, factors, from, step, before) ||
        !countsMemory(equation.known, factors, to, step, after) ||
        before != after)
      return false;
    // One side walks the operand alone, the other the result: the diagonal of a
    // matrix, which a known factor also indexes, is elsewhere.
    auto onlyIn = [&](ArrayRef<SolvedEquation::Term> terms,
                      ArrayRef<int64_t> otherStrides) {
      return llvm::all_of(terms, [&](const SolvedEquation::Term &term) {
        placed.set(term.factor);
        return otherStrides[term.factor] == 0 ||
               factors[term.factor].getBound() == 1;
      });
    };
    if (!onlyIn(equation.solved, to) || !onlyIn(equation.known, from))
      return false;
  }
  for (auto [number, factor] : llvm::enumerate(factors))
    if (!placed.test(number) &&
        (!factor.isParallel() ||
         (factor.getBound() != 1 && from[number] != to[number])))
      return false;
  return offset == 0;
}

std::optional<int64_t> colossal::schedule::aliasOffsetOf(GenericOp op) {
  if (op->hasAttr(kMaterialize) || op.getNumOperands() != 1 ||
      op.getNumResults() != 1)
    return std::nullopt;
  FactoredOp factored(op.getOperation());
  bool clipped = false;
  factored.getOperandMap(0).walk(
      [&](unsigned, unsigned, SubDimAttr sub) { clipped |= sub.getClipped(); });
  if (clipped)
    return std::nullopt;
  if (keepsMemory(op))
    return 0;
  Block &body = op.getBody().front();
  if (!op.isAllParallel() || body.getOperations().size() != 1 ||
      op.getYielded()[0] != body.getArgument(0))
    return std::nullopt;
  SmallVector<FactorAttr> factors = factored.getFactorList();
  auto [from, offset] = MapStrides(factored.getOperandMap(0), factors.size());
  auto [to, zero] = MapStrides(factored.getResultMap(0), factors.size());
  for (auto [factor, x, y] : llvm::zip(factors, from, to))
    if (factor.getBound() != 1 && x != y)
      return std::nullopt;
  return offset;
}
