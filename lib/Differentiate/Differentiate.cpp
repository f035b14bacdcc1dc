//===- Differentiate.cpp - From @forward to @train_step -------------------===//

#include "Backward.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/Passes.h"
#include "Colossal/Transforms/RoundedSum.h"
#include "KeptDerivatives.h"
#include "SharedTerms.h"
#include "Update.h"
#include "WideSums.h"
#include "colossal/Differentiate/Gradient.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Normalize/ControlArgument.h"
#include "colossal/Support/Message.h"
#include "colossal/Support/SkippedStep.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_DIFFERENTIATEPASS
#include "colossal/Differentiate/Passes.h.inc"
} // namespace colossal

namespace {

/// Collects the results of the new function with their attributes.
struct Results {
  Builder &builder;
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> attributes;

  void add(Value value, StringRef attribute, Attribute content) {
    values.push_back(value);
    attributes.push_back(
        builder.getDictionaryAttr({builder.getNamedAttr(attribute, content)}));
  }
};

struct NewState {
  Type type;
  std::string name;
  double initial;
};

class TrainStep {
public:
  TrainStep(func::FuncOp function, const OptimizerOptions &options)
      : function(function), options(options), builder(function.getContext()),
        results{builder, {}, {}} {}
  LogicalResult run();

private:
  LogicalResult collectParameters();
  void collectWrittenBuffers();
  /// Says which parameters get no gradient.
  void nameUntrained();
  /// New states of the optimizer, all at once: every change of a function's
  /// arguments goes over all of them.
  SmallVector<Value> addStates(ArrayRef<NewState> states);
  void addStates();
  /// The loss scale and its count of good steps, where it is dynamic.
  void addScale();
  Controls addControls();
  void addUpdate();
  void addWrittenBuffers();
  void finish(StringRef name);
  /// A new argument's value as an updated result.
  void addUpdatedResult(Value value, Value argument);

  func::FuncOp function;
  const OptimizerOptions &options;
  OpBuilder builder;
  Results results;
  SmallVector<Trained> trained;
  ScaleState scale;
  /// Buffers that the model writes: (new value, argument).
  SmallVector<std::pair<Value, BlockArgument>> written;
};

} // namespace

/// Every result of @forward has its place in the step: the loss, the new value
/// of a buffer, or an output of the model that training has no use for.
void TrainStep::collectWrittenBuffers() {
  Operation *terminator = function.front().getTerminator();
  for (unsigned i = 0, e = function.getNumResults(); i < e; ++i)
    if (auto updates =
            function.getResultAttrOfType<IntegerAttr>(i, names::updates))
      written.push_back(
          {terminator->getOperand(i), function.getArgument(updates.getInt())});
}

LogicalResult TrainStep::collectParameters() {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  auto isTensor = llvm::IsaPred<RankedTensorType>;
  Type loss = function.getNumResults() > 0
                  ? function.getResultTypes()[0]
                  : NoneType::get(function.getContext());
  if (!isTensor(loss) || cast<RankedTensorType>(loss).getRank() != 0)
    return function.emitError("found a result of type ")
           << loss
           << ", expected a scalar loss: give --loss (cross-entropy, mse or "
              "bce) for a loss of what forward returns, or let forward return "
              "a loss, such as a mean";
  for (BlockArgument argument : function.getArguments()) {
    auto role = function.getArgAttrOfType<RoleAttr>(argument.getArgNumber(),
                                                    names::role);
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                      names::name);
    if (!role || !name)
      return function.emitError("argument ")
             << argument.getArgNumber() << " has no colossal.role and name";
    if (!isTensor(argument.getType()))
      return function.emitError("argument '")
             << name.getValue() << "' has type " << argument.getType()
             << ", expected a tensor";
    if (role.getValue() != ArgumentRole::Parameter)
      continue;
    trained.emplace_back();
    trained.back().name = name.getValue().str();
    trained.back().parameter = argument;
  }
  return success();
}

void TrainStep::nameUntrained() {
  std::vector<std::string> names;
  for (Trained &entry : trained)
    if (!entry.gradient)
      names.push_back("'" + entry.name + "'");
  if (names.empty())
    return;
  bool isOne = names.size() == 1;
  function.emitWarning("the loss does not depend on the ")
      << (isOne ? "parameter " : "parameters ") << firstFew(names)
      << (isOne ? ": it stays as it is" : ": they stay as they are");
}

SmallVector<Value> TrainStep::addStates(ArrayRef<NewState> states) {
  unsigned first = function.getNumArguments();
  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  for (const NewState &state : states) {
    types.push_back(state.type);
    attributes.push_back(builder.getDictionaryAttr(
        {builder.getNamedAttr(
             names::role,
             RoleAttr::get(builder.getContext(), ArgumentRole::Optimizer)),
         builder.getNamedAttr(names::name, builder.getStringAttr(state.name)),
         builder.getNamedAttr(
             names::source,
             builder.getDictionaryAttr({builder.getNamedAttr(
                 "fill", builder.getF64FloatAttr(state.initial))}))}));
  }
  (void)function.insertArguments(
      SmallVector<unsigned>(states.size(), first), types, attributes,
      SmallVector<Location>(states.size(), builder.getUnknownLoc()));
  return llvm::to_vector_of<Value>(function.getArguments().drop_front(first));
}

void TrainStep::addUpdatedResult(Value value, Value argument) {
  results.add(
      value, names::updates,
      builder.getI64IntegerAttr(cast<BlockArgument>(argument).getArgNumber()));
}

void TrainStep::addStates() {
  if (!options.rule)
    return;
  SmallVector<NewState> states;
  SmallVector<Trained *> owners;
  for (Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    auto type = cast<RankedTensorType>(entry.parameter.getType());
    for (const OptimizerState &state :
         options.rule->states(*entry.settings, type.getRank())) {
      states.push_back(
          {RankedTensorType::get(shapeOfState(type.getShape(), state.extent),
                                 type.getElementType()),
           (entry.name + "#" + state.name).str(), state.initial});
      owners.push_back(&entry);
    }
  }
  for (auto [owner, state] : llvm::zip_equal(owners, addStates(states)))
    owner->state.push_back(state);
}

void TrainStep::addScale() {
  if (!options.rule || !options.lossScale.isDynamic())
    return;
  auto scalar = [](Type type) { return RankedTensorType::get({}, type); };
  SmallVector<Value> added = addStates(
      {{scalar(builder.getF32Type()), "grad_scaler#scale",
        options.lossScale.initial},
       {scalar(builder.getI32Type()), "grad_scaler#growth_tracker", 0.0}});
  scale.scale = added[0];
  scale.goodSteps = added[1];
}

Controls TrainStep::addControls() {
  Controls controls;
  bool needsStep = false;
  for (Trained &entry : trained) {
    if (!entry.gradient || !options.rule)
      continue;
    if (Value &rate = controls.rates[entry.rate]; !rate)
      rate = controlArgument(function, entry.rate);
    needsStep |= options.rule->usesStep(*entry.settings);
  }
  if (needsStep)
    controls.step = controlArgument(
        function, options.skipsSteps() ? kOptimizerStepControl : "step");
  if (options.clipNorm)
    controls.clipNorm =
        controlArgument(function, "clip_norm", *options.clipNorm);
  return controls;
}

void TrainStep::addUpdate() {
  addStates();
  SmallVector<Value> kept(trained.size());
  if (options.keepGradients) {
    SmallVector<NewState> states;
    for (Trained &entry : trained)
      if (entry.gradient)
        states.push_back(
            {entry.parameter.getType(), entry.name + "#grad", 0.0});
    SmallVector<Value> added = addStates(states);
    auto next = added.begin();
    for (auto [entry, argument] : llvm::zip_equal(trained, kept))
      if (entry.gradient)
        argument = *next++;
  }
  Controls controls = addControls();
  UpdateMetrics metrics = appendUpdate(builder, results.values.front(), trained,
                                       controls, scale, options);
  if (metrics.norm)
    results.add(metrics.norm, names::metric,
                builder.getStringAttr("grad_norm"));
  if (metrics.skipped)
    results.add(metrics.skipped, names::metric,
                builder.getStringAttr(kSkippedMetric));
  if (metrics.scale) {
    results.add(metrics.scale, names::metric,
                builder.getStringAttr(kLossScaleMetric));
    addUpdatedResult(scale.updated[0], scale.scale);
    addUpdatedResult(scale.updated[1], scale.goodSteps);
  }
  for (Trained &entry : trained) {
    if (!entry.gradient || !options.rule)
      continue;
    addUpdatedResult(entry.updated[0], entry.parameter);
    for (auto [state, updated] :
         llvm::zip(entry.state, ArrayRef<Value>(entry.updated).drop_front()))
      addUpdatedResult(updated, state);
  }
  for (auto [entry, argument] : llvm::zip(trained, kept))
    if (argument)
      addUpdatedResult(entry.updated.back(), argument);
}

/// State changes in the update, once per step, also where the model computes
/// the new value in forward: there it may be a sum that grows from microbatch
/// to microbatch.
void TrainStep::addWrittenBuffers() {
  for (auto [value, buffer] : written) {
    auto name = function.getArgAttrOfType<StringAttr>(buffer.getArgNumber(),
                                                      names::name);
    IdentitySpace space = identitySpaceOf(value);
    GenericOp op = createGeneric(
        builder, value.getLoc(), (name.getValue() + "/write").str(),
        space.factors, {value}, {space.map},
        {getElementTypeOrSelf(value.getType())}, {space.map},
        [](OpBuilder &, ValueRange in) -> SmallVector<Value> {
          return {in[0]};
        });
    op.setPass(Segment::Update);
    op.setForwardOfAttr(name);
    addUpdatedResult(op.getOutputs()[0], buffer);
  }
}

void TrainStep::finish(StringRef name) {
  Operation *terminator = function.front().getTerminator();
  terminator->setOperands(results.values);
  function.setFunctionType(builder.getFunctionType(
      function.getArgumentTypes(), ValueRange(results.values).getTypes()));
  function.setAllResultAttrs(results.attributes);
  function.setName(name);
}

LogicalResult TrainStep::run() {
  if (failed(collectParameters()))
    return failure();
  if (options.rule && failed(assignGroups(function, trained, options)))
    return failure();
  collectWrittenBuffers();
  SmallVector<Value> parameters;
  for (Trained &entry : trained)
    parameters.push_back(entry.parameter);
  addScale();
  bool isFixed = options.lossScale.kind == LossScale::Kind::Fixed;
  FailureOr<SmallVector<Value>> gradients =
      appendBackward(function, 0, parameters, scale.scale,
                     options.rule && isFixed ? options.lossScale.initial : 1.0);
  if (failed(gradients))
    return failure();
  for (auto [entry, gradient] : llvm::zip(trained, *gradients)) {
    entry.gradient = gradient;
    if (gradient)
      gradient.getDefiningOp<FactoredOp>().setGradientOfAttr(
          builder.getStringAttr(entry.name));
  }
  nameUntrained();
  builder.setInsertionPoint(function.front().getTerminator());
  results.add(function.front().getTerminator()->getOperand(0), names::metric,
              builder.getStringAttr("loss"));
  if (!options.rule && !options.keepGradients) {
    for (Trained &entry : trained)
      if (entry.gradient)
        results.add(entry.gradient, names::name,
                    builder.getStringAttr(entry.name + "#grad"));
    addWrittenBuffers();
    finish("gradients");
  } else {
    addUpdate();
    addWrittenBuffers();
    finish("train_step");
  }
  dropGivenDerivatives(function);
  // Before casts are inlined into what uses them.
  keepWideSums(function);
  keepProductsWide(function);
  roundSumsAtTheEnd(function);
  fuseElementwise(function);
  keepDerivatives(function);
  shareTerms(function);
  return refineFactors(function);
}

LogicalResult colossal::differentiate(ModuleOp module,
                                      const OptimizerOptions &options) {
  auto function = module.lookupSymbol<func::FuncOp>("forward");
  if (!function)
    return module.emitError("found no function @forward to differentiate");
  return TrainStep(function, options).run();
}

namespace {
struct Differentiate : colossal::impl::DifferentiatePassBase<Differentiate> {
  using DifferentiatePassBase::DifferentiatePassBase;
  void runOnOperation() override {
    std::vector<std::string> texts;
    for (StringRef group : llvm::split(groups, ';'))
      if (!group.empty())
        texts.push_back(group.str());
    llvm::Expected<OptimizerOptions> options =
        OptimizerOptions::parse(optimizer, texts);
    if (!options) {
      getOperation().emitError(llvm::toString(options.takeError()));
      return signalPassFailure();
    }
    if (!(clipNorm >= 0.0)) {
      getOperation().emitError("found clip-norm ")
          << double(clipNorm) << ", expected a number of at least 0";
      return signalPassFailure();
    }
    if (clipNorm > 0.0)
      options->clipNorm = clipNorm;
    options->skipNonfinite = skipNonfinite;
    llvm::Expected<LossScale> scale = LossScale::parse(lossScale);
    if (!scale) {
      getOperation().emitError(llvm::toString(scale.takeError()));
      return signalPassFailure();
    }
    options->lossScale = *scale;
    if (llvm::Error error = options->parseGradientReduction(reduceGradients)) {
      getOperation().emitError(llvm::toString(std::move(error)));
      return signalPassFailure();
    }
    options->keepGradients = keepGradients;
    if (failed(differentiate(getOperation(), *options)))
      signalPassFailure();
  }
};
} // namespace
