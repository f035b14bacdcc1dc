//===- FlatReshape.cpp - Reshapes whose sizes do not nest -----------------===//

#include "FlatReshape.h"
#include <numeric>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// A run of dimensions that have as many elements before as after a reshape.
struct Segment {
  unsigned from, numFrom, to, numTo;
};
} // namespace

/// The shortest runs, in order. No size is 0.
static SmallVector<Segment> segmentsOf(ArrayRef<int64_t> from,
                                       ArrayRef<int64_t> to) {
  SmallVector<Segment> segments;
  unsigned f = 0, t = 0;
  while (f < from.size() || t < to.size()) {
    Segment segment = {f, 0, t, 0};
    int64_t before = 1, after = 1;
    do {
      if (f < from.size() && (before <= after || t == to.size()))
        before *= from[f++];
      else
        after *= to[t++];
    } while (before != after);
    segment.numFrom = f - segment.from;
    segment.numTo = t - segment.to;
    segments.push_back(segment);
  }
  return segments;
}

TensorRef normalize::reshapeFlat(Call &c, const TensorRef &parent,
                                 ArrayRef<int64_t> sizes) {
  SmallVector<Segment> segments = segmentsOf(parent->type.getShape(), sizes);
  SmallVector<int64_t> common; // per segment; 0: its dimensions are kept
  TensorRef flat;
  {
    ViewBuilder v(c, parent);
    for (const Segment &segment : segments) {
      ArrayRef<Dim> dims =
          ArrayRef(v.dims).slice(segment.from, segment.numFrom);
      ArrayRef<int64_t> wanted = sizes.slice(segment.to, segment.numTo);
      Dims finer, target;
      if (succeeded(regroup(dims, wanted, finer, target))) {
        for (unsigned d = 0; d < segment.numFrom; ++d)
          v.keep(segment.from + d);
        common.push_back(0);
        continue;
      }
      SmallVector<SubDimAttr> merged;
      for (const Dim &dim : dims) {
        Dim parts = dim;
        if (&dim == dims.begin() && !dim.empty()) {
          const SubDim &first = dim[0];
          int64_t divisor = std::gcd(first.size, wanted[0]);
          common.push_back(divisor);
          if (divisor > 1 && divisor < first.size) {
            parts[0] = {first.name, divisor};
            parts.insert(parts.begin() + 1, {first.name, first.size / divisor});
          }
        } else if (&dim == dims.begin()) {
          common.push_back(1);
        }
        v.from.push_back(plain(v.g, addFactors(v.g, parts)));
        llvm::append_range(merged, v.from.back());
      }
      v.to.push_back(merged);
    }
    flat = v.finish(parent->contiguous);
  }
  ViewBuilder v(c, flat);
  unsigned position = 0;
  for (auto [segment, divisor] : llvm::zip(segments, common)) {
    ArrayRef<int64_t> wanted = sizes.slice(segment.to, segment.numTo);
    if (divisor == 0) {
      Dims finer, target;
      ArrayRef<Dim> dims = ArrayRef(v.dims).slice(position, segment.numFrom);
      (void)regroup(dims, wanted, finer, target); // did before
      v.cutAnew(finer, target);
      position += segment.numFrom;
      continue;
    }
    SmallVector<SubDimAttr> merged;
    for (auto [index, size] : llvm::enumerate(wanted)) {
      Dim parts;
      std::string name = "d" + std::to_string(segment.to + index);
      int64_t major = index == 0 ? divisor : 1;
      for (int64_t part : {major, size / major})
        if (part != 1)
          parts.push_back({name, part});
      v.to.push_back(plain(v.g, addFactors(v.g, parts)));
      if (!parts.empty())
        llvm::append_range(merged, v.to.back());
    }
    v.from.push_back(merged);
    ++position;
  }
  return v.finish(flat->contiguous);
}
