//===- Update.cpp - SGD, AdamW, clipping ----------------------------------===//
//
// As torch.optim.SGD and torch.optim.AdamW compute it, parameter by parameter.
// Scalars that depend on the step alone (bias corrections) are computed once,
// in f64, because 1 - beta2^step loses half of its digits in f32.
//
//===----------------------------------------------------------------------===//

#include "Update.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "colossal/Normalize/ScalarBuilder.h"

using namespace mlir;
using namespace colossal;

namespace {

class Update {
public:
  Update(OpBuilder &builder, const OptimizerOptions &options)
      : builder(builder), context(builder.getContext()), options(options),
        scalar(IndexMapAttr::get(context, {})) {}

  Value clip(MutableArrayRef<Trained> trained, Value clipNorm);
  Value sumOfScalars(ArrayRef<Value> values, const Twine &name);
  void makeScalars(const Controls &controls);
  void adamw(Trained &trained);
  void sgd(Trained &trained);

private:
  using Body =
      llvm::function_ref<SmallVector<Value>(ScalarBuilder &, ValueRange)>;
  GenericOp generic(const Twine &name, const IdentitySpace &space,
                    ValueRange operands, ArrayRef<IndexMapAttr> maps,
                    ArrayRef<Type> types, ArrayRef<IndexMapAttr> resultMaps,
                    StringRef belongsTo, Body body);
  double decayOf(Value parameter) const;

  OpBuilder &builder;
  MLIRContext *context;
  const OptimizerOptions &options;
  IndexMapAttr scalar;
  /// learning rate; for AdamW also lr / (1 - beta1^t) and sqrt(1 - beta2^t).
  SmallVector<Value> scalars;
  Value coefficient; ///< of clipping, or null
};

} // namespace

double Update::decayOf(Value parameter) const {
  int64_t rank = cast<RankedTensorType>(parameter.getType()).getRank();
  return rank < options.noDecayRank ? 0.0 : options.weightDecay;
}

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

void Update::makeScalars(const Controls &controls) {
  Type f32 = builder.getF32Type(), f64 = builder.getF64Type();
  if (options.kind == OptimizerOptions::Kind::SGD) {
    scalars = {
        generic("optimizer/scalars", {}, {controls.learningRate}, {scalar},
                {f32}, {scalar}, "optimizer",
                [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                  return {s.cast(in[0], f32)};
                })
            .getOutputs()[0]};
    return;
  }
  GenericOp op = generic(
      "optimizer/scalars", {}, {controls.learningRate, controls.step},
      {scalar, scalar}, {f32, f32, f32}, {scalar, scalar, scalar}, "optimizer",
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto correction = [&](double beta) {
          Value power = s.create<math::PowFOp>(s.constant(f64, beta), in[1]);
          return s.sub(s.one(f64), power);
        };
        Value stepSize = s.div(in[0], correction(options.beta1));
        Value root = s.create<math::SqrtOp>(correction(options.beta2));
        return {s.cast(in[0], f32), s.cast(stepSize, f32), s.cast(root, f32)};
      });
  scalars.assign(op.getOutputs().begin(), op.getOutputs().end());
}

void Update::adamw(Trained &trained) {
  IdentitySpace space = identitySpaceOf(trained.parameter);
  Type type =
      cast<RankedTensorType>(trained.parameter.getType()).getElementType();
  SmallVector<Value> operands = {trained.parameter, trained.gradient,
                                 trained.state[0], trained.state[1]};
  SmallVector<IndexMapAttr> maps(4, space.map);
  auto addScalar = [&](Value value) {
    operands.push_back(value);
    maps.push_back(scalar);
  };
  for (Value value : scalars)
    addScalar(value);
  if (coefficient)
    addScalar(coefficient);
  double decay = decayOf(trained.parameter);
  SmallVector<Type> types(options.keepGradients ? 4 : 3, type);
  SmallVector<IndexMapAttr> results(types.size(), space.map);
  GenericOp op = generic(
      trained.name + "/adamw", space, operands, maps, types, results,
      trained.name, [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(type, value); };
        Value p = in[0], g = in[1], m = in[2], v = in[3];
        Value rate = in[4], stepSize = in[5], root = in[6];
        if (coefficient)
          g = s.mul(g, in[7]);
        if (decay != 0.0)
          p = s.sub(p, s.mul(p, s.mul(rate, number(decay))));
        m = s.add(m, s.mul(s.sub(g, m), number(1.0 - options.beta1)));
        v = s.add(s.mul(v, number(options.beta2)),
                  s.mul(s.mul(g, g), number(1.0 - options.beta2)));
        Value denominator = s.add(s.div(s.create<math::SqrtOp>(v), root),
                                  number(options.epsilon));
        p = s.sub(p, s.mul(stepSize, s.div(m, denominator)));
        SmallVector<Value> updated = {p, m, v};
        if (options.keepGradients)
          updated.push_back(in[1]);
        return updated;
      });
  trained.updated.assign(op.getOutputs().begin(), op.getOutputs().end());
}

void Update::sgd(Trained &trained) {
  IdentitySpace space = identitySpaceOf(trained.parameter);
  Type type =
      cast<RankedTensorType>(trained.parameter.getType()).getElementType();
  bool momentum = options.momentum != 0.0;
  SmallVector<Value> operands = {trained.parameter, trained.gradient};
  operands.append(trained.state);
  SmallVector<IndexMapAttr> maps(operands.size(), space.map);
  operands.push_back(scalars[0]);
  maps.push_back(scalar);
  if (coefficient) {
    operands.push_back(coefficient);
    maps.push_back(scalar);
  }
  double decay = decayOf(trained.parameter);
  SmallVector<Type> types(1 + momentum + options.keepGradients, type);
  SmallVector<IndexMapAttr> results(types.size(), space.map);
  GenericOp op = generic(
      trained.name + "/sgd", space, operands, maps, types, results,
      trained.name, [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(type, value); };
        Value p = in[0], g = in[1];
        Value rate = in[momentum ? 3 : 2];
        if (coefficient)
          g = s.mul(g, in.back());
        if (decay != 0.0)
          g = s.add(g, s.mul(p, number(decay)));
        SmallVector<Value> updated;
        Value direction = g;
        if (momentum) {
          Value buffer = s.add(s.mul(in[2], number(options.momentum)), g);
          direction = options.nesterov
                          ? s.add(g, s.mul(buffer, number(options.momentum)))
                          : buffer;
          updated.push_back(buffer);
        }
        updated.insert(updated.begin(), s.sub(p, s.mul(rate, direction)));
        if (options.keepGradients)
          updated.push_back(in[1]);
        return updated;
      });
  trained.updated.assign(op.getOutputs().begin(), op.getOutputs().end());
}

SmallVector<StringRef> colossal::stateNames(const OptimizerOptions &options) {
  switch (options.kind) {
  case OptimizerOptions::Kind::AdamW:
    return {"exp_avg", "exp_avg_sq"};
  case OptimizerOptions::Kind::SGD:
    if (options.momentum != 0.0)
      return {"momentum_buffer"};
    return {};
  case OptimizerOptions::Kind::None:
    return {};
  }
  llvm_unreachable("all kinds are handled");
}

Value colossal::appendUpdate(OpBuilder &builder,
                             MutableArrayRef<Trained> trained,
                             const Controls &controls,
                             const OptimizerOptions &options) {
  Update update(builder, options);
  Value norm;
  if (controls.clipNorm)
    norm = update.clip(trained, controls.clipNorm);
  update.makeScalars(controls);
  for (Trained &entry : trained) {
    if (!entry.gradient)
      continue;
    if (options.kind == OptimizerOptions::Kind::AdamW)
      update.adamw(entry);
    else
      update.sgd(entry);
  }
  return norm;
}
