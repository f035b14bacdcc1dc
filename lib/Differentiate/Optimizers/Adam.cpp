//===- Adam.cpp - Adam and AdamW ------------------------------------------===//
//
// They differ in weight decay: Adam adds it to the gradient, AdamW takes it off
// the parameter.
//
//===----------------------------------------------------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &settings,
                                          int64_t) {
  SmallVector<OptimizerState> states = {{"exp_avg"}, {"exp_avg_sq"}};
  if (settings["amsgrad"] != 0.0)
    states.push_back({"max_exp_avg_sq"});
  return states;
}

/// lr, lr / (1 - beta1^t), sqrt(1 - beta2^t).
static SmallVector<Value> scalars(ScalarBuilder &s,
                                  const OptimizerSettings &settings, Value rate,
                                  Value step) {
  Value stepSize = s.div(rate, biasCorrection(s, settings["beta1"], step));
  Value root =
      s.create<math::SqrtOp>(biasCorrection(s, settings["beta2"], step));
  return {rate, stepSize, root};
}

static void update(UpdateBuilder &u, StringRef name, bool isDecoupled) {
  bool amsgrad = u.settings["amsgrad"] != 0.0;
  SmallVector<UpdateTensor> operands = {u.parameter, u.gradient};
  operands.append(u.states);
  operands.append(u.scalars);
  auto updated = u.compute(
      name, operands, u.whole, 1 + u.states.size(),
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(u.type(), value); };
        double beta1 = u.settings["beta1"], beta2 = u.settings["beta2"];
        Value p = in[0], g = in[1], m = in[2], v = in[3];
        ValueRange scalars = in.drop_front(2 + u.states.size());
        if (isDecoupled)
          p = decayed(s, p, scalars[0], u.weightDecay);
        else
          g = withDecay(s, g, p, u.weightDecay);
        m = interpolate(s, m, g, number(1.0 - beta1));
        v = s.add(s.mul(v, number(beta2)),
                  s.mul(s.mul(g, g), number(1.0 - beta2)));
        SmallVector<Value> updated = {Value(), m, v};
        Value square = v;
        if (amsgrad) {
          square = s.maximum(in[4], v);
          updated.push_back(square);
        }
        Value root = s.div(s.create<math::SqrtOp>(square), scalars[2]);
        Value denominator = s.add(root, number(u.settings["eps"]));
        updated[0] = s.sub(p, s.mul(scalars[1], s.div(m, denominator)));
        return updated;
      });
  u.finish(updated[0], ArrayRef(updated).drop_front());
}

const OptimizerRule &colossal::adamRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-3},
      {"beta1", 0.9, SettingRange::BelowOne},
      {"beta2", 0.999, SettingRange::BelowOne},
      {"eps", 1e-8},
      {"weight-decay", 0.0},
      {"amsgrad", 0.0, SettingRange::Switch},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "adam",
      "torch.optim.Adam",
      settings,
      states,
      scalars,
      alwaysUsesStep,
      [](UpdateBuilder &u) { update(u, "adam", /*isDecoupled=*/false); }};
  return rule;
}

const OptimizerRule &colossal::adamwRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-3},
      {"beta1", 0.9, SettingRange::BelowOne},
      {"beta2", 0.999, SettingRange::BelowOne},
      {"eps", 1e-8},
      {"weight-decay", 0.01},
      {"amsgrad", 0.0, SettingRange::Switch},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "adamw",
      "torch.optim.AdamW",
      settings,
      states,
      scalars,
      alwaysUsesStep,
      [](UpdateBuilder &u) { update(u, "adamw", /*isDecoupled=*/true); }};
  return rule;
}
