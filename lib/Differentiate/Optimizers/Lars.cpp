//===- Lars.cpp - SGD with a rate for each parameter ----------------------===//
//
// You, Gitman and Ginsburg, arXiv:1708.03888 (2017),
// algorithm 1: the rate is scaled by trust |w| / (|g| + decay |w|), and by 1
// where a norm is 0. It goes into the buffer, so a schedule acts on it from
// step to step. `eps` is added to the denominator.
//
//===----------------------------------------------------------------------===//

#include "../OptimizerRule.h"

using namespace mlir;
using namespace colossal;

/// The learning rate of this parameter.
static UpdateTensor rateOf(UpdateBuilder &u) {
  auto squares = sumsOfSquares(u, u.parameter, u.gradient);
  return u.compute(
      "rate", {squares[0], squares[1], u.scalars[0]}, u.single, 1,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(u.type(), value); };
        Value zero = s.zero(u.type());
        Value isScaled =
            s.logicalAnd(s.compare(Relation::Greater, in[0], zero),
                         s.compare(Relation::Greater, in[1], zero));
        Value weight = s.create<math::SqrtOp>(in[0]);
        Value denominator = s.add(
            withDecay(s, s.create<math::SqrtOp>(in[1]), weight, u.weightDecay),
            number(u.settings["eps"]));
        Value ratio =
            s.div(s.mul(number(u.settings["trust-coefficient"]), weight),
                  denominator);
        return {s.mul(in[2], s.select(isScaled, ratio, s.one(u.type())))};
      })[0];
}

static void update(UpdateBuilder &u) {
  double momentum = u.settings["momentum"];
  SmallVector<UpdateTensor> operands = {u.parameter, u.gradient, rateOf(u)};
  operands.append(u.states);
  auto updated = u.compute(
      "lars", operands, u.whole, 1 + u.states.size(),
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value p = in[0];
        Value moved = s.mul(in[2], withDecay(s, in[1], p, u.weightDecay));
        if (momentum == 0.0)
          return {s.sub(p, moved)};
        Value buffer =
            s.add(s.mul(in[3], s.constant(u.type(), momentum)), moved);
        return {s.sub(p, buffer), buffer};
      });
  u.finish(updated[0], ArrayRef(updated).drop_front());
}

const OptimizerRule &colossal::larsRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1.0},           {"momentum", 0.9, SettingRange::BelowOne},
      {"weight-decay", 0.0}, {"trust-coefficient", 1e-3},
      {"eps", 0.0},          {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "lars",    "You et al. 2017", settings, momentumBuffer,
      rateAlone, neverUsesStep,     update};
  return rule;
}
