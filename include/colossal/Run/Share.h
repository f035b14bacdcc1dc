//===- Share.h - What a rank reads and writes of a shard --------*- C++ -*-===//
//
// Ranks of a device group that differ only in axes that do not cut a tensor
// hold the same shard: they are its replicas. Files are read and written once,
// not once per replica: each takes a share of the shard, an interval of its
// elements counted along its runs (Layout.h). The shares of all ranks of a
// device group are the unsharded tensor, every element once. A small shard is
// one replica's, another one's for the next tensor.
//
// Units: elements.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_SHARE_H
#define COLOSSAL_RUN_SHARE_H

#include "colossal/Run/Layout.h"

namespace colossal::rank {

/// A rank among the replicas of its shard.
struct Replica {
  /// Those of the mesh that do not cut the layout; "time" is none of them.
  std::vector<std::string> axes;
  int64_t index = 0; ///< by the position on `axes`, the first axis major
  int64_t count = 1;
};
Replica replicaOf(const Layout &layout, const Coordinate &coordinate);

/// Elements [begin, end) of a shard, counted along its runs.
struct Share {
  int64_t begin = 0;
  int64_t end = 0;
};

/// Shards with fewer bytes for each replica are not divided.
constexpr int64_t kLeastShareBytes = 256 << 10;

/// Elements of a shard that are none of its padding.
int64_t elementsOfShard(const Layout &layout, const Coordinate &coordinate);

/// The share of replica `index` of `count` in a shard of `elements`. `number`
/// tells tensors apart.
Share shareOf(int64_t elements, int64_t elementBytes, int64_t index,
              int64_t count, int64_t number);

/// The runs of a share, longest possible, in the order of the shard's elements.
void forEachRunOfShare(const Layout &layout, const Coordinate &coordinate,
                       const Share &share,
                       const std::function<void(const Run &)> &visit);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_SHARE_H
