//===- KernelEmitter.h - Loops of one kernel --------------------*- C++ -*-===//
//
// Writes a KernelPlan as a function (!llvm.ptr args, i64 begin, i64 end) of scf
// loops, llvm loads and stores, and the scalar ops of the bodies.
//
// Values are emitted on demand. Each scalar op goes to the outermost loop level
// where its operands are known, so what does not change in a loop is outside
// it. Level 0 is the function, the next one the row, then the loops of a nest.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LOWER_KERNELEMITTER_H
#define COLOSSAL_LOWER_KERNELEMITTER_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/KernelPlan.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

namespace colossal::lower {

using schedule::Access;
using schedule::Dims;
using schedule::KernelOp;
using schedule::KernelPlan;

/// A value and the loop level where it is known.
struct Leveled {
  mlir::Value value;
  unsigned level = 0;
};

/// The indices at which values are evaluated, and what is known there.
struct Environment {
  /// Local index of each dim (of each row-buffer lane: absolute); null where
  /// the dim is not being iterated.
  std::vector<Leveled> indices;
  /// Dims whose loops end before padding.
  Dims limited = 0;
  /// Values of bodies (scalars of an op's region) and of loads.
  llvm::DenseMap<mlir::Value, Leveled> values;
};

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
  /// The run-time integer at a position that the caller has chosen.
  mlir::Value integerAt(unsigned position);
  std::vector<rank::AffineOffset> offsets;

  /// Constants are at the start of the function, each once.
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
  /// A tensor element; i1 is a byte.
  mlir::Value load(mlir::Type element, mlir::Value base, mlir::Value index);
  void store(mlir::Value value, mlir::Value base, mlir::Value index);
  /// An array on the stack.
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

class KernelEmitter {
public:
  KernelEmitter(KernelFrame &frame, const schedule::Group &group,
                const KernelPlan &plan);

  mlir::LogicalResult emit();
  int64_t range() const;

private:
  KernelFrame &frame;
  const schedule::Group &group;
  const KernelPlan &plan;
  mlir::OpBuilder &builder;

  /// Registers of the row: row scalars and scalar reductions.
  llvm::DenseMap<mlir::Value, Leveled> rowValues;
  /// Row buffers that have been filled.
  llvm::DenseMap<mlir::Value, mlir::Value> arrays;
  llvm::SmallDenseSet<mlir::Value> filled;
  llvm::DenseMap<unsigned, mlir::Value> limits;
  /// 1 / value of divisors that do not change in the innermost loop.
  llvm::DenseMap<mlir::Value, mlir::Value> reciprocals;
  mlir::Value laneLower, laneUpper; ///< null: all lanes
  unsigned rowLevel = 0;
  mlir::LogicalResult status = mlir::success();

  // Values (KernelValues.cpp).
  Leveled evaluate(mlir::Value tensor, Environment &env);
  std::vector<Leveled> evaluateOp(const KernelOp &op, Environment &env);
  Leveled evaluateScalar(mlir::Value scalar, const KernelOp &op,
                         Environment &env);
  Leveled evaluateGather(const KernelOp &op, Environment &env);
  Leveled evaluatePlacement(const KernelOp &op, Environment &env);
  Leveled loadOperand(const KernelOp &op, unsigned operand, Environment &env);
  Leveled linearIndex(const Access &access, Environment &env);
  Leveled indexOf(unsigned dim, Environment &env);
  Leveled globalIndex(unsigned factor, Environment &env);
  /// Whether the iteration is no padding of the factors in `dims`; null value:
  /// there is no padding.
  Leveled isValid(const KernelOp &op, Dims dims, Environment &env);
  Leveled arrayIndex(const KernelOp &op, Environment &env);
  Leveled emitAt(unsigned level, llvm::function_ref<mlir::Value()> build);
  mlir::Value scalarOp(mlir::Operation *op, mlir::ValueRange operands);

  // Loops (KernelLoops.cpp: rows; KernelNests.cpp: phases; ScatterKernel.cpp).
  void emitRow(Environment &env);
  void emitRowScalars(unsigned phase, Environment &env);
  void emitNest(llvm::ArrayRef<const KernelOp *> ops, Environment &env);
  void emitScalarNest(llvm::ArrayRef<const KernelOp *> ops,
                      llvm::ArrayRef<unsigned> order, Environment &env);
  void emitArrayNest(llvm::ArrayRef<const KernelOp *> ops,
                     llvm::ArrayRef<unsigned> order, Environment &env);
  void emitScatter();
  std::vector<unsigned> loopOrder(llvm::ArrayRef<const KernelOp *> ops) const;
  void openLoop(unsigned dim, mlir::ValueRange initial, bool isInner,
                Environment &env, int64_t step = 1,
                std::optional<int64_t> from = std::nullopt,
                std::optional<int64_t> to = std::nullopt);
  /// Iterations of a cut factor's dim on this rank that are not padding; null:
  /// the dim has no padding.
  mlir::Value limitOf(unsigned dim);
  /// Stores zero where the loops over `order` have left out padding.
  void clearPadding(llvm::ArrayRef<const KernelOp *> ops,
                    llvm::ArrayRef<unsigned> order, const Environment &env);
  void storeResult(const KernelOp &op, unsigned result, mlir::Value value,
                   Environment &env);
  /// `alongRow`: x is a scalar accumulator of a loop over (part of) a row.
  mlir::Value combine(const KernelOp &op, mlir::Value x, mlir::Value y,
                      bool alongRow = false);
  mlir::Value neutral(const KernelOp &op, mlir::Type type);
  mlir::Value masked(const KernelOp &op, mlir::Value value, Environment &env);
  unsigned bufferOf(mlir::Value tensor) const;
  void allocateArrays();
};

/// All reduction factors of an op have this combiner.
FactorKind combinerOf(GenericOp op);

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_KERNELEMITTER_H
