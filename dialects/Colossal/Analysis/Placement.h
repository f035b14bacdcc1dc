//===- Placement.h - Recognises sums over equations of indices -*- C++ -*-===//
//
// A view in another decomposition is a copy: the same elements, read at
// positions that are arithmetic of other indices. It is written as a sum over
// the positions of its operand, of which an equation leaves one:
//
//   [12, 8] as [16, 6]:  out[i, j] = sum_{a, c} select(8 a + c == 6 i + j,
//                                                      x[a, c], 0)
//   a window from 3:     out[i]    = sum_a select(a == i + 3, x[a], 0)
//   its gradient:        dx[a]     = sum_i select(a == i + 3, dy[i], 0)
//
// The equation determines the summed indices, so they are computed and not
// looped over. That its two sides may be exchanged makes the derivative a
// placement, too.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_PLACEMENT_H
#define COLOSSAL_ANALYSIS_PLACEMENT_H

#include "Colossal/IR/ColossalDialect.h"
#include <optional>

namespace colossal {

struct Placement {
  /// An index and what it counts for.
  struct Term {
    unsigned factor;
    int64_t stride;
  };
  /// sum(solved) == sum(known) + constant, of global indices.
  struct Equation {
    /// Sums, by falling stride, with at most one solution within their bounds:
    /// take as much as there is of each in turn; nothing may be left.
    llvm::SmallVector<Term> solved;
    llvm::SmallVector<Term> known;
    int64_t constant = 0;
  };
  llvm::SmallVector<Equation> equations;
  /// The body's value where the equations hold. It may be evaluated with any
  /// indices within bounds, and counts where the equations hold.
  mlir::Value value;

  bool solves(unsigned factor) const;
};

/// Recognises a generic with one result and sums alone that yields
/// select(equations, value, 0). Sums that no equation determines are loops as
/// before. Returns nothing where none is determined.
std::optional<Placement> analyzePlacement(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_PLACEMENT_H
