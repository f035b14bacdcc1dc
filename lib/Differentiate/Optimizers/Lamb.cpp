//===- Lamb.cpp - Adam with a rate for each parameter ---------------------===//
//
// You et al., Large Batch Optimization for Deep Learning: Training BERT in 76
// minutes (2020), algorithm 2, with the identity as scaling function: Adam's
// direction (with decay) is scaled by the norm of the parameter over its own.
// Where either is 0 it is not scaled.
//
//===----------------------------------------------------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &, int64_t) {
  return {{"exp_avg"}, {"exp_avg_sq"}};
}

/// lr, 1 / (1 - beta1^t), sqrt(1 - beta2^t).
static SmallVector<Value> scalars(ScalarBuilder &s,
                                  const OptimizerSettings &settings, Value rate,
                                  Value step) {
  Value one = s.one(rate.getType());
  Value root =
      s.create<math::SqrtOp>(biasCorrection(s, settings["beta2"], step));
  return {rate, s.div(one, biasCorrection(s, settings["beta1"], step)), root};
}

/// The direction and the new states.
static SmallVector<UpdateTensor> directionOf(UpdateBuilder &u) {
  SmallVector<UpdateTensor> operands = {u.parameter, u.gradient};
  operands.append(u.states);
  operands.append({u.scalars[1], u.scalars[2]});
  return u.compute(
      "lamb", operands, u.whole, 3,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(u.type(), value); };
        double beta1 = u.settings["beta1"], beta2 = u.settings["beta2"];
        Value p = in[0], g = in[1], m = in[2], v = in[3];
        m = interpolate(s, m, g, number(1.0 - beta1));
        v = s.add(s.mul(v, number(beta2)),
                  s.mul(s.mul(g, g), number(1.0 - beta2)));
        Value denominator = s.add(s.div(s.create<math::SqrtOp>(v), in[5]),
                                  number(u.settings["eps"]));
        Value direction = s.div(s.mul(m, in[4]), denominator);
        return {withDecay(s, direction, p, u.weightDecay), m, v};
      });
}

static void update(UpdateBuilder &u) {
  auto direction = directionOf(u);
  auto squares = sumsOfSquares(u, u.parameter, direction[0]);
  auto rate = u.compute(
      "trust", {squares[0], squares[1], u.scalars[0]}, u.single, 1,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value zero = s.zero(u.type());
        Value isScaled =
            s.logicalAnd(s.compare(Relation::Greater, in[0], zero),
                         s.compare(Relation::Greater, in[1], zero));
        Value ratio =
            s.div(s.create<math::SqrtOp>(in[0]), s.create<math::SqrtOp>(in[1]));
        return {s.mul(in[2], s.select(isScaled, ratio, s.one(u.type())))};
      });
  auto updated =
      u.compute("step", {u.parameter, direction[0], rate[0]}, u.whole, 1,
                [](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                  return {s.sub(in[0], s.mul(in[2], in[1]))};
                });
  u.finish(updated[0], ArrayRef(direction).drop_front());
}

const OptimizerRule &colossal::lambRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-3},
      {"beta1", 0.9, SettingRange::BelowOne},
      {"beta2", 0.999, SettingRange::BelowOne},
      {"eps", 1e-6},
      {"weight-decay", 0.0},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {"lamb", "You et al. 2020", settings,
                                     states, scalars,           alwaysUsesStep,
                                     update};
  return rule;
}
