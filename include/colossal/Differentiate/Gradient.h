//===- Gradient.h - Derivatives of single ops ------------------*- C++ -*-===//
//
// The derivative of any generic follows from its body and its combiner: the
// gradient of operand i iterates over the same factors; factors of i's map are
// parallel, all others are sums; its body is the adjoint of the scalar body,
// from the adjoint of one term (ReductionGradient.cpp).
// So a product's gradients are products, a broadcast's are sums, a slice's
// are masked copies, and a new elementwise op needs a scalar rule at most.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIFFERENTIATE_GRADIENT_H
#define COLOSSAL_DIFFERENTIATE_GRADIENT_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

class ScalarBuilder;

/// True where a result that `wanted` marks is a function of `argument` of
/// `body` by floats alone, also one whose derivative is zero everywhere (floor,
/// sign) and not by comparisons or integers: where PyTorch has a gradient.
bool reachesResult(mlir::Block &body, unsigned argument,
                   llvm::ArrayRef<bool> wanted);

/// Emits at `builder` the adjoints of the scalars of `body`: given d(loss) by
/// d(yielded) for each yield (null: zero), returns d(loss) by d(argument
/// `argument`), or null if the yields do not depend on it. `mapping` maps the
/// body's values to copies that dominate the insertion point. An op without a
/// rule gives an error at its location and failure.
mlir::FailureOr<mlir::Value>
differentiateBody(mlir::OpBuilder &builder, mlir::Block &body,
                  const mlir::IRMapping &mapping,
                  llvm::ArrayRef<mlir::Value> yieldAdjoints, unsigned argument);

/// Replaces every `colossal.with_derivative` in `root` by its value: what a
/// program needs no more once its gradients are there.
void dropGivenDerivatives(mlir::Operation *root);

/// The gradient of operand `index` of `op`, a value of the operand's type.
/// `operands` stand for the op's operands in the backward pass, `cotangents`
/// (one per result, null: zero) are the gradients of its results. Null if the
/// results do not depend on the operand. `keptResult`: the op's only result, if
/// the backward pass has it. `statistics`: those of reductionStatistics.
/// `name`: of the new op.
mlir::FailureOr<mlir::Value> differentiateGeneric(
    mlir::OpBuilder &builder, GenericOp op, unsigned index,
    mlir::ValueRange operands, llvm::ArrayRef<mlir::Value> cotangents,
    mlir::Value keptResult, mlir::ValueRange statistics, llvm::StringRef name);

/// What the derivative of the op's combiner needs beside the terms, emitted at
/// `builder`: of a tuple combiner the op's results (`results` in the backward
/// pass); of another one, values of the type and the map of its result. None
/// for sums, and for ops without reductions.
mlir::FailureOr<llvm::SmallVector<mlir::Value>>
reductionStatistics(mlir::OpBuilder &builder, GenericOp op,
                    mlir::ValueRange operands, mlir::ValueRange results,
                    llvm::StringRef name);

/// d(loss) by d(one iteration's terms), from d(loss) by d(the results); null
/// where it is zero. `statistics`: one element of each.
llvm::SmallVector<mlir::Value>
adjointsOfTerms(ScalarBuilder &s, GenericOp op, mlir::ValueRange terms,
                mlir::ValueRange statistics,
                llvm::ArrayRef<mlir::Value> adjoints);

/// The map of an operand without constant sub-dimensions: how a whole op lays
/// out the gradient of the part that it reads.
IndexMapAttr gradientMapOf(IndexMapAttr map);

/// A value of the shape that `map` describes, laid out by `map` without its
/// constants and clipping, back in the full tensor: zero where `map` does not
/// reach. Returns `value` itself where nothing is missing.
mlir::Value embedGradient(mlir::OpBuilder &builder, mlir::Location loc,
                          mlir::Value value, llvm::ArrayRef<FactorAttr> factors,
                          IndexMapAttr map, llvm::StringRef name);

} // namespace colossal

#endif // COLOSSAL_DIFFERENTIATE_GRADIENT_H
