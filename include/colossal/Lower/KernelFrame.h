//===- KernelFrame.h - The function of one kernel ---------------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_KERNELFRAME_H
#define COLOSSAL_LOWER_KERNELFRAME_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Run/RankProgram.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace colossal::lower {

/// What registers and arrays of a kernel hold for elements of a type: f32 for
/// bf16 and f16, which are forms of storage; other types as they are.
mlir::Type heldType(mlir::Type element);

/// Frame of a kernel: the function, its arguments, loop levels.
class KernelFrame {
public:
  KernelFrame(mlir::ModuleOp module, llvm::StringRef symbol,
              mlir::Location loc);

  mlir::func::FuncOp function;
  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::Value begin, end;

  /// Pointer of a buffer of the call, by position.
  mlir::Value buffer(unsigned position);
  /// The run-time integer sum(coordinate * stride); null if `terms` is empty.
  mlir::Value offsetOf(llvm::ArrayRef<AxisTermAttr> terms);
  /// A run-time integer that is this number: kernels that differ in it alone
  /// are one.
  mlir::Value parameter(int64_t number);
  /// The run-time integer at a position that the caller has chosen.
  mlir::Value integerAt(unsigned position);
  std::vector<rank::AffineOffset> offsets;

  /// Constants are at the start of the function, each once; of the type held.
  mlir::Value constant(mlir::TypedAttr attribute);
  mlir::Value constant(int64_t value);
  mlir::Value constantOf(mlir::Type type, double value);

  /// Positions the builder at the end of what is computed at `level`.
  void at(unsigned level);
  unsigned level() const { return levels.size() - 1; }
  mlir::Block *currentBlock() { return levels.back().block; }
  /// Opens a loop at the innermost level; the body gets the index. `isInner`:
  /// no iteration reads what another one writes.
  mlir::scf::ForOp loop(mlir::Value lower, mlir::Value upper, int64_t step,
                        mlir::ValueRange initial, bool isInner);
  /// Opens a loop over the range, or pieces of it. Its body exists once in the
  /// machine code, so that bits do not depend on the number of iterations.
  mlir::scf::ForOp rangeLoop(mlir::Value lower, mlir::Value upper,
                             int64_t step);
  /// Closes the innermost loop, yielding `values`.
  void close(mlir::ValueRange values = {});

  mlir::Value address(mlir::Value base, mlir::Type element, mlir::Value index);
  /// An element of a tensor, or of an array of `element`; i1 is a byte;
  /// bf16 and f16 are widened and, when they are stored, rounded.
  mlir::Value load(mlir::Type element, mlir::Value base, mlir::Value index);
  void store(mlir::Value value, mlir::Value base, mlir::Value index,
             mlir::Type element);
  /// As an array on the stack has it.
  void store(mlir::Value value, mlir::Value base, mlir::Value index) {
    store(value, base, index, value.getType());
  }
  /// An f32 rounded to a number of `element` (bf16, f16), still as f32.
  mlir::Value roundTo(mlir::Type element, mlir::Value value);
  /// An array on the stack, of the type held.
  mlir::Value stackArray(mlir::Type element, int64_t size);

private:
  struct Level {
    mlir::Block *block;
    mlir::Operation *next; ///< the inner loop, null if there is none
    mlir::Attribute accessGroup;
  };
  std::vector<Level> levels;
  mlir::Value buffers, integers;
  llvm::DenseMap<mlir::Attribute, mlir::Value> constants;
  llvm::DenseMap<unsigned, mlir::Value> pointers;
  llvm::DenseMap<unsigned, mlir::Value> loadedIntegers;
};

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_KERNELFRAME_H
