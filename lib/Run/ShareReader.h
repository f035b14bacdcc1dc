//===- ShareReader.h - Shards from files of unsharded tensors ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_SHAREREADER_H
#define COLOSSAL_LIB_RUN_SHAREREADER_H

#include "Checkpoint.h"

namespace colossal::rank {

/// "3x4xf32", for messages.
std::string spelled(const std::vector<int64_t> &shape,
                    const std::string &element);

/// Where a shard's tensor is; null: the shard stays as it is. Floats may be of
/// another type than the state's.
using ShardSources = std::vector<const safetensors::Tensor *>;

struct ShareReading {
  /// What this rank's reading gives to the CRC of each shard's tensor (0 of
  /// copies that the device group does not own).
  std::vector<uint32_t> crcParts;
  std::string failure; ///< of this rank; empty: none
};

/// Fills the shards: every rank reads its shares and gets the others' from its
/// replicas. Collective over the world, also where a rank fails.
ShareReading readShares(const RankState &rank, const ShardSources &sources);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_SHAREREADER_H
