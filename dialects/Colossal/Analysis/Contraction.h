//===- Contraction.h - Sums of products -------------------------*- C++ -*-===//
//
// Whether a generic is a sum of products of its two operands, and what each of
// its factors is then: asked by the rewrites, the price, the grouping and the
// interpreter, answered here.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_CONTRACTION_H
#define COLOSSAL_ANALYSIS_CONTRACTION_H

#include "Colossal/IR/ColossalDialect.h"

#include <optional>

namespace colossal {

/// True if the body is the product of the two arguments, which may be widened
/// (`arith.extf`), and some factor is summed.
bool isSumOfProducts(GenericOp op);

/// Whether the engine's products take the types of such an op: f32, or one of
/// 16 bits with a result of it or f32.
bool hasLibraryTypes(GenericOp op);

/// result = sum over Inner of operand 0 * operand 1, both read at plain or
/// constant indices, no factor twice.
///   Batch: in both operands and the result; Rows: in operand 0 and the result;
///   Columns: in operand 1 and the result; Inner: the sum
/// A sum over a factor of bound 1 is Inner wherever it occurs.
struct Contraction {
  std::vector<cost::FactorRole> roles; ///< per factor
  /// Product of the bounds of a role's factors.
  int64_t size(FactoredOp op, cost::FactorRole role) const;
};

/// Nothing if the op is none, or a factor has none of these roles.
std::optional<Contraction> analyzeContraction(GenericOp op);

/// As analyzeContraction, of an op that yields its products, or its products
/// where equations hold that name factors of the result alone (the gradient of
/// one of several parts). Those are Free; the sum is the same at all of them,
/// and zero where an equation does not hold.
std::optional<Contraction> analyzePlacedContraction(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_CONTRACTION_H
