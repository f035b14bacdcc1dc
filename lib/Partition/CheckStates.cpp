//===- CheckStates.cpp - Shardings fit, from argument to result -----------===//
//
// Local programs carry shardings on arguments, results and receives only. In
// between they are computed: a factored op tells by its local factors what
// its operands must be and what its results are, a collective changes them. A
// dropped, doubled or misdirected collective shows as an op whose operand is
// not what it must be.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "Colossal/IR/Combiner.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {
/// One end of a link.
struct LinkEnd {
  Layout state;
  Type type;
  Segment segment;
  DictionaryAttr attributes;
  Location loc;
};

class StateCheck {
public:
  explicit StateCheck(const PartitionedModule &module)
      : module(module), mesh(module.mesh) {}

  LogicalResult run();

private:
  void checkFunction(const LocalFunction &local);
  void checkFactored(FactoredOp op);
  void checkTuples(FactoredOp op, ArrayRef<SubDim> subs);
  void checkCollective(Operation *op);
  void checkResults(const LocalFunction &local);
  void checkLinkedArgument(const LinkEnd &end, int64_t group, StringRef name);

  /// The axes that the terms of a local factor name; checks the arithmetic.
  FailureOr<SubDim> subDimOf(FactoredOp op, FactorAttr factor);
  void need(Operation *op, Value value, const Layout &expected);
  void define(Operation *op, Value value, const Layout &state);
  InFlightDiagnostic fail(Location loc) {
    ok = false;
    return emitError(loc);
  }

  const PartitionedModule &module;
  const Mesh &mesh;
  bool ok = true;
  llvm::DenseMap<Value, Layout> states;
  /// By device group and name.
  std::map<std::pair<int64_t, std::string>, LinkEnd> links, stored;
};
} // namespace

static StringRef nameOfOp(Operation *op) {
  if (auto name = op->getAttrOfType<StringAttr>("name"))
    return name.getValue();
  return op->getName().getStringRef();
}

void StateCheck::need(Operation *op, Value value, const Layout &expected) {
  auto it = states.find(value);
  if (it == states.end() || it->second.agreesWith(expected))
    return;
  InFlightDiagnostic diagnostic =
      fail(op->getLoc()) << "'" << nameOfOp(op) << "' needs its operand as "
                         << expected.toString(mesh) << ", found it as "
                         << it->second.toString(mesh);
  diagnostic.attachNote(value.getLoc()) << "the operand is defined here";
}

void StateCheck::define(Operation *op, Value value, const Layout &state) {
  auto type = cast<RankedTensorType>(value.getType());
  std::vector<int64_t> shape = state.localShape(mesh);
  if (ArrayRef<int64_t>(shape) != type.getShape())
    fail(op->getLoc()) << "'" << nameOfOp(op) << "' has type " << type
                       << ", expected the local shape ["
                       << ArrayRef<int64_t>(shape) << "] of "
                       << state.toString(mesh);
  states[value] = state;
}

FailureOr<SubDim> StateCheck::subDimOf(FactoredOp op, FactorAttr factor) {
  SubDim sub{factor.getExtent(), {}};
  for (AxisTermAttr term : factor.getTerms()) {
    std::optional<unsigned> axis = mesh.find(term.getAxis().getValue());
    if (!axis || mesh.axes[*axis].size != term.getSize() ||
        llvm::is_contained(sub.axes, *axis)) {
      fail(op->getLoc()) << "factor '" << factor.getName() << "' of '"
                         << op.getFactoredName() << "' is cut over '"
                         << term.getAxis().getValue() << "' (" << term.getSize()
                         << "), expected distinct axes of the mesh";
      return failure();
    }
    sub.axes.push_back(*axis);
  }
  int64_t stride = sub.bound(mesh);
  bool fits = stride == factor.getBound();
  for (AxisTermAttr term : llvm::reverse(factor.getTerms())) {
    fits &= term.getStride() == stride;
    stride *= term.getSize();
  }
  if (!fits) {
    fail(op->getLoc()) << "factor '" << factor.getName() << "' of '"
                       << op.getFactoredName() << "' has bound "
                       << factor.getBound() << ", expected bound and strides "
                       << "from " << sub.bound(mesh)
                       << ", the ceiling of its part of " << factor.getExtent();
    return failure();
  }
  return sub;
}

/// Whether the factor keeps the ranks' parts apart and does nothing else: no
/// operand has it, and no scalar asks for it.
static bool isPartFactor(FactoredOp op, unsigned number, const SubDim &sub) {
  bool isUsed = false;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    isUsed |= op.getOperandMap(i).uses(number);
  StringRef name = op.getFactorList()[number].getName();
  op->getRegion(0).walk(
      [&](IndexOp index) { isUsed |= index.getFactor() == name; });
  return !isUsed && !sub.axes.empty();
}

/// Tuples of a part of the iterations: a dimension of each result keeps the
/// parts of all ranks apart, or nothing could be done with them.
void StateCheck::checkTuples(FactoredOp op, ArrayRef<SubDim> subs) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  auto keepsApart = [&](unsigned axis) {
    for (auto [number, sub] : llvm::enumerate(subs))
      if (factors[number].isParallel() && llvm::is_contained(sub.axes, axis))
        return sub.size == mesh.sizeOf(sub.axes) &&
               isPartFactor(op, number, sub);
    return false;
  };
  for (auto [factor, sub] : llvm::zip(factors, subs)) {
    if (factor.isParallel())
      continue;
    for (unsigned axis : sub.axes)
      if (!keepsApart(axis))
        fail(op->getLoc())
            << "'" << op.getFactoredName() << "' combines by '"
            << stringifyFactorKind(factor.getKind()) << "' a part of '"
            << factor.getName() << "' on each coordinate of '"
            << mesh.axes[axis].name
            << "', expected a dimension of the results that keeps them apart";
  }
}

void StateCheck::checkFactored(FactoredOp op) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<SubDim> subs;
  for (FactorAttr factor : factors) {
    FailureOr<SubDim> sub = subDimOf(op, factor);
    if (failed(sub))
      return;
    subs.push_back(*sub);
  }
  if (isTuple(op))
    checkTuples(op, subs);
  SmallVector<std::pair<unsigned, ArrayRef<int64_t>>> linear;
  if (AxesAttr axes = op.getAxesAttr())
    for (AxisUseAttr use : axes.getUses())
      if (std::optional<unsigned> axis = mesh.find(use.getAxis().getValue());
          use.isLinear() && axis && mesh.axes[*axis].size > 1)
        linear.push_back({*axis, use.getOperands()});
  auto stateOf = [&](IndexMapAttr map) {
    std::vector<std::vector<int64_t>> structure;
    for (DimAttr dim : map.getDims()) {
      std::vector<int64_t> &sizes = structure.emplace_back();
      for (SubDimAttr sub : dim.getSubDims())
        sizes.push_back(sub.isPlain() ? factors[sub.getFactor()].getExtent()
                                      : sub.getBound());
    }
    Layout state = Layout::whole(structure);
    unsigned flat = 0;
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      if (sub.isPlain())
        state.subDims[flat] = subs[sub.getFactor()];
      ++flat;
    });
    return state;
  };
  bool once = false;
  if (auto function = op->getParentOfType<func::FuncOp>())
    once = !isPerMicrobatch(
        function->getAttrOfType<SegmentAttr>(names::segment).getValue());
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    Layout expected = stateOf(op.getOperandMap(i));
    for (auto &[axis, operands] : linear)
      if (llvm::is_contained(operands, int64_t(i)) &&
          !(once && axis == mesh.timeAxis()))
        expected.setPartial(axis, Combiner::Sum);
    need(op, op->getOperand(i), expected);
  }
  for (unsigned i = 0; i < op->getNumResults(); ++i) {
    IndexMapAttr map = op.getResultMap(i);
    Layout state = stateOf(map);
    for (auto [index, sub] : llvm::enumerate(subs))
      if (!map.uses(index) && !(isTuple(op) && !factors[index].isParallel()))
        for (unsigned axis : sub.axes)
          state.setPartial(axis, factors[index].isParallel()
                                     ? Combiner::Sum
                                     : combinerOf(factors[index].getKind()));
    for (auto &[axis, operands] : linear)
      if (!(once && axis == mesh.timeAxis()))
        state.setPartial(axis, Combiner::Sum);
    define(op, op->getResult(i), state);
  }
}

void StateCheck::checkCollective(Operation *op) {
  auto it = states.find(op->getOperand(0));
  if (it == states.end())
    return;
  std::string error;
  FailureOr<Layout> after = applyCollective(op, it->second, mesh, error);
  if (failed(after)) {
    InFlightDiagnostic diagnostic = fail(op->getLoc())
                                    << "'" << nameOfOp(op) << "': " << error;
    diagnostic.attachNote(op->getOperand(0).getLoc())
        << "the operand is defined here";
    return;
  }
  define(op, op->getResult(0), *after);
}

void StateCheck::checkLinkedArgument(const LinkEnd &end, int64_t group,
                                     StringRef name) {
  auto it = links.find({group, name.str()});
  if (it == links.end()) {
    fail(end.loc) << "found no earlier segment of device group " << group
                  << " that produces the linked value '" << name << "'";
    return;
  }
  const LinkEnd &source = it->second;
  bool perMicrobatch = end.attributes.contains(names::perMicrobatch);
  bool accumulated = source.attributes.contains(names::accumulate);
  Layout expected = source.state;
  if (!isPerMicrobatch(end.segment))
    expected = expected.without(mesh.timeAxis());
  std::string fault;
  if (source.type != end.type)
    fault = "types differ";
  else if (perMicrobatch != source.attributes.contains(names::perMicrobatch))
    fault = "one end is per microbatch";
  else if (perMicrobatch && !isPerMicrobatch(end.segment))
    fault = "a segment that runs once reads one of many";
  else if (accumulated && isPerMicrobatch(end.segment))
    fault = "it is complete only after the last microbatch";
  else if (!isPerMicrobatch(end.segment) && !accumulated &&
           (source.state.partialOver(mesh.timeAxis()) ||
            source.state.cutBy(mesh.timeAxis()) >= 0))
    fault = "it is a part for each microbatch and is not accumulated";
  else if (!expected.agreesWith(end.state))
    fault = "found " + end.state.toString(mesh) + ", expected " +
            expected.toString(mesh);
  if (fault.empty())
    return;
  InFlightDiagnostic diagnostic = fail(end.loc) << "the ends of link '" << name
                                                << "' do not fit: " << fault;
  diagnostic.attachNote(source.loc) << "the value is produced here";
}

void StateCheck::checkResults(const LocalFunction &local) {
  auto [segment, group, function] = local;
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    unsigned index = operand.getOperandNumber();
    DictionaryAttr attributes = function.getResultAttrDict(index);
    if (!attributes)
      attributes = DictionaryAttr::get(function.getContext());
    std::string error;
    FailureOr<Layout> state = readLayout(attributes, mesh, error);
    if (failed(state)) {
      fail(function.getLoc()) << "result " << index << " of '"
                              << function.getName() << "': " << error;
      continue;
    }
    need(terminator, operand.get(), *state);
    LinkEnd end{*state, operand.get().getType(), segment.kind, attributes,
                operand.get().getLoc()};
    if (auto name = attributes.getAs<StringAttr>(names::link)) {
      auto [it, isNew] = links.try_emplace({group, name.getValue().str()}, end);
      if (!isNew) {
        InFlightDiagnostic diagnostic =
            fail(end.loc) << "link '" << name.getValue() << "' of device group "
                          << group << " is produced twice";
        diagnostic.attachNote(it->second.loc) << "the first time here";
      }
    } else if (auto name = attributes.getAs<StringAttr>(names::updates)) {
      auto it = stored.find({group, name.getValue().str()});
      if (it == stored.end())
        fail(end.loc) << "found a new value of '" << name.getValue()
                      << "', which device group " << group << " does not hold";
      else if (!it->second.state.agreesWith(*state) ||
               it->second.type != end.type)
        fail(end.loc) << "state '" << name.getValue() << "' is stored as "
                      << it->second.state.toString(mesh)
                      << ", found its new value as " << state->toString(mesh);
    } else if (auto name = attributes.getAs<StringAttr>(names::metric)) {
      if (!state->without(mesh.timeAxis()).isReplicated())
        fail(end.loc) << "metric '" << name.getValue()
                      << "' must be complete on every rank, found it as "
                      << state->toString(mesh);
    } else if (auto name = attributes.getAs<StringAttr>(names::output)) {
      if (!state->partial.empty())
        fail(end.loc) << "output '" << name.getValue()
                      << "' must be complete, found it as "
                      << state->toString(mesh);
    } else {
      fail(function.getLoc())
          << "result " << index << " of '" << function.getName()
          << "' is no link, no updated state, no metric and no output";
    }
  }
}

void StateCheck::checkFunction(const LocalFunction &local) {
  auto [segment, group, function] = local;
  for (BlockArgument argument : function.getArguments()) {
    DictionaryAttr attributes =
        function.getArgAttrDict(argument.getArgNumber());
    if (!attributes)
      attributes = DictionaryAttr::get(function.getContext());
    std::string error;
    FailureOr<Layout> state = readLayout(attributes, mesh, error);
    if (failed(state)) {
      fail(function.getLoc())
          << "argument " << argument.getArgNumber() << " of '"
          << function.getName() << "': " << error;
      continue;
    }
    define(function, argument, *state);
    LinkEnd end{*state, argument.getType(), segment.kind, attributes,
                argument.getLoc()};
    if (auto link = attributes.getAs<StringAttr>(names::link)) {
      checkLinkedArgument(end, group, link.getValue());
      continue;
    }
    auto role = attributes.getAs<RoleAttr>(names::role);
    auto name = attributes.getAs<StringAttr>(names::name);
    if (!role || !name) {
      fail(function.getLoc())
          << "argument " << argument.getArgNumber() << " of '"
          << function.getName() << "' is neither linked nor has a role";
      continue;
    }
    if (!isState(role.getValue()))
      continue;
    auto [it, isNew] = stored.try_emplace({group, name.getValue().str()}, end);
    if (!isNew && !it->second.state.agreesWith(*state)) {
      InFlightDiagnostic diagnostic =
          fail(end.loc) << "state '" << name.getValue() << "' is read as "
                        << state->toString(mesh) << " here";
      diagnostic.attachNote(it->second.loc)
          << "and as " << it->second.state.toString(mesh) << " here";
    }
  }
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (auto factored = dyn_cast<FactoredOp>(op)) {
      checkFactored(factored);
    } else if (auto receive = dyn_cast<RecvOp>(op)) {
      std::string error;
      FailureOr<Layout> state = readLayout(op.getAttrDictionary(), mesh, error);
      if (failed(state))
        fail(op.getLoc()) << "'" << nameOfOp(&op) << "': " << error;
      else
        define(&op, receive.getResult(), *state);
    } else if (isa<SendOp>(op)) {
      // Its receiver says in which state it expects the value.
    } else if (op.hasTrait<OpTrait::ConstantLike>()) {
      define(&op, op.getResult(0), wholeOf(op.getResult(0)));
    } else if (isa<AllReduceOp, AllGatherOp, ReduceScatterOp, ShardSliceOp,
                   ShardMaskOp, AllToAllOp>(op)) {
      checkCollective(&op);
    } else {
      fail(op.getLoc()) << "found op '" << op.getName()
                        << "' in a local program, expected factored ops, "
                           "collectives and transfers";
    }
  }
  checkResults(local);
}

LogicalResult StateCheck::run() {
  // In the order of a step: links are produced before use.
  for (const LocalFunction &function : module.functions)
    checkFunction(function);
  // Both ends of a transfer.
  std::map<std::pair<int64_t, int64_t>, std::pair<SendOp, int64_t>> sends;
  for (LocalFunction function : module.functions)
    for (SendOp send : function.op.getOps<SendOp>())
      sends.try_emplace({function.group, send.getTag()}, send, send.getPeer());
  for (LocalFunction function : module.functions)
    for (RecvOp receive : function.op.getOps<RecvOp>()) {
      auto send = sends.find({receive.getPeer(), receive.getTag()});
      auto state = states.find(receive.getResult());
      if (send == sends.end() || state == states.end())
        continue; // checkTransfers says so
      SendOp op = send->second.first;
      auto sent = states.find(op.getInput());
      if (sent == states.end() || sent->second.agreesWith(state->second))
        continue;
      InFlightDiagnostic diagnostic =
          fail(receive.getLoc()) << "'" << receive.getName() << "' receives "
                                 << state->second.toString(mesh) << ", but "
                                 << sent->second.toString(mesh) << " is sent";
      diagnostic.attachNote(op.getLoc()) << "sent here";
    }
  return success(ok);
}

LogicalResult
colossal::partition::checkStates(const PartitionedModule &module) {
  return StateCheck(module).run();
}
