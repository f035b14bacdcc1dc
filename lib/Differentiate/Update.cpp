//===- Update.cpp - Clipping, numbers of the step, updates ----------------===//

#include "Update.h"
#include "Colossal/Transforms/FactorEditing.h"

using namespace mlir;
using namespace colossal;

namespace colossal {

class Update {
public:
  Update(OpBuilder &builder, const OptimizerOptions &options)
      : builder(builder), context(builder.getContext()), options(options),
        scalar(IndexMapAttr::get(context, {})) {}

  void unscale(const ScaleState &scale);
  Value clip(MutableArrayRef<Trained> trained, Value clipNorm);
  Value skip(ArrayRef<Trained> trained, Value loss, Value norm);
  void update(Trained &trained, const Controls &controls);
  void keepGradient(Trained &trained);
  /// Rounds the gradient to the type in which ranks add it up.
  void round(Trained &trained);
  /// Returns the scale of this step.
  Value rescale(ScaleState &scale);

private:
  using Body =
      llvm::function_ref<SmallVector<Value>(ScalarBuilder &, ValueRange)>;
  GenericOp generic(const Twine &name, const IdentitySpace &space,
                    ValueRange operands, ArrayRef<IndexMapAttr> maps,
                    ArrayRef<Type> types, ArrayRef<IndexMapAttr> resultMaps,
                    StringRef belongsTo, Body body);
  /// What `body` makes of an element of a gradient, which it sees unscaled.
  using GradientBody = llvm::function_ref<Value(ScalarBuilder &, Value)>;
  GenericOp ofGradient(const Trained &entry, StringRef what,
                       const IdentitySpace &space, Type type,
                       IndexMapAttr resultMap, GradientBody body);
  /// The sum over the elements of all gradients of what `body` makes of one.
  Value sumOverGradients(ArrayRef<Trained> trained, StringRef what,
                         StringRef name, GradientBody body);
  Value sumOfScalars(ArrayRef<Value> values, StringRef name);
  /// What the rule computes from rate and step: once for all parameters with
  /// the same numbers.
  ArrayRef<Value> scalarsOf(const Trained &trained, const Controls &controls);

  OpBuilder &builder;
  MLIRContext *context;
  const OptimizerOptions &options;
  IndexMapAttr scalar;
  std::map<std::string, SmallVector<Value>> scalars;
  // By which gradients are multiplied, or null.
  Value unscaling, clipping;
  Value skipped; ///< not 0: new values are the old ones; or null
};

} // namespace colossal

GenericOp Update::generic(const Twine &name, const IdentitySpace &space,
                          ValueRange operands, ArrayRef<IndexMapAttr> maps,
                          ArrayRef<Type> types,
                          ArrayRef<IndexMapAttr> resultMaps,
                          StringRef belongsTo, Body body) {
  Location loc =
      operands.empty() ? builder.getUnknownLoc() : operands.front().getLoc();
  GenericOp op =
      createGeneric(builder, loc, name.str(), space.factors, operands, maps,
                    types, resultMaps, [&](OpBuilder &inner, ValueRange in) {
                      ScalarBuilder s(inner, loc);
                      return body(s, in);
                    });
  op.setPass(Segment::Update);
  op.setForwardOf(belongsTo);
  return op;
}

/// Sums in groups of a few, so that parameters of one stage are added up there
/// and one scalar crosses to the next.
Value Update::sumOfScalars(ArrayRef<Value> values, StringRef name) {
  constexpr size_t most = 16;
  std::string base = name.str();
  std::string belongsTo = name.split('/').first.str();
  SmallVector<Value> level(values);
  for (unsigned number = 0;; ++number) {
    SmallVector<Value> next;
    bool last = level.size() <= most;
    for (size_t begin = 0; begin < level.size(); begin += most) {
      ArrayRef<Value> part = ArrayRef<Value>(level).slice(begin).take_front(
          std::min(most, level.size() - begin));
      SmallVector<IndexMapAttr> maps(part.size(), scalar);
      std::string sumName = base;
      if (!last)
        sumName += ".part" + std::to_string(number) + "." +
                   std::to_string(next.size());
      GenericOp sum = generic(
          sumName, {}, part, maps, {builder.getF32Type()}, {scalar}, belongsTo,
          [](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
            Value total = in[0];
            for (Value value : in.drop_front())
              total = s.add(total, value);
            return {total};
          });
      // A group of its own: the sums must not fuse into one.
      sum.setGroup(sumName);
      next.push_back(sum.getOutputs()[0]);
    }
    if (last)
      return next[0];
    level = next;
  }
}

GenericOp Update::ofGradient(const Trained &entry, StringRef what,
                             const IdentitySpace &space, Type type,
                             IndexMapAttr resultMap, GradientBody body) {
  SmallVector<Value> operands = {entry.gradient};
  SmallVector<IndexMapAttr> maps = {space.map};
  if (unscaling) {
    operands.push_back(unscaling);
    maps.push_back(scalar);
  }
  return generic(entry.name + "/" + what, space, operands, maps, {type},
                 {resultMap}, entry.name,
                 [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                   Type whole = getElementTypeOrSelf(entry.parameter.getType());
                   Value gradient = s.cast(in[0], whole);
                   if (unscaling)
                     gradient = s.mul(gradient, s.cast(in[1], whole));
                   return {body(s, gradient)};
                 });
}

Value Update::sumOverGradients(ArrayRef<Trained> trained, StringRef what,
                               StringRef name, GradientBody body) {
  SmallVector<Value> sums;
  for (const Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    IdentitySpace space = identitySpaceOf(entry.gradient);
    for (FactorAttr &factor : space.factors)
      factor = FactorAttr::get(context, factor.getName(), factor.getBound(),
                               FactorKind::Sum);
    sums.push_back(
        ofGradient(entry, what, space, builder.getF32Type(), scalar, body)
            .getOutputs()[0]);
  }
  return sumOfScalars(sums, name);
}

/// Not NaN and not infinite.
static Value isFinite(ScalarBuilder &s, Value value) {
  return s.compare(Relation::Less, s.create<math::AbsFOp>(value),
                   s.infinity(value.getType(), /*negative=*/false));
}

/// As GradScaler.unscale_: by the reciprocal, which is rounded once.
void Update::unscale(const ScaleState &scale) {
  const LossScale &given = options.lossScale;
  if (!given.isUsed())
    return;
  SmallVector<Value> operands;
  if (scale.scale)
    operands.push_back(scale.scale);
  SmallVector<IndexMapAttr> maps(operands.size(), scalar);
  Type f32 = builder.getF32Type(), f64 = builder.getF64Type();
  unscaling =
      generic("loss_scale/reciprocal", {}, operands, maps, {f32}, {scalar},
              "loss_scale",
              [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                if (in.empty())
                  return {s.constant(f32, 1.0 / given.initial)};
                return {s.cast(s.div(s.one(f64), s.cast(in[0], f64)), f32)};
              })
          .getOutputs()[0];
}

/// GradScaler.update: a scale that would be infinite does not grow.
Value Update::rescale(ScaleState &scale) {
  const LossScale &given = options.lossScale;
  Type f32 = builder.getF32Type(), f64 = builder.getF64Type(),
       i32 = builder.getI32Type();
  GenericOp op = generic(
      "loss_scale/update", {}, {scale.scale, scale.goodSteps, skipped},
      {scalar, scalar, scalar}, {f32, i32, f32}, {scalar, scalar, scalar},
      "loss_scale", [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value isBad = s.compare(Relation::NotEqual, in[2], s.zero(f32));
        Value wide = s.cast(in[0], f64);
        auto times = [&](double factor) {
          return s.cast(s.mul(wide, s.constant(f64, factor)), f32);
        };
        Value goodSteps = s.add(in[1], s.one(i32));
        Value isDue = s.compare(Relation::Equal, goodSteps,
                                s.integer(i32, given.interval));
        Value larger = times(given.growth);
        Value grown =
            s.select(s.logicalAnd(isDue, isFinite(s, larger)), larger, in[0]);
        Value next = s.select(isBad, times(given.backoff), grown);
        Value starts = s.logicalOr(isBad, isDue);
        return {next, s.select(starts, s.zero(i32), goodSteps), in[0]};
      });
  scale.updated.assign(op.getOutputs().begin(), op.getOutputs().begin() + 2);
  return op.getOutputs()[2];
}

/// The coefficient min(1, clip / (norm + 1e-6)) of clip_grad_norm_.
Value Update::clip(MutableArrayRef<Trained> trained, Value clipNorm) {
  Type f32 = builder.getF32Type();
  Value total = sumOverGradients(trained, "square_norm", "clip/square_norm",
                                 [](ScalarBuilder &s, Value gradient) -> Value {
                                   return s.mul(gradient, gradient);
                                 });
  GenericOp result =
      generic("clip/coefficient", {}, {total, clipNorm}, {scalar, scalar},
              {f32, f32}, {scalar, scalar}, "clip",
              [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                Value norm = s.create<math::SqrtOp>(in[0]);
                Value limit = s.cast(in[1], f32);
                Value ratio = s.div(limit, s.add(norm, s.constant(f32, 1e-6)));
                return {norm, s.minimum(ratio, s.one(f32))};
              });
  clipping = result.getOutputs()[1];
  return result.getOutputs()[0];
}

/// 1 where the loss or a gradient is not finite, else 0. The norm, where there
/// is one, says all about the gradients. Else their elements are counted: a
/// sum, because parts of sums flow through sums, and one collective adds up
/// those of all parameters.
Value Update::skip(ArrayRef<Trained> trained, Value loss, Value norm) {
  Type f32 = builder.getF32Type();
  Value measure =
      norm ? norm
           : sumOverGradients(trained, "not_finite", "skip/not_finite",
                              [&](ScalarBuilder &s, Value gradient) -> Value {
                                return s.select(isFinite(s, gradient),
                                                s.zero(f32), s.one(f32));
                              });
  skipped = generic("skip/decision", {}, {loss, measure}, {scalar, scalar},
                    {f32}, {scalar}, "skip",
                    [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                      Value isGood =
                          norm ? isFinite(s, in[1])
                               : s.compare(Relation::Equal, in[1], s.zero(f32));
                      return {s.select(s.logicalAnd(isFinite(s, in[0]), isGood),
                                       s.zero(f32), s.one(f32))};
                    })
                .getOutputs()[0];
  return skipped;
}

ArrayRef<Value> Update::scalarsOf(const Trained &trained,
                                  const Controls &controls) {
  const OptimizerSettings &settings = *trained.settings;
  auto [known, isNew] =
      scalars.try_emplace(trained.rate + " " + settings.textWithoutDecay());
  if (!isNew)
    return known->second;
  SmallVector<Value> operands = {controls.rates.lookup(trained.rate)};
  if (options.rule->usesStep(settings))
    operands.push_back(controls.step);
  SmallVector<IndexMapAttr> maps(operands.size(), scalar);
  // How many there are is known when they are written.
  Block scratch;
  OpBuilder trial(context);
  trial.setInsertionPointToStart(&scratch);
  auto write = [&](ScalarBuilder &s, ValueRange in) {
    SmallVector<Value> numbers = options.rule->scalars(
        s, settings, in[0], in.size() > 1 ? in[1] : Value());
    for (Value &number : numbers)
      number = s.cast(number, builder.getF32Type());
    return numbers;
  };
  for (size_t i = 0; i < operands.size(); ++i)
    scratch.addArgument(builder.getF64Type(), builder.getUnknownLoc());
  ScalarBuilder counting(trial, builder.getUnknownLoc());
  size_t count = write(counting, scratch.getArguments()).size();
  std::string name = "optimizer/scalars";
  if (scalars.size() > 1)
    name += "." + std::to_string(scalars.size() - 1);
  SmallVector<Type> types(count, builder.getF32Type());
  SmallVector<IndexMapAttr> results(count, scalar);
  GenericOp op =
      generic(name, {}, operands, maps, types, results, "optimizer", write);
  known->second.assign(op.getOutputs().begin(), op.getOutputs().end());
  return known->second;
}

void Update::update(Trained &trained, const Controls &controls) {
  SmallVector<Value> coefficients;
  for (Value coefficient : {unscaling, clipping})
    if (coefficient)
      coefficients.push_back(coefficient);
  UpdateBuilder update(builder, *trained.settings, trained.name,
                       trained.parameter, trained.gradient, coefficients);
  update.weightDecay = trained.weightDecay;
  int64_t rank = cast<RankedTensorType>(trained.parameter.getType()).getRank();
  for (auto [state, value] : llvm::zip_equal(
           options.rule->states(*trained.settings, rank), trained.state))
    update.states.push_back({value, update.mapOf(state.extent)});
  for (Value value : scalarsOf(trained, controls))
    update.scalars.push_back({value, scalar});
  options.rule->update(update);
  if (skipped)
    update.keepWhere(skipped);
  trained.updated = std::move(update.updated);
}

/// In the update, once per step, where the gradient is complete.
void Update::keepGradient(Trained &trained) {
  IdentitySpace space = identitySpaceOf(trained.parameter);
  GenericOp op = ofGradient(
      trained, "keep_gradient", space,
      getElementTypeOrSelf(trained.parameter.getType()), space.map,
      [](ScalarBuilder &, Value gradient) -> Value { return gradient; });
  trained.updated.push_back(op.getOutputs()[0]);
}

/// A sum over ranks of rounded numbers is linear in them, so a plan may add up
/// what is rounded. It stays a value of its own: else it would be read, and
/// added up, as it was before.
void Update::round(Trained &trained) {
  Type narrow = options.gradientReduction == "f16"
                    ? Type(builder.getF16Type())
                    : Type(builder.getBF16Type());
  if (getElementTypeOrSelf(trained.gradient.getType())
          .getIntOrFloatBitWidth() <= narrow.getIntOrFloatBitWidth())
    return;
  IdentitySpace space = identitySpaceOf(trained.gradient);
  GenericOp op = generic(
      trained.name + "/gradient." + options.gradientReduction, space,
      {trained.gradient}, {space.map}, {narrow}, {space.map}, trained.name,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        return {s.cast(in[0], narrow)};
      });
  op.setKeep(true);
  trained.gradient = op.getOutputs()[0];
}

UpdateMetrics colossal::appendUpdate(OpBuilder &builder, Value loss,
                                     MutableArrayRef<Trained> trained,
                                     const Controls &controls,
                                     ScaleState &scale,
                                     const OptimizerOptions &options) {
  Update update(builder, options);
  UpdateMetrics metrics;
  if (!options.gradientReduction.empty())
    for (Trained &entry : trained)
      if (entry.gradient)
        update.round(entry);
  update.unscale(scale);
  if (controls.clipNorm)
    metrics.norm = update.clip(trained, controls.clipNorm);
  if (options.skipsSteps())
    metrics.skipped = update.skip(trained, loss, metrics.norm);
  if (scale.scale)
    metrics.scale = update.rescale(scale);
  for (Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    if (options.rule)
      update.update(entry, controls);
    if (options.keepGradients)
      update.keepGradient(entry);
  }
  return metrics;
}
