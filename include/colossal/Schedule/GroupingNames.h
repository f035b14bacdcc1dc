//===- GroupingNames.h - Small questions about grouped ops ------*- C++ -*-===//

#ifndef COLOSSAL_SCHEDULE_GROUPINGNAMES_H
#define COLOSSAL_SCHEDULE_GROUPINGNAMES_H

#include "Colossal/IR/ColossalDialect.h"

#include <optional>

namespace colossal::schedule {

/// On a generic that copies or is a function of indices: it makes a buffer, it
/// is neither an alias nor computed where it is used.
inline constexpr llvm::StringLiteral kMaterialize = "materialize";

/// The `name` of a factored op, a collective or a transfer.
llvm::StringRef nameOfOp(mlir::Operation *op);

/// A function of indices (a generic without operands): part of every kernel
/// that uses it. `op` may be null.
bool isIndexFunction(mlir::Operation *op);

/// If the generic only renames (an identity body, the same elements in the same
/// order): where the result starts in the operand, in elements.
std::optional<int64_t> aliasOffsetOf(GenericOp op);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_GROUPINGNAMES_H
