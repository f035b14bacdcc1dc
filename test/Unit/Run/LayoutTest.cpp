//===- LayoutTest.cpp - Runs of a shard against an element-wise reading ---===//

#include "ProgramBuilder.h"

#include <gtest/gtest.h>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

/// Every element of the unsharded tensor is on exactly the ranks that the
/// layout says, at the place that plain index arithmetic gives.
void checkLayout(const Layout &layout, const Program &program) {
  std::vector<SubDimension> subs;
  for (const auto &dimension : layout.dimensions)
    subs.insert(subs.end(), dimension.begin(), dimension.end());
  int64_t global = 1;
  for (const SubDimension &sub : subs)
    global *= sub.extent;
  int64_t devices = 1;
  for (const Axis &axis : program.mesh)
    devices *= axis.size;
  for (int64_t device = 0; device < devices; ++device) {
    Coordinate at = coordinateOf(program, device);
    std::vector<int64_t> found(localElements(layout), -1);
    forEachRun(layout, at, [&](const Run &run) {
      for (int64_t i = 0; i < run.length; ++i)
        found[run.local + i] = run.global + i;
    });
    std::vector<int64_t> expected(found.size(), -1);
    for (int64_t element = 0; element < global; ++element) {
      int64_t rest = element, stride = 1, local = 0;
      bool here = true;
      for (size_t i = subs.size(); i-- > 0;) {
        int64_t index = rest % subs[i].extent, part = 0;
        rest /= subs[i].extent;
        for (const std::string &axis : subs[i].axes)
          part = part * at.sizeOf(axis) + at.positionOf(axis);
        here &= index / subs[i].bound == part;
        local += index % subs[i].bound * stride;
        stride *= subs[i].bound;
      }
      if (here)
        expected[local] = element;
    }
    EXPECT_EQ(found, expected) << "device " << device;
  }
}

TEST(Layout, RunsAreTheShard) {
  ProgramBuilder b({{"data", 2}, {"tensor", 3}});
  auto layout = [](std::vector<std::vector<SubDimension>> dimensions) {
    return Layout{std::move(dimensions)};
  };
  checkLayout(layout({{b.cut(6)}, {b.cut(4)}}), b.program);
  checkLayout(layout({{b.cut(6, {"data"})}, {b.cut(4)}}), b.program);
  checkLayout(layout({{b.cut(6)}, {b.cut(4, {"tensor"})}}), b.program);
  checkLayout(layout({{b.cut(7, {"tensor", "data"})}, {b.cut(5, {})}}),
              b.program);
  // A fused query-key-value weight: 3 x heads x features, heads cut unevenly.
  checkLayout(layout({{b.cut(4, {"data"})},
                      {b.cut(3), b.cut(5, {"tensor"}), b.cut(2)}}),
              b.program);
  // Ranks that hold padding only.
  checkLayout(layout({{b.cut(2, {"data", "tensor"})}, {b.cut(3)}}), b.program);
  checkLayout(layout({}), b.program);
}

} // namespace
