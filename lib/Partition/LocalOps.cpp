//===- LocalOps.cpp - Local ops, and the results of the program -----------===//

#include "Colossal/IR/Combiner.h"
#include "LocalProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

/// The axes over which the iterations are cut whose tuples the op combines,
/// major first.
Axes LocalProgram::axesOfTuples(const PlannedOp &planned) const {
  auto op = cast<FactoredOp>(planned.op);
  Axes axes;
  if (isTuple(op))
    for (unsigned axis : mesh.majorToMinor())
      for (auto [factor, cut] :
           llvm::zip(op.getFactorList(), planned.factorAxes))
        if (!factor.isParallel() && llvm::is_contained(cut, axis))
          axes.push_back(axis);
  return axes;
}

LogicalResult LocalProgram::addFactored(const PlannedOp &planned,
                                        Function &function, int extraTime) {
  auto op = cast<FactoredOp>(planned.op);
  // Local factors: bound ceil(extent / parts), and the stride of each axis.
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (auto [index, factor] : llvm::enumerate(factors)) {
    SubDim cut{factor.getExtent(), planned.factorAxes[index]};
    if (int(index) == extraTime)
      cut.axes.insert(cut.axes.begin(), mesh.timeAxis());
    if (cut.axes.empty())
      continue;
    int64_t stride = cut.bound(mesh);
    SmallVector<AxisTermAttr> terms;
    for (unsigned axis : llvm::reverse(cut.axes)) {
      terms.insert(terms.begin(),
                   AxisTermAttr::get(
                       context, StringAttr::get(context, mesh.axes[axis].name),
                       mesh.axes[axis].size, stride));
      stride *= mesh.axes[axis].size;
    }
    factor = FactorAttr::get(context, factor.getName(), cut.bound(mesh),
                             factor.getKind(), factor.getExtent(), terms);
  }
  auto localMap = [&](IndexMapAttr map) {
    return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
      if (!sub.isPlain())
        return {sub};
      return {SubDimAttr::get(context, sub.getFactor(), 0,
                              factors[sub.getFactor()].getBound())};
    });
  };
  SmallVector<Value> operands;
  SmallVector<IndexMapAttr> operandMaps, resultMaps;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    FailureOr<Value> operand = require(
        op->getOperand(i), function, program.needOf(planned, i, extraTime), op);
    if (failed(operand))
      return failure();
    operands.push_back(*operand);
    operandMaps.push_back(localMap(op.getOperandMap(i)));
  }
  SmallVector<Type> types;
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    resultMaps.push_back(localMap(op.getResultMap(i)));
    types.push_back(RankedTensorType::get(
        resultMaps.back().getShape(),
        cast<RankedTensorType>(op->getResult(i).getType()).getElementType()));
  }
  builder.setInsertionPointToEnd(&function.block());
  auto local = cast<FactoredOp>(cloneFactored(
      builder, op, operands, types, factors, operandMaps, resultMaps));
  local.setSegment(std::nullopt);
  local.setStage(std::nullopt);
  if (extraTime >= 0) {
    // The same op once more, for one microbatch.
    local->setAttr("name", builder.getStringAttr(op.getFactoredName() + "/" +
                                                 names::timeAxis));
    SmallVector<AxisUseAttr> uses;
    if (AxesAttr axes = op.getAxesAttr())
      llvm::copy_if(
          axes.getUses(), std::back_inserter(uses),
          [](AxisUseAttr use) { return use.getAxis() != names::timeAxis; });
    uses.push_back(
        AxisUseAttr::cut(builder.getStringAttr(names::timeAxis),
                         builder.getStringAttr(factors[extraTime].getName())));
    local.setAxesAttr(AxesAttr::get(context, uses));
  }
  Axes axes = axesOfTuples(planned);
  if (!axes.empty()) {
    FailureOr<GenericOp> combined =
        combineParts(planned, cast<GenericOp>(local), axes, extraTime);
    if (failed(combined))
      return failure();
    local = *combined;
  }
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    define(function, op->getResult(i), program.resultOf(planned, i, extraTime),
           local->getResult(i));
  return success();
}

LogicalResult LocalProgram::addReshard(const PlannedOp &planned,
                                       Function &function, int extraTime) {
  auto op = cast<ReshardOp>(planned.op);
  Layout from = program.reshardState(op, op.getFrom(), planned.segment);
  Layout to = program.reshardState(op, op.getTo(), planned.segment);
  std::string name = op.getName().str();
  if (extraTime >= 0) {
    for (Layout *state : {&from, &to})
      state->cut(extraTime, mesh.timeAxis(), mesh);
    name += "/time";
  }
  // The batch, and what the prologue made of it, can be had for one microbatch
  // or as a whole: a cut over time is no communication.
  const PlannedOp *producer = program.producerOf(op.getInput());
  auto argument = dyn_cast<BlockArgument>(op.getInput());
  bool fromBatch = (argument && !program.isState(argument)) ||
                   (producer && producer->segment == Segment::Prologue &&
                    isa<FactoredOp>(producer->op));
  int fromCut = from.cutBy(mesh.timeAxis()), toCut = to.cutBy(mesh.timeAxis());
  if (fromBatch && fromCut != toCut) {
    from = from.without(mesh.timeAxis());
    if (toCut >= 0)
      from.cut(toCut, mesh.timeAxis(), mesh);
  }
  FailureOr<Value> input = require(op.getInput(), function, from, op);
  if (failed(input))
    return failure();
  builder.setInsertionPointToEnd(&function.block());
  FailureOr<Value> result =
      emitReshard(builder, op.getLoc(), op.getName(), *input, from, to, mesh);
  if (failed(result))
    return failure();
  define(function, op.getResult(), to, *result);
  return success();
}

LogicalResult LocalProgram::add(const PlannedOp &op) {
  Function &function = functionOf(op.segment, op.stage);
  if (isa<ReshardOp>(op.op))
    return addReshard(op, function, -1);
  return addFactored(op, function, -1);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

LogicalResult LocalProgram::addResults() {
  func::FuncOp source = program.getFunction();
  Operation *terminator = source.getBody().front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    Value value = operand.get();
    unsigned index = operand.getOperandNumber();
    auto updates =
        source.getResultAttrOfType<IntegerAttr>(index, names::updates);
    auto metric = source.getResultAttrOfType<StringAttr>(index, names::metric);
    auto output = source.getResultAttrOfType<StringAttr>(index, names::output);
    if (!updates && !metric && !output)
      return source.emitError("result ")
             << index << " has neither '" << names::updates << "' nor '"
             << names::metric << "' nor '" << names::output << "'";
    const PlannedOp *producer = program.producerOf(value);
    if (!producer) {
      if (updates && value == source.getArgument(updates.getInt()))
        continue; // unchanged state stays where it is
      return source.emitError("result ")
             << index << " is an argument or a constant, expected a value that "
             << "the program computes";
    }
    Function &function = functionOf(producer->segment, producer->stage);
    Layout state = program.stateOf(value);
    NamedAttrList attributes;
    if (updates) {
      BlockArgument argument = source.getArgument(updates.getInt());
      if (!state.agreesWith(program.stateOf(argument)))
        return producer->op->emitError("state '")
               << program.nameOf(argument) << "' is stored as "
               << program.stateOf(argument).toString(mesh)
               << ", found its new value as " << state.toString(mesh);
      attributes.set(names::updates,
                     builder.getStringAttr(program.nameOf(argument)));
    } else if (output) {
      if (!state.partial.empty())
        return producer->op->emitError("output '")
               << output.getValue() << "' must be complete, found it as "
               << state.toString(mesh);
      attributes.set(names::output, output);
      if (Attribute dim = source.getResultAttr(index, names::batchDim))
        attributes.set(names::batchDim, dim);
    } else {
      std::optional<Combiner> accumulate;
      if (isPerMicrobatch(producer->segment))
        accumulate = state.partialOver(mesh.timeAxis());
      if (accumulate && failed(checkAccumulates(value, *accumulate)))
        return failure();
      if (!state.without(mesh.timeAxis()).isReplicated() ||
          state.cutBy(mesh.timeAxis()) >= 0)
        return producer->op->emitError("metric '")
               << metric.getValue() << "' must be complete on every rank, "
               << "found it as " << state.toString(mesh);
      attributes.set(names::metric, metric);
      if (accumulate)
        attributes.set(names::accumulate,
                       builder.getStringAttr(factsOf(*accumulate).name));
    }
    for (NamedAttribute attribute : layoutAttributes(context, state, mesh))
      attributes.set(attribute.getName(), attribute.getValue());
    function.results.push_back(lookUp(function, value, state));
    function.resultAttributes.push_back(attributes.getDictionary(context));
  }
  // State that no op uses still lives somewhere.
  for (BlockArgument argument : source.getArguments()) {
    if (!program.isState(argument))
      continue;
    int64_t owner = program.ownerOf(argument);
    const Layout &state = program.stateOf(argument);
    bool present = false;
    for (auto &[key, function] : functions)
      present |= groupOf(function) == mesh.stages.groupOf(owner) &&
                 lookUp(function, argument, state);
    if (!present)
      addArgument(functionOf(Segment::Update, owner), argument, state,
                  source.getArgAttrDict(argument.getArgNumber()).getValue());
  }
  return success();
}
