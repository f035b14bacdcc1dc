//===- Layout.cpp - Where the elements of a sharded tensor are ------------===//

#include "colossal/Run/Layout.h"

#include <algorithm>

namespace colossal::rank {

int64_t Coordinate::sizeOf(const std::string &axis) const {
  for (const Axis &candidate : mesh)
    if (candidate.name == axis)
      return candidate.size;
  return 0;
}

int64_t Coordinate::positionOf(const std::string &axis) const {
  for (size_t i = 0; i < mesh.size(); ++i)
    if (mesh[i].name == axis)
      return position[i];
  return -1;
}

Coordinate coordinateOf(const Program &program, int64_t device,
                        int64_t microbatch) {
  Coordinate coordinate;
  coordinate.mesh = program.mesh;
  coordinate.position.resize(program.mesh.size());
  for (size_t i = program.mesh.size(); i-- > 0;) {
    coordinate.position[i] = device % program.mesh[i].size;
    device /= program.mesh[i].size;
  }
  coordinate.mesh.push_back({"time", program.microbatches});
  coordinate.position.push_back(std::max<int64_t>(0, microbatch));
  return coordinate;
}

int64_t evaluate(const AffineOffset &affine, const Coordinate &coordinate) {
  int64_t value = affine.constant;
  for (const auto &[axis, stride] : affine.terms)
    value += coordinate.positionOf(axis) * stride;
  return value;
}

std::vector<int64_t> localShape(const Layout &layout) {
  std::vector<int64_t> shape;
  for (const auto &dimension : layout.dimensions) {
    int64_t size = 1;
    for (const SubDimension &sub : dimension)
      size *= sub.bound;
    shape.push_back(size);
  }
  return shape;
}

int64_t elementsOf(const std::vector<int64_t> &shape) {
  int64_t elements = 1;
  for (int64_t size : shape)
    elements *= size;
  return elements;
}

int64_t localElements(const Layout &layout) {
  return elementsOf(localShape(layout));
}

void forEachRun(const Layout &layout, const Coordinate &coordinate,
                const std::function<void(const Run &)> &visit) {
  // All sub-dimensions of all dimensions in one row-major list: the order of
  // sub-dimensions in memory does not depend on dimension borders.
  struct Loop {
    int64_t globalStride, localStride, first, count;
  };
  std::vector<Loop> loops;
  for (const auto &dimension : layout.dimensions) {
    for (const SubDimension &sub : dimension) {
      int64_t index = 0;
      for (const std::string &axis : sub.axes)
        index = index * coordinate.sizeOf(axis) + coordinate.positionOf(axis);
      int64_t first = index * sub.bound;
      int64_t count = std::clamp<int64_t>(sub.extent - first, 0, sub.bound);
      loops.push_back({sub.extent, sub.bound, first, count});
    }
  }
  int64_t globalStride = 1, localStride = 1;
  for (size_t i = loops.size(); i-- > 0;) {
    int64_t extent = loops[i].globalStride, bound = loops[i].localStride;
    loops[i].globalStride = globalStride;
    loops[i].localStride = localStride;
    globalStride *= extent;
    localStride *= bound;
  }
  for (const Loop &loop : loops)
    if (loop.count == 0)
      return;

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

} // namespace colossal::rank
