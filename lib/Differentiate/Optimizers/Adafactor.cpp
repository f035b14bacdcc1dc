//===- Adafactor.cpp - Squares by row and column --------------------------===//
//
// As torch.optim.Adafactor: of a matrix the mean squares of rows and of columns
// are kept, whose product over their mean stands for the square of an element.
// A vector keeps its squares. The step is relative to the size of the
// parameter, and limited by that of the direction.
//
//===----------------------------------------------------------------------===//

#include "../OptimizerRule.h"

#include <cfloat>

using namespace mlir;
using namespace colossal;

static SmallVector<OptimizerState> states(const OptimizerSettings &,
                                          int64_t rank) {
  if (rank < 2)
    return {{"variance"}};
  return {{"row_var", StateExtent::Rows}, {"col_var", StateExtent::Columns}};
}

/// lr, min(lr, 1 / sqrt(t)), t^beta2-decay.
static SmallVector<Value> scalars(ScalarBuilder &s,
                                  const OptimizerSettings &settings, Value rate,
                                  Value step) {
  Type f64 = step.getType();
  Value relative = s.div(s.one(f64), s.create<math::SqrtOp>(step));
  Value weight =
      s.create<math::PowFOp>(step, s.constant(f64, settings["beta2-decay"]));
  return {rate, s.minimum(rate, relative), weight};
}

/// A new mean of squares: that of rows, where `size` is of the columns.
static UpdateTensor means(UpdateBuilder &u, StringRef name, UpdateTensor state,
                          IndexMapAttr to, int64_t size) {
  UpdateTensor sum =
      u.compute((name + "/squares").str(), {u.gradient}, to, 1,
                [](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                  return {s.mul(in[0], in[0])};
                })[0];
  return u.compute(name, {state, sum, u.scalars[2]}, to, 1,
                   [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                     Value mean = s.div(in[1], s.integer(u.type(), size));
                     return {interpolate(s, in[0], mean, in[2])};
                   })[0];
}

/// g / sqrt(max(square, eps1^2)).
static Value direction(UpdateBuilder &u, ScalarBuilder &s, Value g,
                       Value square) {
  double eps = u.settings["eps1"];
  Value least = s.constant(u.type(), eps * eps);
  return s.div(g, s.create<math::SqrtOp>(s.maximum(square, least)));
}

static UpdateTensor matrixDirection(UpdateBuilder &u,
                                    SmallVector<UpdateTensor> &states) {
  states = {means(u, "row_var", u.states[0], u.rows, u.size(-1)),
            means(u, "col_var", u.states[1], u.columns, u.size(-2))};
  UpdateTensor sum =
      u.compute("row_var/mean", {states[0]}, u.matrices, 1,
                [](ScalarBuilder &, ValueRange in) -> SmallVector<Value> {
                  return {in[0]};
                })[0];
  return u.compute(
      "direction", {u.gradient, states[0], states[1], sum}, u.whole, 1,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value mean = s.div(in[3], s.integer(u.type(), u.size(-2)));
        Value least = s.constant(u.type(), u.settings["eps1"]);
        Value square = s.div(s.mul(in[1], in[2]), s.maximum(mean, least));
        return {direction(u, s, in[0], square)};
      })[0];
}

static UpdateTensor vectorDirection(UpdateBuilder &u,
                                    SmallVector<UpdateTensor> &states) {
  auto computed =
      u.compute("direction", {u.gradient, u.states[0], u.scalars[2]}, u.whole,
                2, [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                  Value square =
                      interpolate(s, in[1], s.mul(in[0], in[0]), in[2]);
                  return {direction(u, s, in[0], square), square};
                });
  states = {computed[1]};
  return computed[0];
}

static void update(UpdateBuilder &u) {
  SmallVector<UpdateTensor> states;
  UpdateTensor along = u.states.size() == 2 ? matrixDirection(u, states)
                                            : vectorDirection(u, states);
  auto squares = sumsOfSquares(u, u.parameter, along);
  auto stepSize = u.compute(
      "step_size", {squares[0], squares[1], u.scalars[1]}, u.single, 1,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        auto number = [&](double value) { return s.constant(u.type(), value); };
        auto meanRoot = [&](Value sum) -> Value {
          return s.create<math::SqrtOp>(
              s.div(sum, number(double(u.elements()))));
        };
        Value size = s.maximum(number(u.settings["eps2"]), meanRoot(in[0]));
        Value limit = s.maximum(
            s.one(u.type()), s.div(meanRoot(in[1]), number(u.settings["d"])));
        return {s.div(s.mul(size, in[2]), limit)};
      });
  auto updated = u.compute(
      "adafactor", {u.parameter, along, stepSize[0], u.scalars[0]}, u.whole, 1,
      [&](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
        Value p = decayed(s, in[0], in[3], u.weightDecay);
        return {s.sub(p, s.mul(in[2], in[1]))};
      });
  u.finish(updated[0], states);
}

const OptimizerRule &colossal::adafactorRule() {
  static const OptimizerSetting settings[] = {
      {"lr", 1e-2},
      {"beta2-decay", -0.8, SettingRange::AtMostZero},
      {"eps1", FLT_EPSILON},
      {"eps2", 1e-3},
      {"d", 1.0, SettingRange::AtLeastOne},
      {"weight-decay", 0.0},
      {"maximize", 0.0, SettingRange::Switch}};
  static const OptimizerRule rule = {
      "adafactor", "torch.optim.Adafactor", settings, states,
      scalars,     alwaysUsesStep,          update};
  return rule;
}
