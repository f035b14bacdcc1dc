//===- UpdateBuilder.cpp - The ops of one parameter's update --------------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "OptimizerRule.h"
#include "Update.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace colossal;

SmallVector<int64_t> colossal::shapeOfState(ArrayRef<int64_t> parameter,
                                            StateExtent extent) {
  SmallVector<int64_t> shape(parameter);
  if (extent == StateExtent::Rows)
    shape[shape.size() - 1] = 1;
  if (extent == StateExtent::Columns)
    shape[shape.size() - 2] = 1;
  return shape;
}

/// The map with some of the last dimensions as the only index of a size of 1.
static IndexMapAttr collapse(IndexMapAttr map, ArrayRef<unsigned> fromEnd) {
  MLIRContext *context = map.getContext();
  SmallVector<DimAttr> dims(map.getDims());
  for (unsigned place : fromEnd)
    if (place <= dims.size())
      dims[dims.size() - place] =
          DimAttr::get(context, {SubDimAttr::get(context, -1, 0, 1, false)});
  return IndexMapAttr::get(context, dims);
}

UpdateBuilder::UpdateBuilder(OpBuilder &builder,
                             const OptimizerSettings &settings, StringRef name,
                             Value parameter, Value gradient,
                             ArrayRef<Value> coefficients)
    : settings(settings), builder(builder), name(name.str()),
      coefficients(coefficients) {
  IdentitySpace space = identitySpaceOf(parameter);
  factors = space.factors;
  whole = space.map;
  rows = collapse(whole, {1});
  columns = collapse(whole, {2});
  matrices = collapse(whole, {1, 2});
  single = IndexMapAttr::get(builder.getContext(), {});
  this->parameter = {parameter, whole};
  this->gradient = {gradient, whole};
}

IndexMapAttr UpdateBuilder::mapOf(StateExtent extent) const {
  return extent == StateExtent::Rows      ? rows
         : extent == StateExtent::Columns ? columns
                                          : whole;
}

Type UpdateBuilder::type() const {
  return getElementTypeOrSelf(parameter.value.getType());
}

int64_t UpdateBuilder::elements() const {
  return cast<RankedTensorType>(parameter.value.getType()).getNumElements();
}

int64_t UpdateBuilder::size(int dimension) const {
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(parameter.value.getType()).getShape();
  return shape[dimension < 0 ? shape.size() + dimension : dimension];
}

SmallVector<UpdateTensor>
UpdateBuilder::compute(StringRef what, ArrayRef<UpdateTensor> operands,
                       IndexMapAttr to, unsigned count, Body body) {
  MLIRContext *context = builder.getContext();
  Location loc = parameter.value.getLoc();
  // The factors of this op, numbered anew.
  SmallVector<int64_t> numbers(factors.size(), -1);
  SmallVector<FactorAttr> used;
  for (auto [number, factor] : llvm::enumerate(factors)) {
    bool isParallel = to.uses(number);
    if (!isParallel && llvm::none_of(operands, [&](const UpdateTensor &tensor) {
          return tensor.map.uses(number);
        }))
      continue;
    numbers[number] = used.size();
    used.push_back(isParallel
                       ? factor
                       : FactorAttr::get(context, factor.getName(),
                                         factor.getBound(), FactorKind::Sum));
  }
  auto renumbered = [&](IndexMapAttr map) {
    return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
      if (sub.isConstant())
        return {sub};
      return {SubDimAttr::get(context, numbers[sub.getFactor()],
                              sub.getOffset(), sub.getBound(),
                              sub.getClipped())};
    });
  };
  SmallVector<Value> values;
  SmallVector<IndexMapAttr> maps;
  for (const UpdateTensor &tensor : operands) {
    values.push_back(tensor.value);
    maps.push_back(renumbered(tensor.map));
  }
  bool readsGradient = llvm::is_contained(values, gradient.value);
  if (readsGradient) {
    llvm::append_range(values, coefficients);
    maps.append(coefficients.size(), single);
  }
  SmallVector<Type> types(count, type());
  SmallVector<IndexMapAttr> results(count, renumbered(to));
  GenericOp op = createGeneric(
      builder, loc, (name + "/" + what).str(), used, values, maps, types,
      results, [&](OpBuilder &inner, ValueRange in) {
        ScalarBuilder s(inner, loc);
        SmallVector<Value> seen;
        for (auto [number, tensor] : llvm::enumerate(operands)) {
          Value value = s.cast(in[number], type());
          if (tensor.value == gradient.value) {
            for (Value coefficient : in.take_back(coefficients.size()))
              value = s.mul(value, s.cast(coefficient, type()));
            if (settings["maximize"] != 0.0)
              value = s.negate(value);
          }
          seen.push_back(value);
        }
        return body(s, seen);
      });
  op.setPass(Segment::Update);
  op.setForwardOf(name);
  SmallVector<UpdateTensor> made;
  for (Value result : op.getOutputs())
    made.push_back({result, to});
  return made;
}

void UpdateBuilder::finish(UpdateTensor newParameter,
                           ArrayRef<UpdateTensor> newStates) {
  updated = {newParameter.value};
  for (const UpdateTensor &state : newStates)
    updated.push_back(state.value);
}

void UpdateBuilder::keepWhere(Value skipped) {
  // By the op that makes them: numbers of the results, and their old values.
  llvm::MapVector<Operation *, SmallVector<std::pair<unsigned, Value>>> made;
  SmallVector<Value> old = {parameter.value};
  for (const UpdateTensor &state : states)
    old.push_back(state.value);
  for (auto [value, before] : llvm::zip_equal(updated, old))
    made[value.getDefiningOp()].push_back(
        {cast<OpResult>(value).getResultNumber(), before});
  for (auto &[definition, results] : made) {
    auto op = cast<GenericOp>(definition);
    FactoredOp factored(definition);
    SmallVector<Value> operands(op.getInputs());
    SmallVector<IndexMapAttr> maps, resultMaps;
    SmallVector<Type> types;
    for (unsigned i = 0, e = operands.size(); i < e; ++i)
      maps.push_back(factored.getOperandMap(i));
    for (unsigned i = 0, e = op.getNumResults(); i < e; ++i) {
      resultMaps.push_back(factored.getResultMap(i));
      types.push_back(getElementTypeOrSelf(op.getResult(i).getType()));
    }
    size_t known = operands.size();
    operands.push_back(skipped);
    maps.push_back(single);
    for (auto [number, before] : results) {
      operands.push_back(before);
      maps.push_back(resultMaps[number]);
    }
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    GenericOp guarded = createGeneric(
        builder, op.getLoc(), factored.getFactoredName(),
        factored.getFactorList(), operands, maps, types, resultMaps,
        [&](OpBuilder &inner, ValueRange in) {
          Block &body = op.getBody().front();
          IRMapping mapping;
          mapping.map(body.getArguments(), in.take_front(known));
          for (Operation &each : body.without_terminator())
            inner.clone(each, mapping);
          SmallVector<Value> yielded;
          for (Value value : op.getYielded())
            yielded.push_back(mapping.lookupOrDefault(value));
          ScalarBuilder s(inner, op.getLoc());
          Value keeps = s.compare(Relation::NotEqual, in[known],
                                  s.zero(in[known].getType()));
          for (auto [index, result] : llvm::enumerate(results))
            yielded[result.first] =
                s.select(keeps, in[known + 1 + index], yielded[result.first]);
          return yielded;
        });
    guarded.setPass(Segment::Update);
    guarded.setForwardOf(name);
    for (auto [number, result] : llvm::enumerate(op.getResults())) {
      llvm::replace(updated, Value(result), guarded.getResult(number));
      result.replaceAllUsesWith(guarded.getResult(number));
    }
    op.erase();
  }
}
