//===- SkippedStep.h - Steps that leave the state as it was -----*- C++ -*-===//
//
// A program compiled with --skip-nonfinite decides in its update, on all ranks
// alike, whether the loss and all gradients are finite. Where they are not,
// the new values of parameters and of the optimizer's state are the old ones,
// bit by bit: what torch.amp.GradScaler does when it does not call
// optimizer.step(). Buffers that the model writes in forward (running
// statistics) are written all the same, as they are there.
//
// The program tells the runtime by a metric, and the runtime tells the program
// by a control how many steps the optimizer has done: bias corrections and
// learning rates do not advance in a step that is skipped; random numbers
// depend on the control "step", which counts every step.
//
// With a dynamic loss scale (Differentiate/LossScale.h) the program tells the
// scale of the step as well: while it is above 1, a step with a finite loss
// that is skipped is how the scale is found.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_SKIPPEDSTEP_H
#define COLOSSAL_SUPPORT_SKIPPEDSTEP_H

namespace colossal {

/// Metric: 1 where the step was skipped, else 0.
constexpr const char *kSkippedMetric = "skipped";

/// Metric: what the gradients of the step were multiplied by.
constexpr const char *kLossScaleMetric = "loss_scale";

/// Control: 1 + the number of steps before this one that were not skipped.
constexpr const char *kOptimizerStepControl = "optimizer_step";

} // namespace colossal

#endif // COLOSSAL_SUPPORT_SKIPPEDSTEP_H
