//===- OptimizerTable.cpp - All optimizers, and what they share -----------===//

#include "OptimizerRule.h"

using namespace mlir;
using namespace colossal;

llvm::ArrayRef<const OptimizerRule *> colossal::optimizerRules() {
  static const OptimizerRule *const rules[] = {
      &sgdRule(),     &adamRule(),      &adamwRule(),
      &adagradRule(), &rmspropRule(),   &lambRule(),
      &larsRule(),    &adafactorRule(), &lionRule()};
  return rules;
}

Value colossal::interpolate(ScalarBuilder &s, Value x, Value y, Value weight) {
  return s.add(x, s.mul(s.sub(y, x), weight));
}

Value colossal::withDecay(ScalarBuilder &s, Value gradient, Value parameter,
                          double decay) {
  if (decay == 0.0)
    return gradient;
  return s.add(gradient,
               s.mul(parameter, s.constant(parameter.getType(), decay)));
}

Value colossal::decayed(ScalarBuilder &s, Value parameter, Value rate,
                        double decay) {
  if (decay == 0.0)
    return parameter;
  Value lost = s.mul(rate, s.constant(parameter.getType(), decay));
  return s.sub(parameter, s.mul(parameter, lost));
}

Value colossal::biasCorrection(ScalarBuilder &s, double beta, Value step) {
  Type type = step.getType();
  return s.sub(s.one(type),
               s.create<math::PowFOp>(s.constant(type, beta), step));
}

SmallVector<UpdateTensor>
colossal::sumsOfSquares(UpdateBuilder &u, UpdateTensor a, UpdateTensor b) {
  return u.compute("norms", {a, b}, u.single, 2,
                   [](ScalarBuilder &s, ValueRange in) -> SmallVector<Value> {
                     return {s.mul(in[0], in[0]), s.mul(in[1], in[1])};
                   });
}

SmallVector<OptimizerState>
colossal::momentumBuffer(const OptimizerSettings &settings, int64_t) {
  if (settings["momentum"] == 0.0)
    return {};
  return {{"momentum_buffer"}};
}

bool colossal::neverUsesStep(const OptimizerSettings &) { return false; }
bool colossal::alwaysUsesStep(const OptimizerSettings &) { return true; }

SmallVector<Value> colossal::rateAlone(ScalarBuilder &,
                                       const OptimizerSettings &, Value rate,
                                       Value) {
  return {rate};
}
