//===- Lion.cpp - The sign of an interpolated momentum --------------------===//
//
// Chen et al., Symbolic Discovery of Optimization Algorithms (2023), algorithm
// 2. The sign of 0 is 0.
//
//===----------------------------------------------------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &, int64_t) {
  return {{"exp_avg"}};
}

static Value signOf(ScalarBuilder &s, Value x) {
  Type type = x.getType();
  Value zero = s.zero(type);
  Value negative =
      s.select(s.compare(Relation::Less, x, zero), s.constant(type, -1.0), x);
  return s.select(s.compare(Relation::Greater, x, zero), s.one(type), negative);
}

static void update(UpdateBuilder &u) {
  auto updated = u.compute(
      "lion", {u.parameter, u.gradient, u.states[0], u.scalars[0]}, u.whole, 2,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto weight = [&](StringRef beta) {
          return s.constant(u.type(), 1.0 - u.settings[beta]);
        };
        Value p = in[0], g = in[1], m = in[2], rate = in[3];
        Value direction = signOf(s, interpolate(s, m, g, weight("beta1")));
        p = decayed(s, p, rate, u.weightDecay);
        return {s.sub(p, s.mul(rate, direction)),
                interpolate(s, m, g, weight("beta2"))};
      });
  u.finish(updated[0], {updated[1]});
}

const OptimizerRule &colossal::lionRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-4},
      {"beta1", 0.9, SettingRange::BelowOne},
      {"beta2", 0.99, SettingRange::BelowOne},
      {"weight-decay", 0.0},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {"lion", "Chen et al. 2023", settings,
                                     states, rateAlone,          neverUsesStep,
                                     update};
  return rule;
}
