//===- SGD.cpp - Stochastic gradient descent with momentum ----------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static bool usesStep(const OptimizerSettings &settings) {
  return settings["momentum"] != 0.0 && settings["dampening"] != 0.0;
}

/// The rate, and with dampening the weight of the gradient in the buffer: the
/// first gradient becomes the buffer as it is.
static SmallVector<Value> scalars(ScalarBuilder &s,
                                  const OptimizerSettings &settings, Value rate,
                                  Value step) {
  if (!step)
    return {rate};
  Type f64 = step.getType();
  Value isFirst = s.compare(Relation::LessEqual, step, s.one(f64));
  return {rate, s.select(isFirst, s.one(f64),
                         s.constant(f64, 1.0 - settings["dampening"]))};
}

static void update(UpdateBuilder &u) {
  double momentum = u.settings["momentum"];
  bool nesterov = u.settings["nesterov"] != 0.0;
  SmallVector<UpdateTensor> operands = {u.parameter, u.gradient};
  operands.append(u.states);
  operands.append(u.scalars);
  size_t rate = 2 + u.states.size();
  auto updated = u.compute(
      "sgd", operands, u.whole, 1 + u.states.size(),
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value p = in[0], g = withDecay(s, in[1], p, u.weightDecay);
        if (momentum == 0.0)
          return {s.sub(p, s.mul(in[rate], g))};
        Value factor = s.constant(u.type(), momentum);
        Value added = u.scalars.size() > 1 ? s.mul(g, in[rate + 1]) : g;
        Value buffer = s.add(s.mul(in[2], factor), added);
        Value direction = nesterov ? s.add(g, s.mul(buffer, factor)) : buffer;
        return {s.sub(p, s.mul(in[rate], direction)), buffer};
      });
  u.finish(updated[0], ArrayRef(updated).drop_front());
}

static std::string conflict(const OptimizerSettings &settings) {
  if (settings["nesterov"] == 0.0)
    return "";
  if (settings["momentum"] == 0.0)
    return "found 'nesterov' without momentum, expected momentum= with a "
           "number above 0";
  if (settings["dampening"] != 0.0)
    return "found 'nesterov' with dampening, expected dampening=0";
  return "";
}

const OptimizerRule &colossal::sgdRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-3},
      {"momentum", 0.0, SettingRange::BelowOne},
      {"dampening", 0.0, SettingRange::UpToOne},
      {"nesterov", 0.0, SettingRange::Switch},
      {"weight-decay", 0.0},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "sgd",   "torch.optim.SGD", settings, momentumBuffer,
      scalars, usesStep,          update,   conflict};
  return rule;
}
