//===- Runs.h - Where the elements of a shard are ---------------*- C++ -*-===//
//
// Turns a layout and a place on the mesh into runs: contiguous pieces that
// exist both in the unsharded tensor (row-major by its global shape) and in
// the shard (row-major by the local bounds). What no run covers is padding.
//
// Units: elements.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LAYOUT_RUNS_H
#define COLOSSAL_LAYOUT_RUNS_H

#include "colossal/Layout/Layout.h"

#include <functional>

namespace colossal::layout {

/// One contiguous piece.
struct Run {
  int64_t global = 0; ///< first element in the unsharded tensor
  int64_t local = 0;  ///< first element in the shard
  int64_t length = 0;
};

/// A sub-dimension as one place sees it.
struct Part {
  int64_t extent = 1; ///< global size
  int64_t bound = 1;  ///< local size
  int64_t index = 0;  ///< which part the place holds
};

/// Those of `layout` at `position` (a coordinate per axis of the mesh).
std::vector<Part> partsAt(const Layout &layout, const Mesh &mesh,
                          const std::vector<int64_t> &position);

/// Calls `visit` for every run, in the order of the shard's elements. Runs are
/// as long as they can be: trailing sub-dimensions that are not cut are part of
/// one run.
void forEachRun(const std::vector<Part> &parts,
                const std::function<void(const Run &)> &visit);

} // namespace colossal::layout

#endif // COLOSSAL_LAYOUT_RUNS_H
