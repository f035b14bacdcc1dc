//===- KernelPlan.h - How the ops of a CPU kernel share a nest --*- C++ -*-===//
//
// The analysis that the CPU's planner (may these ops share a kernel?) and its
// lowering (emit it) have in common. Of the dims of a kernel (KernelSpace.h)
//
//   rows     are parallel in every op that reduces or is stored: they are the
//            outer loop, whose range the runtime splits;
//   lane     is one more such dim, contiguous in memory, that is iterated
//            inside all reductions (a column sum) or as the vector loop of an
//            elementwise kernel;
//   the rest is looped over inside a row, once per *phase*.
//
// A phase is what can be computed from reductions of earlier phases. Softmax
// over k: phase 0 finds the maximum, phase 1 the sum of exponentials, phase
// 2 stores. Values between phases are scalars of the row, row buffers on the
// stack, or recomputed where that is cheap.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_CPU_KERNELPLAN_H
#define COLOSSAL_SCHEDULE_CPU_KERNELPLAN_H

#include "colossal/Schedule/KernelSpace.h"

#include <tuple>

namespace colossal::schedule::cpu {

/// Lanes that a kernel without other rows passes at a time: what it keeps per
/// lane stays in the first-level cache.
inline constexpr int64_t kLaneStripe = 4096;

/// Where the results of an op are between the op and its users.
enum class Storage {
  Inline,    ///< computed at each use
  RowScalar, ///< once a row, in a register
  RowBuffer, ///< once a row, an array over the op's inner dims on the stack
};

/// A scatter-add is lowered by a form of its own: alone in its kernel, or
/// followed by the op that adds it to another tensor (see KernelPlan::base).
struct KernelOp : SpaceOp {
  explicit KernelOp(SpaceOp op) : SpaceOp(std::move(op)) {}

  unsigned phase = 0;
  Storage storage = Storage::Inline;
};

/// What ops that share a loop nest have in common.
struct Nest {
  Dims dims;  ///< looped over
  Dims split; ///< reduced into an array; none: into scalars, or not at all
  /// An op that reduces to tuples has loops of its own (1 + its position); 0.
  unsigned own;

  bool operator==(const Nest &other) const { return key() == other.key(); }
  bool operator!=(const Nest &other) const { return key() != other.key(); }
  bool operator<(const Nest &other) const { return key() < other.key(); }
  std::tuple<Dims, Dims, unsigned> key() const { return {dims, split, own}; }
};

struct KernelPlan : SharedSpace {
  std::vector<KernelOp> ops; ///< in program order
  Dims rows = 0;
  std::optional<unsigned> lane;
  /// Lanes per unit of the range; 0: a unit is a row with all lanes.
  int64_t laneBlock = 0;
  unsigned phases = 1;
  /// The kernel adds a scatter to a tensor: that operand of ops[1]. Where it
  /// has the result's buffer, only the rows with an id are touched.
  std::optional<unsigned> base;

  explicit KernelPlan(KernelSpace space);

  const KernelOp *find(mlir::Operation *op) const;
  /// Units of the outer loop.
  int64_t range() const;
  /// Scalar operations per call, roughly.
  int64_t work() const;
  /// Independent iterations: rows times lanes.
  int64_t parallelism() const;
  bool reduces() const;
  /// The dims of an op inside a row, reductions too.
  Dims inner(const KernelOp &op) const;
  /// Ops of a phase with equal keys share a loop nest.
  Nest nest(const KernelOp &op) const;
  /// Ops with loops of their own (they reduce, store or fill a row buffer)
  /// that evaluate `op`, as positions in `ops`.
  std::vector<unsigned> evaluators(const KernelOp &op) const;
};

/// Plans a kernel of `ops` (program order) that stores `outputs`. Without a
/// plan, `reason` says why the ops do not fit into one kernel.
std::optional<KernelPlan> planKernel(llvm::ArrayRef<mlir::Operation *> ops,
                                     llvm::ArrayRef<mlir::Value> outputs,
                                     std::string &reason);

/// True if `output` may have the buffer of `input`: same type, accessed by the
/// same iterations, and not read after it is written.
bool mayShareBuffer(const KernelPlan &plan, mlir::Value input,
                    mlir::Value output);

} // namespace colossal::schedule::cpu

#endif // COLOSSAL_SCHEDULE_CPU_KERNELPLAN_H
