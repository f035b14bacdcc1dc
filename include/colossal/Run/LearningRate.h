//===- LearningRate.h - Rates as functions of the step ----------*- C++ -*-===//
//
// A schedule is a row of a table: its name, its settings and a factor that
// depends on the step. Every learning rate of a run (that of --optimizer, and
// those of groups with a rate of their own) is its base times the same factor.
// Options, --help, the manifest and the runtime follow from the row.
//
// With t = step - 1 (steps are 1-based), W = warmup, T = total (0: the steps of
// the run) and m = min, all but one-cycle begin with t / W where t < W, then
//
//   constant      1
//   linear        m + (1 - m) max(0, (T - t) / max(1, T - W))
//   cosine        m + (1 - m) (1 + cos(pi min(1, (t - W) / max(1, T - W)))) / 2
//   polynomial    m + (1 - m) max(0, (T - t) / max(1, T - W)) ^ power
//   step          gamma ^ k; k: how many of `at` are at most t - W; without
//                 `at` floor((t - W) / every)
//   inverse-sqrt  1 / sqrt((t - W + s) / s), s = timescale (0: W, or 10000
//                 without warm-up)
//   one-cycle     from 1 / div to 1 in the first `pct-start` of T steps, then
//                 down to 1 / (div final-div), along a cosine or (`linear`) a
//                 line; `three-phase`: back to 1 / div as fast as up, before
//
// Where there is one, these are the formulas of transformers'
// get_*_schedule_with_warmup and torch.optim.lr_scheduler (StepLR, MultiStepLR,
// PolynomialLR, CosineAnnealingLR, OneCycleLR without its cycle of momentum).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_LEARNINGRATE_H
#define COLOSSAL_RUN_LEARNINGRATE_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace colossal::rank {

/// What manifest.json says about learning rates.
struct LearningRate {
  std::string kind = "constant";
  /// Those of the schedule that were given. A switch is {1}.
  std::map<std::string, std::vector<double>> settings;
  /// Base of each control that is a learning rate: "lr", "lr.2".
  std::map<std::string, double> rates;
};

/// The factor of a 1-based step; `runSteps` stands for total = 0. The schedule
/// is sound (`checkSchedule`).
double scheduleFactor(const LearningRate &schedule, int64_t step,
                      int64_t runSteps);

/// One setting as text, `warmup=100`, `at=30/60`, `three-phase`, into
/// `schedule`, whose kind is known. The error says what was found and what was
/// expected; empty: none.
std::string addScheduleSetting(LearningRate &schedule, const std::string &text);

/// What is wrong with a schedule, "found ..., expected ..."; empty: nothing.
std::string checkSchedule(const LearningRate &schedule);

/// All schedules with their settings, for --help, a line each.
std::string describeSchedules();

} // namespace colossal::rank

#endif // COLOSSAL_RUN_LEARNINGRATE_H
