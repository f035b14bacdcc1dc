//===- Evaluate.h - Evaluates ops and functions -----------------*- C++ -*-===//
//
// The semantics of docs/Architecture.md, executed. An op is evaluated at a
// place: the mesh coordinate (and microbatch) that `colossal.index` and the
// padding of local factors refer to. Programs on global values need no place.
//
//   generic             result[j] = combine over reduction factors of yield_j.
//                       Iterations whose global index is not below the factor's
//                       extent do not happen: results are zero there. A clipped
//                       access outside the tensor reads zero.
//   whole ops           see EvaluableOp.td.
//   reshard             the identity.
//   shard_slice, shard_mask   local; see Collectives.h for the rest.
//
// Terms are combined in the order of the reduction factors, the last fastest.
// Contractions, and whole ops that are sums of products, take a fast path,
// which gives the same bits; so do generics that select terms, whose sums may
// be in another order.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_EVALUATE_H
#define COLOSSAL_REFERENCE_EVALUATE_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Reference/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <functional>
#include <map>

namespace colossal::reference {

struct Options {
  bool float32 = false;  ///< round every result of type f32 to f32
  bool fastPaths = true; ///< false: element by element, for tests
};

/// Where an op is evaluated: axis -> coordinate; "time" -> microbatch.
struct Place {
  std::map<std::string, int64_t, std::less<>> coordinates;
  std::map<std::string, int64_t, std::less<>> sizes;
  /// 0 for an axis that is not named.
  int64_t coordinate(llvm::StringRef axis) const;
  /// Global index of the factor's first iteration here.
  int64_t offsetOf(FactorAttr factor) const;
  /// Iterations of the factor here that are not padding.
  int64_t validBound(FactorAttr factor) const;
};

using Tensors = std::vector<TensorRef>;

/// Evaluates an op without communication: a factored op, reshard, shard_slice,
/// shard_mask, a constant. Failure: an error was emitted on the op.
mlir::FailureOr<Tensors> evaluate(mlir::Operation *op,
                                  llvm::ArrayRef<TensorRef> operands,
                                  const Place &place, const Options &options);

/// Called after every op of a function with its results.
using Observer =
    std::function<void(mlir::Operation *, llvm::ArrayRef<TensorRef>)>;

/// Evaluates a function of one block on global values; returns its results.
mlir::FailureOr<Tensors> evaluate(mlir::func::FuncOp function,
                                  llvm::ArrayRef<TensorRef> arguments,
                                  const Options &options,
                                  const Observer &observer = {});

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_EVALUATE_H
