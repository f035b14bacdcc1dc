//===- PlannedProgram.cpp - What Partition knows of a planned step --------===//

#include "PlannedProgram.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/Linearity.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static bool isConstant(Operation *op) {
  return op->hasTrait<OpTrait::ConstantLike>();
}

static StringRef nameOfOp(Operation *op) {
  if (auto name = op->getAttrOfType<StringAttr>("name"))
    return name.getValue();
  return op->getName().getStringRef();
}

LogicalResult PlannedProgram::readOp(Operation *op) {
  if (!isa<FactoredOp, ReshardOp>(op))
    return op->emitError("found op '")
           << op->getName()
           << "' in a planned program, expected factored ops and reshards";
  PlannedOp planned;
  planned.op = op;
  auto placed = cast<PlacedOp>(op);
  std::optional<uint64_t> stage = placed.getStage();
  if (!stage || *stage >= uint64_t(mesh.stages.count()))
    return op->emitError("found no valid 'stage' on '")
           << nameOfOp(op) << "', expected an integer below "
           << mesh.stages.count();
  planned.stage = *stage;
  std::optional<Segment> segment = placed.getSegment();
  if (!segment)
    return op->emitError("found no 'segment' on '") << nameOfOp(op) << "'";
  planned.segment = *segment;
  if (isa<FactoredOp>(op) && failed(readAxes(planned)))
    return failure();
  ops.push_back(std::move(planned));
  return success();
}

/// The verifier has seen that axes and factors exist.
LogicalResult PlannedProgram::readAxes(PlannedOp &planned) {
  auto op = cast<FactoredOp>(planned.op);
  SmallVector<FactorAttr> factors = op.getFactorList();
  planned.factorAxes.resize(factors.size());
  AxesAttr axes = op.getAxesAttr();
  if (!axes)
    return success();
  std::vector<int> factorOf(mesh.axes.size(), -1);
  for (AxisUseAttr use : axes.getUses()) {
    unsigned axis = *mesh.find(use.getAxis().getValue());
    bool counts = mesh.axes[axis].size != 1 &&
                  (axis != mesh.timeAxis() || isPerMicrobatch(planned.segment));
    if (use.isLinear()) {
      SmallVector<unsigned> operands(use.getOperands());
      llvm::sort(operands);
      if (!isLinearIn(op, operands))
        return op->emitError("found operands [")
               << use.getOperands() << "] partial over '"
               << use.getAxis().getValue() << "', but '" << op.getFactoredName()
               << "' is not linear in them";
      if (counts)
        planned.linear.push_back({axis, operands});
      continue;
    }
    unsigned factor = llvm::find_if(factors,
                                    [&](FactorAttr entry) {
                                      return entry.getName() == use.getFactor();
                                    }) -
                      factors.begin();
    if (!counts)
      continue;
    if (!op.isShardable(factor))
      return op->emitError("factor '")
             << use.getFactor().getValue() << "' of '" << op.getFactoredName()
             << "' cannot be cut, found it cut over '"
             << use.getAxis().getValue() << "'";
    if (axis == mesh.timeAxis() && !factors[factor].isParallel() &&
        isTuple(combinerOf(factors[factor].getKind())))
      return op->emitError("factor '")
             << use.getFactor().getValue() << "' of '" << op.getFactoredName()
             << "' is combined over the microbatches by '"
             << stringifyFactorKind(factors[factor].getKind())
             << "', expected a sum";
    factorOf[axis] = factor;
  }
  for (unsigned axis : mesh.majorToMinor())
    if (factorOf[axis] >= 0)
      planned.factorAxes[factorOf[axis]].push_back(axis);
  return success();
}

//===----------------------------------------------------------------------===//
// States
//===----------------------------------------------------------------------===//

/// Sizes of the sub-dimensions of a map.
static Layout structureOfMap(IndexMapAttr map) {
  std::vector<std::vector<int64_t>> structure;
  for (DimAttr dim : map.getDims()) {
    std::vector<int64_t> &sizes = structure.emplace_back();
    for (SubDimAttr sub : dim.getSubDims())
      sizes.push_back(sub.getBound());
  }
  return Layout::whole(structure);
}

/// The state that `axes` imply for a tensor with this map.
static Layout stateOfMap(IndexMapAttr map, const PlannedOp &planned,
                         const Mesh &mesh, int extraTime) {
  Layout state = structureOfMap(map);
  unsigned flat = 0;
  map.walk([&](unsigned, unsigned, SubDimAttr sub) {
    if (sub.isPlain()) {
      state.subDims[flat].axes = planned.factorAxes[sub.getFactor()];
      if (sub.getFactor() == extraTime)
        state.cut(flat, mesh.timeAxis(), mesh);
    }
    ++flat;
  });
  return state;
}

Layout PlannedProgram::needOf(const PlannedOp &planned, unsigned index,
                              int extraTime) const {
  auto op = cast<FactoredOp>(planned.op);
  Layout state = stateOfMap(op.getOperandMap(index), planned, mesh, extraTime);
  for (auto &[axis, operands] : planned.linear)
    if (llvm::is_contained(operands, index))
      state.setPartial(axis, Combiner::Sum);
  return state;
}

Layout PlannedProgram::resultOf(const PlannedOp &planned, unsigned index,
                                int extraTime) const {
  auto op = cast<FactoredOp>(planned.op);
  IndexMapAttr map = op.getResultMap(index);
  Layout state = stateOfMap(map, planned, mesh, extraTime);
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (auto [factor, axes] : llvm::enumerate(planned.factorAxes)) {
    if (map.uses(factor))
      continue;
    // A result without a parallel factor sums over it: gradients of whole ops.
    Combiner combiner = factors[factor].isParallel()
                            ? Combiner::Sum
                            : combinerOf(factors[factor].getKind());
    if (isTuple(combiner))
      continue; // combined at once (LocalTuples.cpp)
    for (unsigned axis : axes)
      state.setPartial(axis, combiner);
    if (int(factor) == extraTime)
      state.setPartial(mesh.timeAxis(), combiner);
  }
  for (auto &[axis, operands] : planned.linear)
    state.setPartial(axis, Combiner::Sum);
  return state;
}

/// The division into sub-dimensions is in the maps of the ops around a value.
FailureOr<Layout> PlannedProgram::structureOf(Value value) const {
  if (auto factored = value.getDefiningOp<FactoredOp>())
    return structureOfMap(
        factored.getResultMap(cast<OpResult>(value).getResultNumber()));
  if (auto reshard = value.getDefiningOp<ReshardOp>()) {
    auto it = states.find(reshard.getInput());
    if (it != states.end())
      return it->second.whole();
  }
  SmallVector<Value> pending = {value};
  while (!pending.empty()) {
    Value next = pending.pop_back_val();
    for (OpOperand &use : next.getUses()) {
      if (auto factored = dyn_cast<FactoredOp>(use.getOwner()))
        return structureOfMap(factored.getOperandMap(use.getOperandNumber()));
      if (auto reshard = dyn_cast<ReshardOp>(use.getOwner()))
        pending.push_back(reshard.getResult());
    }
  }
  if (Value updated = newValueOfState(value)) {
    while (auto reshard = updated.getDefiningOp<ReshardOp>())
      updated = reshard.getInput();
    return structureOf(updated);
  }
  return wholeOf(value);
}

static Layout withoutTime(const Layout &state, const Mesh &mesh,
                          Segment segment) {
  return isPerMicrobatch(segment) ? state : state.without(mesh.timeAxis());
}

Layout PlannedProgram::stateIn(Value value, Segment segment) const {
  return withoutTime(stateOf(value), mesh, segment);
}

Layout PlannedProgram::reshardState(ReshardOp op, ShardingAttr sharding,
                                    Segment segment) const {
  Layout sizes = stateOf(op.getInput()).whole();
  std::string error;
  FailureOr<Layout> state = readSharding(sizes, sharding, mesh, error);
  assert(succeeded(state) && "checked when the program was read");
  return withoutTime(*state, mesh, segment);
}

LogicalResult PlannedProgram::readStates() {
  for (BlockArgument argument : function.getArguments()) {
    Layout sizes = *structureOf(argument);
    auto sharding = function.getArgAttrOfType<ShardingAttr>(
        argument.getArgNumber(), names::sharding);
    if (!sharding) {
      states[argument] = sizes;
      continue;
    }
    std::string error;
    FailureOr<Layout> state = readSharding(sizes, sharding, mesh, error);
    if (failed(state))
      return function.emitError("argument '")
             << nameOf(argument) << "': " << error;
    states[argument] = *state;
  }
  for (Operation &op : function.getBody().front()) {
    if (auto reshard = dyn_cast<ReshardOp>(op)) {
      Layout sizes = *structureOf(reshard.getResult());
      std::string error;
      for (ShardingAttr sharding : {reshard.getFrom(), reshard.getTo()}) {
        FailureOr<Layout> state = readSharding(sizes, sharding, mesh, error);
        if (failed(state))
          return reshard.emitError("reshard '")
                 << reshard.getName() << "': " << error;
        states[reshard.getResult()] =
            withoutTime(*state, mesh, producerOf(reshard.getResult())->segment);
      }
    } else if (isa<FactoredOp>(op)) {
      for (OpResult result : op.getResults())
        states[result] =
            resultOf(*producerOf(result), result.getResultNumber());
    } else {
      for (OpResult result : op.getResults())
        states[result] = *structureOf(result);
    }
  }
  for (auto &[value, state] : states) {
    std::vector<bool> seen(mesh.axes.size(), false);
    for (const SubDim &sub : state.subDims)
      for (unsigned axis : sub.axes) {
        if (seen[axis])
          return emitError(value.getLoc(), "value '")
                 << nameOf(value) << "' is cut twice over '"
                 << mesh.axes[axis].name << "'";
        seen[axis] = true;
      }
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

LogicalResult PlannedProgram::checkNames() {
  llvm::StringMap<Location> seen;
  auto check = [&](Value value) -> LogicalResult {
    auto [it, isNew] = seen.try_emplace(nameOf(value), value.getLoc());
    if (isNew)
      return success();
    InFlightDiagnostic diagnostic =
        emitError(value.getLoc(), "found the name '")
        << nameOf(value) << "' twice, expected unique names";
    diagnostic.attachNote(it->second) << "the other one is here";
    return diagnostic;
  };
  for (BlockArgument argument : function.getArguments())
    if (failed(check(argument)))
      return failure();
  for (const PlannedOp &op : ops)
    for (OpResult result : op.op->getResults())
      if (failed(check(result)))
        return failure();
  return success();
}

LogicalResult PlannedProgram::checkUses() {
  for (const PlannedOp &planned : ops)
    for (OpOperand &operand : planned.op->getOpOperands()) {
      const PlannedOp *producer = producerOf(operand.get());
      if (!producer)
        continue;
      if (producer->segment > planned.segment) {
        InFlightDiagnostic diagnostic =
            planned.op->emitError("'")
            << nameOfOp(planned.op) << "' in segment '"
            << colossal::nameOf(planned.segment) << "' uses '"
            << nameOf(operand.get()) << "' of the later segment '"
            << colossal::nameOf(producer->segment) << "'";
        diagnostic.attachNote(producer->op->getLoc()) << "produced here";
        return diagnostic;
      }
      if (!isPerMicrobatch(planned.segment) &&
          isPerMicrobatch(producer->segment) &&
          stateOf(operand.get()).cutBy(mesh.timeAxis()) >= 0)
        return planned.op->emitError("'")
               << nameOfOp(planned.op) << "' in segment '"
               << colossal::nameOf(planned.segment) << "' uses '"
               << nameOf(operand.get())
               << "', of which each microbatch has only its own part";
    }
  return success();
}

FailureOr<PlannedProgram> PlannedProgram::read(func::FuncOp function,
                                               const Mesh &mesh) {
  PlannedProgram program;
  program.mesh = mesh;
  program.function = function;
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  for (Operation &op : function.getBody().front().without_terminator())
    if (!isConstant(&op) && failed(program.readOp(&op)))
      return failure();
  std::vector<PlannedOp> sorted;
  for (Segment segment : allSegments)
    for (PlannedOp &op : program.ops)
      if (op.segment == segment)
        sorted.push_back(std::move(op));
  program.ops = std::move(sorted);
  for (auto [index, op] : llvm::enumerate(program.ops))
    program.indexOf[op.op] = index;
  for (OpOperand &result :
       function.getBody().front().getTerminator()->getOpOperands())
    if (auto updates = function.getResultAttrOfType<IntegerAttr>(
            result.getOperandNumber(), names::updates))
      program.updates[updates.getInt()] = result.get();
  if (failed(program.readStates()) || failed(program.checkNames()) ||
      failed(program.checkUses()))
    return failure();
  return program;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

const PlannedOp *PlannedProgram::producerOf(Value value) const {
  Operation *op = value.getDefiningOp();
  auto it = op ? indexOf.find(op) : indexOf.end();
  return it == indexOf.end() ? nullptr : &ops[it->second];
}

const Layout &PlannedProgram::stateOf(Value value) const {
  return states.find(value)->second;
}

std::string PlannedProgram::nameOf(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    auto name = getFunction().getArgAttrOfType<StringAttr>(
        argument.getArgNumber(), names::name);
    return name ? name.getValue().str()
                : "arg" + std::to_string(argument.getArgNumber());
  }
  auto result = cast<OpResult>(value);
  std::string name = nameOfOp(result.getOwner()).str();
  if (result.getOwner()->getNumResults() > 1)
    name += "#" + std::to_string(result.getResultNumber());
  return name;
}

std::optional<ArgumentRole>
PlannedProgram::roleOf(BlockArgument argument) const {
  auto role = getFunction().getArgAttrOfType<RoleAttr>(argument.getArgNumber(),
                                                       names::role);
  return role ? std::optional(role.getValue()) : std::nullopt;
}

bool PlannedProgram::isState(BlockArgument argument) const {
  std::optional<ArgumentRole> role = roleOf(argument);
  return role && colossal::isState(*role);
}

bool PlannedProgram::isWritten(BlockArgument argument) const {
  return updates.contains(argument.getArgNumber());
}

int64_t PlannedProgram::ownerOf(BlockArgument argument) const {
  if (auto stage = getFunction().getArgAttrOfType<IntegerAttr>(
          argument.getArgNumber(), names::stage))
    return stage.getInt();
  if (auto it = updates.find(argument.getArgNumber()); it != updates.end())
    if (const PlannedOp *producer = producerOf(it->second))
      return producer->stage;
  std::optional<int64_t> first;
  for (Operation *user : argument.getUsers())
    if (auto it = indexOf.find(user); it != indexOf.end())
      first = std::min(first.value_or(ops[it->second].stage),
                       ops[it->second].stage);
  return first.value_or(0);
}
