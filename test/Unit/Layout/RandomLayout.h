//===- RandomLayout.h - Random meshes, sizes and layouts --------*- C++ -*-===//

#ifndef COLOSSAL_TEST_UNIT_LAYOUT_RANDOMLAYOUT_H
#define COLOSSAL_TEST_UNIT_LAYOUT_RANDOMLAYOUT_H

#include "colossal/Layout/Layout.h"

#include <algorithm>
#include <random>

namespace colossal::layout::test {

/// A random sharding of `sizes`: each axis cuts, is partial or does nothing.
/// `isTarget`: not partial by product, which nothing else becomes.
inline Layout randomLayout(const Layout &sizes, const Mesh &mesh,
                           std::mt19937 &random, bool mixed,
                           bool isTarget = false) {
  Layout state = sizes;
  std::vector<unsigned> order;
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
    if (mesh.axes[axis].size > 1)
      order.push_back(axis);
  std::shuffle(order.begin(), order.end(), random);
  Combiner rare[] = {Combiner::Max, Combiner::Min, Combiner::Product};
  Combiner all =
      random() % 2 ? Combiner::Sum : rare[random() % (isTarget ? 2 : 3)];
  for (unsigned axis : order) {
    int choice = int(random() % (sizes.subDims.size() + 2));
    if (choice < int(sizes.subDims.size()))
      state.subDims[choice].axes.push_back(axis);
    else if (choice == int(sizes.subDims.size()))
      state.setPartial(axis, mixed && random() % 2 ? Combiner::Max : all);
  }
  return state;
}

inline Layout randomSizes(std::mt19937 &random) {
  std::vector<std::vector<int64_t>> structure(1 + random() % 3);
  for (auto &dim : structure)
    for (size_t i = 0, e = 1 + random() % 2; i < e; ++i)
      dim.push_back(1 + random() % 7);
  return Layout::whole(structure);
}

inline Mesh randomMesh(std::mt19937 &random, int64_t microbatches = 1) {
  std::vector<Axis> axes(1 + random() % 3);
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i] = {"a" + std::to_string(i), int64_t(1 + random() % 3)};
  return Mesh::withTime(axes, microbatches);
}
} // namespace colossal::layout::test

#endif // COLOSSAL_TEST_UNIT_LAYOUT_RANDOMLAYOUT_H
