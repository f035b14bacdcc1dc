//===- SkippedSteps.cpp - Which steps a run has skipped -------------------===//

#include "SkippedSteps.h"

#include "colossal/Support/SkippedStep.h"

namespace colossal::rank {

void SkippedSteps::start(const Metrics &metrics, int64_t before) {
  skipped = before;
  for (size_t i = 0; i < metrics.count(); ++i) {
    if (metrics.name(i) == kSkippedMetric)
      metric = i;
    if (metrics.name(i) == kLossScaleMetric)
      scaleMetric = i;
  }
}

std::optional<float> SkippedSteps::lossScale(const Metrics &metrics) const {
  if (!scaleMetric)
    return std::nullopt;
  return metrics.value(*scaleMetric);
}

void SkippedSteps::learn(Fabric &fabric, const Metrics &metrics) {
  if (!metric)
    return;
  // Ranks of other device groups have no value, and give 0.
  last = fabric.agree(metrics.value(*metric) != 0.0f,
                      "the agreement about a skipped step",
                      "end of the step") != 0;
  skipped += last;
}

} // namespace colossal::rank
