//===- Control.cpp - Scripted control flow --------------------------------===//

#include "Control.h"
#include "Colossal/IR/ControlOps.h"
#include "Colossal/IR/Locations.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Iterations of one loop: each is ops of the program.
static constexpr int64_t kMaxIterations = 4096;

/// "cannot normalize 'prim::If' in module path 'm' (model.py:3): ".
static InFlightDiagnostic report(Operation *op, StringRef kind,
                                 StringRef name) {
  std::string line = sourceLineOf(op->getLoc());
  InFlightDiagnostic error = emitError(op->getLoc());
  error << "cannot normalize '" << kind << "' in ";
  if (name.contains('/'))
    error << "module path '" << name.rsplit('/').first << "'";
  else
    error << "the root module";
  if (!line.empty())
    error << " (" << line << ")";
  error << ": ";
  return error;
}

/// A region that ends in an exception, as an assertion's does.
static bool raises(Region &region) {
  return llvm::any_of(region.front(), [](Operation &op) {
    auto aten = dyn_cast<AtenOp>(op);
    return aten && aten.getSchema() == "prim::RaiseException";
  });
}

/// Whether the condition holds. What data decide is decided here only where one
/// way is an exception: a step that would end in it has no meaning.
static FailureOr<bool> decide(Interpreter &state, AtenIfOp op) {
  const Item &condition = state.lookup(op.getCondition());
  if (std::optional<Scalar> number = state.numberOf(condition))
    return number->asBool();
  bool first = raises(op.getThenRegion()), second = raises(op.getElseRegion());
  if (first != second)
    return second;
  return report(op, "prim::If", op.getName())
         << "the condition depends on data, but which way is compiled must "
            "follow from constants, sizes and types: compute both ways and "
            "choose with torch.where";
}

static FailureOr<Operation *> resolve(Interpreter &state, AtenIfOp op) {
  FailureOr<bool> holds = decide(state, op);
  if (failed(holds))
    return failure();
  Block &chosen = (*holds ? op.getThenRegion() : op.getElseRegion()).front();
  Operation *yield = chosen.getTerminator();
  for (auto [result, value] : llvm::zip(op.getResults(), yield->getOperands()))
    result.replaceAllUsesWith(value);
  op->getBlock()->getOperations().splice(std::next(op->getIterator()),
                                         chosen.getOperations(), chosen.begin(),
                                         yield->getIterator());
  Operation *next = op->getNextNode();
  op->erase();
  return next;
}

/// Copies iteration `first` in front of the loop, which goes on with the next.
static Operation *takeIteration(AtenLoopOp op) {
  OpBuilder builder(op);
  IRMapping mapping;
  Block &body = op.getBody().front();
  int64_t number = op.getFirst();
  auto constant = AtenConstantOp::create(
      builder, op.getLoc(), AnyType::get(op.getContext()),
      builder.getI64IntegerAttr(number), UnitAttr());
  mapping.map(body.getArgument(0), constant.getResult());
  for (auto [argument, value] :
       llvm::zip(body.getArguments().drop_front(), op.getCarried()))
    mapping.map(argument, value);
  for (Operation &inner : body.without_terminator()) {
    Operation *copy = builder.clone(inner, mapping);
    // Names are unique, and the ops of one name are one composite.
    copy->walk([&](Operation *named) {
      if (auto name = named->getAttrOfType<StringAttr>("name"))
        named->setAttr("name", builder.getStringAttr(name.getValue() + "." +
                                                     Twine(number)));
    });
  }
  Operation *yield = body.getTerminator();
  op.getMoreMutable().assign(mapping.lookupOrDefault(yield->getOperand(0)));
  SmallVector<Value> carried;
  for (Value value : yield->getOperands().drop_front())
    carried.push_back(mapping.lookupOrDefault(value));
  op.getCarriedMutable().assign(carried);
  op.setFirst(number + 1);
  return constant;
}

static FailureOr<Operation *> resolve(Interpreter &state, AtenLoopOp op) {
  std::optional<Scalar> count = state.numberOf(state.lookup(op.getCount()));
  bool isOver = count && int64_t(op.getFirst()) >= count->asInteger();
  std::optional<Scalar> more;
  if (!isOver)
    more = state.numberOf(state.lookup(op.getMore()));
  if (!isOver && (!count || !more))
    return report(op, "prim::Loop", op.getName())
           << "how often it runs depends on data, but must follow from "
              "constants, sizes and types";
  if (isOver || !more->asBool()) {
    op->replaceAllUsesWith(op.getCarried());
    Operation *next = op->getNextNode();
    op->erase();
    return next;
  }
  if (int64_t(op.getFirst()) == kMaxIterations)
    return report(op, "prim::Loop", op.getName())
           << "it runs more than " << kMaxIterations
           << " times, each of which becomes ops of the program: expected "
              "tensors with a dimension for it";
  return takeIteration(op);
}

FailureOr<Operation *> normalize::resolveControl(Interpreter &state,
                                                 Operation *op) {
  if (auto choice = dyn_cast<AtenIfOp>(op))
    return resolve(state, choice);
  if (auto loop = dyn_cast<AtenLoopOp>(op))
    return resolve(state, loop);
  return nullptr;
}
