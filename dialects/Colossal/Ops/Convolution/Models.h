//===- Models.h - The parts of convolution that phases ask for --*- C++ -*-===//

#ifndef COLOSSAL_OPS_CONVOLUTION_MODELS_H
#define COLOSSAL_OPS_CONVOLUTION_MODELS_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::convolution {

void attachDerivative(mlir::MLIRContext *context);
void attachEvaluation(mlir::MLIRContext *context);
void attachLayout(mlir::MLIRContext *context);
void attachLowering(mlir::MLIRContext *context);
void attachPrecision(mlir::MLIRContext *context);

} // namespace colossal::convolution

#endif // COLOSSAL_OPS_CONVOLUTION_MODELS_H
