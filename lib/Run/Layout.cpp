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
  std::vector<layout::Part> parts;
  for (const auto &dimension : layout.dimensions)
    for (const SubDimension &sub : dimension) {
      layout::Part part{sub.extent, sub.bound, 0};
      for (const std::string &axis : sub.axes)
        part.index =
            part.index * coordinate.sizeOf(axis) + coordinate.positionOf(axis);
      parts.push_back(part);
    }
  layout::forEachRun(parts, visit);
}

} // namespace colossal::rank
