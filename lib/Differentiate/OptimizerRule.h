//===- OptimizerRule.h - What an optimizer is ------------------*- C++ -*-===//
//
// One source in Optimizers/ says all about an optimizer: settings, state,
// numbers of the step, update. OptimizerTable.cpp lists them. Option parsing,
// --help, groups, state, clipping and schedules follow from the row.
//
// An update is a sequence of generics over the factors of the parameter. It
// does not know how the parameter is cut: a norm is a sum over its factors, and
// the planner adds the parts up.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_OPTIMIZERRULE_H
#define COLOSSAL_LIB_DIFFERENTIATE_OPTIMIZERRULE_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Differentiate/Optimizer.h"
#include "colossal/Normalize/ScalarBuilder.h"

namespace colossal {

class UpdateBuilder;

enum class SettingRange {
  AtLeastZero, ///< any f32 from 0
  BelowOne,    ///< a decay: from 0 to below 1
  UpToOne,     ///< from 0 to 1
  AtLeastOne,  ///< any f32 from 1
  AtMostZero,  ///< an exponent: any f32 up to 0
  Switch,      ///< `nesterov`, `nesterov=false`
};

struct OptimizerSetting {
  llvm::StringRef name;
  double initial;
  SettingRange range = SettingRange::AtLeastZero;
};

/// Which elements a state has: those of the parameter; one for each row (the
/// last dimension is 1); one for each column (the last but one is 1).
enum class StateExtent { Whole, Rows, Columns };

struct OptimizerState {
  llvm::StringRef name; ///< PyTorch's: "exp_avg"
  StateExtent extent = StateExtent::Whole;
  double initial = 0.0;
};

struct OptimizerRule {
  llvm::StringRef name;
  llvm::StringRef source; ///< "torch.optim.AdamW", or the paper
  /// "lr" and "weight-decay" among them.
  llvm::ArrayRef<OptimizerSetting> settings;
  /// The state of a parameter of this rank.
  llvm::SmallVector<OptimizerState> (*states)(const OptimizerSettings &settings,
                                              int64_t rank);
  /// The numbers of the step (f64) on which updates depend. `rate` is the
  /// learning rate of this step, `step` counts from 1; null unless `usesStep`.
  /// They are computed in f64 because 1 - beta2^step loses half of its digits
  /// in f32.
  llvm::SmallVector<mlir::Value> (*scalars)(ScalarBuilder &s,
                                            const OptimizerSettings &settings,
                                            mlir::Value rate, mlir::Value step);
  bool (*usesStep)(const OptimizerSettings &settings);
  void (*update)(UpdateBuilder &update);
  /// What settings say against each other ("found ..., expected ..."), or
  /// nothing; null: they never do.
  std::string (*conflict)(const OptimizerSettings &settings) = nullptr;
};

/// The table.
llvm::ArrayRef<const OptimizerRule *> optimizerRules();

/// A tensor of an update and how it is indexed by the parameter's factors.
struct UpdateTensor {
  mlir::Value value;
  IndexMapAttr map;
};

/// Writes the update of one parameter.
class UpdateBuilder {
public:
  using Body = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      ScalarBuilder &, mlir::ValueRange)>;

  const OptimizerSettings &settings;
  double weightDecay = 0.0;
  UpdateTensor parameter, gradient;
  llvm::SmallVector<UpdateTensor> states;  ///< as the rule's `states` says
  llvm::SmallVector<UpdateTensor> scalars; ///< as the rule's `scalars` says
  /// What a generic yields: all elements; one for each row or column, as in
  /// StateExtent; one for each matrix (the last two dimensions are 1); one.
  IndexMapAttr whole, rows, columns, matrices, single;

  /// A generic `<parameter>/<what>` with `count` results over `to`; factors
  /// that `to` has not are summed. The body sees floats of the parameter's
  /// type, the gradient unscaled, clipped and, with `maximize`, negated.
  llvm::SmallVector<UpdateTensor> compute(llvm::StringRef what,
                                          llvm::ArrayRef<UpdateTensor> operands,
                                          IndexMapAttr to, unsigned count,
                                          Body body);
  /// The new values of parameter and states.
  void finish(UpdateTensor parameter, llvm::ArrayRef<UpdateTensor> states);

  mlir::Type type() const;
  int64_t elements() const;
  /// Size of a dimension of the parameter; negative: from the end.
  int64_t size(int dimension) const;

private:
  friend class Update;
  /// After `finish`: the ops that make new values yield the old ones where
  /// `skipped`, a scalar, is not 0.
  void keepWhere(mlir::Value skipped);
  UpdateBuilder(mlir::OpBuilder &builder, const OptimizerSettings &settings,
                llvm::StringRef name, mlir::Value parameter,
                mlir::Value gradient, llvm::ArrayRef<mlir::Value> coefficients);
  IndexMapAttr mapOf(StateExtent extent) const;

  mlir::OpBuilder &builder;
  std::string name;
  /// Scalars by which the gradient is multiplied: of the loss scale, of
  /// clipping.
  llvm::SmallVector<mlir::Value> coefficients;
  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<mlir::Value> updated;
};

// Parts that optimizers share.

/// x + (y - x) weight: torch.lerp.
mlir::Value interpolate(ScalarBuilder &s, mlir::Value x, mlir::Value y,
                        mlir::Value weight);
/// Of a parameter and its gradient as bodies see them: g + p decay.
mlir::Value withDecay(ScalarBuilder &s, mlir::Value gradient,
                      mlir::Value parameter, double decay);
/// p - p (rate decay).
mlir::Value decayed(ScalarBuilder &s, mlir::Value parameter, mlir::Value rate,
                    double decay);
/// 1 - beta^step, f64.
mlir::Value biasCorrection(ScalarBuilder &s, double beta, mlir::Value step);

/// The sums of the squares of two tensors of the parameter's shape.
llvm::SmallVector<UpdateTensor> sumsOfSquares(UpdateBuilder &u, UpdateTensor a,
                                              UpdateTensor b);
/// PyTorch's `momentum_buffer`, if there is a momentum.
llvm::SmallVector<OptimizerState>
momentumBuffer(const OptimizerSettings &settings, int64_t rank);

bool neverUsesStep(const OptimizerSettings &settings);
bool alwaysUsesStep(const OptimizerSettings &settings);
/// The learning rate alone.
llvm::SmallVector<mlir::Value> rateAlone(ScalarBuilder &s,
                                         const OptimizerSettings &settings,
                                         mlir::Value rate, mlir::Value step);

// The rows, one source each.
const OptimizerRule &sgdRule();
const OptimizerRule &adamRule();
const OptimizerRule &adamwRule();
const OptimizerRule &adagradRule();
const OptimizerRule &rmspropRule();
const OptimizerRule &lambRule();
const OptimizerRule &larsRule();
const OptimizerRule &adafactorRule();
const OptimizerRule &lionRule();

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_OPTIMIZERRULE_H
