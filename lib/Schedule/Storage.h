//===- Storage.h - Buffers with lifetimes, without offsets yet --*- C++ -*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_STORAGE_H
#define COLOSSAL_LIB_SCHEDULE_STORAGE_H

#include "colossal/Layout/Layout.h"
#include "colossal/Schedule/RankSchedule.h"
#include "llvm/ADT/StringMap.h"

namespace colossal::schedule {

/// A piece of memory that values live in.
struct Root {
  enum class Kind {
    Temporary, ///< inside one segment, or linked to later ones
    Fixed,     ///< input, control, metric, output: for the whole program
    State,     ///< for the whole run, and all programs
  };
  Kind kind = Kind::Temporary;
  std::string name;
  rank::DType dtype = rank::DType::F32;
  int64_t bytes = 0;
  int64_t slots = 1;
  int64_t begin = INT64_MAX, end = 0; ///< positions, half-open
  bool linked = false;
  /// With several microbatches, of a value that there is for each of them: the
  /// segment that returns it, and the last one that reads it.
  std::optional<PlacedSegment> perMicrobatch;
  PlacedSegment lastReader;

  void liveAt(int64_t position) {
    begin = std::min(begin, position);
    end = std::max(end, position + 1);
  }
};

/// A value's place: a root and a byte offset in it.
struct Place {
  unsigned root = 0;
  int64_t offset = 0;
};

int64_t bytesOf(mlir::RankedTensorType type);
int64_t bytesOf(mlir::Value value);

/// What the attributes of an argument or result say; of a scalar where they say
/// nothing, which the check of rank programs reports.
layout::Layout layoutOf(mlir::DictionaryAttr attributes,
                        const layout::Mesh &mesh);
/// The same with the names of the axes.
rank::Layout toRank(const layout::Layout &layout, const layout::Mesh &mesh);

} // namespace colossal::schedule

#endif // COLOSSAL_LIB_SCHEDULE_STORAGE_H
