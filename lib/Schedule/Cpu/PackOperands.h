//===- PackOperands.h - Operands that strides describe ----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_CPU_PACKOPERANDS_H
#define COLOSSAL_LIB_SCHEDULE_CPU_PACKOPERANDS_H

#include "Colossal/IR/ColossalDialect.h"
#include "llvm/ADT/DenseMap.h"

namespace colossal::schedule::cpu {

/// Packs the operands of contractions, each (value, order) once.
class Packer {
public:
  /// Of a product that the library computes and that has no strides.
  void pack(GenericOp op);

private:
  /// (value, its map with factors numbered in order of the copy) -> copy.
  llvm::DenseMap<std::pair<mlir::Value, mlir::Attribute>, mlir::Value> copies;

  void packOperand(GenericOp op, unsigned operand);
};

} // namespace colossal::schedule::cpu

#endif // COLOSSAL_LIB_SCHEDULE_CPU_PACKOPERANDS_H
