//===- LocalTuples.cpp - Tuples of parts, gathered and combined -----------===//
//
// An op that reduces to tuples, cut along what it reduces, has tuples of its
// part of the iterations. No component is complete without the others, so a
// value in this state would be of no use to anybody: the ranks' tuples are
// gathered and combined where the op stands. With axes that have g members,
//
//   %v, %i = "top/parts" [k = 5 of 10 {a(2) * 5} : argmax,
//                         part = 1 of 2 {a(2) * 1}] -> ([part], [part])
//   all_gather each over a
//   "top" [part = 2 : argmax] (%v : [part], %i : [part]) -> ([], [])
//
// `part` is the number of the rank, which no operand has: its only use is to
// keep the parts apart.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "LocalProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

/// The factor `part`, of which every rank has one iteration.
static FactorAttr partFactor(GenericOp op, const Mesh &mesh, const Axes &axes) {
  MLIRContext *context = op.getContext();
  SmallVector<FactorAttr> factors =
      FactoredOp(op.getOperation()).getFactorList();
  std::string name = "part";
  while (llvm::any_of(
      factors, [&](FactorAttr factor) { return factor.getName() == name; }))
    name += "_";
  SmallVector<AxisTermAttr> terms;
  int64_t stride = 1;
  for (unsigned axis : llvm::reverse(axes)) {
    terms.insert(terms.begin(),
                 AxisTermAttr::get(
                     context, StringAttr::get(context, mesh.axes[axis].name),
                     mesh.axes[axis].size, stride));
    stride *= mesh.axes[axis].size;
  }
  return FactorAttr::get(context, name, 1, FactorKind::Parallel, stride, terms);
}

/// `map` with a first dimension that is the factor.
static IndexMapAttr withPart(IndexMapAttr map, int64_t factor, int64_t bound) {
  MLIRContext *context = map.getContext();
  SmallVector<DimAttr> dims = {
      DimAttr::get(context, SubDimAttr::get(context, factor, 0, bound))};
  llvm::append_range(dims, map.getDims());
  return IndexMapAttr::get(context, dims);
}

static RankedTensorType typeOf(IndexMapAttr map, Value like) {
  return RankedTensorType::get(map.getShape(),
                               getElementTypeOrSelf(like.getType()));
}

/// The op with results that keep the parts apart.
static GenericOp keepPartsApart(OpBuilder &builder, GenericOp op,
                                FactorAttr part) {
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  SmallVector<IndexMapAttr> operandMaps, resultMaps;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    operandMaps.push_back(factored.getOperandMap(i));
  SmallVector<Type> types;
  for (OpResult result : op->getResults()) {
    resultMaps.push_back(withPart(
        factored.getResultMap(result.getResultNumber()), factors.size(), 1));
    types.push_back(typeOf(resultMaps.back(), result));
  }
  factors.push_back(part);
  auto parts =
      cast<GenericOp>(cloneFactored(builder, factored, op->getOperands(), types,
                                    factors, operandMaps, resultMaps));
  parts.setName((op.getName() + "/parts").str());
  return parts;
}

/// Combines the parts, which every rank has; the other factors are those of
/// `op` that its results have.
static GenericOp combineAll(OpBuilder &builder, GenericOp op, FactorAttr part,
                            ValueRange gathered) {
  MLIRContext *context = op.getContext();
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> kept;
  SmallVector<int64_t> number;
  for (FactorAttr factor : factored.getFactorList()) {
    number.push_back(factor.isParallel() ? int64_t(kept.size()) : -1);
    if (factor.isParallel())
      kept.push_back(factor);
  }
  SmallVector<IndexMapAttr> operandMaps, resultMaps;
  SmallVector<Type> elements;
  for (OpResult result : op->getResults()) {
    IndexMapAttr map =
        factored.getResultMap(result.getResultNumber())
            .replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
              return {sub.isConstant()
                          ? sub
                          : SubDimAttr::get(context, number[sub.getFactor()], 0,
                                            sub.getBound())};
            });
    resultMaps.push_back(map);
    operandMaps.push_back(withPart(map, kept.size(), part.getExtent()));
    elements.push_back(getElementTypeOrSelf(result.getType()));
  }
  kept.push_back(FactorAttr::get(context, part.getName(), part.getExtent(),
                                 kindOf(*combinerOf(factored))));
  return createGeneric(
      builder, op.getLoc(), op.getName(), kept, gathered, operandMaps, elements,
      resultMaps,
      [](OpBuilder &, ValueRange in) -> SmallVector<Value> { return in; });
}

FailureOr<GenericOp> LocalProgram::combineParts(const PlannedOp &planned,
                                                GenericOp local,
                                                const Axes &axes,
                                                int extraTime) {
  FactorAttr part = partFactor(local, mesh, axes);
  GenericOp parts = keepPartsApart(builder, local, part);
  SmallVector<Value> gathered;
  for (OpResult result : parts->getResults()) {
    unsigned number = result.getResultNumber();
    Layout whole = program.resultOf(planned, number, extraTime);
    whole.counts.insert(whole.counts.begin(), 1);
    whole.subDims.insert(whole.subDims.begin(), SubDim{part.getExtent(), {}});
    Layout own = whole;
    own.subDims[0].axes.assign(axes.begin(), axes.end());
    FailureOr<Value> all = emitReshard(
        builder, local.getLoc(), (parts.getName() + "." + Twine(number)).str(),
        result, own, whole, mesh);
    if (failed(all))
      return failure();
    gathered.push_back(*all);
  }
  GenericOp combined = combineAll(builder, local, part, gathered);
  // What phases say of the op; its factors and maps are its own.
  NamedAttrList own(combined->getAttrDictionary());
  for (NamedAttribute attribute : local->getAttrDictionary())
    if (!own.get(attribute.getName()))
      combined->setAttr(attribute.getName(), attribute.getValue());
  // The combination is whole over the axes that cut the parts.
  if (AxesAttr cuts = combined.getAxesAttr()) {
    SmallVector<AxisUseAttr> rest;
    llvm::copy_if(cuts.getUses(), std::back_inserter(rest),
                  [&](AxisUseAttr use) {
                    return llvm::none_of(axes, [&](unsigned axis) {
                      return mesh.axes[axis].name == use.getAxis().getValue();
                    });
                  });
    combined.setAxesAttr(AxesAttr::get(context, rest));
  }
  local.erase();
  return combined;
}
