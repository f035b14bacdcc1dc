//===- LocalProgram.cpp - The functions of all segments -------------------===//

#include "LocalProgram.h"
#include "llvm/ADT/MapVector.h"
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

LocalProgram::Function &LocalProgram::functionOf(const PlacedSegment &segment) {
  auto [it, isNew] = functions.try_emplace(segment);
  Function &function = it->second;
  if (isNew) {
    function.segment = segment;
    function.op = func::FuncOp::create(program.getFunction().getLoc(),
                                       colossal::functionOf(segment),
                                       FunctionType::get(context, {}, {}));
    function.op.addEntryBlock();
  }
  return function;
}

Value LocalProgram::lookUp(Function &function, Value value,
                           const Layout &state) {
  auto it =
      function.values.find({value.getAsOpaquePointer(), state.toString(mesh)});
  return it == function.values.end() ? Value() : it->second;
}

void LocalProgram::define(Function &function, Value value, const Layout &state,
                          Value local) {
  function.values[{value.getAsOpaquePointer(), state.toString(mesh)}] = local;
}

RankedTensorType LocalProgram::localType(Value value, const Layout &state) {
  return RankedTensorType::get(
      state.localShape(mesh),
      cast<RankedTensorType>(value.getType()).getElementType());
}

Value LocalProgram::addArgument(Function &function, Value value,
                                const Layout &state,
                                ArrayRef<NamedAttribute> attributes) {
  NamedAttrList list(attributes);
  for (NamedAttribute attribute : layoutAttributes(context, state, mesh))
    list.set(attribute.getName(), attribute.getValue());
  Value local =
      function.block().addArgument(localType(value, state), value.getLoc());
  function.argumentAttributes.push_back(list.getDictionary(context));
  define(function, value, state, local);
  return local;
}

/// Microbatches are added up as they come.
LogicalResult LocalProgram::checkAccumulates(Value value, Combiner combiner) {
  if (combiner == Combiner::Sum)
    return success();
  return emitError(value.getLoc(), "'")
         << program.nameOf(value) << "' is combined over the microbatches by '"
         << factsOf(combiner).name << "', expected a sum";
}

FailureOr<Value> LocalProgram::link(Value value, Function &from, Function &to,
                                    const Layout &state) {
  // The same value may be linked in two ways: per microbatch to the backward,
  // added up (or the last one) to the update.
  const Layout &produced = program.stateOf(value);
  bool perMicrobatch = from.isPerMicrobatch() && to.isPerMicrobatch();
  std::optional<Combiner> accumulate;
  if (from.isPerMicrobatch() && !perMicrobatch)
    accumulate = produced.partialOver(mesh.timeAxis());
  if (accumulate && failed(checkAccumulates(value, *accumulate)))
    return failure();
  std::string name = program.nameOf(value);
  // Recomputed values of the prologue have a state of their own.
  if (from.isPerMicrobatch() && from.links.count(name) &&
      from.links[name] != perMicrobatch)
    name += accumulate ? "#sum" : perMicrobatch ? "#each" : "#last";
  // Links are of a group: another segment of it may have got the value too.
  if (linkOwners.try_emplace({groupOf(from), name}, &from).first->second !=
      &from)
    name += "@" + colossal::functionOf(from.segment);
  NamedAttrList attributes;
  attributes.set(names::link, builder.getStringAttr(name));
  if (perMicrobatch)
    attributes.set(names::perMicrobatch, builder.getUnitAttr());
  if (from.links.try_emplace(name, perMicrobatch).second) {
    Layout here = from.isPerMicrobatch() ? produced : state;
    Value local = lookUp(from, value, here);
    if (!local)
      local = lookUp(from, value, state);
    NamedAttrList resultAttributes = attributes;
    for (NamedAttribute attribute : layoutAttributes(context, here, mesh))
      resultAttributes.set(attribute.getName(), attribute.getValue());
    if (accumulate)
      resultAttributes.set(names::accumulate,
                           builder.getStringAttr(factsOf(*accumulate).name));
    from.results.push_back(local);
    from.resultAttributes.push_back(resultAttributes.getDictionary(context));
  }
  return addArgument(to, value, state, attributes);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

FailureOr<Value> LocalProgram::receive(Value value, int64_t fromStage,
                                       Function &to, const Layout &state,
                                       Operation *user) {
  Function &sender = functionOf(to.segment.kind, fromStage);
  FailureOr<Value> local = require(value, sender, state, user);
  if (failed(local))
    return failure();
  std::string name = program.nameOf(value) + "/" +
                     std::to_string(sender.segment.place) + "->" +
                     std::to_string(to.segment.place);
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
                        *local, builder.getI64IntegerAttr(groupOf(to)),
                        builder.getI64IntegerAttr(tag));
  builder.setInsertionPointToEnd(&to.block());
  auto received = RecvOp::create(
      builder, value.getLoc(), localType(value, state),
      builder.getStringAttr(name), builder.getI64IntegerAttr(groupOf(sender)),
      builder.getI64IntegerAttr(tag));
  for (NamedAttribute attribute : layoutAttributes(context, state, mesh))
    received->setAttr(attribute.getName(), attribute.getValue());
  define(to, value, state, received.getResult());
  return received.getResult();
}

/// Whether a group that needs the value computes it itself: it depends on the
/// batch, controls and constants alone, which every group has, or on controls,
/// constants and buffers that no step changes, which it receives once.
bool LocalProgram::isOfEveryGroup(Value value) {
  constexpr unsigned none = 0, ofBatch = 1, ofState = 2, both = 3;
  auto classOf = [&](Value operand) -> unsigned {
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      std::optional<ArgumentRole> role = program.roleOf(argument);
      bool isBuffer = role == ArgumentRole::Buffer;
      return role == ArgumentRole::Control              ? both
             : role == ArgumentRole::Batch              ? ofBatch
             : isBuffer && !program.isWritten(argument) ? ofState
                                                        : none;
    }
    return everyGroup.lookup(operand.getDefiningOp());
  };
  // Operands first, without recursion: chains are long and shared.
  SmallVector<Operation *> pending = {value.getDefiningOp()};
  while (!pending.empty()) {
    Operation *op = pending.back();
    if (everyGroup.count(op)) {
      pending.pop_back();
      continue;
    }
    size_t before = pending.size();
    unsigned kind = both;
    if (!op->hasTrait<OpTrait::ConstantLike>()) {
      if (!isa<FactoredOp>(op))
        kind = none;
      for (Value operand : op->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        if (kind != none && producer && !everyGroup.count(producer))
          pending.push_back(producer);
      }
      if (pending.size() > before)
        continue;
      for (Value operand : op->getOperands())
        kind &= classOf(operand);
    }
    everyGroup[op] = kind;
    pending.pop_back();
  }
  return everyGroup.lookup(value.getDefiningOp()) != none;
}

/// A value that is there as a whole, of which a microbatch needs its part: a
/// factored op of the prologue runs again for the part, and so does a reshard
/// that cannot be sliced; all else is sliced.
FailureOr<Value> LocalProgram::cutOverTime(Value value, Function &function,
                                           const Layout &have,
                                           const Layout &need) {
  const PlannedOp *producer = program.producerOf(value);
  bool early = producer && producer->segment == Segment::Prologue;
  int cut = need.cutBy(mesh.timeAxis());
  if (early && isa<FactoredOp>(producer->op)) {
    auto factored = cast<FactoredOp>(producer->op);
    int flat = 0, factor = -1;
    factored.getResultMap(cast<OpResult>(value).getResultNumber())
        .walk([&](unsigned, unsigned, SubDimAttr sub) {
          if (flat++ == cut)
            factor = sub.getFactor();
        });
    if (factor >= 0 && factored.isShardable(factor)) {
      if (failed(addFactored(*producer, function, factor)))
        return failure();
      return lookUp(function, value, need);
    }
  }
  if (early && isa<ReshardOp>(producer->op) &&
      !have.subDims[cut].axes.empty()) {
    if (failed(addReshard(*producer, function, cut)))
      return failure();
    return lookUp(function, value, need);
  }
  FailureOr<Value> whole =
      require(value, function, have, producer ? producer->op : nullptr);
  if (failed(whole))
    return failure();
  builder.setInsertionPointToEnd(&function.block());
  FailureOr<Value> part =
      emitReshard(builder, value.getLoc(), program.nameOf(value) + "/time",
                  *whole, have, need, mesh);
  if (failed(part))
    return failure();
  define(function, value, need, *part);
  return *part;
}

FailureOr<Value> LocalProgram::require(Value value, Function &function,
                                       const Layout &need, Operation *user) {
  if (Value local = lookUp(function, value, need))
    return local;
  Layout have = program.stateIn(value, function.segment.kind);
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
  if (agreesButForTime && function.isPerMicrobatch() &&
      have.cutBy(mesh.timeAxis()) < 0 && need.cutBy(mesh.timeAxis()) >= 0)
    return cutOverTime(value, function, have, need);
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
    if (mesh.stages.groupOf(owner) == groupOf(function))
      return addArgument(function, value, have,
                         program.getFunction()
                             .getArgAttrDict(argument.getArgNumber())
                             .getValue());
    Function &receiver = functionOf(Segment::Prologue, function.segment.place);
    if (!lookUp(receiver, value, have) &&
        failed(receive(value, owner, receiver, have, user)))
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
  if (mesh.stages.groupOf(producer->stage) == groupOf(function))
    return link(value, functionOf(producer->segment, producer->stage), function,
                have);
  if (isOfEveryGroup(value)) {
    // Computing is cheaper than waiting.
    Function &local = functionOf(producer->segment, function.segment.place);
    Layout here = program.stateOf(value);
    if (!lookUp(local, value, here) &&
        failed(addFactored(*producer, local, -1)))
      return failure();
    if (&local == &function)
      return lookUp(function, value, here);
    return link(value, local, function, have);
  }
  return receiveOrLink(value, *producer, function, have, user);
}

/// A value that another group produces: received by the first of this group's
/// stages on its way, linked to the others.
FailureOr<Value> LocalProgram::receiveOrLink(Value value,
                                             const PlannedOp &producer,
                                             Function &function,
                                             const Layout &have,
                                             Operation *user) {
  int64_t from = producer.stage, stage = function.segment.place;
  Segment kind =
      transferSegment(producer.segment, function.segment.kind, from, stage);
  if (isPerMicrobatch(kind)) {
    // Inside the loop from neighbour to neighbour: a stage that sent across
    // others could not begin the next microbatch before those had done this
    // one.
    int64_t along = from < stage ? 1 : -1;
    int64_t first = from + along;
    while (mesh.stages.groupOf(first) != groupOf(function))
      first += along;
    stage = first;
    from = first - along;
  }
  Function &receiver = functionOf(kind, stage);
  Layout sent = program.stateIn(value, kind);
  if (!lookUp(receiver, value, sent) &&
      failed(receive(value, from, receiver, sent, user)))
    return failure();
  if (&receiver == &function)
    return lookUp(function, value, sent);
  return link(value, receiver, function, have);
}

//===----------------------------------------------------------------------===//
// Finishing
//===----------------------------------------------------------------------===//

/// Receives stand before their first user; where values from one stage would
/// be received in another order than they are sent, the earlier sent ones are
/// received earlier. A receive moves up only, to a place that comes after its
/// send in the order of the whole program, so no wait is circular.
void LocalProgram::orderReceives() {
  // Tags are unique here.
  llvm::DenseMap<int64_t, std::pair<Function *, RecvOp>> receiverOf;
  for (auto &[key, function] : functions)
    for (RecvOp receive : function.block().getOps<RecvOp>())
      receiverOf[receive.getTag()] = {&function, receive};
  for (auto &[key, sender] : functions) {
    // By receiving function, in sending order.
    llvm::MapVector<Function *, SmallVector<int64_t>> tags;
    for (SendOp send : sender.block().getOps<SendOp>())
      tags[receiverOf.lookup(send.getTag()).first].push_back(send.getTag());
    for (auto &[receiver, order] : tags) {
      for (size_t i = order.size(); i-- > 1;) {
        RecvOp later = receiverOf.lookup(order[i]).second,
               earlier = receiverOf.lookup(order[i - 1]).second;
        if (later->isBeforeInBlock(earlier))
          earlier->moveBefore(later);
      }
    }
  }
}

void LocalProgram::finish(ModuleOp module) {
  orderReceives();
  auto finishFunction = [&](Function &function) {
    if (function.block().empty() && function.results.empty() &&
        function.argumentAttributes.empty()) {
      function.op.erase();
      function.op = nullptr;
      return;
    }
    builder.setInsertionPointToEnd(&function.block());
    func::ReturnOp::create(builder, function.op.getLoc(), function.results);
    // What microbatches need their parts of alone was made as a whole, too.
    for (Operation &op : llvm::make_early_inc_range(
             llvm::reverse(function.block().getOperations())))
      if (op.use_empty() && !isa<SendOp, RecvOp, func::ReturnOp>(op))
        op.erase();
    function.op.setFunctionType(
        FunctionType::get(context, function.block().getArgumentTypes(),
                          ValueRange(function.results).getTypes()));
    function.op.setAllArgAttrs(function.argumentAttributes);
    function.op.setAllResultAttrs(function.resultAttributes);
    function.op->setAttr(names::stage,
                         builder.getI64IntegerAttr(function.segment.place));
    function.op->setAttr(names::segment,
                         SegmentAttr::get(context, function.segment.kind));
    module.push_back(function.op);
  };
  for (int64_t group = 0; group < mesh.stages.groups; ++group)
    for (const PlacedSegment &segment : segmentsOf(group, mesh.stages))
      if (auto it = functions.find(segment); it != functions.end())
        finishFunction(it->second);
}
