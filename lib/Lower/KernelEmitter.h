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

#include "colossal/Lower/KernelFrame.h"
#include "colossal/Schedule/Cpu/KernelPlan.h"
#include "colossal/Schedule/Grouping.h"

namespace colossal::lower {

using schedule::Access;
using schedule::Dims;
using schedule::cpu::KernelOp;
using schedule::cpu::KernelPlan;

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

  /// The same iteration, of which some index will change: no values yet.
  Environment withoutValues() const {
    Environment same;
    same.indices = indices;
    same.limited = limited;
    return same;
  }
};

/// What a loop carries from iteration to iteration.
struct Carried {
  mlir::Value initial;
  bool isSum = false; ///< iterations add to it
};

/// How the loops of a long sum are cut: the loop at `depth` into blocks of
/// `step` iterations. The terms of a block, loops inside included, are added in
/// f32, the sums of blocks in f64.
struct Blocks {
  unsigned depth;
  int64_t step;
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
  /// A result as other ops of the kernel read it. A number of 16 bits that is
  /// stored is rounded for them as for all that read it from memory: else a
  /// function of it and its derivative, which is in another kernel, would be of
  /// two numbers.
  Leveled asRead(const KernelOp &op, unsigned result, Leveled value);
  Leveled evaluateScalar(mlir::Value scalar, const KernelOp &op,
                         Environment &env);
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

  // What equations select (SelectedValue.cpp). Ids are those of the iteration,
  // `idEnv`; indices those of `env`, of which `solve` sets the ones that the
  // equation determines.
  std::vector<Leveled> evaluateSelected(const KernelOp &op, Environment &env);
  Leveled evaluateWhere(WhereOp where, const KernelOp &op, Environment &env);
  Leveled solve(const SolvedEquation &equation, const KernelOp &op,
                Environment &idEnv, Environment &env);
  /// Whether all equations hold, after those that determine something are
  /// solved.
  Leveled solveAll(const Selection &selection, const KernelOp &op,
                   Environment &idEnv, Environment &env);
  Leveled holds(WhereOp where, unsigned number, const KernelOp &op,
                Environment &idEnv, Environment &env);
  Leveled sumOf(llvm::ArrayRef<SolvedEquation::Term> terms, int64_t constant,
                mlir::Value id, int64_t idSign, const KernelOp &op,
                Environment &idEnv, Environment &env);
  Leveled both(Leveled x, Leveled y);
  Leveled orZero(Leveled condition, Leveled value);

  // Loops (KernelLoops.cpp: rows; KernelNests.cpp: phases; TupleKernel.cpp;
  // ScatterKernel.cpp).
  void emitRow(Environment &env);
  void emitRowScalars(unsigned phase, Environment &env);
  void emitNest(llvm::ArrayRef<const KernelOp *> ops, Environment &env);
  void emitScalarNest(llvm::ArrayRef<const KernelOp *> ops,
                      llvm::ArrayRef<unsigned> order, Environment &env);
  void emitArrayNest(llvm::ArrayRef<const KernelOp *> ops,
                     llvm::ArrayRef<unsigned> order, Environment &env);
  void emitColumns(llvm::ArrayRef<const KernelOp *> ops,
                   llvm::ArrayRef<unsigned> kept,
                   llvm::ArrayRef<unsigned> reduced, const Environment &env);
  /// Adds `count` iterations of the innermost reduced loop to the arrays.
  void addColumns(llvm::ArrayRef<const KernelOp *> ops,
                  llvm::ArrayRef<unsigned> kept, unsigned dim,
                  mlir::Value first, int64_t count, const Environment &env);
  /// Runs `body` in loops over `dims`.
  void overDims(llvm::ArrayRef<unsigned> dims, Environment env,
                llvm::function_ref<void(Environment &)> body);
  /// The place in the op's arrays, at the innermost level.
  mlir::Value placeInArrays(const KernelOp &op, Environment &env);
  /// The blocks of a sum along loops, of at most `limit` terms each; none: all
  /// terms are one block.
  std::optional<Blocks> blocksOf(llvm::ArrayRef<unsigned> order,
                                 int64_t limit) const;
  /// Whether the op's sums are worth more digits than their type has.
  bool isNarrowSum(const KernelOp &op) const;
  /// Loops over `order` that carry values from `step` to `step`.
  llvm::SmallVector<mlir::Value>
  carryAlong(llvm::ArrayRef<unsigned> order, const Environment &env,
             llvm::ArrayRef<Carried> initial, bool isInner,
             llvm::function_ref<llvm::SmallVector<mlir::Value>(
                 Environment &, llvm::ArrayRef<mlir::Value>)>
                 step);
  /// The results of ops in loops over `order`, which all of them reduce.
  llvm::SmallVector<llvm::SmallVector<mlir::Value>>
  reduceAlong(llvm::ArrayRef<const KernelOp *> ops,
              llvm::ArrayRef<unsigned> order, const Environment &env);
  /// Whether a tuple is reduced in two passes over the loops.
  bool reducesTwice(const KernelOp &op, llvm::ArrayRef<unsigned> order) const;
  llvm::SmallVector<mlir::Value> reduceTwice(const KernelOp &op,
                                             llvm::ArrayRef<unsigned> order,
                                             const Environment &env);
  llvm::SmallVector<mlir::Value>
  reduceExponentials(const KernelOp &op, llvm::ArrayRef<unsigned> order,
                     const Environment &env);
  llvm::SmallVector<mlir::Value> reduceMoments(const KernelOp &op,
                                               llvm::ArrayRef<unsigned> order,
                                               const Environment &env);
  /// Whether a tuple is reduced in lanes along the innermost of the loops.
  bool reducesInLanes(llvm::ArrayRef<unsigned> order) const;
  llvm::SmallVector<mlir::Value> reduceInLanes(const KernelOp &op,
                                               llvm::ArrayRef<unsigned> order,
                                               const Environment &env);
  void emitTupleNest(const KernelOp &op, llvm::ArrayRef<unsigned> order,
                     Environment &env);
  void emitScatter();
  std::vector<unsigned> loopOrder(llvm::ArrayRef<const KernelOp *> ops) const;
  void openLoop(unsigned dim, mlir::ValueRange initial, bool isInner,
                Environment &env, int64_t step = 1,
                std::optional<int64_t> from = std::nullopt,
                std::optional<int64_t> to = std::nullopt);
  /// Opens a loop over `count` iterations from `first`, at most up to `end`.
  void openPart(unsigned dim, mlir::Value first, int64_t count, mlir::Value end,
                mlir::ValueRange initial, bool isInner, Environment &env);
  /// Iterations of a cut factor's dim on this rank that are not padding; null:
  /// the dim has no padding.
  mlir::Value limitOf(unsigned dim);
  /// Stores zero where the loops over `order` have left out padding.
  void clearPadding(llvm::ArrayRef<const KernelOp *> ops,
                    llvm::ArrayRef<unsigned> order, const Environment &env);
  void storeResult(const KernelOp &op, unsigned result, mlir::Value value,
                   Environment &env);
  /// Of one value, a result's element. `alongRow`: x is a scalar accumulator of
  /// a loop over (part of) a row.
  mlir::Value combine(const KernelOp &op, mlir::Type element, mlir::Value x,
                      mlir::Value y, bool alongRow = false);
  /// Of all results of the op.
  llvm::SmallVector<mlir::Value> combineAll(const KernelOp &op,
                                            mlir::ValueRange x,
                                            mlir::ValueRange y,
                                            bool alongRow = false);
  llvm::SmallVector<mlir::Value> neutral(const KernelOp &op);
  mlir::Value exponential(mlir::Value exponent);
  /// What an iteration yields; the neutral elements where it is padding.
  llvm::SmallVector<mlir::Value> terms(const KernelOp &op, Environment &env);
  llvm::SmallVector<mlir::Value>
  loadAll(const KernelOp &op, mlir::ValueRange arrays, mlir::Value index);
  void storeAll(mlir::ValueRange values, mlir::ValueRange arrays,
                mlir::Value index);
  llvm::SmallVector<mlir::Value> arraysOf(const KernelOp &op) const;
  int64_t arraySizeOf(const KernelOp &op) const;
  unsigned bufferOf(mlir::Value tensor) const;
  void allocateArrays();
};

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_KERNELEMITTER_H
