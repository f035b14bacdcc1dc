//===- RMSprop.cpp - A mean of squares ------------------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &settings,
                                          int64_t) {
  SmallVector<OptimizerState> states = {{"square_avg"}};
  if (settings["momentum"] != 0.0)
    states.push_back({"momentum_buffer"});
  if (settings["centered"] != 0.0)
    states.push_back({"grad_avg"});
  return states;
}

static void update(UpdateBuilder &u) {
  double alpha = u.settings["alpha"], momentum = u.settings["momentum"];
  bool centered = u.settings["centered"] != 0.0;
  SmallVector<UpdateTensor> operands = {u.parameter, u.gradient};
  operands.append(u.states);
  operands.append(u.scalars);
  auto updated = u.compute(
      "rmsprop", operands, u.whole, 1 + u.states.size(),
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(u.type(), value); };
        Value p = in[0], g = withDecay(s, in[1], p, u.weightDecay);
        Value square = s.add(s.mul(in[2], number(alpha)),
                             s.mul(s.mul(g, g), number(1.0 - alpha)));
        Value variance = square, average;
        if (centered) {
          average =
              interpolate(s, in[1 + u.states.size()], g, number(1.0 - alpha));
          // The mean of squares less the square of the mean, which rounding
          // can leave below 0: there PyTorch's update is NaN.
          variance = s.maximum(s.sub(square, s.mul(average, average)),
                               s.zero(u.type()));
        }
        Value direction = s.div(g, s.add(s.create<math::SqrtOp>(variance),
                                         number(u.settings["eps"])));
        SmallVector<Value> updated = {Value(), square};
        if (momentum != 0.0) {
          direction = s.add(s.mul(in[3], number(momentum)), direction);
          updated.push_back(direction);
        }
        if (centered)
          updated.push_back(average);
        updated[0] = s.sub(p, s.mul(in.back(), direction));
        return updated;
      });
  u.finish(updated[0], ArrayRef(updated).drop_front());
}

const OptimizerRule &colossal::rmspropRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-2},
      {"alpha", 0.99, SettingRange::UpToOne},
      {"eps", 1e-8},
      {"weight-decay", 0.0},
      {"momentum", 0.0, SettingRange::BelowOne},
      {"centered", 0.0, SettingRange::Switch},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "rmsprop", "torch.optim.RMSprop", settings, states,
      rateAlone, neverUsesStep,         update};
  return rule;
}
