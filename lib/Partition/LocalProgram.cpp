//===- LocalProgram.cpp - The functions of all stages and segments --------===//

#include "LocalProgram.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

Segment colossal::partition::transferSegment(Segment produced, Segment used,
                                             int64_t fromStage,
                                             int64_t toStage) {
  if (produced == used || produced == Segment::Prologue)
    return produced;
  if (used == Segment::Update)
    return Segment::Update;
  return fromStage < toStage ? produced : used;
}

LocalProgram::LocalProgram(const PlannedProgram &program)
    : program(program), mesh(program.getMesh()),
      context(program.getFunction().getContext()), builder(context) {}

/// Functions that did not get into a module, after an error.
LocalProgram::~LocalProgram() {
  for (auto &[key, function] : functions)
    if (function.op && !function.op->getParentOp())
      function.op.erase();
}

//===----------------------------------------------------------------------===//
// Functions and their signatures
//===----------------------------------------------------------------------===//

LocalProgram::Function &LocalProgram::functionOf(int64_t stage,
                                                 Segment segment) {
  auto [it, isNew] = functions.try_emplace({stage, segment});
  Function &function = it->second;
  if (isNew) {
    function.stage = stage;
    function.segment = segment;
    std::string name =
        "stage" + std::to_string(stage) + "." + timeline::nameOf(segment);
    function.op = func::FuncOp::create(program.getFunction().getLoc(), name,
                                       FunctionType::get(context, {}, {}));
    function.op.addEntryBlock();
  }
  return function;
}

Value LocalProgram::lookUp(Function &function, Value value,
                           const ShardState &state) {
  auto it =
      function.values.find({value.getAsOpaquePointer(), state.toString(mesh)});
  return it == function.values.end() ? Value() : it->second;
}

void LocalProgram::define(Function &function, Value value,
                          const ShardState &state, Value local) {
  function.values[{value.getAsOpaquePointer(), state.toString(mesh)}] = local;
}

RankedTensorType LocalProgram::localType(Value value, const ShardState &state) {
  return RankedTensorType::get(
      state.localShape(mesh),
      cast<RankedTensorType>(value.getType()).getElementType());
}

/// The sharding, and the global sizes that it cuts.
SmallVector<NamedAttribute>
LocalProgram::layoutAttributes(const ShardState &state) {
  SmallVector<Attribute> dims;
  unsigned flat = 0;
  for (unsigned count : state.counts) {
    SmallVector<Attribute> sizes;
    for (unsigned i = 0; i < count; ++i, ++flat)
      sizes.push_back(builder.getI64IntegerAttr(state.subDims[flat].size));
    dims.push_back(builder.getArrayAttr(sizes));
  }
  return {builder.getNamedAttr(names::sharding, state.toAttr(context, mesh)),
          builder.getNamedAttr(names::globalShape, builder.getArrayAttr(dims))};
}

Value LocalProgram::addArgument(Function &function, Value value,
                                const ShardState &state,
                                ArrayRef<NamedAttribute> attributes) {
  NamedAttrList list(attributes);
  for (NamedAttribute attribute : layoutAttributes(state))
    list.set(attribute.getName(), attribute.getValue());
  Value local =
      function.block().addArgument(localType(value, state), value.getLoc());
  function.argumentAttributes.push_back(list.getDictionary(context));
  define(function, value, state, local);
  return local;
}

FailureOr<Value> LocalProgram::link(Value value, Function &from, Function &to,
                                    const ShardState &state) {
  // The same value may be linked in two ways: per microbatch to the backward,
  // added up (or the last one) to the update.
  const ShardState &produced = program.stateOf(value);
  bool perMicrobatch =
      isPerMicrobatch(from.segment) && isPerMicrobatch(to.segment);
  std::optional<FactorKind> accumulate;
  if (isPerMicrobatch(from.segment) && !perMicrobatch)
    accumulate = produced.partialOver(mesh.timeAxis());
  std::string name = program.nameOf(value);
  // Recomputed values of the prologue have a state of their own.
  if (isPerMicrobatch(from.segment) && from.links.count(name) &&
      from.links[name] != perMicrobatch)
    name += accumulate ? "#sum" : perMicrobatch ? "#each" : "#last";
  NamedAttrList attributes;
  attributes.set(names::link, builder.getStringAttr(name));
  if (perMicrobatch)
    attributes.set(names::perMicrobatch, builder.getUnitAttr());
  if (from.links.try_emplace(name, perMicrobatch).second) {
    ShardState here = isPerMicrobatch(from.segment) ? produced : state;
    Value local = lookUp(from, value, here);
    if (!local)
      local = lookUp(from, value, state);
    NamedAttrList resultAttributes = attributes;
    for (NamedAttribute attribute : layoutAttributes(here))
      resultAttributes.set(attribute.getName(), attribute.getValue());
    if (accumulate)
      resultAttributes.set(
          names::accumulate,
          builder.getStringAttr(stringifyFactorKind(*accumulate)));
    from.results.push_back(local);
    from.resultAttributes.push_back(resultAttributes.getDictionary(context));
  }
  return addArgument(to, value, state, attributes);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<Value> LocalProgram::receive(Value value, int64_t fromStage,
                                       Function &to, Segment segment,
                                       const ShardState &state,
                                       Operation *user) {
  Function &sender = functionOf(fromStage, segment);
  FailureOr<Value> local = require(value, sender, state, user);
  if (failed(local))
    return failure();
  std::string name = program.nameOf(value) + "/" + std::to_string(fromStage) +
                     "->" + std::to_string(to.stage);
  int64_t tag = nextTag++;
  // Right behind the value's definition, and behind earlier sends from there.
  Operation *definition = local->getDefiningOp();
  Operation *&last = sends[{&sender, definition}];
  if (last)
    builder.setInsertionPointAfter(last);
  else if (definition)
    builder.setInsertionPointAfter(definition);
  else
    builder.setInsertionPointToStart(&sender.block());
  last = SendOp::create(builder, value.getLoc(), builder.getStringAttr(name),
                        *local, builder.getI64IntegerAttr(to.stage),
                        builder.getI64IntegerAttr(tag));
  builder.setInsertionPointToEnd(&to.block());
  auto received = RecvOp::create(
      builder, value.getLoc(), localType(value, state),
      builder.getStringAttr(name), builder.getI64IntegerAttr(fromStage),
      builder.getI64IntegerAttr(tag));
  for (NamedAttribute attribute : layoutAttributes(state))
    received->setAttr(attribute.getName(), attribute.getValue());
  define(to, value, state, received.getResult());
  return received.getResult();
}

/// A value of the prologue, of which a microbatch needs its part: a factored op
/// runs again for the part; a reshard is sliced where that is local, and else
/// runs again. Null if none is possible.
FailureOr<Value> LocalProgram::cutOverTime(Value value,
                                           const PlannedOp &producer,
                                           Function &function,
                                           const ShardState &have,
                                           const ShardState &need) {
  int cut = need.cutBy(mesh.timeAxis());
  if (auto factored = dyn_cast<FactoredOp>(producer.op)) {
    int flat = 0, factor = -1;
    factored.getResultMap(cast<OpResult>(value).getResultNumber())
        .walk([&](unsigned, unsigned, SubDimAttr sub) {
          if (flat++ == cut)
            factor = sub.getFactor();
        });
    if (factor < 0 || !factored.isShardable(factor))
      return Value();
    if (failed(addFactored(producer, function, factor)))
      return failure();
  } else if (have.subDims[cut].axes.empty()) {
    FailureOr<Value> whole = require(value, function, have, producer.op);
    if (failed(whole))
      return failure();
    builder.setInsertionPointToEnd(&function.block());
    FailureOr<Value> part =
        emitReshard(builder, value.getLoc(), program.nameOf(value) + "/time",
                    *whole, have, need, mesh);
    if (failed(part))
      return failure();
    define(function, value, need, *part);
  } else if (failed(addReshard(producer, function, cut))) {
    return failure();
  }
  return lookUp(function, value, need);
}

FailureOr<Value> LocalProgram::require(Value value, Function &function,
                                       const ShardState &need,
                                       Operation *user) {
  if (Value local = lookUp(function, value, need))
    return local;
  ShardState have = program.stateIn(value, function.segment);
  bool agrees = have.agreesWith(need);
  if (agrees)
    if (Value local = lookUp(function, value, have))
      return local;
  auto argument = dyn_cast<BlockArgument>(value);
  const PlannedOp *producer = program.producerOf(value);
  bool agreesButForTime =
      have.without(mesh.timeAxis()).agreesWith(need.without(mesh.timeAxis())) &&
      have.partial == need.partial;

  if (argument && !program.isState(argument) && agreesButForTime) {
    NamedAttrList attributes(
        program.getFunction().getArgAttrDict(argument.getArgNumber()));
    if (need.cutBy(mesh.timeAxis()) >= 0)
      attributes.set(names::perMicrobatch, builder.getUnitAttr());
    return addArgument(function, value, need, attributes.getAttrs());
  }
  if (!agrees && producer && producer->segment == Segment::Prologue &&
      agreesButForTime && need.cutBy(mesh.timeAxis()) >= 0) {
    FailureOr<Value> part = cutOverTime(value, *producer, function, have, need);
    if (failed(part) || *part)
      return part;
  }
  if (!agrees) {
    InFlightDiagnostic diagnostic =
        user->emitError("'")
        << user->getAttrOfType<StringAttr>("name").getValue() << "' needs '"
        << program.nameOf(value) << "' as " << need.toString(mesh)
        << ", found it as " << have.toString(mesh)
        << "; a reshard must stand between them";
    diagnostic.attachNote(value.getLoc()) << "the value is defined here";
    return diagnostic;
  }

  if (argument) {
    int64_t owner = program.ownerOf(argument);
    if (owner == function.stage)
      return addArgument(function, value, have,
                         program.getFunction()
                             .getArgAttrDict(argument.getArgNumber())
                             .getValue());
    Function &receiver = functionOf(function.stage, Segment::Prologue);
    if (!lookUp(receiver, value, have) &&
        failed(receive(value, owner, receiver, Segment::Prologue, have, user)))
      return failure();
    if (&receiver == &function)
      return lookUp(function, value, have);
    return link(value, receiver, function, have);
  }
  if (!producer) {
    // A constant is where it is used.
    builder.setInsertionPointToEnd(&function.block());
    Operation *clone = builder.clone(*value.getDefiningOp());
    define(function, value, have, clone->getResult(0));
    return clone->getResult(0);
  }
  if (producer->stage == function.stage) {
    Function &origin = functionOf(producer->stage, producer->segment);
    return link(value, origin, function, have);
  }
  Segment segment = transferSegment(producer->segment, function.segment,
                                    producer->stage, function.stage);
  Function &receiver = functionOf(function.stage, segment);
  ShardState sent = program.stateIn(value, segment);
  if (!lookUp(receiver, value, sent) &&
      failed(receive(value, producer->stage, receiver, segment, sent, user)))
    return failure();
  if (&receiver == &function)
    return lookUp(function, value, sent);
  return link(value, receiver, function, have);
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

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
  Operation *local = cloneFactored(builder, op, operands, types, factors,
                                   operandMaps, resultMaps);
  local->removeAttr(names::segment);
  local->removeAttr(names::stage);
  if (extraTime >= 0) {
    // The same op once more, for one microbatch.
    local->setAttr("name", builder.getStringAttr(op.getFactoredName() + "/" +
                                                 names::timeAxis));
    NamedAttrList axes;
    if (auto dictionary = op->getAttrOfType<DictionaryAttr>(names::axes))
      axes = NamedAttrList(dictionary);
    axes.set(names::timeAxis,
             builder.getStrArrayAttr({factors[extraTime].getName()}));
    local->setAttr(names::axes, axes.getDictionary(context));
  }
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    define(function, op->getResult(i), program.resultOf(planned, i, extraTime),
           local->getResult(i));
  return success();
}

LogicalResult LocalProgram::addReshard(const PlannedOp &planned,
                                       Function &function, int extraTime) {
  auto op = cast<ReshardOp>(planned.op);
  ShardState from = program.reshardState(op, op.getFrom(), planned.segment);
  ShardState to = program.reshardState(op, op.getTo(), planned.segment);
  std::string name = op.getName().str();
  if (extraTime >= 0) {
    for (ShardState *state : {&from, &to}) {
      SmallVector<unsigned, 2> &axes = state->subDims[extraTime].axes;
      axes.insert(axes.begin(), mesh.timeAxis());
    }
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
      from.subDims[toCut].axes.insert(from.subDims[toCut].axes.begin(),
                                      mesh.timeAxis());
  }
  FailureOr<Value> input = require(op.getInput(), function, from, op);
  if (failed(input))
    return failure();
  builder.setInsertionPointToEnd(&function.block());
  FailureOr<Value> result =
      emitReshard(builder, op.getLoc(), op.getName(), *input, from, to, mesh);
  if (failed(result))
    return failure();
  for (Operation *step = result->getDefiningOp();
       step && *result != *input && step != input->getDefiningOp();
       step = step->getOperand(0).getDefiningOp())
    for (StringRef kept : {names::pass, names::forwardOf})
      if (Attribute attribute = op->getAttr(kept))
        step->setAttr(kept, attribute);
  define(function, op.getResult(), to, *result);
  return success();
}

LogicalResult LocalProgram::add(const PlannedOp &op) {
  Function &function = functionOf(op.stage, op.segment);
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
    if (!updates && !metric)
      return source.emitError("result ")
             << index << " has neither '" << names::updates << "' nor '"
             << names::metric << "'";
    const PlannedOp *producer = program.producerOf(value);
    if (!producer) {
      if (updates && value == source.getArgument(updates.getInt()))
        continue; // unchanged state stays where it is
      return source.emitError("result ")
             << index << " is an argument or a constant, expected a value that "
             << "the program computes";
    }
    Function &function = functionOf(producer->stage, producer->segment);
    ShardState state = program.stateOf(value);
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
    } else {
      std::optional<FactorKind> accumulate;
      if (isPerMicrobatch(producer->segment))
        accumulate = state.partialOver(mesh.timeAxis());
      if (!state.without(mesh.timeAxis()).isReplicated() ||
          state.cutBy(mesh.timeAxis()) >= 0)
        return producer->op->emitError("metric '")
               << metric.getValue() << "' must be complete on every rank, "
               << "found it as " << state.toString(mesh);
      attributes.set(names::metric, metric);
      if (accumulate)
        attributes.set(names::accumulate,
                       builder.getStringAttr(stringifyFactorKind(*accumulate)));
    }
    for (NamedAttribute attribute : layoutAttributes(state))
      attributes.set(attribute.getName(), attribute.getValue());
    function.results.push_back(lookUp(function, value, state));
    function.resultAttributes.push_back(attributes.getDictionary(context));
  }
  // State that no op uses still lives somewhere.
  for (BlockArgument argument : source.getArguments()) {
    if (!program.isState(argument))
      continue;
    int64_t owner = program.ownerOf(argument);
    const ShardState &state = program.stateOf(argument);
    bool present = false;
    for (auto &[key, function] : functions)
      present |= key.first == owner && lookUp(function, argument, state);
    if (!present)
      addArgument(functionOf(owner, Segment::Update), argument, state,
                  source.getArgAttrDict(argument.getArgNumber()).getValue());
  }
  return success();
}

/// Receives stand before their first user; where values from one stage would
/// be received in another order than they are sent, the earlier sent ones are
/// received earlier. A receive moves up only, to a place that comes after its
/// send in the order of the whole program, so no wait is circular.
void LocalProgram::orderReceives() {
  for (auto &[key, sender] : functions) {
    std::map<int64_t, SmallVector<int64_t>> tags; // by peer, in sending order
    for (SendOp send : sender.block().getOps<SendOp>())
      tags[send.getPeer()].push_back(send.getTag());
    for (auto &[peer, order] : tags) {
      Function &receiver = functionOf(peer, sender.segment);
      llvm::DenseMap<int64_t, RecvOp> receives;
      for (RecvOp receive : receiver.block().getOps<RecvOp>())
        receives[receive.getTag()] = receive;
      for (size_t i = order.size(); i-- > 1;) {
        RecvOp later = receives[order[i]], earlier = receives[order[i - 1]];
        if (later->isBeforeInBlock(earlier))
          earlier->moveBefore(later);
      }
    }
  }
}

void LocalProgram::finish(ModuleOp module) {
  orderReceives();
  for (auto &[key, function] : functions) {
    if (function.block().empty() && function.results.empty() &&
        function.argumentAttributes.empty()) {
      function.op.erase();
      function.op = nullptr;
      continue;
    }
    builder.setInsertionPointToEnd(&function.block());
    func::ReturnOp::create(builder, function.op.getLoc(), function.results);
    function.op.setFunctionType(
        FunctionType::get(context, function.block().getArgumentTypes(),
                          ValueRange(function.results).getTypes()));
    function.op.setAllArgAttrs(function.argumentAttributes);
    function.op.setAllResultAttrs(function.resultAttributes);
    function.op->setAttr(names::stage,
                         builder.getI64IntegerAttr(function.stage));
    function.op->setAttr(names::segment, builder.getStringAttr(timeline::nameOf(
                                             function.segment)));
    module.push_back(function.op);
  }
}
