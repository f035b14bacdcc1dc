//===- Mesh.h - The devices of a group, in axes -----------------*- C++ -*-===//
//
// A mesh arranges the devices of one device group along named axes; every group
// has the same. Rank = group * devicesPerGroup() + position, the last axis
// fastest, so that an axis lies on the links that machine::spanOfAxes tells.
//
// Time. Where microbatches matter they are one more axis, `time`, the last of
// the mesh. On a sub-dimension `time` is major to all others: microbatch t is
// the t-th contiguous part of the batch under every sharding, so a value that
// is gathered over a mesh axis inside the microbatch loop meets the same
// samples as one that was never cut.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LAYOUT_MESH_H
#define COLOSSAL_LAYOUT_MESH_H

#include "colossal/Support/Step.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace colossal::layout {

inline constexpr std::string_view timeName = "time";

struct Axis {
  std::string name;
  int64_t size = 1;
};

/// Numbers of axes; where their order counts, major first.
using Axes = std::vector<unsigned>;

struct Mesh {
  std::vector<Axis> axes; ///< of any number
  Stages stages;
  ScheduleKind schedule = ScheduleKind::OneFOneB;

  /// A mesh whose last axis is time.
  static Mesh withTime(std::vector<Axis> deviceAxes, int64_t microbatches = 1,
                       Stages stages = {});

  /// The number of the time axis; of no axis, where the mesh has none.
  unsigned timeAxis() const;
  int64_t microbatches() const;
  int64_t devicesPerGroup() const;
  /// Of a group of axes, the product.
  int64_t sizeOf(const Axes &group) const;
  std::optional<unsigned> find(std::string_view name) const;
  /// Time, then the others in order.
  Axes majorToMinor() const;
};

} // namespace colossal::layout

#endif // COLOSSAL_LAYOUT_MESH_H
