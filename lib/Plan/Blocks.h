//===- Blocks.h - Runs that repeat ------------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_BLOCKS_H
#define COLOSSAL_LIB_PLAN_BLOCKS_H

#include <cstdint>
#include <vector>

namespace colossal::plan {

/// Joins elementary pieces, given by what they compute (`hashes`) and how much
/// of the program they hold (`sizes`): each copy of a run that repeats becomes
/// one block. What is left between runs becomes one piece where that is no
/// larger than a block, and else stays cut. Returns the ends (exclusive) of the
/// joined pieces.
std::vector<int> joinBlocks(const std::vector<uint64_t> &hashes,
                            const std::vector<int64_t> &sizes);

/// More pieces than this are no use to a search: copies are then joined, and
/// cuts left out.
constexpr int mostPieces = 512;

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_BLOCKS_H
