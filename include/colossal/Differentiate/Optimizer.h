//===- Optimizer.h - What trains which parameter how -----------*- C++ -*-===//
//
// An optimizer is a row of the table in lib/Differentiate/OptimizerRule.h: its
// settings with their defaults and ranges, its state, its update. Here is what
// a user chooses: an optimizer, its settings, and groups of parameters with
// settings of their own, as torch.optim's parameter groups.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIFFERENTIATE_OPTIMIZER_H
#define COLOSSAL_DIFFERENTIATE_OPTIMIZER_H

#include "colossal/Differentiate/LossScale.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace colossal {

struct OptimizerRule;

/// The numbers of an optimizer by name ("lr", "weight-decay", "beta1"); a
/// switch ("nesterov") is 0 or 1. Every setting of the rule is there.
class OptimizerSettings {
public:
  double operator[](llvm::StringRef name) const;
  void set(llvm::StringRef name, double value) { numbers[name.str()] = value; }
  /// The same text for equal numbers; without weight decay, on which nothing
  /// depends that parameters could share.
  std::string textWithoutDecay() const;

private:
  std::map<std::string, double> numbers;
};

/// `--group`: parameters that are trained with other settings.
struct ParameterGroup {
  std::string text;                 ///< of the option, for messages
  std::optional<int64_t> belowRank; ///< parameters of a lower rank, or
  /// those whose name, or another name of a tied one, one of these matches, as
  /// files are matched: `*`, `?`, `[abc]`, `{a,b}`.
  std::vector<std::string> patterns;
  /// All settings: those of --optimizer where the group says nothing.
  OptimizerSettings settings;
  bool hasOwnRate = false, hasOwnDecay = false;
};

/// What `--optimizer`, `--group`, `--clip-norm`, `--loss-scale`,
/// `--skip-nonfinite`, `--reduce-gradients` and `--keep-gradients` say.
struct OptimizerOptions {
  const OptimizerRule *rule; ///< null: none
  OptimizerSettings settings;
  /// The first that matches a parameter counts.
  std::vector<ParameterGroup> groups;
  /// Parameters of a lower rank than this get no weight decay (0: all get it),
  /// unless their group gives one.
  int64_t noDecayRank = 0;
  /// Gradients are scaled so that their global norm is at most this.
  std::optional<double> clipNorm;
  /// A step whose loss or gradients are not finite leaves parameters and state
  /// of the optimizer as they are (Support/SkippedStep.h).
  bool skipNonfinite = false;
  /// One that is used skips such steps as well.
  LossScale lossScale;
  bool skipsSteps() const { return skipNonfinite || lossScale.isUsed(); }
  /// "bf16" or "f16": a step's gradients are rounded to it before ranks add
  /// them up, which is half the bytes. Empty: they are added up as they are.
  std::string gradientReduction;
  /// The gradients are stored as state `<name>#grad`, for comparison.
  bool keepGradients = false;

  /// AdamW with PyTorch's defaults.
  OptimizerOptions();

  /// Text form of an optimizer:
  /// `adamw:lr=3e-4,weight-decay=0.1,no-decay=rank<2`,
  /// `sgd:momentum=0.9,nesterov`, `none` (the program returns the loss and the
  /// gradients, or keeps them as state). Text form of a group:
  /// `name=*.bias|*norm*:weight-decay=0`, `rank<2:lr=1e-4`. The error says what
  /// was found and what is possible.
  static llvm::Expected<OptimizerOptions>
  parse(llvm::StringRef text, llvm::ArrayRef<std::string> groups = {});

  /// Of `--reduce-gradients`: f32, bf16 or f16.
  llvm::Error parseGradientReduction(llvm::StringRef text);

  /// The controls that are learning rates, with the rate that a schedule
  /// scales: "lr", and "lr.2" where the second group has its own.
  std::vector<std::pair<std::string, double>> rates() const;
};

/// Name of the learning rate of group `number` (from 0) where it has its own.
std::string rateOfGroup(size_t number);

/// All optimizers with their settings, for --help, a line each.
std::string describeOptimizers();

} // namespace colossal

#endif // COLOSSAL_DIFFERENTIATE_OPTIMIZER_H
