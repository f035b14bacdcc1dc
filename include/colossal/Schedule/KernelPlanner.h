//===- KernelPlanner.h - What Schedule asks of a kind of device -*- C++ -*-===//
//
// Schedule has two halves. One is the same for all devices (library
// ColossalSchedule): it merges ops into groups, orders them, decides which
// buffer a value lives in, from when to when and at which offset, and when
// collectives start and are waited for. It knows no kernel. What depends on
// what the kernels, the libraries and the engine of a device can do it asks the
// device's KernelPlanner.
//
//   question           a CPU (Schedule/Cpu)         a GPU, say
//   ---------------    -------------------------    --------------------------
//   prepare            rows for threads, operands   blocks for all processors,
//                      that strides describe        operands that are aligned
//   kindOf             products: the runtime's      products: the vendor's, or
//                      from 4096 multiplications    kernels with an epilogue
//   mayFuse, limits    generics, never a product    products too
//   isKernel, pays     rows, phases, stack arrays   tiles, registers, shared
//                                                   memory, waves of blocks
//   inPlace            same iteration, same nest    same block
//   bufferAlignment    a cache line                 a transaction of memory
//   overlap            few buckets, small ones      as many as hide the start
//   reservedBytes      arena, staging, one scratch  arena, workspaces of the
//                      for all calls                libraries on each stream
//
// Neither half sees the loops. How the iteration space of a kernel is divided
// (rows and lanes, or a grid of blocks) is between a planner and the lowering
// of its device, which plans the same ops again: both are deterministic, so a
// group that was accepted here has a kernel there. What the planners of all
// devices begin with is neutral: KernelSpace.h (the factors of several ops as
// one space), MatrixProduct.h (a contraction by strides) and Copies.h.
//
// A planner has no state: the same question has the same answer at any time.
// Where an answer decides about a program, it may depend on the ops alone, not
// on addresses or names, so that equal groups stay equal.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_KERNELPLANNER_H
#define COLOSSAL_SCHEDULE_KERNELPLANNER_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Schedule/Grouping.h"

#include <utility>

namespace colossal::schedule {

/// Ops that are, or may become, one kernel.
struct KernelOps {
  /// In program order, with the functions of indices that they use.
  llvm::SmallVector<mlir::Operation *> ops;
  /// What the kernel stores: results of `ops`.
  llvm::SmallVector<mlir::Value> outputs;
};

/// No group of several ops has more than this: asked before `pays`, which is
/// dear.
struct KernelLimits {
  unsigned ops;     ///< functions of indices not counted
  unsigned buffers; ///< inputs and outputs
};

/// What the device's engine gains from having collectives under way.
struct OverlapLimits {
  /// Buckets under way at a time: one more is started only when the first of
  /// them is over.
  size_t bucketsUnderWay;
  /// Collectives that follow each other are one bucket up to this size.
  int64_t bucketBytes;
};

class KernelPlanner {
public:
  virtual ~KernelPlanner();

  /// The kind of the device, as a cluster file has it: "cpu".
  virtual llvm::StringRef device() const = 0;

  //===--------------------------------------------------------------------===//
  // Groups
  //===--------------------------------------------------------------------===//

  /// Rewrites what a kernel or a call of this device would compute badly or not
  /// at all: splits ops, packs operands. The first step of prepareForGrouping,
  /// which does what all devices need. New ops carry the name of their user
  /// with a suffix, and its attributes.
  virtual void prepare(mlir::func::FuncOp function) const = 0;

  /// What computes the ops of one group, which are in program order: Kernel,
  /// Gemm or Library.
  /// \pre one op that is no alias, collective or transfer, or several of which
  /// mayFuse holds
  virtual GroupKind kindOf(llvm::ArrayRef<mlir::Operation *> ops) const = 0;

  /// Whether the op may share a kernel with others at all.
  /// \pre as for kindOf
  virtual bool mayFuse(mlir::Operation *op) const = 0;

  virtual KernelLimits limits() const = 0;

  /// Whether the device has a kernel that computes these ops.
  virtual bool isKernel(const KernelOps &kernel) const = 0;

  /// Whether `merged` is one kernel, and better than its two halves. Nothing
  /// else lies between them.
  virtual bool pays(const KernelOps &merged, const KernelOps &first,
                    const KernelOps &second) const = 0;

  /// Of a group of kind Kernel, pairs of (input, output), by position: see
  /// Group::inPlace, which says what must hold. Accumulated outputs are left
  /// out by the caller.
  virtual std::vector<std::pair<unsigned, unsigned>>
  inPlace(const KernelOps &kernel,
          llvm::ArrayRef<mlir::Value> inputs) const = 0;

  //===--------------------------------------------------------------------===//
  // Memory and communication
  //===--------------------------------------------------------------------===//

  /// Buffers and their slots begin at multiples of this, bytes.
  virtual int64_t bufferAlignment() const = 0;

  virtual OverlapLimits overlap() const = 0;

  /// All that a rank reserves which runs these lowered programs in turn: the
  /// arena, and beside it what the engine and its libraries need (windows and
  /// staging of collectives, scratch of calls). --memory judges it. On failure
  /// one line in `error`.
  virtual int64_t
  reservedBytes(const std::vector<const rank::Program *> &programs, int threads,
                std::string &error) const = 0;
};

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_KERNELPLANNER_H
