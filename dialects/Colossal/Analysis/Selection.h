//===- Selection.h - Indices that equations determine ----------*- C++ -*-===//
//
// In a sum (or any) that yields colossal.where, only the terms count for which
// the equations hold. They are found, not searched for:
//
//   gather:    out[i, d] = sum_v where(w[v, d], v == id[i])
//   pick:      out[i]    = sum_v where(x[i, v], v == id[i])
//   scatter:   out[v, d] = sum_i where(g[i, d], v == id[i])
//   [12, 8] as [16, 6]:
//              out[i, j] = sum_{a, c} where(x[a, c], 8 a + c == 6 i + j)
//   a window:  out[i]    = sum_a where(x[a], a == i + 3)
//   gradient:  dx[a]     = sum_i where(dy[i], a == i + 3)
//
// Sums that an equation determines are computed from its other terms and its id
// (`Selection::sums`). Where an id varies with the sums, as in a scatter, it is
// the place in the result that is computed (`Selection::scatter`). Factors that
// no equation determines are loops.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_SELECTION_H
#define COLOSSAL_ANALYSIS_SELECTION_H

#include "Colossal/IR/ColossalDialect.h"
#include "llvm/ADT/SmallBitVector.h"
#include <optional>

namespace colossal {

/// sum(solved) == sum(known) + constant + idSign * id, of global indices.
struct SolvedEquation {
  /// The index of a factor and what it counts for.
  struct Term {
    unsigned factor;
    int64_t stride;
  };
  /// By falling stride, all positive, with at most one solution within the
  /// factors' extents: take as much as there is of each in turn; nothing may be
  /// left.
  llvm::SmallVector<Term> solved;
  llvm::SmallVector<Term> known;
  int64_t constant = 0;
  mlir::Value id; ///< a scalar of the body; null: none
  int64_t idSign = 1;
};

/// What the equations of a generic's colossal.where determine.
struct Selection {
  WhereOp where; ///< of the first result: all have the same equations and ids
  /// Of reduced factors, in an order in which they can be solved.
  llvm::SmallVector<SolvedEquation> sums;
  /// Of parallel factors, by an id that varies with reduced ones.
  std::optional<SolvedEquation> scatter;
  /// The equations that determine nothing: they are conditions.
  llvm::SmallVector<unsigned> conditions;

  /// Whether the factor is a sum that is computed.
  bool determines(unsigned factor) const;
  /// Whether all sums that are computed are so by ids.
  bool isLookUp() const;
};

/// Nothing where zero is not neutral in the op's reduction (or it has none), or
/// its results are no selections, or nothing is determined.
std::optional<Selection> analyzeSelection(GenericOp op);

/// The factors that a scalar of the op's body varies with.
llvm::SmallBitVector factorsOf(FactoredOp op, mlir::Value scalar);
/// The factors that an equation names.
llvm::SmallBitVector factorsOf(FactoredOp op, EquationAttr equation);

/// E5 of WhereOp: a sum selects last what it selects, for all results alike.
mlir::LogicalResult verifySelection(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_SELECTION_H
