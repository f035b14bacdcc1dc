//===- Rewrites.cpp - Splits generics that no kernel does well ------------===//

#include "Rewrites.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Combiner.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// Reductions of at least this many iterations, to at most this many results,
/// are worth a second kernel.
static constexpr int64_t kManyIterations = 32768;
static constexpr int64_t kFewResults = 16;

/// Erases ops of the body whose results nobody uses.
static void eraseUnused(Block &body) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (!op.hasTrait<OpTrait::IsTerminator>() && op.use_empty())
      op.erase();
}

/// The map without factor `dropped`; later factors move up by one.
static IndexMapAttr dropFactor(IndexMapAttr map, int64_t dropped) {
  return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (sub.getFactor() == dropped)
      return {};
    int64_t factor = sub.getFactor() - (sub.getFactor() > dropped ? 1 : 0);
    return {SubDimAttr::get(map.getContext(), factor, sub.getOffset(),
                            sub.getBound(), sub.getClipped())};
  });
}

/// Of a part of an op that was split the axes that cut its own factors. Over
/// the others it is what the whole op was, which its shapes say by now.
static void keepOwnAxes(GenericOp part) {
  AxesAttr axes = part.getAxesAttr();
  if (!axes)
    return;
  FactoredOp factored(part.getOperation());
  SmallVector<AxisUseAttr> own;
  for (AxisUseAttr use : axes.getUses())
    if (llvm::any_of(factored.getFactorList(), [&](FactorAttr factor) {
          return !use.isLinear() && factor.getName() == use.getFactor();
        }))
      own.push_back(use);
  part.setAxesAttr(AxesAttr::get(part.getContext(), own));
}

GenericOp schedule::cpu::splitPlacement(GenericOp op) {
  // Where an equation does not hold the reduction is of zeros alone.
  FactoredOp factored(op.getOperation());
  if (!isZeroNeutral(factored) || op.getNumResults() != 1)
    return {};
  auto where = op.getYielded()[0].getDefiningOp<WhereOp>();
  if (!where)
    return {};
  SmallVector<FactorAttr> factors = factored.getFactorList();
  // Equations of places that nothing else in the op varies with go outside.
  llvm::SmallBitVector used(factors.size()), reduced(factors.size());
  for (auto [number, factor] : llvm::enumerate(factors)) {
    reduced[number] = !factor.isParallel();
    for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i)
      if (factored.getOperandMap(i).uses(number))
        used.set(number);
  }
  used |= factorsOf(factored, where.getValue());
  for (Value id : where.getIds())
    used |= factorsOf(factored, id);
  auto equations = where.getEquations().getAsRange<EquationAttr>();
  for (EquationAttr equation : equations)
    if (equation.getHasId() || factorsOf(factored, equation).anyCommon(reduced))
      used |= factorsOf(factored, equation);
  SmallVector<EquationAttr> outside, inside;
  llvm::SmallBitVector placed(factors.size());
  for (EquationAttr equation : equations) {
    bool places = factorsOf(factored, equation).test(used);
    (places ? outside : inside).push_back(equation);
    if (places)
      placed |= factorsOf(factored, equation);
  }
  placed.reset(used);
  if (placed.none())
    return {};

  // The reduction, without the placed factors and their equations.
  OpBuilder builder(op);
  SmallVector<FactorAttr> innerFactors = factors;
  SmallVector<IndexMapAttr> operandMaps;
  for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i)
    operandMaps.push_back(factored.getOperandMap(i));
  IndexMapAttr resultMap = factored.getResultMap(0);
  for (unsigned f = factors.size(); f-- > 0;) {
    if (!placed.test(f))
      continue;
    innerFactors.erase(innerFactors.begin() + f);
    for (IndexMapAttr &map : operandMaps)
      map = dropFactor(map, f);
    resultMap = dropFactor(resultMap, f);
  }
  auto type = cast<RankedTensorType>(op->getResult(0).getType());
  Type innerType =
      RankedTensorType::get(resultMap.getShape(), type.getElementType());
  auto inner = cast<GenericOp>(
      cloneFactored(builder, factored, op->getOperands(), innerType,
                    innerFactors, operandMaps, resultMap));
  inner.setName((op.getName() + "/product").str());
  Block &body = inner.getBody().front();
  auto innerWhere = inner.getYielded()[0].getDefiningOp<WhereOp>();
  Value selected = innerWhere.getValue();
  if (!inside.empty()) {
    OpBuilder atEnd(body.getTerminator());
    selected = WhereOp::create(atEnd, where.getLoc(), selected, inside,
                               innerWhere.getIds());
  }
  body.getTerminator()->setOperand(0, selected);
  eraseUnused(body);

  // The placement: parallel factors only, numbered anew.
  SmallVector<FactorAttr> outerFactors;
  SmallVector<int64_t> number(factors.size(), -1);
  for (auto [f, factor] : llvm::enumerate(factors))
    if (factor.isParallel()) {
      number[f] = outerFactors.size();
      outerFactors.push_back(factor);
    }
  IndexMapAttr outerResult =
      factored.getResultMap(0).replace([&](SubDimAttr sub) {
        int64_t factor = sub.isConstant() ? -1 : number[sub.getFactor()];
        return SmallVector<SubDimAttr>{
            SubDimAttr::get(op.getContext(), factor, sub.getOffset(),
                            sub.getBound(), sub.getClipped())};
      });
  IndexMapAttr outerOperand =
      outerResult.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
        for (unsigned f : placed.set_bits())
          if (sub.getFactor() == number[f])
            return {};
        return {sub};
      });
  auto outer = cast<GenericOp>(
      cloneFactored(builder, factored, inner->getResult(0), type, outerFactors,
                    outerOperand, outerResult));
  Block &outerBody = outer.getBody().front();
  BlockArgument value =
      outerBody.addArgument(type.getElementType(), op.getLoc());
  OpBuilder atEnd(outerBody.getTerminator());
  outerBody.getTerminator()->setOperand(
      0, WhereOp::create(atEnd, where.getLoc(), value, outside));
  eraseUnused(outerBody);
  outerBody.eraseArguments(0, outerBody.getNumArguments() - 1);
  keepOwnAxes(inner);
  keepOwnAxes(outer);
  op.replaceAllUsesWith(outer.getOutputs());
  op.erase();
  return inner;
}

bool schedule::cpu::splitReduction(GenericOp op) {
  if (op.isAllParallel() || analyzeSelection(op))
    return false;
  FactoredOp factored(op.getOperation());
  MLIRContext *context = op.getContext();
  SmallVector<FactorAttr> factors = factored.getFactorList();
  int64_t kept = 1, reduced = 1;
  unsigned numReduced = 0;
  for (FactorAttr factor : factors) {
    (factor.isParallel() ? kept : reduced) *= factor.getBound();
    numReduced += !factor.isParallel();
  }
  if (kept > kFewResults || reduced < kManyIterations || numReduced < 2)
    return false;

  // The first reduction factor in the memory of the largest operand.
  std::optional<unsigned> major;
  int64_t largest = 0;
  for (auto [number, operand] : llvm::enumerate(op->getOperands())) {
    int64_t size = cast<RankedTensorType>(operand.getType()).getNumElements();
    if (size <= largest)
      continue;
    largest = size;
    major.reset();
    factored.getOperandMap(number).walk(
        [&](unsigned, unsigned, SubDimAttr sub) {
          if (!major && !sub.isConstant() && sub.getBound() >= 16 &&
              !factors[sub.getFactor()].isParallel())
            major = sub.getFactor();
        });
  }
  if (!major)
    return false;

  OpBuilder builder(op);
  FactorAttr factor = factors[*major];
  auto withKind = [&](FactorKind kind) {
    return FactorAttr::get(context, factor.getName(), factor.getBound(), kind,
                           factor.getExtent(), factor.getTerms());
  };
  SmallVector<FactorAttr> firstFactors = factors;
  firstFactors[*major] = withKind(FactorKind::Parallel);
  SmallVector<IndexMapAttr> operandMaps, firstMaps, secondMaps;
  for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i)
    operandMaps.push_back(factored.getOperandMap(i));
  SmallVector<Type> firstTypes;
  for (unsigned i = 0, e = op.getNumResults(); i < e; ++i) {
    SmallVector<DimAttr> dims = {DimAttr::get(
        context, SubDimAttr::get(context, *major, 0, factor.getBound()))};
    llvm::append_range(dims, factored.getResultMap(i).getDims());
    firstMaps.push_back(IndexMapAttr::get(context, dims));
    firstTypes.push_back(RankedTensorType::get(
        firstMaps.back().getShape(),
        cast<RankedTensorType>(op->getResult(i).getType()).getElementType()));
  }
  auto first = cast<GenericOp>(
      cloneFactored(builder, factored, op->getOperands(), firstTypes,
                    firstFactors, operandMaps, firstMaps));
  first.setName((op.getName() + "/rows").str());

  // The second op: the parallel factors and the major one, numbered anew.
  SmallVector<FactorAttr> secondFactors;
  SmallVector<int64_t> number(factors.size(), -1);
  for (auto [f, attr] : llvm::enumerate(factors))
    if (attr.isParallel() || f == *major) {
      number[f] = secondFactors.size();
      secondFactors.push_back(attr);
    }
  auto renumber = [&](IndexMapAttr map) {
    return map.replace([&](SubDimAttr sub) {
      int64_t f = sub.isConstant() ? -1 : number[sub.getFactor()];
      return SmallVector<SubDimAttr>{
          SubDimAttr::get(context, f, sub.getOffset(), sub.getBound())};
    });
  };
  SmallVector<IndexMapAttr> secondOperands;
  for (unsigned i = 0, e = op.getNumResults(); i < e; ++i) {
    secondOperands.push_back(renumber(firstMaps[i]));
    secondMaps.push_back(renumber(factored.getResultMap(i)));
  }
  auto second = cast<GenericOp>(
      cloneFactored(builder, factored, first.getOutputs(), op->getResultTypes(),
                    secondFactors, secondOperands, secondMaps));
  Block &body = second.getBody().front();
  unsigned oldArguments = body.getNumArguments();
  for (auto [i, result] : llvm::enumerate(first->getResults()))
    body.getTerminator()->setOperand(
        i, body.addArgument(
               cast<RankedTensorType>(result.getType()).getElementType(),
               op.getLoc()));
  eraseUnused(body);
  body.eraseArguments(0, oldArguments);
  keepOwnAxes(first);
  keepOwnAxes(second);
  op.replaceAllUsesWith(second.getOutputs());
  op.erase();
  return true;
}

//===----------------------------------------------------------------------===//
// Reductions of a value that exists
//===----------------------------------------------------------------------===//

/// The factor of `b` for every factor of `a`, if both maps index a tensor
/// alike.
static bool matchMaps(IndexMapAttr a, IndexMapAttr b,
                      DenseMap<int64_t, int64_t> &factorOf) {
  if (a.getDims().size() != b.getDims().size())
    return false;
  for (auto [aDim, bDim] : llvm::zip(a.getDims(), b.getDims())) {
    if (aDim.getSubDims().size() != bDim.getSubDims().size())
      return false;
    for (auto [x, y] : llvm::zip(aDim.getSubDims(), bDim.getSubDims())) {
      if (x.getBound() != y.getBound() || x.getOffset() != y.getOffset() ||
          x.getClipped() != y.getClipped() || x.isConstant() != y.isConstant())
        return false;
      if (x.isConstant())
        continue;
      auto [it, isNew] = factorOf.try_emplace(x.getFactor(), y.getFactor());
      if (!isNew && it->second != y.getFactor())
        return false;
    }
  }
  return true;
}

/// Some function of the body costs more than reading its result back.
static bool isCostly(GenericOp op) {
  return op.getBody()
      .walk([](Operation *inner) {
        bool heavy = isa<math::MathDialect>(inner->getDialect()) &&
                     !isa<math::AbsFOp, math::FmaOp, math::SqrtOp>(inner);
        return heavy ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

using FactorMap = DenseMap<int64_t, int64_t>;

/// If `other` computes elementwise the terms that `op` reduces: its factors, in
/// terms of those of `op`, one to one.
static std::optional<FactorMap> matchTerms(GenericOp op, GenericOp other) {
  if (!other || other->getOperands() != op->getOperands() ||
      other->getBlock() != op->getBlock() || !other.isAllParallel() ||
      other.getNumResults() != 1 || !other->isBeforeInBlock(op))
    return std::nullopt;
  FactoredOp factored(op.getOperation()), source(other.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  FactorMap factorOf;
  bool matches = source.getFactorList().size() == factors.size();
  for (unsigned i = 0, e = op.getNumOperands(); i < e && matches; ++i)
    matches =
        matchMaps(source.getOperandMap(i), factored.getOperandMap(i), factorOf);
  llvm::SmallDenseSet<int64_t> image;
  for (auto [from, to] : factorOf) {
    FactorAttr x = source.getFactorList()[from], y = factors[to];
    matches &= image.insert(to).second && x.getExtent() == y.getExtent() &&
               x.getTerms() == y.getTerms();
  }
  if (!matches || factorOf.size() != factors.size() ||
      !OperationEquivalence::isRegionEquivalentTo(
          &other.getBody(), &op.getBody(),
          OperationEquivalence::IgnoreLocations))
    return std::nullopt;
  return factorOf;
}

/// The operand with the fewest uses. Looks at as many of each.
static Value leastUsedOperand(GenericOp op) {
  SmallVector<Value::use_iterator> uses;
  for (Value operand : op->getOperands())
    uses.push_back(operand.use_begin());
  while (true)
    for (auto [number, use] : llvm::enumerate(uses))
      if (++use == Value::use_iterator())
        return op->getOperand(number);
}

/// An op that computes the terms of `op`; of several the one that is first
/// among the users of the first operand. A value may have thousands of users,
/// so those of the operand that has the fewest are asked.
static GenericOp findTerms(GenericOp op) {
  llvm::SmallSetVector<Operation *, 4> found;
  for (Operation *user : leastUsedOperand(op).getUsers())
    if (matchTerms(op, dyn_cast<GenericOp>(user)))
      found.insert(user);
  if (found.size() > 1)
    for (Operation *user : op->getOperand(0).getUsers())
      if (found.contains(user))
        return cast<GenericOp>(user);
  return found.empty() ? GenericOp() : cast<GenericOp>(found[0]);
}

bool schedule::cpu::reuseElementwise(GenericOp op) {
  if (op.isAllParallel() || op.getNumResults() != 1 ||
      op.getNumOperands() == 0 || !isCostly(op) || analyzeSelection(op))
    return false;
  bool usesIndices = false;
  op.getBody().walk(
      [&](Operation *inner) { usesIndices |= isa<IndexOp, WhereOp>(inner); });
  if (usesIndices)
    return false;
  GenericOp other = findTerms(op);
  if (!other)
    return false;

  // op := the reduction of other's result.
  FactorMap factorOf = *matchTerms(op, other);
  FactoredOp factored(op.getOperation()), source(other.getOperation());
  IndexMapAttr map = source.getResultMap(0).replace([&](SubDimAttr sub) {
    int64_t f = sub.isConstant() ? -1 : factorOf[sub.getFactor()];
    return SmallVector<SubDimAttr>{
        SubDimAttr::get(op.getContext(), f, sub.getOffset(), sub.getBound())};
  });
  OpBuilder builder(op);
  auto reduction = cast<GenericOp>(cloneFactored(
      builder, factored, other->getResult(0), op->getResultTypes(),
      factored.getFactorList(), map, factored.getResultMap(0)));
  Block &body = reduction.getBody().front();
  BlockArgument value = body.addArgument(
      cast<RankedTensorType>(other->getResult(0).getType()).getElementType(),
      op.getLoc());
  body.getTerminator()->setOperand(0, value);
  eraseUnused(body);
  body.eraseArguments(0, body.getNumArguments() - 1);
  keepOwnAxes(reduction);
  op.replaceAllUsesWith(reduction.getOutputs());
  op.erase();
  return true;
}
