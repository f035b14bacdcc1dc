//===- ShardState.h - How a value lies on a mesh, as plain data -*- C++ -*-===//
//
// The sharding of one value together with the sizes it cuts: per sub-dimension
// the global size and the axes that cut it, major first, and the axes over
// which the value is partial. `ShardingAttr` is the same without the sizes.
//
// Local bounds. A sub-dimension of size n cut over axes of sizes p1, p2, ...
// has bound ceil(n / (p1 p2 ...)) on every rank; the rank with coordinates c1,
// c2, ... holds [r * bound, (r + 1) * bound) with r = (c1 * p2 + c2) * ...;
// what is beyond n is padding, and padding elements are zero.
//
// Time. Microbatches are the last axis of a Mesh. On a sub-dimension `time` is
// major to all mesh axes: microbatch t is the t-th contiguous part of the
// batch under every sharding, so a value that is gathered over a mesh axis
// inside the microbatch loop meets the same samples as one that was never cut.
//
// Axes of size 1 are never stored: they cut nothing and reduce nothing.
//
// Units: elements.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PARTITION_SHARDSTATE_H
#define COLOSSAL_PARTITION_SHARDSTATE_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/IR/BuiltinOps.h"

#include <optional>
#include <string>
#include <vector>

namespace colossal::partition {

struct MeshAxis {
  std::string name;
  int64_t size = 1;
};

/// The mesh of one stage; the last axis is `time`, of size `microbatches`.
struct Mesh {
  std::vector<MeshAxis> axes;
  int64_t stages = 1;
  ScheduleKind schedule = ScheduleKind::OneFOneB;

  /// Adds the time axis to `deviceAxes`.
  static Mesh get(std::vector<MeshAxis> deviceAxes, int64_t microbatches = 1,
                  int64_t stages = 1);
  /// Reads `colossal.mesh`, `.stages`, `.microbatches` and `.schedule`. Emits
  /// an error that names the attribute if one is missing or malformed.
  static mlir::FailureOr<Mesh> of(mlir::ModuleOp module);

  unsigned timeAxis() const { return axes.size() - 1; }
  int64_t microbatches() const { return axes.back().size; }
  /// Devices of one stage.
  int64_t devices() const;
  int64_t sizeOf(llvm::ArrayRef<unsigned> group) const;
  std::optional<unsigned> find(llvm::StringRef name) const;
  /// Major first: time, then the mesh axes in order.
  llvm::SmallVector<unsigned> majorToMinor() const;
};

struct SubDim {
  int64_t size = 1;
  llvm::SmallVector<unsigned, 2> axes; ///< major first
  int64_t bound(const Mesh &mesh) const;
  bool operator==(const SubDim &other) const {
    return size == other.size && axes == other.axes;
  }
};

struct ShardState {
  /// Sub-dimensions of all dimensions, major to minor.
  llvm::SmallVector<SubDim, 4> subDims;
  /// How many of them each dimension has.
  llvm::SmallVector<unsigned, 4> counts;
  /// Axis and combiner, axes rising.
  llvm::SmallVector<std::pair<unsigned, FactorKind>, 2> partial;

  /// Sizes alone, uncut: one list of sub-dimension sizes per dimension.
  static ShardState whole(llvm::ArrayRef<llvm::SmallVector<int64_t>> structure);
  /// The uncut state of `sizes` with the axes of `sharding`. Fails if an axis
  /// is unknown or occurs twice, or if the structures differ; `error` then says
  /// what was found and expected.
  static mlir::FailureOr<ShardState> get(const ShardState &sizes,
                                         ShardingAttr sharding,
                                         const Mesh &mesh, std::string &error);

  ShardingAttr toAttr(mlir::MLIRContext *context, const Mesh &mesh) const;
  /// `<[time*a0], [_, a1]>, partial {...}>`, for messages.
  std::string toString(const Mesh &mesh) const;

  llvm::SmallVector<int64_t> localShape(const Mesh &mesh) const;
  llvm::SmallVector<int64_t> globalShape() const;
  int64_t localElements(const Mesh &mesh) const;
  /// Local elements above (below) a sub-dimension.
  int64_t outer(unsigned subDim, const Mesh &mesh) const;
  int64_t innermost(unsigned subDim, const Mesh &mesh) const;

  std::optional<FactorKind> partialOver(unsigned axis) const;
  void setPartial(unsigned axis, std::optional<FactorKind> combiner);
  /// The sub-dimension that `axis` cuts, or -1.
  int cutBy(unsigned axis) const;
  bool isReplicated() const;
  /// The state without one axis.
  ShardState without(unsigned axis) const;
  /// True if both put the same elements in the same places: dimensions that
  /// neither cuts may be divided into sub-dimensions differently.
  bool agreesWith(const ShardState &other) const;
};

} // namespace colossal::partition

#endif // COLOSSAL_PARTITION_SHARDSTATE_H
