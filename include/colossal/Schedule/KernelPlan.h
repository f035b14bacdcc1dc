//===- KernelPlan.h - How the ops of a kernel share a nest ------*- C++ -*-===//
//
// The analysis that grouping (may these ops share a kernel?) and lowering (emit
// it) have in common.
//
// Factors of different ops that index the same value at the same place are
// one; the unified factors, merged where memory allows, are the *dims* of the
// kernel. Of these
//
//   rows     are parallel in every op that reduces or is stored: the outer
//   loop,
//            whose range the runtime splits;
//   lane     is one more such dim, contiguous in memory, that is iterated
//   inside
//            all reductions (a column sum) or as the vector loop of an
//            elementwise kernel;
//   the rest is looped over inside a row, once per *phase*.
//
// A phase is what can be computed from reductions of earlier phases. Softmax
// over k: phase 0 finds the maximum, phase 1 the sum of exponentials, phase
// 2 stores. Values between phases are scalars of the row, row buffers on the
// stack, or recomputed where that is cheap.
//
// Units: elements for strides and offsets.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_KERNELPLAN_H
#define COLOSSAL_SCHEDULE_KERNELPLAN_H

#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/ColossalDialect.h"

#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace colossal::schedule {

/// A set of dims, one bit each.
using Dims = uint64_t;
inline bool has(Dims set, unsigned dim) { return (set >> dim) & 1; }
inline Dims bit(unsigned dim) { return Dims(1) << dim; }

/// Lanes that a kernel without other rows passes at a time: what it keeps per
/// lane stays in the first-level cache.
inline constexpr int64_t kLaneStripe = 4096;

/// A unified factor.
struct KernelFactor {
  FactorAttr attr;   ///< name, bound, extent, terms of the first op's factor
  unsigned dim = 0;  ///< the dim that it is part of
  int64_t inner = 1; ///< iterations of the dim per step of this factor
};

/// One loop; several factors where memory and bodies cannot tell them apart.
struct KernelDim {
  int64_t bound = 1;
  std::vector<unsigned> factors; ///< major to minor
};

/// How a tensor in memory is indexed.
struct Access {
  /// Access is 0 unless 0 <= index(dim) + offset < bound.
  struct Clip {
    unsigned dim;
    int64_t offset, bound;
  };
  std::vector<int64_t> strides; ///< per dim
  int64_t offset = 0;
  std::vector<Clip> clips;
};

/// Where the results of an op are between the op and its users.
enum class Storage {
  Inline,    ///< computed at each use
  RowScalar, ///< once a row, in a register
  RowBuffer, ///< once a row, an array over the op's inner dims on the stack
};

struct KernelOp {
  GenericOp op;
  std::vector<unsigned> factors; ///< op's factor -> unified factor
  Dims parallel = 0, reduction = 0;
  /// What equations determine. Sums among it are computed, and in neither set.
  std::optional<Selection> selection;
  std::vector<std::optional<Access>> operands; ///< of operands in memory
  std::vector<std::optional<Access>> results;  ///< of results in memory
  unsigned phase = 0;
  Storage storage = Storage::Inline;
  bool isStored = false; ///< some result is an output of the kernel

  bool reduces() const { return reduction != 0; }
  /// A scatter-add, lowered by a form of its own. Alone in its kernel, or
  /// followed by the op that adds it to another tensor (see KernelPlan::base).
  bool scatters() const { return selection && selection->scatter; }
  std::string name() const { return GenericOp(op).getName().str(); }
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

struct KernelPlan {
  std::vector<KernelFactor> factors;
  std::vector<KernelDim> dims;
  std::vector<KernelOp> ops; ///< in program order
  Dims rows = 0;
  std::optional<unsigned> lane;
  /// Lanes per unit of the range; 0: a unit is a row with all lanes.
  int64_t laneBlock = 0;
  unsigned phases = 1;
  /// The kernel adds a scatter to a tensor: that operand of ops[1]. Where it
  /// has the result's buffer, only the rows with an id are touched.
  std::optional<unsigned> base;

  const KernelOp *find(mlir::Operation *op) const;
  int64_t size(Dims dims) const;
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

/// Steps 1 and 2 of planning: unified factors, dims, accesses and the dims of
/// every op. Nothing, with a reason, where two ops index a value differently.
std::optional<KernelPlan> unifyFactors(llvm::ArrayRef<mlir::Operation *> ops,
                                       llvm::ArrayRef<mlir::Value> outputs,
                                       std::string &reason);

/// Plans a kernel of `ops` (program order) that stores `outputs`. Without a
/// plan, `reason` says why the ops do not fit into one kernel.
std::optional<KernelPlan> planKernel(llvm::ArrayRef<mlir::Operation *> ops,
                                     llvm::ArrayRef<mlir::Value> outputs,
                                     std::string &reason);

/// True if `output` may have the buffer of `input`: same type, accessed by the
/// same iterations, and not read after it is written.
bool mayShareBuffer(const KernelPlan &plan, mlir::Value input,
                    mlir::Value output);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_KERNELPLAN_H
