//===- KernelSpace.h - The iteration space of several ops -------*- C++ -*-===//
//
// The ops of a kernel as one space: factors of different ops that index the
// same value at the same place are one; the unified factors, merged where
// memory and bodies cannot tell them apart, are the *dims* of the kernel. What
// follows from the ops and from memory alone is here, for the planners of all
// devices; how dims become loops, threads or blocks is theirs.
//
// Units: elements for strides and offsets.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_KERNELSPACE_H
#define COLOSSAL_SCHEDULE_KERNELSPACE_H

#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/ColossalDialect.h"

#include <optional>
#include <string>
#include <vector>

namespace colossal::schedule {

/// A set of dims, one bit each.
using Dims = uint64_t;
inline bool has(Dims set, unsigned dim) { return (set >> dim) & 1; }
inline Dims bit(unsigned dim) { return Dims(1) << dim; }

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

/// An op in the space of its kernel.
struct SpaceOp {
  GenericOp op;
  std::vector<unsigned> factors; ///< op's factor -> unified factor
  Dims parallel = 0, reduction = 0;
  /// What equations determine. Sums among it are computed, and in neither set.
  std::optional<Selection> selection;
  std::vector<std::optional<Access>> operands; ///< of operands in memory
  std::vector<std::optional<Access>> results;  ///< of results in memory
  bool isStored = false; ///< some result is an output of the kernel

  bool reduces() const { return reduction != 0; }
  /// A scatter-add.
  bool scatters() const { return selection && selection->scatter; }
  std::string name() const { return GenericOp(op).getName().str(); }
};

/// The factors and dims that the ops of a kernel share.
struct SharedSpace {
  std::vector<KernelFactor> factors;
  std::vector<KernelDim> dims;

  /// Iterations of these dims.
  int64_t size(Dims set) const;
};

struct KernelSpace : SharedSpace {
  std::vector<SpaceOp> ops; ///< in program order
};

/// The space of `ops` (program order) whose results in `outputs` are stored.
/// Nothing, with a reason, where two ops index a value differently.
std::optional<KernelSpace> unifyFactors(llvm::ArrayRef<mlir::Operation *> ops,
                                        llvm::ArrayRef<mlir::Value> outputs,
                                        std::string &reason);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_KERNELSPACE_H
