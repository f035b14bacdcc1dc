//===- Models.h - The parts of attention that phases ask for ----*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_MODELS_H
#define COLOSSAL_OPS_ATTENTION_MODELS_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::attention {

void attachAccess(mlir::MLIRContext *context);
void attachDerivative(mlir::MLIRContext *context);
void attachEvaluation(mlir::MLIRContext *context);
void attachLowering(mlir::MLIRContext *context);
void attachPrecision(mlir::MLIRContext *context);

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_MODELS_H
