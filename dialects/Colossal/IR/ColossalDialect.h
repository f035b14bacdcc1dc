//===- ColossalDialect.h - The colossal dialect ----------------*- C++ -*-===//
//
// Types, attributes, ops and interfaces of the `colossal` dialect, and the
// names of the discardable attributes that phases attach (their meaning is in
// docs/Architecture.md, sections 1 and 4).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_COLOSSALDIALECT_H
#define COLOSSAL_IR_COLOSSALDIALECT_H

#include "colossal/Cost/Work.h"
#include "colossal/Support/Step.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "Colossal/IR/ColossalDialect.h.inc"
#include "Colossal/IR/ColossalEnums.h.inc"

namespace colossal {
/// constant + sum(stride * global index of a factor)
struct IndexSum {
  llvm::SmallVector<std::pair<mlir::StringAttr, int64_t>> terms;
  int64_t constant = 0;
};
} // namespace colossal

#define GET_ATTRDEF_CLASSES
#include "Colossal/IR/ColossalAttributes.h.inc"

#define GET_TYPEDEF_CLASSES
#include "Colossal/IR/ColossalTypes.h.inc"

#include "Colossal/IR/ColossalInterfaces.h.inc"

namespace colossal {
/// An op of the scalar body of a factored op.
template <class ConcreteOp>
class InFactoredBody
    : public mlir::OpTrait::TraitBase<ConcreteOp, InFactoredBody> {
public:
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) {
    if (llvm::isa_and_nonnull<FactoredOp>(op->getParentOp()))
      return mlir::success();
    return op->emitOpError("B1: expected to be in the body of a factored op");
  }
};
} // namespace colossal

#define GET_OP_CLASSES
#include "Colossal/IR/ColossalOps.h.inc"

namespace colossal {

/// Elements of a tensor, and the bound of a factor, at most. Numbers of bytes
/// and of iterations, which are products of a few of these, stay in 64 bits.
inline constexpr int64_t kMaxElements = int64_t(1) << 40;

/// Names of the attributes of modules, functions, arguments and results. Those
/// of ops are declared with the ops. See docs/Architecture.md.
namespace names {
inline constexpr llvm::StringLiteral role = "colossal.role";
inline constexpr llvm::StringLiteral name = "colossal.name";
inline constexpr llvm::StringLiteral source = "colossal.source";
inline constexpr llvm::StringLiteral aliases = "colossal.aliases";
inline constexpr llvm::StringLiteral batchDim = "colossal.batch_dim";
inline constexpr llvm::StringLiteral sharding = "colossal.sharding";
inline constexpr llvm::StringLiteral globalShape = "colossal.global_shape";
inline constexpr llvm::StringLiteral updates = "colossal.updates";
inline constexpr llvm::StringLiteral metric = "colossal.metric";
inline constexpr llvm::StringLiteral output = "colossal.output";
inline constexpr llvm::StringLiteral link = "colossal.link";
inline constexpr llvm::StringLiteral perMicrobatch = "colossal.per_microbatch";
inline constexpr llvm::StringLiteral accumulate = "colossal.accumulate";
inline constexpr llvm::StringLiteral mesh = "colossal.mesh";
inline constexpr llvm::StringLiteral stages = "colossal.stages";
inline constexpr llvm::StringLiteral deviceGroups = "colossal.device_groups";
inline constexpr llvm::StringLiteral microbatches = "colossal.microbatches";
inline constexpr llvm::StringLiteral schedule = "colossal.schedule";
inline constexpr llvm::StringLiteral segment = "colossal.segment";
inline constexpr llvm::StringLiteral stage = "colossal.stage";
/// The pseudo-axis whose coordinate is the microbatch number.
inline constexpr llvm::StringLiteral timeAxis = "time";
} // namespace names

/// A ranked tensor with known sizes and at most kMaxElements elements.
bool isCountable(mlir::Type type);

/// Copies `op` with other factors, maps, operands and result types; body and
/// all other attributes are kept. Works for every FactoredOp.
mlir::Operation *cloneFactored(mlir::OpBuilder &builder, FactoredOp op,
                               mlir::ValueRange operands,
                               mlir::TypeRange resultTypes,
                               llvm::ArrayRef<FactorAttr> factors,
                               llvm::ArrayRef<IndexMapAttr> operandMaps,
                               llvm::ArrayRef<IndexMapAttr> resultMaps);

/// The sharding of operand `index` (or result) that an op's `axes` imply.
/// Axes that cut no factor of the map leave a result partial if they cut a
/// reduction, and an operand replicated. `linear` axes are not handled here.
ShardingAttr shardingOf(FactoredOp op, IndexMapAttr map, bool isResult,
                        AxesAttr axes,
                        llvm::ArrayRef<mlir::StringAttr> axisOrder);

} // namespace colossal

#endif // COLOSSAL_IR_COLOSSALDIALECT_H
