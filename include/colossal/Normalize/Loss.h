//===- Loss.h - A loss that the model does not have ------------*- C++ -*-===//
//
// What `--loss` says: a model that returns its predictions is trained on a loss
// of one of them. The loss is that of torch.nn.functional, its mean over all
// that counts; the labels are a further input of the program:
//
//   cross-entropy  F.cross_entropy(output, labels, ignore_index,
//                  label_smoothing); labels i64, of the output's shape without
//                  the dimension of classes
//   mse            F.mse_loss(output, labels); labels as the output
//   bce            F.binary_cross_entropy_with_logits(output, labels); labels
//                  as the output
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_NORMALIZE_LOSS_H
#define COLOSSAL_NORMALIZE_LOSS_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <optional>
#include <string>

namespace colossal {

struct LossOptions {
  enum class Kind { CrossEntropy, SquaredError, BinaryCrossEntropy };
  /// Where a score's classes are. `ByRank`: the last dimension of three, as in
  /// [batch, sequence, classes]; otherwise the second, as in PyTorch.
  enum class Classes { ByRank, Second, Last };

  Kind kind = Kind::CrossEntropy;
  /// Of the model's outputs: a key of a dictionary, a number in a tuple, or
  /// several of them with points between; empty: the only one.
  std::string output;
  std::string labels = "labels"; ///< name of the input
  int64_t labelsBatchDim = 0;    ///< -1: the labels have no batch dimension
  int64_t ignored = -100;        ///< the label that does not count
  /// The score at a position is for the label of the next one.
  bool shift = false;
  double smoothing = 0.0;
  Classes classes = Classes::ByRank;

  /// `cross-entropy:ignore=-100,shift,smoothing=0.1,classes=last`, `mse`,
  /// `bce`; with all of them output= and labels=. The error says what was found
  /// and what is possible.
  static llvm::Expected<LossOptions> parse(llvm::StringRef text);
};

} // namespace colossal

#endif // COLOSSAL_NORMALIZE_LOSS_H
