//===- RankDialect.h - What the ranks of a stage do -------------*- C++ -*-===//

#ifndef COLOSSAL_RANK_RANKDIALECT_H
#define COLOSSAL_RANK_RANKDIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"

#include "Rank/RankDialect.h.inc"

#define GET_OP_CLASSES
#include "Rank/RankOps.h.inc"

/// Names of the attributes of scheduled functions; see RankDialect.td.
namespace colossal::rank::names {
inline constexpr llvm::StringLiteral groups = "rank.groups";
inline constexpr llvm::StringLiteral places = "rank.places";
inline constexpr llvm::StringLiteral place = "rank.place";
inline constexpr llvm::StringLiteral token = "rank.token";
inline constexpr llvm::StringLiteral waits = "rank.waits";
inline constexpr llvm::StringLiteral device = "rank.device";
/// The symbol of the module of kernels.
inline constexpr llvm::StringLiteral kernels = "kernels";
} // namespace colossal::rank::names

#endif // COLOSSAL_RANK_RANKDIALECT_H
