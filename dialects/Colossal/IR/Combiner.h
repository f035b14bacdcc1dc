//===- Combiner.h - Combiners of factors and collectives -------*- C++ -*-===//
//
// The kinds of factors that are reductions are the combiners of
// colossal/Support/Combiner.h, which says what they mean. Here: the same in
// terms of types, attributes and scalar ops.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_COMBINER_H
#define COLOSSAL_IR_COMBINER_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Support/Combiner.h"

namespace colossal {

/// Of a kind that is not parallel.
Combiner combinerOf(FactorKind kind);
FactorKind kindOf(Combiner combiner);

/// The combiner of the op's reduction factors; nothing if it has none.
std::optional<Combiner> combinerOf(FactoredOp op);

/// Whether the op has reductions and they are sums.
bool isSum(FactoredOp op);

/// Whether zero is neutral in the op's reductions (and it has some), so that
/// iterations that yield zero may be left out.
bool isZeroNeutral(FactoredOp op);

/// Whether the op combines its results together.
bool isTuple(FactoredOp op);

/// Whether the combiner, of one value, takes elements of this type.
bool combines(Combiner combiner, mlir::Type element);

/// The combiner that adds up values of which at most one is not zero: sum, or
/// any of truth values.
FactorKind kindOfSelection(mlir::Type element);

/// The neutral element; of a tuple, the component of that number.
mlir::TypedAttr neutralElement(Combiner combiner, mlir::Type element,
                               unsigned component = 0);

/// combine(x, y) as an op of `arith`. `flags`: of float sums and products.
mlir::Value createCombine(
    mlir::OpBuilder &builder, mlir::Location loc, Combiner combiner,
    mlir::Value x, mlir::Value y,
    mlir::arith::FastMathFlags flags = mlir::arith::FastMathFlags::none);

/// combine(x, y) of tuples as ops of `arith`; `exp` makes an exponential.
llvm::SmallVector<mlir::Value>
createTupleCombine(mlir::OpBuilder &builder, mlir::Location loc,
                   Combiner combiner, mlir::ValueRange x, mlir::ValueRange y,
                   llvm::function_ref<mlir::Value(mlir::Value)> exp);

/// Emits an error with `label` if the combiner does not take the type.
mlir::LogicalResult verifyCombines(mlir::Operation *op, llvm::StringRef label,
                                   FactorKind kind, mlir::Type element);

/// C8: emits an error if the results of the op are not the combiner's
/// components.
mlir::LogicalResult verifyComponents(mlir::Operation *op, Combiner combiner);

} // namespace colossal

#endif // COLOSSAL_IR_COMBINER_H
