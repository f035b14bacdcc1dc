//===- Copies.h - Generics that copy ----------------------------*- C++ -*-===//

#ifndef COLOSSAL_SCHEDULE_COPIES_H
#define COLOSSAL_SCHEDULE_COPIES_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::schedule {

/// Builds a generic that copies: result[resultMap] = operand[operandMap].
GenericOp buildCopy(mlir::OpBuilder &builder, mlir::Location loc,
                    llvm::StringRef name, llvm::ArrayRef<FactorAttr> factors,
                    mlir::Value operand, IndexMapAttr operandMap,
                    IndexMapAttr resultMap);

/// One dim per factor, in order; sub-dimension i is factor order[i].
IndexMapAttr mapOf(mlir::MLIRContext *context, llvm::ArrayRef<unsigned> order,
                   llvm::ArrayRef<FactorAttr> factors);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_COPIES_H
