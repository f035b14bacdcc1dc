//===- PlannedProgram.h - What Partition knows of a step --------*- C++ -*-===//
//
// Reads a planned function once: where every op runs, the state of every
// value, what every operand needs. All checks of the input happen here.
//
// Once and per microbatch. Segments forward and backward run per microbatch;
// prologue and update run once. In the latter the axis `time` means nothing:
// the whole batch is at hand, and accumulators are complete. `stateIn` gives
// the state of a value as a segment sees it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PARTITION_PLANNEDPROGRAM_H
#define COLOSSAL_LIB_PARTITION_PLANNEDPROGRAM_H

#include "Colossal/IR/LayoutAttributes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <tuple>

namespace colossal {

/// By kind, then place: for maps.
inline bool operator<(const PlacedSegment &a, const PlacedSegment &b) {
  return std::tie(a.kind, a.place) < std::tie(b.kind, b.place);
}

} // namespace colossal

namespace colossal::partition {

using layout::Axes;
using layout::Layout;
using layout::Mesh;
using layout::SubDim;

/// An op of the program and where it runs.
struct PlannedOp {
  mlir::Operation *op = nullptr;
  int64_t stage = 0;
  Segment segment = Segment::Forward;
  /// Per factor of a factored op the axes that cut it, major first.
  std::vector<Axes> factorAxes;
  /// Axis and operands that are partial over it (and so are the results).
  llvm::SmallVector<std::pair<unsigned, llvm::SmallVector<unsigned>>> linear;
};

class PlannedProgram {
public:
  /// Reads and checks `function`; emits an error and fails if it is not a
  /// planned program.
  static mlir::FailureOr<PlannedProgram> read(mlir::func::FuncOp function,
                                              const Mesh &mesh);

  const Mesh &getMesh() const { return mesh; }
  mlir::func::FuncOp getFunction() const { return function; }
  /// In program order, segment by segment.
  llvm::ArrayRef<PlannedOp> getOps() const { return ops; }
  /// The op that produces `value`; null for arguments and constants.
  const PlannedOp *producerOf(mlir::Value value) const;

  /// The state in which `value` is produced (of arguments: stored).
  const Layout &stateOf(mlir::Value value) const;
  /// That state as `segment` sees it.
  Layout stateIn(mlir::Value value, Segment segment) const;
  /// What operand `index` of a factored op must be. `extraTime`: a factor that
  /// is cut over time in addition, or -1.
  Layout needOf(const PlannedOp &op, unsigned index, int extraTime = -1) const;
  /// The state of result `index` of a factored op.
  Layout resultOf(const PlannedOp &op, unsigned index,
                  int extraTime = -1) const;
  /// States of a reshard as its segment sees them.
  Layout reshardState(ReshardOp op, ShardingAttr sharding,
                      Segment segment) const;

  /// The unique name of a value: its op's, `#i` where that has several
  /// results; an argument's `colossal.name`.
  std::string nameOf(mlir::Value value) const;

  /// `colossal.role` of an argument.
  std::optional<ArgumentRole> roleOf(mlir::BlockArgument argument) const;
  bool isState(mlir::BlockArgument argument) const;
  /// Whether a result of the program is its new value.
  bool isWritten(mlir::BlockArgument argument) const;
  /// Where a state argument lives: as `colossal.stage` says, else the stage
  /// that updates it, else the first that uses it.
  int64_t ownerOf(mlir::BlockArgument argument) const;

private:
  mlir::LogicalResult readOp(mlir::Operation *op);
  mlir::LogicalResult readAxes(PlannedOp &op);
  mlir::LogicalResult readStates();
  mlir::LogicalResult checkUses();
  mlir::LogicalResult checkNames();
  mlir::FailureOr<Layout> structureOf(mlir::Value value) const;

  Mesh mesh;
  mlir::func::FuncOp function;
  std::vector<PlannedOp> ops;
  llvm::DenseMap<mlir::Operation *, unsigned> indexOf;
  /// New values of states, by number of the argument.
  llvm::DenseMap<unsigned, mlir::Value> updates;
  llvm::DenseMap<mlir::Value, Layout> states;
};

} // namespace colossal::partition

#endif // COLOSSAL_LIB_PARTITION_PLANNEDPROGRAM_H
