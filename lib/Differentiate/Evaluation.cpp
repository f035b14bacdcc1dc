//===- Evaluation.cpp - From @forward to @evaluate ------------------------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/Passes.h"
#include "Colossal/Transforms/RoundedSum.h"
#include "WideSums.h"
#include "colossal/Differentiate/Gradient.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Support/Message.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_EVALUATIONPASS
#include "colossal/Differentiate/Passes.h.inc"
} // namespace colossal

static bool isLoss(func::FuncOp function, unsigned result) {
  auto type = dyn_cast<RankedTensorType>(function.getResultTypes()[result]);
  return result == 0 && type && type.getRank() == 0 &&
         isa<FloatType>(type.getElementType());
}

/// An output is the result of an op of its own: a model may return an argument,
/// a constant, or one value twice.
static Value copyOf(OpBuilder &builder, Value value, StringRef name) {
  IdentitySpace space = identitySpaceOf(value);
  GenericOp op = createGeneric(
      builder, value.getLoc(), name, space.factors, {value}, {space.map},
      {getElementTypeOrSelf(value.getType())}, {space.map},
      [](OpBuilder &, ValueRange in) -> SmallVector<Value> { return {in[0]}; });
  return op.getOutputs()[0];
}

/// The names that the model has no output of.
static LogicalResult checkNames(func::FuncOp function,
                                ArrayRef<std::string> wanted) {
  std::vector<std::string> known;
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    if (auto name = function.getResultAttrOfType<StringAttr>(i, names::output);
        name && !isLoss(function, i))
      known.push_back("'" + name.str() + "'");
  for (const std::string &name : wanted)
    if (!llvm::is_contained(known, "'" + name + "'"))
      return function.emitError("--outputs: found '")
             << name << "', expected one of what the model returns: "
             << (known.empty() ? "a loss alone" : firstFew(known));
  return success();
}

/// The loss is a metric, new values of buffers are dropped, everything else is
/// an output.
static LogicalResult chooseResults(func::FuncOp function,
                                   ArrayRef<std::string> wanted) {
  if (failed(checkNames(function, wanted)))
    return failure();
  Operation *terminator = function.front().getTerminator();
  OpBuilder builder(terminator);
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;
  auto add = [&](Value value, StringRef attribute, StringAttr name) {
    values.push_back(value);
    attributes.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr(attribute, name)}));
  };
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i) {
    Value value = terminator->getOperand(i);
    if (function.getResultAttr(i, names::updates))
      continue;
    auto name = function.getResultAttrOfType<StringAttr>(i, names::output);
    if (isLoss(function, i))
      add(value, names::metric, builder.getStringAttr("loss"));
    else if (name && !wanted.empty() &&
             !llvm::is_contained(wanted, name.getValue()))
      continue;
    else if (name)
      add(copyOf(builder, value, ("output/" + name.getValue()).str()),
          names::output, name);
    else
      return function.emitError("result ")
             << i << " has no '" << names::output
             << "', expected a program normalized with name-outputs";
  }
  if (values.empty())
    return function.emitError("returns nothing: expected a loss or an output "
                              "to evaluate");
  terminator->setOperands(values);
  function.setFunctionType(builder.getFunctionType(
      function.getArgumentTypes(), ValueRange(values).getTypes()));
  function.setAllResultAttrs(attributes);
  return success();
}

/// Ops and arguments that only a dropped result needed.
static void dropDead(func::FuncOp function) {
  Block &body = function.front();
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(body)))
    if (isOpTriviallyDead(&op))
      op.erase();
  llvm::BitVector dead(body.getNumArguments());
  for (BlockArgument argument : body.getArguments())
    if (argument.use_empty())
      dead.set(argument.getArgNumber());
  (void)function.eraseArguments(dead);
}

LogicalResult colossal::makeEvaluation(ModuleOp module,
                                       ArrayRef<std::string> outputs) {
  auto function = module.lookupSymbol<func::FuncOp>("forward");
  if (!function)
    return module.emitError("found no function @forward to evaluate");
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  if (failed(chooseResults(function, outputs)))
    return failure();
  dropDead(function);
  keepProductsWide(function);
  roundSumsAtTheEnd(function);
  for (FactoredOp op : function.front().getOps<FactoredOp>())
    op.setPass(Segment::Forward);
  function.setName("evaluate");
  dropGivenDerivatives(function);
  fuseElementwise(function);
  return refineFactors(function);
}

namespace {
struct Evaluation : colossal::impl::EvaluationPassBase<Evaluation> {
  using EvaluationPassBase::EvaluationPassBase;
  void runOnOperation() override {
    if (failed(makeEvaluation(getOperation())))
      signalPassFailure();
  }
};
} // namespace
