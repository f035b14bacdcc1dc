//===- Layout.h - Where the elements of a sharded tensor are ----*- C++ -*-===//
//
// Turns a Layout and a coordinate into runs: contiguous pieces that exist both
// in the unsharded tensor (row-major by its global shape) and in the shard
// (row-major by the local bounds). Loading weights, filling batches and dumping
// state are all copies over these runs; what no run covers is padding.
//
// Units: elements.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_LAYOUT_H
#define COLOSSAL_RUN_LAYOUT_H

#include "colossal/Layout/Runs.h"
#include "colossal/Run/RankProgram.h"

#include <functional>

namespace colossal::rank {

/// A position on the mesh; includes "time" while a microbatch is in view.
struct Coordinate {
  std::vector<Axis> mesh;        ///< name and size
  std::vector<int64_t> position; ///< same order

  int64_t sizeOf(const std::string &axis) const;     ///< 0: no such axis
  int64_t positionOf(const std::string &axis) const; ///< -1: no such axis
};

/// The coordinate of the device with number `device` in its device group (last
/// axis fastest), with "time" as last entry.
Coordinate coordinateOf(const Program &program, int64_t device,
                        int64_t microbatch = 0);

/// Value of an affine function at a coordinate.
int64_t evaluate(const AffineOffset &affine, const Coordinate &coordinate);

/// Local sizes of the dimensions and their product.
std::vector<int64_t> localShape(const Layout &layout);
int64_t localElements(const Layout &layout);

/// Product of a shape.
int64_t elementsOf(const std::vector<int64_t> &shape);

using layout::Run;

/// Calls `visit` for every run of the shard at `coordinate`, in the order of
/// the shard's elements. Long runs come first-hand: trailing dimensions that
/// are not cut are part of one run.
void forEachRun(const Layout &layout, const Coordinate &coordinate,
                const std::function<void(const Run &)> &visit);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_LAYOUT_H
