//===- RoundedSum.h - What a product's own call adds to it ------*- C++ -*-===//
//
// In 16 bits a linear layer is rounded once, with its bias: a bias below half a
// unit of its product would be lost if the product were rounded before. So the
// product stays f32 until its ATen call has added to it what it adds.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TRANSFORMS_ROUNDEDSUM_H
#define COLOSSAL_TRANSFORMS_ROUNDEDSUM_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// The operand of a forward op that is a sum of products, or a whole op that
/// may give f32, of the ATen call that the op belongs to, where the op gives 16
/// bits, elementwise, and nothing else uses the product; null if there is none.
mlir::OpOperand *productOfRoundedSum(GenericOp op);

/// Makes all floats of a body f32: arguments are widened, or taken as f32 where
/// the operands are.
void widenArguments(GenericOp op);

/// Makes the products of such ops f32.
void keepProductsWide(mlir::func::FuncOp function);

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_ROUNDEDSUM_H
