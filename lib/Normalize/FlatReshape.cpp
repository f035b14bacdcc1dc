//===- FlatReshape.cpp - Reshapes whose sizes do not nest -----------------===//

#include "FlatReshape.h"
#include <numeric>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {
/// A run of dimensions that have as many elements before as after a reshape.
struct Stretch {
  unsigned from, numFrom, to, numTo;
};
} // namespace

/// The shortest runs, in order. No size is 0.
static SmallVector<Stretch> stretchesOf(ArrayRef<int64_t> from,
                                        ArrayRef<int64_t> to) {
  SmallVector<Stretch> stretches;
  unsigned f = 0, t = 0;
  while (f < from.size() || t < to.size()) {
    Stretch stretch = {f, 0, t, 0};
    int64_t before = 1, after = 1;
    do {
      if (f < from.size() && (before <= after || t == to.size()))
        before *= from[f++];
      else
        after *= to[t++];
    } while (before != after);
    stretch.numFrom = f - stretch.from;
    stretch.numTo = t - stretch.to;
    stretches.push_back(stretch);
  }
  return stretches;
}

TensorRef normalize::reshapeFlat(Call &c, const TensorRef &parent,
                                 ArrayRef<int64_t> sizes) {
  SmallVector<Stretch> stretches = stretchesOf(parent->type.getShape(), sizes);
  SmallVector<int64_t> common; // per stretch; 0: its dimensions are kept
  TensorRef flat;
  {
    ViewBuilder v(c, parent);
    for (const Stretch &stretch : stretches) {
      ArrayRef<Dim> dims =
          ArrayRef(v.dims).slice(stretch.from, stretch.numFrom);
      ArrayRef<int64_t> wanted = sizes.slice(stretch.to, stretch.numTo);
      Dims finer, target;
      if (succeeded(regroup(dims, wanted, finer, target))) {
        for (unsigned d = 0; d < stretch.numFrom; ++d)
          v.keep(stretch.from + d);
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
    flat = v.finish();
  }
  ViewBuilder v(c, flat);
  unsigned position = 0;
  for (auto [stretch, divisor] : llvm::zip(stretches, common)) {
    ArrayRef<int64_t> wanted = sizes.slice(stretch.to, stretch.numTo);
    if (divisor == 0) {
      Dims finer, target;
      ArrayRef<Dim> dims = ArrayRef(v.dims).slice(position, stretch.numFrom);
      (void)regroup(dims, wanted, finer, target); // did before
      v.cutAnew(finer, target);
      position += stretch.numFrom;
      continue;
    }
    SmallVector<SubDimAttr> merged;
    for (auto [index, size] : llvm::enumerate(wanted)) {
      Dim parts;
      std::string name = "d" + std::to_string(stretch.to + index);
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
  return v.finish();
}
