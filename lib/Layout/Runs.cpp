//===- Runs.cpp - Where the elements of a shard are -----------------------===//

#include "colossal/Layout/Runs.h"

#include <algorithm>

using namespace colossal::layout;

std::vector<Part>
colossal::layout::partsAt(const Layout &layout, const Mesh &mesh,
                          const std::vector<int64_t> &position) {
  std::vector<Part> parts;
  for (const SubDim &sub : layout.subDims) {
    Part part{sub.size, sub.bound(mesh), 0};
    for (unsigned axis : sub.axes)
      part.index = part.index * mesh.axes[axis].size + position[axis];
    parts.push_back(part);
  }
  return parts;
}

void colossal::layout::forEachRun(
    const std::vector<Part> &parts,
    const std::function<void(const Run &)> &visit) {
  // All sub-dimensions of all dimensions in one row-major list: their order in
  // memory does not depend on dimension borders.
  struct Loop {
    int64_t globalStride, localStride, first, count;
  };
  std::vector<Loop> loops(parts.size());
  int64_t globalStride = 1, localStride = 1;
  for (size_t i = parts.size(); i-- > 0;) {
    const Part &part = parts[i];
    int64_t first = part.index * part.bound;
    int64_t count = std::clamp<int64_t>(part.extent - first, 0, part.bound);
    if (count == 0)
      return;
    loops[i] = {globalStride, localStride, first, count};
    globalStride *= part.extent;
    localStride *= part.bound;
  }

  // The innermost loops merge into one run while what is inside is whole.
  int64_t length = 1, globalBase = 0;
  while (!loops.empty() && loops.back().globalStride == length &&
         loops.back().localStride == length) {
    globalBase += loops.back().first * loops.back().globalStride;
    length *= loops.back().count;
    loops.pop_back();
  }

  std::vector<int64_t> position(loops.size(), 0);
  while (true) {
    Run run{globalBase, 0, length};
    for (size_t i = 0; i < loops.size(); ++i) {
      run.global += (loops[i].first + position[i]) * loops[i].globalStride;
      run.local += position[i] * loops[i].localStride;
    }
    visit(run);
    size_t i = loops.size();
    while (i > 0 && ++position[i - 1] == loops[i - 1].count)
      position[--i] = 0;
    if (i == 0)
      return;
  }
}
