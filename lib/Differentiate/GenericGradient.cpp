//===- GenericGradient.cpp - The gradient of an operand of a generic ------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "colossal/Differentiate/Gradient.h"
#include "colossal/Normalize/ScalarBuilder.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace colossal;

namespace {

/// The iteration space of an operand's gradient, made from the op's.
struct GradientSpace {
  SmallVector<FactorAttr> factors;
  IndexMapAttr resultMap;
  /// Per factor of the op: where the gradient's factor runs over the operand's
  /// sub-dimension instead (clipped access), the offset that leads back.
  SmallVector<std::optional<int64_t>> shift;
  SmallVector<int64_t> originalBounds;
  /// Constant indices of the operand's map: (new factor, index).
  SmallVector<std::pair<unsigned, int64_t>> constants;

  /// A map of the op in terms of the gradient's factors.
  IndexMapAttr translate(IndexMapAttr map) const {
    return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
      if (sub.isConstant() || !shift[sub.getFactor()])
        return {sub};
      return {SubDimAttr::get(map.getContext(), sub.getFactor(),
                              sub.getOffset() - *shift[sub.getFactor()],
                              sub.getBound(), true)};
    });
  }
};

} // namespace

/// A name for the factor that runs over a constant index.
static std::string partName(ArrayRef<FactorAttr> factors, unsigned number) {
  std::string name = "part" + std::to_string(number);
  while (llvm::any_of(
      factors, [&](FactorAttr factor) { return factor.getName() == name; }))
    name += "_";
  return name;
}

/// `value` where the factors are at their constants.
static Value atConstants(ScalarBuilder &s, Value value,
                         ArrayRef<FactorAttr> factors,
                         ArrayRef<std::pair<unsigned, int64_t>> constants) {
  MLIRContext *context = value.getContext();
  SmallVector<EquationAttr> equations;
  for (auto [factor, constant] : constants) {
    IndexSum index;
    index.terms.push_back(
        {StringAttr::get(context, factors[factor].getName()), 1});
    equations.push_back(
        EquationAttr::get(context, index, constant, /*hasId=*/false));
  }
  return equations.empty() ? value : s.where(value, equations);
}

static FailureOr<GradientSpace> makeSpace(FactoredOp op, IndexMapAttr map) {
  MLIRContext *context = op->getContext();
  GradientSpace space;
  space.factors = op.getFactorList();
  space.shift.resize(space.factors.size());
  for (auto [number, factor] : llvm::enumerate(space.factors)) {
    space.originalBounds.push_back(factor.getBound());
    factor = FactorAttr::get(context, factor.getName(), factor.getBound(),
                             map.uses(number) ? FactorKind::Parallel
                                              : FactorKind::Sum,
                             factor.getExtent(), factor.getTerms());
  }
  SmallVector<unsigned> uses(space.factors.size(), 0);
  space.resultMap = map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (sub.isConstant()) {
      if (sub.getBound() == 1)
        return {sub};
      std::string name = partName(space.factors, space.constants.size());
      space.constants.push_back({space.factors.size(), sub.getOffset()});
      space.factors.push_back(FactorAttr::get(context, name, sub.getBound()));
      return {SubDimAttr::get(context, space.factors.size() - 1, 0,
                              sub.getBound(), false)};
    }
    unsigned factor = sub.getFactor();
    ++uses[factor];
    if (sub.isPlain())
      return {sub};
    space.shift[factor] = sub.getOffset();
    space.factors[factor] = FactorAttr::get(
        context, space.factors[factor].getName(), sub.getBound());
    return {SubDimAttr::get(context, factor, 0, sub.getBound(), false)};
  });
  for (unsigned count : uses)
    if (count > 1)
      return op->emitOpError("no derivative: an operand's map uses a factor "
                             "twice");
  return space;
}

FailureOr<Value>
colossal::differentiateGeneric(OpBuilder &builder, GenericOp op, unsigned index,
                               ValueRange operands, ArrayRef<Value> cotangents,
                               Value keptResult, ValueRange statistics,
                               StringRef name) {
  FactoredOp factored(op.getOperation());
  FailureOr<GradientSpace> space =
      makeSpace(factored, factored.getOperandMap(index));
  if (failed(space))
    return failure();
  Location loc = op.getLoc();

  SmallVector<Value> inputs(operands);
  SmallVector<IndexMapAttr> maps;
  for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i)
    maps.push_back(space->translate(factored.getOperandMap(i)));
  SmallVector<int64_t> cotangentArgument(cotangents.size(), -1);
  for (auto [result, cotangent] : llvm::enumerate(cotangents))
    if (cotangent) {
      cotangentArgument[result] = inputs.size();
      inputs.push_back(cotangent);
      maps.push_back(space->translate(factored.getResultMap(result)));
    }

  // A result at hand spares computing it again: exp, tanh, rsqrt need it.
  int64_t resultArgument = -1;
  if (keptResult && op.isAllParallel()) {
    resultArgument = inputs.size();
    inputs.push_back(keptResult);
    maps.push_back(space->translate(factored.getResultMap(0)));
  }

  unsigned firstStatistic = inputs.size();
  for (auto [number, statistic] : llvm::enumerate(statistics)) {
    inputs.push_back(statistic);
    maps.push_back(space->translate(
        factored.getResultMap(isTuple(factored) ? number : 0)));
  }

  bool depends = false;
  LogicalResult ok = success();
  Type type =
      cast<RankedTensorType>(op->getOperand(index).getType()).getElementType();
  auto body = [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
    ScalarBuilder s(inner, loc);
    IRMapping mapping;
    Block &forward = op.getBody().front();
    for (auto [argument, value] :
         llvm::zip(forward.getArguments(), in.take_front(op.getNumOperands())))
      mapping.map(argument, value);
    auto numberOf = [&](StringRef factorName) -> unsigned {
      for (auto [number, factor] : llvm::enumerate(factored.getFactorList()))
        if (factor.getName() == factorName)
          return number;
      llvm_unreachable("verified: the index names a factor");
    };
    auto indexOf = [&](unsigned number) -> Value {
      Value value = s.index(space->factors[number].getName());
      if (space->shift[number] && *space->shift[number] != 0)
        value = s.sub(value, s.integer(value.getType(), *space->shift[number]));
      return value;
    };
    for (Operation &scalar : forward.without_terminator()) {
      if (auto indexOp = dyn_cast<IndexOp>(scalar))
        mapping.map(indexOp.getResult(),
                    indexOf(numberOf(indexOp.getFactor())));
      else
        inner.clone(scalar, mapping);
    }
    Value yielded = forward.getTerminator()->getOperand(0);
    if (resultArgument >= 0 && yielded.getDefiningOp())
      mapping.map(yielded, in[resultArgument]);
    SmallVector<Value> terms, ofResults;
    for (auto [position, term] :
         llvm::zip(cotangentArgument, op.getYielded())) {
      terms.push_back(mapping.lookupOrDefault(term));
      ofResults.push_back(position < 0 ? Value() : in[position]);
    }
    SmallVector<Value> adjoints =
        adjointsOfTerms(s, op, terms, in.drop_front(firstStatistic), ofResults);
    FailureOr<Value> gradient =
        differentiateBody(inner, forward, mapping, adjoints, index);
    if (failed(gradient) || !*gradient) {
      ok = failed(gradient) ? failure() : success();
      return {s.zero(type)};
    }
    depends = true;
    Value result = *gradient;
    // Equations of the op, too, are of the indices that lead back.
    for (auto where : in[0].getParentBlock()->getOps<WhereOp>())
      where.substitute([&](StringAttr name) -> std::optional<IndexSum> {
        unsigned number = numberOf(name);
        if (!space->shift[number])
          return std::nullopt;
        return IndexSum{{{name, 1}}, -*space->shift[number]};
      });
    auto keepIf = [&](Value condition) {
      result = s.select(condition, result, s.zero(type));
    };
    // Iterations of the operand that no iteration of the op has read.
    for (unsigned f = 0, e = space->shift.size(); f < e; ++f) {
      if (!space->shift[f])
        continue;
      Value i = indexOf(f);
      keepIf(s.compare(Relation::GreaterEqual, i, s.integer(i.getType(), 0)));
      keepIf(s.compare(Relation::Less, i,
                       s.integer(i.getType(), space->originalBounds[f])));
    }
    return {atConstants(s, result, space->factors, space->constants)};
  };
  GenericOp gradient = createGeneric(builder, loc, name, space->factors, inputs,
                                     maps, {type}, {space->resultMap}, body);
  if (failed(ok) || !depends) {
    gradient.erase();
    if (failed(ok))
      return failure();
    return Value();
  }
  return gradient.getOutputs()[0];
}

IndexMapAttr colossal::gradientMapOf(IndexMapAttr map) {
  MLIRContext *context = map.getContext();
  SmallVector<DimAttr> dims;
  for (DimAttr dim : map.getDims()) {
    SmallVector<SubDimAttr> subs = llvm::filter_to_vector(
        dim.getSubDims(), [](SubDimAttr sub) { return !sub.isConstant(); });
    if (subs.empty())
      subs.push_back(SubDimAttr::get(context, -1, 0, 1, false));
    dims.push_back(DimAttr::get(context, subs));
  }
  return IndexMapAttr::get(context, dims);
}

Value colossal::embedGradient(OpBuilder &builder, Location loc, Value value,
                              ArrayRef<FactorAttr> factors, IndexMapAttr map,
                              StringRef name) {
  MLIRContext *context = builder.getContext();
  bool missing = false;
  map.walk([&](unsigned, unsigned, SubDimAttr sub) {
    missing |= sub.isConstant() && sub.getBound() > 1;
  });
  if (!missing)
    return value;
  SmallVector<FactorAttr> space;
  SmallVector<std::pair<unsigned, int64_t>> constants;
  SmallVector<DimAttr> from, to;
  for (DimAttr dim : map.getDims()) {
    SmallVector<SubDimAttr> reduced, full;
    for (SubDimAttr sub : dim.getSubDims()) {
      if (sub.isConstant() && sub.getBound() == 1) {
        full.push_back(sub);
        reduced.push_back(sub);
        continue;
      }
      std::string factorName = sub.isConstant()
                                   ? partName(factors, constants.size())
                                   : factors[sub.getFactor()].getName().str();
      if (sub.isConstant())
        constants.push_back({space.size(), sub.getOffset()});
      SubDimAttr plain =
          SubDimAttr::get(context, space.size(), 0, sub.getBound(), false);
      space.push_back(FactorAttr::get(context, factorName, sub.getBound()));
      full.push_back(plain);
      if (!sub.isConstant())
        reduced.push_back(plain);
    }
    if (reduced.empty())
      reduced.push_back(SubDimAttr::get(context, -1, 0, 1, false));
    from.push_back(DimAttr::get(context, reduced));
    to.push_back(DimAttr::get(context, full));
  }
  Type type = cast<RankedTensorType>(value.getType()).getElementType();
  return createGeneric(
             builder, loc, name, space, {value},
             {IndexMapAttr::get(context, from)}, {type},
             {IndexMapAttr::get(context, to)},
             [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
               ScalarBuilder s(inner, loc);
               return {atConstants(s, in[0], space, constants)};
             })
      .getOutputs()[0];
}
