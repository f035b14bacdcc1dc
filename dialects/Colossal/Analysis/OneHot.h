//===- OneHot.h - Recognises sums over a one-hot predicate -----*- C++ -*-===//
//
// A gather, a scatter-add and the pick of a label's entry are generics whose
// body is select(id == index(v), x, 0): written as a sum over all v, or with v
// parallel, but evaluated without looping over v.
//
//   gather:   out[i, d] = sum_v select(id[i] == v, w[v, d], 0)
//   pick:     out[i]    = sum_v select(id[i] == v, x[i, v], 0)
//   scatter:  out[v, d] = sum_i select(id[i] == v, g[i, d], 0)
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_ONEHOT_H
#define COLOSSAL_ANALYSIS_ONEHOT_H

#include "Colossal/IR/ColossalDialect.h"
#include <optional>

namespace colossal {

/// What `analyzeOneHot` found.
struct OneHot {
  unsigned factor;  ///< the factor v whose index is compared
  unsigned idInput; ///< the operand that holds the id
  /// The body's value where id == index(v): computed from block arguments by
  /// ops of the body before the select; it does not depend on the predicate.
  mlir::Value value;
  /// True if v is reduced: gather or pick; false: scatter-add, v is parallel
  /// and at least one other factor is reduced.
  bool isGather;
};

/// Recognises a generic with one result, at least one factor that is a sum (or
/// any, of truth values: zero is neutral), that yields select(id == index(v),
/// value, 0) where the id's map does not use v. Returns nothing otherwise.
std::optional<OneHot> analyzeOneHot(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_ONEHOT_H
