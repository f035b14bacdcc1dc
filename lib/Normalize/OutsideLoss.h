//===- OutsideLoss.h - A loss of what the model returns ---------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_OUTSIDELOSS_H
#define COLOSSAL_LIB_NORMALIZE_OUTSIDELOSS_H

#include "Interpreter.h"
#include "colossal/Normalize/Loss.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal::normalize {

/// Builds the loss of one of `outputs`, which the model returns, before
/// the function's end. The labels are the function's input of their name, or a
/// new last argument. The loss is written as aten ops, which are interpreted as
/// the model's are: it is what it would be inside of the model.
mlir::FailureOr<Item> addOutsideLoss(Interpreter &state,
                                     mlir::func::FuncOp function,
                                     const std::vector<Item> &outputs,
                                     const LossOptions &options);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_OUTSIDELOSS_H
