//===- Models.h - The parts of pools that phases ask for --------*- C++ -*-===//

#ifndef COLOSSAL_OPS_POOLING_MODELS_H
#define COLOSSAL_OPS_POOLING_MODELS_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::pooling {

void attachDerivative(mlir::MLIRContext *context);
void attachEvaluation(mlir::MLIRContext *context);
void attachLayout(mlir::MLIRContext *context);
void attachLowering(mlir::MLIRContext *context);

} // namespace colossal::pooling

#endif // COLOSSAL_OPS_POOLING_MODELS_H
