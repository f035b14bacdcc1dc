//===- Selection.cpp - Indices that equations determine -------------------===//

#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/Where.h"

using namespace mlir;
using namespace colossal;

using Term = SolvedEquation::Term;

bool Selection::determines(unsigned factor) const {
  return llvm::any_of(sums, [&](const SolvedEquation &equation) {
    return llvm::any_of(equation.solved, [&](const Term &term) {
      return term.factor == factor;
    });
  });
}

bool Selection::isLookUp() const {
  return llvm::all_of(
      sums, [](const SolvedEquation &equation) { return bool(equation.id); });
}

//===----------------------------------------------------------------------===//
// What scalars vary with
//===----------------------------------------------------------------------===//

/// The numbers of the factors that an equation names.
static SmallVector<Term> termsOf(EquationAttr equation,
                                 ArrayRef<FactorAttr> factors) {
  SmallVector<Term> terms;
  for (auto [number, factor] : llvm::enumerate(factors))
    if (int64_t stride = equation.getStride(factor.getName()))
      terms.push_back({unsigned(number), stride});
  return terms;
}

llvm::SmallBitVector colossal::factorsOf(FactoredOp op, EquationAttr equation) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  llvm::SmallBitVector named(factors.size());
  for (Term term : termsOf(equation, factors))
    named.set(term.factor);
  return named;
}

llvm::SmallBitVector colossal::factorsOf(FactoredOp op, Value scalar) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  llvm::SmallBitVector result(factors.size());
  SmallVector<Value> pending = {scalar};
  llvm::SmallDenseSet<Value> seen;
  while (!pending.empty()) {
    Value value = pending.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      IndexMapAttr map = op.getOperandMap(argument.getArgNumber());
      for (unsigned number = 0; number < factors.size(); ++number)
        if (map.uses(number))
          result.set(number);
      continue;
    }
    Operation *definition = value.getDefiningOp();
    if (auto index = dyn_cast<IndexOp>(definition))
      for (auto [number, factor] : llvm::enumerate(factors))
        if (factor.getName() == index.getFactor())
          result.set(number);
    if (auto where = dyn_cast<WhereOp>(definition))
      for (Attribute equation : where.getEquations())
        result |= factorsOf(op, cast<EquationAttr>(equation));
    llvm::append_range(pending, definition->getOperands());
  }
  return result;
}

static llvm::SmallBitVector reducedFactors(ArrayRef<FactorAttr> factors) {
  llvm::SmallBitVector reduced(factors.size());
  for (auto [number, factor] : llvm::enumerate(factors))
    reduced[number] = !factor.isParallel();
  return reduced;
}

/// Whether there are terms that the equations exclude.
static bool concernsReduced(WhereOp where, FactoredOp op) {
  llvm::SmallBitVector reduced = reducedFactors(op.getFactorList());
  for (Value id : where.getIds())
    if (factorsOf(op, id).anyCommon(reduced))
      return true;
  return llvm::any_of(where.getEquations(), [&](Attribute equation) {
    return factorsOf(op, cast<EquationAttr>(equation)).anyCommon(reduced);
  });
}

//===----------------------------------------------------------------------===//
// Solving
//===----------------------------------------------------------------------===//

namespace {
class Solver {
public:
  explicit Solver(GenericOp op)
      : op(op.getOperation()), factors(this->op.getFactorList()),
        reduced(reducedFactors(factors)), ofIds(factors.size()),
        known(factors.size()), solved(factors.size()) {}

  std::optional<Selection> run(WhereOp where);

private:
  SmallVector<Term> uniquePart(ArrayRef<Term> terms) const;
  int64_t iterations(ArrayRef<Term> terms) const;
  SolvedEquation solve(ArrayRef<Term> part, ArrayRef<Term> terms,
                       EquationAttr equation, Value id) const;
  bool determineSums(Selection &selection, EquationAttr equation, Value id);

  FactoredOp op;
  SmallVector<FactorAttr> factors;
  llvm::SmallBitVector reduced;
  llvm::SmallBitVector ofIds; ///< factors that some id varies with: loops
  llvm::SmallBitVector known; ///< sums on which a solution depends: loops
  llvm::SmallBitVector solved;
};
} // namespace

/// The terms that leave most iterations to the equation: those of one sign, the
/// longest first, as long as what the smaller ones add up to is less than one
/// step of each.
SmallVector<Term> Solver::uniquePart(ArrayRef<Term> terms) const {
  SmallVector<Term> best;
  for (bool negative : {false, true}) {
    SmallVector<Term> longest;
    for (const Term &term : terms)
      if ((term.stride < 0) == negative)
        longest.push_back({term.factor, std::abs(term.stride)});
    llvm::sort(longest, [&](const Term &x, const Term &y) {
      return std::make_pair(factors[x.factor].getExtent(), y.factor) >
             std::make_pair(factors[y.factor].getExtent(), x.factor);
    });
    SmallVector<Term> part;
    for (const Term &term : longest) {
      SmallVector<Term> more = part;
      more.push_back(term);
      llvm::sort(more, [](const Term &x, const Term &y) {
        return x.stride > y.stride;
      });
      int64_t rest = 0;
      bool isUnique = true;
      for (const Term &own : llvm::reverse(more)) {
        isUnique &= own.stride > rest;
        rest += std::max<int64_t>(factors[own.factor].getExtent() - 1, 0) *
                own.stride;
      }
      if (isUnique)
        part = std::move(more);
    }
    if (!part.empty() && (best.empty() || iterations(part) > iterations(best)))
      best = std::move(part);
  }
  return best;
}

int64_t Solver::iterations(ArrayRef<Term> terms) const {
  int64_t product = 1;
  for (const Term &term : terms)
    product *= factors[term.factor].getExtent();
  return product;
}

/// The equation, solved for `part` of its terms.
SolvedEquation Solver::solve(ArrayRef<Term> part, ArrayRef<Term> terms,
                             EquationAttr equation, Value id) const {
  int64_t sign =
      equation.getStride(factors[part.front().factor].getName()) > 0 ? 1 : -1;
  SolvedEquation result;
  result.solved.assign(part.begin(), part.end());
  for (const Term &term : terms)
    if (llvm::none_of(
            part, [&](const Term &own) { return own.factor == term.factor; }))
      result.known.push_back({term.factor, -sign * term.stride});
  result.constant = sign * equation.getConstant();
  result.id = id;
  result.idSign = sign;
  return result;
}

bool Solver::determineSums(Selection &selection, EquationAttr equation,
                           Value id) {
  SmallVector<Term> terms = termsOf(equation, factors), free;
  for (const Term &term : terms)
    if (reduced.test(term.factor) && !ofIds.test(term.factor) &&
        !known.test(term.factor) && !solved.test(term.factor))
      free.push_back(term);
  SmallVector<Term> part = uniquePart(free);
  if (part.empty())
    return false;
  selection.sums.push_back(solve(part, terms, equation, id));
  for (const Term &term : part)
    solved.set(term.factor);
  for (const Term &term : selection.sums.back().known)
    known.set(term.factor);
  return true;
}

std::optional<Selection> Solver::run(WhereOp where) {
  Selection selection;
  selection.where = where;
  for (Value id : where.getIds())
    ofIds |= factorsOf(op, id);
  // First the equations with the fewest sums: they may know those of others.
  SmallVector<std::pair<unsigned, unsigned>> order;
  for (unsigned number = 0, e = where.getEquations().size(); number < e;
       ++number)
    order.push_back({llvm::count_if(termsOf(where.getEquation(number), factors),
                                    [&](const Term &term) {
                                      return reduced.test(term.factor);
                                    }),
                     number});
  llvm::sort(order);
  for (auto [count, number] : order) {
    EquationAttr equation = where.getEquation(number);
    Value id = where.getId(number);
    if (determineSums(selection, equation, id))
      continue;
    SmallVector<Term> terms = termsOf(equation, factors);
    SmallVector<Term> places = llvm::filter_to_vector(
        terms, [&](const Term &term) { return !reduced.test(term.factor); });
    SmallVector<Term> part = uniquePart(places);
    if (!part.empty() && !selection.scatter && id &&
        factorsOf(op, id).anyCommon(reduced))
      selection.scatter = solve(part, terms, equation, id);
    else
      selection.conditions.push_back(number);
  }
  if (selection.sums.empty() && !selection.scatter)
    return std::nullopt;
  return selection;
}

std::optional<Selection> colossal::analyzeSelection(GenericOp op) {
  if (!isZeroNeutral(FactoredOp(op.getOperation())))
    return std::nullopt;
  WhereOp common;
  for (Value value : op.getYielded()) {
    auto where = value.getDefiningOp<WhereOp>();
    if (!where || (common && !common.statesSame(where)))
      return std::nullopt;
    common = common ? common : where;
  }
  if (!common)
    return std::nullopt;
  return Solver(op).run(common);
}

LogicalResult colossal::verifySelection(GenericOp op) {
  FactoredOp factored(op.getOperation());
  if (!isZeroNeutral(factored))
    return success();
  WhereOp common;
  for (auto [number, value] : llvm::enumerate(op.getYielded())) {
    WhereOp where = selectionOf(value);
    if (where && !concernsReduced(where, factored))
      where = {};
    if (where && where.getResult() != value)
      return where.emitOpError("E5: found it below '")
             << value.getDefiningOp()->getName()
             << "', expected to be what the sum yields";
    if (number > 0 && bool(where) != bool(common))
      return (where ? where : common)
          .emitOpError("E5: found it in one result of a sum, expected it in "
                       "all or none");
    if (where && common && !common.statesSame(where))
      return where.emitOpError("E5: found ")
             << where.getEquations()
             << ", expected the equations and ids of the sum's first result, "
             << common.getEquations();
    common = where;
  }
  return success();
}
