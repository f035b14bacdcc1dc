//===- Gather.h - A sharded tensor on rank 0 --------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_GATHER_H
#define COLOSSAL_LIB_RUN_GATHER_H

#include "Fabric.h"
#include "colossal/Run/Layout.h"

#include <map>

namespace colossal::rank {

/// What this rank has of a tensor: pieces of the unsharded one, and their bytes
/// one after the other.
struct Contribution {
  std::vector<Run> runs;
  std::vector<char> bytes;
};

/// Whether a rank at this coordinate is the one of its replicas that sends: at
/// position 0 of every axis that the layout does not use.
bool isFirstReplica(const Layout &layout, const Coordinate &coordinate);

/// Adds the shard at `coordinate`, which lies at `data`.
void addShard(Contribution &contribution, const Layout &layout,
              const Coordinate &coordinate, const char *data,
              int64_t elementBytes);

/// What device groups give, from the names of what each has: (group, name), the
/// same on all ranks. Collective over the world.
std::vector<std::pair<int64_t, std::string>>
agreeOnNames(Fabric &fabric, int64_t groups,
             const std::vector<std::string> &own);

/// A tensor as rank 0 gets it.
struct GatheredTensor {
  std::vector<int64_t> shape;
  DType dtype = DType::F32;
  std::vector<char>
      bytes; ///< unsharded, on rank 0 alone; zero where none has it
};

/// Collective over the world: ranks of `group` contribute, with the tensor's
/// shape and type (of the others they do not count).
/// `what`, for messages: "collecting state".
GatheredTensor gather(Fabric &fabric, const char *what, int64_t groups,
                      int64_t group, const std::vector<int64_t> &shape,
                      DType dtype, const Contribution &own);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_GATHER_H
