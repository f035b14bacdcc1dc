//===- SourceMap.h - Python lines of an archive's code ---------*- C++ -*-===//
//
// Beside each code record "code/X.py" an archive has "code/X.py.debug_pkl":
// which range of the original program generated the code from which byte on.
// For a traced module the text of that range is the Python call stack, for a
// scripted one the source of the function. LibTorch reads these records
// without checking them; so it does not get to see them, and we read them
// here. Damaged entries are dropped: lines are for people.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_SOURCEMAP_H
#define COLOSSAL_IMPORT_SOURCEMAP_H

#include "colossal/Import/Graph.h"
#include "colossal/Import/Pickle.h"

#include <map>

namespace colossal::torchscript {

class SourceMap {
public:
  explicit SourceMap(const Pickle &debugInformation);

  /// The Python lines behind the byte `offset` of the code record, innermost
  /// first, without the tracer's own and, where the model has any, without
  /// torch's. May be empty.
  std::vector<Frame> framesAt(int64_t offset) const;

private:
  struct Range {
    std::vector<size_t> text; ///< pieces, as indices into `strings`
    size_t file = 0;          ///< index into `strings`
    int64_t firstLine = 0;
    int64_t start = 0; ///< position of the range in its text
  };
  std::vector<std::string> strings;
  std::map<int64_t, Range> rangeByOffset; ///< valid until the next offset
};

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_SOURCEMAP_H
