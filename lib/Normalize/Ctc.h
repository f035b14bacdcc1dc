//===- Ctc.h - Targets of connectionist temporal classification -*- C++ -*-===//
//
// Lengths and labels of sequences, whether targets are padded or lie one after
// the other, as tensors with the bounds of the batch.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_CTC_H
#define COLOSSAL_LIB_NORMALIZE_CTC_H

#include "Shapes.h"

namespace colossal::normalize {

/// The loss of n sequences of up to t times over v classes.
struct CtcProblem {
  Call &c;
  mlir::Value scores;         ///< [t, n, v], logarithms of probabilities
  mlir::Type type;            ///< of scores
  mlir::Value times, lengths; ///< [n], i64: of the scores, of the targets
  mlir::Value labels = {};    ///< [n, u], i64
  mlir::Value offsets = {};   ///< [t, n]: what the next two are relative to
  mlir::Value ofLabels = {};  ///< [t, n, u]: scores of labels
  mlir::Value ofBlank = {};   ///< [t, n]

  int64_t sizeOf(unsigned dim) const {
    return llvm::cast<mlir::RankedTensorType>(scores.getType()).getDimSize(dim);
  }
  Dim samples() const { return dimsOf(scores)[1]; }
};

/// The lengths in an argument, a list of numbers or a tensor, as [n], i64.
/// Null, with an error, if there are not `count`.
mlir::Value lengthsOf(Call &c, unsigned argument, int64_t count,
                      llvm::StringRef suffix);

/// [n, u], i64: any number where a target has no label u.
mlir::Value labelsOf(const CtcProblem &p, mlir::Value targets, int64_t states);

/// [t, n, u]: the scores of the labels.
mlir::Value scoresOfLabels(const CtcProblem &p, int64_t states);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_CTC_H
