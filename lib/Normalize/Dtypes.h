//===- Dtypes.h - PyTorch's dtypes and type promotion -----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_DTYPES_H
#define COLOSSAL_LIB_NORMALIZE_DTYPES_H

#include "Item.h"

namespace colossal::normalize {

/// The type of a c10::ScalarType number; null for types that are not supported.
mlir::Type typeOfDtype(mlir::MLIRContext *context, int64_t dtype);

/// The type to which two tensors of these types promote (torch.promote_types).
mlir::Type promote(mlir::Type a, mlir::Type b);

/// The type of an op on these operands (torch.result_type): tensors with
/// dimensions decide; 0-d tensors, and then Python numbers, count only if
/// their category (bool, integer, float) is higher. Python floats are f32.
mlir::Type resultType(llvm::ArrayRef<Item> operands,
                      mlir::MLIRContext *context);

/// A number as an integer of `type`, or i1: true is what is not 0, and what
/// does not fit wraps around.
int64_t integerAs(const Scalar &number, mlir::Type type);

/// f32 for integers and booleans, else the type (torch's int-to-float ops).
mlir::Type floatType(mlir::Type type);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_DTYPES_H
