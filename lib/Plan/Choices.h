//===- Choices.h - The strategies of a node under the pins ------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_CHOICES_H
#define COLOSSAL_LIB_PLAN_CHOICES_H

#include "colossal/Plan/Formulation.h"

#include <functional>

namespace colossal::plan {

inline AxisRule ruleOf(const FormulationOptions &options, size_t axis) {
  return axis < options.rules.size() ? options.rules[axis] : AxisRule::Free;
}

/// The strategies that the rules of the axes and the number of microbatches
/// allow and whose inputs can be had (`isReachable`): one for each interface,
/// the cheapest by `timeOf`. If there is none, `fault` says why.
std::vector<NodeStrategy>
legalStrategies(const Program &program, const Mesh &mesh,
                const FormulationOptions &options, const OpNode &node,
                const std::function<bool(const NodeStrategy &)> &isReachable,
                const std::function<int64_t(const NodeStrategy &)> &timeOf,
                std::string &fault);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_CHOICES_H
