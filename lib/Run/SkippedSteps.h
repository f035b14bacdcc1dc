//===- SkippedSteps.h - Which steps a run has skipped -----------*- C++ -*-===//
//
// Support/SkippedStep.h says what a skipped step is. The program decides; here
// all ranks learn it, because the next learning rates depend on it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_SKIPPEDSTEPS_H
#define COLOSSAL_LIB_RUN_SKIPPEDSTEPS_H

#include "Metrics.h"

namespace colossal::rank {

class SkippedSteps {
public:
  /// `before`: how many steps the run has skipped until here.
  void start(const Metrics &metrics, int64_t before);
  /// Whether the program skips steps at all.
  bool isPossible() const { return metric.has_value(); }
  /// Which metric says so, and is none of the model's.
  bool isOwn(size_t number) const { return metric == number; }
  /// Collective over the world, after the metrics of a step are read.
  void learn(Fabric &fabric, const Metrics &metrics);

  bool wasSkipped() const { return last; } ///< the last step
  /// Of the last step; nothing where it is not dynamic. On rank 0.
  std::optional<float> lossScale(const Metrics &metrics) const;
  int64_t count() const { return skipped; }
  /// The step of the optimizer that step `step` of the run will be.
  int64_t optimizerStep(int64_t step) const { return step - skipped; }

private:
  std::optional<size_t> metric, scaleMetric;
  bool last = false;
  int64_t skipped = 0;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_SKIPPEDSTEPS_H
