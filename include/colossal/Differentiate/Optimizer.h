//===- Optimizer.h - The update of a training step -------------*- C++ -*-===//

#ifndef COLOSSAL_DIFFERENTIATE_OPTIMIZER_H
#define COLOSSAL_DIFFERENTIATE_OPTIMIZER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace colossal {

/// What `--optimizer`, `--clip-norm` and `--keep-gradients` say.
struct OptimizerOptions {
  enum class Kind { None, SGD, AdamW };
  Kind kind = Kind::AdamW;
  double learningRate = 1e-3;
  double weightDecay = 0.0;
  double momentum = 0.0;                             ///< SGD
  bool nesterov = false;                             ///< SGD
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8; ///< AdamW
  /// Parameters of a lower rank than this get no weight decay (0: all get it).
  int64_t noDecayRank = 0;
  /// Gradients are scaled so that their global norm is at most this.
  std::optional<double> clipNorm;
  /// The gradients are stored as state `<name>#grad`, for comparison.
  bool keepGradients = false;

  /// Text form: `adamw:lr=3e-4,weight-decay=0.1,no-decay=rank<2,beta1=0.9,
  /// beta2=0.95,eps=1e-8`, `sgd:lr=0.1,momentum=0.9,nesterov`, `none` (the
  /// program returns the loss and the gradients). The error says what was
  /// found and what is possible.
  static llvm::Expected<OptimizerOptions> parse(llvm::StringRef text);
};

} // namespace colossal

#endif // COLOSSAL_DIFFERENTIATE_OPTIMIZER_H
