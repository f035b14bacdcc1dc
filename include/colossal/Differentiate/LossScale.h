//===- LossScale.h - What gradients are multiplied by ----------*- C++ -*-===//
//
// Gradients of f16 are lost below 2^-24. So the backward pass starts with a
// number, the scale, in the place of 1; the update divides by it what it gets,
// before anything else looks at it. A dynamic scale is that of
// torch.amp.GradScaler: a step whose gradients are not finite is skipped
// (Support/SkippedStep.h) and makes the scale smaller, a number of good ones in
// a row makes it larger. The scale and that number are state of the program,
// `grad_scaler#scale` and `grad_scaler#growth_tracker`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIFFERENTIATE_LOSSSCALE_H
#define COLOSSAL_DIFFERENTIATE_LOSSSCALE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>

namespace colossal {

/// What `--loss-scale` says.
struct LossScale {
  enum class Kind { None, Fixed, Dynamic };
  Kind kind = Kind::None;
  /// A fixed scale, or the first; f32, above 0.
  double initial = 65536.0;
  // Of a dynamic one; PyTorch's names are growth_factor, backoff_factor and
  // growth_interval.
  double growth = 2.0;     ///< above 1: after `interval` good steps
  double backoff = 0.5;    ///< from 0 to 1: after a step that is skipped
  int64_t interval = 2000; ///< at least 1

  bool isUsed() const { return kind != Kind::None; }
  bool isDynamic() const { return kind == Kind::Dynamic; }
  /// Torch's defaults.
  static LossScale dynamic() { return {Kind::Dynamic}; }

  /// `none`, a number, `dynamic`, `dynamic:init=1024,interval=100`. The error
  /// says what was found and what is possible.
  static llvm::Expected<LossScale> parse(llvm::StringRef text);
};

} // namespace colossal

#endif // COLOSSAL_DIFFERENTIATE_LOSSSCALE_H
