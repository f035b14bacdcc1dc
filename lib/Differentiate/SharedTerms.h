//===- SharedTerms.h - Sums of what is computed anyway ----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_DIFFERENTIATE_SHAREDTERMS_H
#define COLOSSAL_LIB_DIFFERENTIATE_SHAREDTERMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// A sum whose terms another op computes element by element reads that op's
/// result: the gradient of a bias, beside that of what it was added to. Floats
/// of 16 bits stay as they are: the terms would be rounded.
void shareTerms(mlir::func::FuncOp function);

} // namespace colossal

#endif // COLOSSAL_LIB_DIFFERENTIATE_SHAREDTERMS_H
