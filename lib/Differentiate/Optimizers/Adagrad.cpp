//===- Adagrad.cpp - The sum of all squares so far ------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &settings,
                                          int64_t) {
  return {{"sum", StateExtent::Whole, settings["initial-accumulator-value"]}};
}

static bool usesStep(const OptimizerSettings &settings) {
  return settings["lr-decay"] != 0.0;
}

/// lr / (1 + (t - 1) lr-decay).
static SmallVector<Value> scalars(ScalarBuilder &s,
                                  const OptimizerSettings &settings, Value rate,
                                  Value step) {
  if (!step)
    return {rate};
  Value one = s.one(step.getType());
  Value decay = s.constant(step.getType(), settings["lr-decay"]);
  return {s.div(rate, s.add(one, s.mul(s.sub(step, one), decay)))};
}

static void update(UpdateBuilder &u) {
  auto updated = u.compute(
      "adagrad", {u.parameter, u.gradient, u.states[0], u.scalars[0]}, u.whole,
      2, [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value p = in[0], g = withDecay(s, in[1], p, u.weightDecay);
        Value sum = s.add(in[2], s.mul(g, g));
        Value denominator = s.add(s.create<math::SqrtOp>(sum),
                                  s.constant(u.type(), u.settings["eps"]));
        return {s.sub(p, s.mul(in[3], s.div(g, denominator))), sum};
      });
  u.finish(updated[0], {updated[1]});
}

const OptimizerRule &colossal::adagradRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-2},          {"lr-decay", 0.0},
      {"weight-decay", 0.0}, {"initial-accumulator-value", 0.0},
      {"eps", 1e-10},        {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "adagrad", "torch.optim.Adagrad", settings, states, scalars, usesStep,
      update};
  return rule;
}
