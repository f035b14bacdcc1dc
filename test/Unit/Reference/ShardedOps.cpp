//===- ShardedOps.cpp - One op, sharded by hand ---------------------------===//

#include "ShardedOps.h"
#include "Colossal/IR/Combiner.h"
#include "colossal/Reference/GlobalValues.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

FactoredOp colossal::reference::opOf(func::FuncOp function) {
  return *function.getBody().front().getOps<FactoredOp>().begin();
}

std::string Assignment::describe(FactoredOp op) const {
  std::string text;
  llvm::raw_string_ostream out(text);
  for (size_t i = 0; i < mesh.size(); ++i) {
    out << mesh[i].first << "(" << mesh[i].second << ") -> ";
    if (factors[i] >= 0)
      out << op.getFactorList()[factors[i]].getName();
    for (unsigned operand : linear[i])
      out << "linear " << operand << " ";
    out << "; ";
  }
  op->print(out);
  return text;
}

Assignment colossal::reference::randomAssignment(FactoredOp op,
                                                 Random &random) {
  Assignment result;
  std::vector<int64_t> legal;
  for (unsigned f = 0; f < op.getFactorList().size(); ++f)
    // Tuples of parts are Partition's (MixedProgramsTest.cpp).
    if (op.isShardable(f) &&
        (op.getFactorList()[f].isParallel() || !isTuple(op)))
      legal.push_back(f);
  SmallVector<SmallVector<unsigned>> sets = op.getLinearOperandSets();
  for (const char *axis : {"data", "tensor"}) {
    result.mesh.push_back({axis, random.integer(1, 3)});
    result.factors.push_back(-1);
    result.linear.emplace_back();
    int64_t choice = random.integer(0, 9);
    if (choice == 0 && !sets.empty())
      result.linear.back() = sets[random.integer(0, sets.size() - 1)];
    else if (choice < 9 && !legal.empty())
      result.factors.back() = legal[random.integer(0, legal.size() - 1)];
  }
  return result;
}

/// As Plan writes it; what the ranks hold can be put together from this.
static AxesAttr axesOf(FactoredOp op, const Assignment &assignment,
                       Builder &builder) {
  SmallVector<AxisUseAttr> uses;
  for (size_t a = 0; a < assignment.mesh.size(); ++a) {
    StringAttr axis = builder.getStringAttr(assignment.mesh[a].first);
    int64_t factor = assignment.factors[a];
    if (factor >= 0)
      uses.push_back(AxisUseAttr::cut(
          axis, builder.getStringAttr(op.getFactorList()[factor].getName())));
    SmallVector<int64_t> operands(assignment.linear[a].begin(),
                                  assignment.linear[a].end());
    if (!operands.empty())
      uses.push_back(AxisUseAttr::linear(axis, operands));
  }
  return AxesAttr::get(builder.getContext(), uses);
}

/// Bounds and terms of the factors on the mesh.
static SmallVector<FactorAttr>
localFactors(FactoredOp op, const Assignment &assignment, bool forgetsExtent) {
  SmallVector<FactorAttr> result;
  MLIRContext *context = op->getContext();
  for (auto [number, factor] : llvm::enumerate(op.getFactorList())) {
    int64_t parts = 1;
    for (size_t a = 0; a < assignment.mesh.size(); ++a)
      if (assignment.factors[a] == int64_t(number))
        parts *= assignment.mesh[a].second;
    int64_t bound = (factor.getBound() + parts - 1) / parts, stride = bound;
    SmallVector<AxisTermAttr> terms;
    for (size_t a = assignment.mesh.size(); a-- > 0;)
      if (assignment.factors[a] == int64_t(number)) {
        const auto &[axis, size] = assignment.mesh[a];
        terms.insert(terms.begin(),
                     AxisTermAttr::get(context, StringAttr::get(context, axis),
                                       size, stride));
        stride *= size;
      }
    int64_t extent = forgetsExtent ? bound * parts : factor.getExtent();
    result.push_back(FactorAttr::get(context, factor.getName(), bound,
                                     factor.getKind(), extent, terms));
  }
  return result;
}

static IndexMapAttr localMap(IndexMapAttr map, ArrayRef<FactorAttr> factors) {
  return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (!sub.isPlain())
      return {sub};
    return {SubDimAttr::get(map.getContext(), sub.getFactor(), 0,
                            factors[sub.getFactor()].getBound())};
  });
}

/// Sizes of sub-dimensions, as colossal.global_shape.
static Attribute globalShape(IndexMapAttr map, Builder &builder) {
  SmallVector<Attribute> dims;
  for (DimAttr dim : map.getDims()) {
    SmallVector<Attribute> sizes;
    for (SubDimAttr sub : dim.getSubDims())
      sizes.push_back(builder.getI64IntegerAttr(sub.getBound()));
    dims.push_back(builder.getArrayAttr(sizes));
  }
  return builder.getArrayAttr(dims);
}

/// The sharding with the two axes in each other's places.
static ShardingAttr swapAxes(ShardingAttr sharding,
                             const Assignment &assignment) {
  MLIRContext *context = sharding.getContext();
  SmallVector<DimShardingAttr> dims;
  for (DimShardingAttr dim : sharding.getDims()) {
    SmallVector<CutAttr> subs;
    for (CutAttr axes : dim.getSubDims()) {
      SmallVector<StringAttr> swapped;
      for (StringAttr axis : axes.getAxes()) {
        bool isFirst = axis.getValue() == assignment.mesh[0].first;
        swapped.push_back(
            StringAttr::get(context, assignment.mesh[isFirst ? 1 : 0].first));
      }
      subs.push_back(CutAttr::get(context, swapped));
    }
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  return ShardingAttr::get(context, dims, sharding.getPartial());
}

OwningOpRef<ModuleOp> colossal::reference::shardOp(func::FuncOp function,
                                                   const Assignment &assignment,
                                                   Fault fault) {
  FactoredOp op = opOf(function);
  MLIRContext *context = op->getContext();
  OpBuilder builder(context);
  Location loc = op->getLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  SmallVector<MeshAxisAttr> mesh;
  SmallVector<StringAttr> order;
  for (const auto &[axis, size] : assignment.mesh) {
    order.push_back(builder.getStringAttr(axis));
    mesh.push_back(MeshAxisAttr::get(context, order.back(), size));
  }
  (*module)->setAttr(names::mesh, MeshAttr::get(context, mesh));

  AxesAttr axes = axesOf(op, assignment, builder);
  SmallVector<FactorAttr> factors =
      localFactors(op, assignment, fault == Fault::MissingMask);
  auto localType = [&](Value value, IndexMapAttr map) {
    return RankedTensorType::get(
        map.getShape(),
        cast<RankedTensorType>(value.getType()).getElementType());
  };
  auto attributes = [&](IndexMapAttr map, ShardingAttr sharding,
                        StringRef nameAttribute, const std::string &name) {
    return builder.getDictionaryAttr(
        {builder.getNamedAttr(names::globalShape, globalShape(map, builder)),
         builder.getNamedAttr(nameAttribute, builder.getStringAttr(name)),
         builder.getNamedAttr(names::sharding, sharding)});
  };
  auto step = func::FuncOp::create(loc, "group0.update",
                                   builder.getFunctionType({}, {}));
  module->push_back(step);
  builder.setInsertionPointToStart(step.addEntryBlock());
  SmallVector<Value> operands, results;
  SmallVector<IndexMapAttr> operandMaps, resultMaps;
  SmallVector<DictionaryAttr> argumentAttributes, resultAttributes;
  SmallVector<Type> types;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    IndexMapAttr map = op.getOperandMap(i);
    operandMaps.push_back(localMap(map, factors));
    operands.push_back(step.getBody().addArgument(
        localType(op->getOperand(i), operandMaps.back()), loc));
    argumentAttributes.push_back(
        attributes(map, shardingOf(op, map, false, axes, order), names::name,
                   argumentName(function, i)));
  }
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    for (size_t a = 0; a < assignment.mesh.size(); ++a)
      if (llvm::is_contained(assignment.linear[a], i))
        operands[i] = ShardMaskOp::create(
            builder, loc, operands[i].getType(), "mask", operands[i],
            builder.getStrArrayAttr({assignment.mesh[a].first}));
  for (unsigned j = 0; j < op->getNumResults(); ++j) {
    resultMaps.push_back(localMap(op.getResultMap(j), factors));
    types.push_back(localType(op->getResult(j), resultMaps.back()));
  }
  Operation *local = cloneFactored(builder, op, operands, types, factors,
                                   operandMaps, resultMaps);
  cast<FactoredOp>(local).setAxesAttr(axes);
  for (unsigned j = 0; j < op->getNumResults(); ++j) {
    IndexMapAttr map = op.getResultMap(j);
    ShardingAttr sharding = shardingOf(op, map, true, axes, order);
    SmallVector<PartialAttr> partial(sharding.getPartial());
    for (size_t a = 0; a < assignment.mesh.size(); ++a)
      if (!assignment.linear[a].empty())
        partial.push_back(PartialAttr::get(context, order[a], FactorKind::Sum));
    Value result = local->getResult(j);
    for (PartialAttr entry : partial) {
      FactorKind combiner = entry.getCombiner();
      if (fault == Fault::WrongCombiner)
        combiner =
            combiner == FactorKind::Sum ? FactorKind::Max : FactorKind::Sum;
      if (fault != Fault::MissingReduce)
        result = AllReduceOp::create(
            builder, loc, result.getType(), "reduce", result,
            builder.getStrArrayAttr({entry.getAxis().getValue()}), combiner);
    }
    results.push_back(result);
    sharding = ShardingAttr::get(context, sharding.getDims(), {});
    if (fault == Fault::SwappedAxes)
      sharding = swapAxes(sharding, assignment);
    resultAttributes.push_back(
        attributes(map, sharding, names::updates, "r" + std::to_string(j)));
  }
  func::ReturnOp::create(builder, loc, results);
  step.setFunctionType(
      builder.getFunctionType(step.getBody().getArgumentTypes(), types));
  step.setAllArgAttrs(argumentAttributes);
  step.setAllResultAttrs(resultAttributes);
  return module;
}

std::string colossal::reference::compareSharded(func::FuncOp function,
                                                const Assignment &assignment,
                                                Tensors arguments, Fault fault,
                                                uint64_t seed) {
  FailureOr<Tensors> expected = evaluate(function, arguments, {});
  if (failed(expected))
    return "not evaluated";
  NamedTensors values;
  for (unsigned i = 0; i < arguments.size(); ++i)
    values[argumentName(function, i)] = arguments[i];
  OwningOpRef<ModuleOp> module = shardOp(function, assignment, fault);
  RankOptions options;
  options.seed = seed;
  GlobalValues kept([](StringRef) { return true; });
  options.observer = [&](int64_t, const Place &place, int64_t, Operation *op,
                         ArrayRef<TensorRef> results) {
    kept.observe(place, op, results);
  };
  std::string error;
  std::optional<StepResult> found = runStep(*module, values, options, error);
  if (!found)
    return error;
  for (unsigned j = 0; j < expected->size(); ++j) {
    double difference =
        relativeError(*found->state["r" + std::to_string(j)], *(*expected)[j]);
    if (!(difference <= 1e-11))
      return "result " + std::to_string(j) + " differs by " +
             std::to_string(difference);
    const Tensor *whole = kept.find(opOf(function).getFactoredName(), j);
    if (fault == Fault::None &&
        (!whole || !(relativeError(*whole, *(*expected)[j]) <= 1e-11)))
      return "what the ranks hold of result " + std::to_string(j) + " differs";
  }
  return "";
}

bool colossal::reference::applies(FactoredOp op, const Assignment &assignment,
                                  Fault fault) {
  SmallVector<FactorAttr> factors = localFactors(op, assignment, false);
  switch (fault) {
  case Fault::None:
    return true;
  case Fault::WrongCombiner:
  case Fault::MissingReduce:
    // At least two ranks contribute; a maximum may be the same on both.
    for (size_t a = 0; a < assignment.mesh.size(); ++a) {
      int64_t factor = assignment.factors[a];
      if (factor >= 0 && !factors[factor].isParallel() &&
          assignment.mesh[a].second > 1 &&
          factors[factor].getExtent() > factors[factor].getBound() &&
          (fault == Fault::WrongCombiner ||
           factors[factor].getKind() == FactorKind::Sum))
        return true;
    }
    return false;
  case Fault::MissingMask:
    // A maximum may not notice one more candidate, nor a product one more 1.
    return llvm::any_of(factors, [](FactorAttr factor) {
      return factor.isPadded() &&
             (factor.isParallel() || factor.getKind() == FactorKind::Sum);
    });
  case Fault::SwappedAxes: {
    // Some rank holds another part then: a factor of the result is really cut,
    // and not by both axes of which one has size 1.
    auto isCut = [&](size_t a) {
      int64_t factor = assignment.factors[a];
      return factor >= 0 && assignment.mesh[a].second > 1 &&
             factors[factor].isParallel() && factors[factor].getExtent() > 1;
    };
    if (assignment.factors[0] == assignment.factors[1])
      return isCut(0) && isCut(1);
    return isCut(0) || isCut(1);
  }
  }
  return false;
}
