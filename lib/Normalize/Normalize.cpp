//===- Normalize.cpp - From aten ops to factored ops ----------------------===//

#include "Colossal/IR/UnsignedByte.h"
#include "Complex.h"
#include "Constants.h"
#include "Control.h"
#include "EmptyValues.h"
#include "Join.h"
#include "OutsideLoss.h"
#include "Rows.h"
#include "colossal/Normalize/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {

struct NormalizePass
    : public PassWrapper<NormalizePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(NormalizePass)

  StringRef getArgument() const override { return "colossal-normalize"; }
  StringRef getDescription() const override {
    return "turn aten ops into factored ops with shapes and types";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<ColossalDialect>();
  }

  NormalizePass() = default;
  NormalizePass(std::optional<LossOptions> given, bool named)
      : chosen(std::move(given)) {
    namesOutputs = named;
  }
  NormalizePass(const NormalizePass &other)
      : PassWrapper(other), chosen(other.chosen) {
    namesOutputs = other.namesOutputs;
  }

  void runOnOperation() override {
    if (!loss.empty()) {
      llvm::Expected<LossOptions> parsed = LossOptions::parse(loss);
      if (!parsed) {
        getOperation().emitError(llvm::toString(parsed.takeError()));
        return signalPassFailure();
      }
      chosen = *parsed;
    }
    for (auto function : getOperation().getOps<func::FuncOp>())
      if (failed(normalizeFunction(function)) ||
          failed(checkContract(function)))
        return signalPassFailure();
  }

  LogicalResult normalizeFunction(func::FuncOp function);
  LogicalResult checkContract(func::FuncOp function);

  Option<std::string> loss{
      *this, "loss",
      llvm::cl::desc("train on a loss of the model's output: cross-entropy, "
                     "mse or bce (Normalize/Loss.h)")};
  Option<bool> namesOutputs{
      *this, "name-outputs",
      llvm::cl::desc("name what the model returns, and keep it beside a loss")};
  std::optional<LossOptions> chosen;
};

/// What @forward returns: tensors, and the path to each in what the model
/// returns, as `--loss output=` has it.
struct Results {
  SmallVector<Value> values;
  SmallVector<std::string> paths;

  void add(Value value, StringRef path) {
    values.push_back(value);
    paths.push_back(path.str());
  }
};

/// Appends the tensors that an item consists of.
LogicalResult collectResults(Interpreter &state, func::ReturnOp ret,
                             const Item &item, const std::string &path,
                             Results &results) {
  switch (item.kind) {
  case Item::Kind::List:
    for (auto [index, element] : llvm::enumerate(item.list))
      if (failed(collectResults(state, ret, element,
                                pathOfElement(item, index, path), results)))
        return failure();
    return success();
  case Item::Kind::Tensor:
    results.add(state.read(item.tensor), path);
    return success();
  case Item::Kind::Complex: {
    Value re = state.read(item.list[0].tensor),
          im = state.read(item.list[1].tensor);
    auto type = cast<RankedTensorType>(re.getType());
    GenericBuilder g(state.builder, ret.getLoc(), state.uniqueName("pairs"));
    results.add(stackOf(g, {re, im}, type.getRank(), type.getElementType()),
                path);
    return success();
  }
  case Item::Kind::None:
    if (!item.text.empty())
      return ret.emitError("the model returns ") << item.text;
    return success();
  case Item::Kind::Scalar: {
    GenericBuilder g(state.builder, ret.getLoc(), state.uniqueName("constant"));
    Type type = item.scalar.type;
    g.result(type, "[]");
    Value value = g.build([&](ScalarBuilder &s, ValueRange) {
      return item.scalar.isFloat() ? s.constant(type, item.scalar.real)
                                   : s.integer(type, item.scalar.integer);
    });
    results.add(value, path);
    return success();
  }
  case Item::Kind::Text:
    break;
  }
  return ret.emitError("the model returns a value that is no tensor");
}

bool isParameter(func::FuncOp function, BlockArgument argument) {
  auto role =
      function.getArgAttrOfType<RoleAttr>(argument.getArgNumber(), names::role);
  return role && role.getValue() == ArgumentRole::Parameter;
}

/// Removes arguments without a use but parameters, which are part of the state
/// whether the model reads them or not. The others' attributes stay in step.
void eraseDeadArguments(func::FuncOp function) {
  Block &body = function.getBody().front();
  llvm::BitVector dead(body.getNumArguments());
  for (BlockArgument argument : body.getArguments())
    if (argument.use_empty() && !isParameter(function, argument))
      dead.set(argument.getArgNumber());
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    if (auto updates =
            function.getResultAttrOfType<IntegerAttr>(i, names::updates)) {
      // A state that is overwritten unread stays an argument.
      dead.reset(updates.getInt());
    }
  SmallVector<int64_t> position;
  int64_t kept = 0;
  for (unsigned i = 0; i < dead.size(); ++i)
    position.push_back(dead.test(i) ? -1 : kept++);
  SmallVector<DictionaryAttr> attributes;
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i) {
    NamedAttrList own(function.getResultAttrDict(i));
    if (auto updates =
            function.getResultAttrOfType<IntegerAttr>(i, names::updates))
      own.set(names::updates,
              IntegerAttr::get(updates.getType(), position[updates.getInt()]));
    attributes.push_back(own.getDictionary(function.getContext()));
  }
  function.setAllResultAttrs(attributes);
  (void)function.eraseArguments(dead);
}

/// An argument of complex numbers becomes one of pairs, which lie in memory as
/// they do.
bool turnIntoPairs(BlockArgument argument) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  auto element =
      type ? dyn_cast<ComplexType>(type.getElementType()) : ComplexType();
  if (!element)
    return false;
  SmallVector<int64_t> shape(type.getShape());
  shape.push_back(2);
  argument.setType(RankedTensorType::get(shape, element.getElementType()));
  return true;
}

} // namespace

LogicalResult NormalizePass::normalizeFunction(func::FuncOp function) {
  if (function.isExternal())
    return success();
  Interpreter state(&getContext());
  Block &body = function.getBody().front();
  if (!llvm::hasSingleElement(function.getBody()))
    return function.emitError("found several blocks, expected one");
  llvm::SmallDenseSet<Value> complexArguments;
  for (BlockArgument argument : body.getArguments())
    if (turnIntoPairs(argument))
      complexArguments.insert(argument);
  function.setFunctionType(FunctionType::get(
      &getContext(), body.getArgumentTypes(), function.getResultTypes()));
  for (BlockArgument argument : body.getArguments()) {
    auto type = dyn_cast<RankedTensorType>(argument.getType());
    if (!type || !type.hasStaticShape() ||
        !(type.getElementType().isSignlessIntOrFloat() ||
          isUnsignedByte(type.getElementType()))) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                        names::name);
      return function.emitError("argument '")
             << (name ? name.getValue() : StringRef("?")) << "' has type "
             << argument.getType()
             << ", expected a tensor of floats, signed integers, ui8 or "
                "booleans "
                "with known sizes";
    }
    TensorRef tensor = state.fresh(argument, "argument", argument.getLoc());
    auto role = function.getArgAttrOfType<RoleAttr>(argument.getArgNumber(),
                                                    names::role);
    if (role && role.getValue() !=
                    ArgumentRole::Batch) // a written batch is of no concern
      tensor->storage->argument = argument.getArgNumber();
    state.bind(argument, complexArguments.contains(argument)
                             ? pairsToComplex(state, tensor, "argument",
                                              argument.getLoc())
                             : Item(tensor));
  }
  if (failed(checkSupported(function)))
    return failure();
  auto ret = cast<func::ReturnOp>(body.getTerminator());
  SmallVector<Operation *> old;
  for (Operation *op = &body.front(); op != ret;) {
    state.builder.setInsertionPoint(ret);
    FailureOr<Operation *> chosen = resolveControl(state, op);
    if (failed(chosen))
      return failure();
    if (*chosen) {
      op = *chosen;
      continue;
    }
    Operation *done = std::exchange(op, op->getNextNode());
    if (auto constant = dyn_cast<AtenConstantOp>(done)) {
      if (failed(interpretConstant(state, constant)))
        return failure();
    } else if (auto aten = dyn_cast<AtenOp>(done)) {
      if (failed(interpret(state, aten)))
        return failure();
    } else {
      continue;
    }
    old.push_back(done);
  }

  state.builder.setInsertionPoint(ret);
  Results results;
  if (chosen) {
    std::vector<Item> outputs;
    for (Value value : ret.getOperands())
      outputs.push_back(state.lookup(value));
    FailureOr<Item> outside = addOutsideLoss(state, function, outputs, *chosen);
    if (failed(outside) ||
        failed(collectResults(state, ret, *outside, "loss", results)))
      return failure();
    if (!namesOutputs)
      ret.getOperandsMutable().clear();
  }
  // A tuple is one result; a tensor alone is number 0 like that of a tuple.
  bool isOne =
      ret.getNumOperands() == 1 && state.lookup(ret.getOperand(0)).isList();
  for (auto [index, value] : llvm::enumerate(ret.getOperands())) {
    const Item &item = state.lookup(value);
    std::string path = isOne ? "" : std::to_string(index);
    if (item.isNone() && !isa<AnyType>(value.getType()))
      results.add(value, path); // was normalized before
    else if (failed(collectResults(state, ret, item, path, results)))
      return failure();
  }
  unsigned numResults = results.values.size();
  for (const std::shared_ptr<Storage> &storage : state.getWrittenArguments())
    results.add(storage->value, "");
  ret.getOperandsMutable().assign(results.values);
  function.setFunctionType(
      FunctionType::get(&getContext(), function.getArgumentTypes(),
                        ValueRange(results.values).getTypes()));
  SmallVector<NamedAttrList> attributes;
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    attributes.emplace_back(function.getResultAttrDict(i));
  for (auto [index, path] : llvm::enumerate(results.paths))
    if (namesOutputs && index < numResults)
      attributes[index].set(names::output, state.builder.getStringAttr(path));
  for (auto [index, storage] : llvm::enumerate(state.getWrittenArguments()))
    attributes[numResults + index].set(
        names::updates, state.builder.getI64IntegerAttr(storage->argument));
  SmallVector<DictionaryAttr> dictionaries;
  for (NamedAttrList &own : attributes)
    dictionaries.push_back(own.getDictionary(&getContext()));
  function.setAllResultAttrs(dictionaries);

  for (Operation *op : llvm::reverse(old))
    op->erase();
  removeEmptyValues(function);
  SmallVector<Operation *> made;
  for (Operation &op : body.without_terminator())
    made.push_back(&op);
  for (Operation *op : llvm::reverse(made))
    if (isOpTriviallyDead(op))
      op->erase();
  eraseDeadArguments(function);
  return state.selections.check(function);
}

LogicalResult NormalizePass::checkContract(func::FuncOp function) {
  llvm::StringSet<> seen;
  WalkResult walk = function.walk([&](Operation *op) {
    if (isa<AtenOp, AtenConstantOp>(op)) {
      op->emitError("an aten op is left after normalization");
      return WalkResult::interrupt();
    }
    if (llvm::any_of(op->getResultTypes(), llvm::IsaPred<AnyType>)) {
      op->emitError("a value without a type is left after normalization");
      return WalkResult::interrupt();
    }
    if (auto factored = dyn_cast<FactoredOp>(op))
      if (!seen.insert(factored.getFactoredName()).second) {
        op->emitError("two ops have the name '")
            << factored.getFactoredName() << "'";
        return WalkResult::interrupt();
      }
    return WalkResult::advance();
  });
  return failure(walk.wasInterrupted());
}

std::unique_ptr<Pass>
colossal::createNormalizePass(std::optional<LossOptions> loss,
                              bool namesOutputs) {
  return std::make_unique<NormalizePass>(std::move(loss), namesOutputs);
}

void colossal::registerNormalizePasses() { PassRegistration<NormalizePass>(); }
