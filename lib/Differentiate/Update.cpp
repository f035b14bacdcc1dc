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

  Value clip(MutableArrayRef<Trained> trained, Value clipNorm);
  void update(Trained &trained, const Controls &controls);
  void keepGradient(Trained &trained);

private:
  using Body =
      llvm::function_ref<SmallVector<Value>(ScalarBuilder &, ValueRange)>;
  GenericOp generic(const Twine &name, const IdentitySpace &space,
                    ValueRange operands, ArrayRef<IndexMapAttr> maps,
                    ArrayRef<Type> types, ArrayRef<IndexMapAttr> resultMaps,
                    StringRef belongsTo, Body body);
  Value sumOfScalars(ArrayRef<Value> values, const Twine &name);
  /// What the rule computes from rate and step: once for all parameters with
  /// the same numbers.
  ArrayRef<Value> scalarsOf(const Trained &trained, const Controls &controls);

  OpBuilder &builder;
  MLIRContext *context;
  const OptimizerOptions &options;
  IndexMapAttr scalar;
  std::map<std::string, SmallVector<Value>> scalars;
  Value coefficient; ///< of clipping, or null
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
Value Update::sumOfScalars(ArrayRef<Value> values, const Twine &name) {
  constexpr size_t most = 16;
  std::string base = name.str();
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
          sumName, {}, part, maps, {builder.getF32Type()}, {scalar}, "clip",
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

/// The coefficient min(1, clip / (norm + 1e-6)) of clip_grad_norm_.
Value Update::clip(MutableArrayRef<Trained> trained, Value clipNorm) {
  Type f32 = builder.getF32Type();
  SmallVector<Value> squares;
  for (Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    IdentitySpace space = identitySpaceOf(entry.gradient);
    for (FactorAttr &factor : space.factors)
      factor = FactorAttr::get(context, factor.getName(), factor.getBound(),
                               FactorKind::Sum);
    squares.push_back(
        generic(entry.name + "/square_norm", space, {entry.gradient},
                {space.map}, {f32}, {scalar}, entry.name,
                [](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                  return {s.mul(in[0], in[0])};
                })
            .getOutputs()[0]);
  }
  Value total = sumOfScalars(squares, "clip/square_norm");
  GenericOp result =
      generic("clip/coefficient", {}, {total, clipNorm}, {scalar, scalar},
              {f32, f32}, {scalar, scalar}, "clip",
              [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                Value norm = s.create<math::SqrtOp>(in[0]);
                Value limit = s.cast(in[1], f32);
                Value ratio = s.div(limit, s.add(norm, s.constant(f32, 1e-6)));
                return {norm, s.minimum(ratio, s.one(f32))};
              });
  coefficient = result.getOutputs()[1];
  return result.getOutputs()[0];
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
  UpdateBuilder update(builder, *trained.settings, trained.name,
                       trained.parameter, trained.gradient, coefficient);
  update.weightDecay = trained.weightDecay;
  int64_t rank = cast<RankedTensorType>(trained.parameter.getType()).getRank();
  for (auto [state, value] : llvm::zip_equal(
           options.rule->states(*trained.settings, rank), trained.state))
    update.states.push_back({value, update.mapOf(state.extent)});
  for (Value value : scalarsOf(trained, controls))
    update.scalars.push_back({value, scalar});
  options.rule->update(update);
  trained.updated = std::move(update.updated);
}

/// In the update, once per step, where the gradient is complete.
void Update::keepGradient(Trained &trained) {
  IdentitySpace space = identitySpaceOf(trained.parameter);
  GenericOp op = generic(
      trained.name + "/keep_gradient", space, {trained.gradient}, {space.map},
      {getElementTypeOrSelf(trained.gradient.getType())}, {space.map},
      trained.name, [](ScalarBuilder &, ValueRange in) -> SmallVector<Value> {
        return {in[0]};
      });
  trained.updated.push_back(op.getOutputs()[0]);
}

Value colossal::appendUpdate(OpBuilder &builder,
                             MutableArrayRef<Trained> trained,
                             const Controls &controls,
                             const OptimizerOptions &options) {
  Update update(builder, options);
  Value norm;
  if (controls.clipNorm)
    norm = update.clip(trained, controls.clipNorm);
  for (Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    update.update(entry, controls);
    if (options.keepGradients)
      update.keepGradient(entry);
  }
  return norm;
}
