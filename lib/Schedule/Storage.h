//===- Storage.h - Buffers with lifetimes, before they have offsets -*- C++
//-*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_STORAGE_H
#define COLOSSAL_LIB_SCHEDULE_STORAGE_H

#include "colossal/Schedule/StageSchedule.h"
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

/// The layout that `colossal.sharding` and the global sub-dimension sizes of an
/// argument describe, on `mesh` (with the axis `time`). Empty lists: a scalar.
rank::Layout layoutOf(mlir::DictionaryAttr attributes,
                      llvm::ArrayRef<rank::Axis> meshWithTime);
std::vector<int64_t> globalShapeOf(const rank::Layout &layout);
bool isCutOverTime(const rank::Layout &layout);

} // namespace colossal::schedule

#endif // COLOSSAL_LIB_SCHEDULE_STORAGE_H
