//===- OracleTest.cpp - Layouts as the interpreter reads them -------------===//
//
// Two programs that know where the elements of a shard are: the layouts that
// the compiler computes with, and the interpreter, which reads the attributes
// by itself. On random layouts, of uneven sizes, cut over any axes and time,
// they put the same elements in the same places.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/LayoutAttributes.h"
#include "RandomLayout.h"
#include "colossal/Layout/Runs.h"
#include "colossal/Reference/Sharding.h"
#include <gtest/gtest.h>

using namespace colossal;
using namespace colossal::layout;
using namespace colossal::layout::test;

namespace {
using Positions = std::vector<int64_t>; ///< global element, by local one

Positions byRuns(const Layout &layout, const Mesh &mesh,
                 const std::vector<int64_t> &position) {
  Positions elements(size_t(layout.localElements(mesh)), -1);
  forEachRun(partsAt(layout, mesh, position), [&](const Run &run) {
    for (int64_t i = 0; i < run.length; ++i)
      elements[size_t(run.local + i)] = run.global + i;
  });
  return elements;
}

Positions byOracle(const reference::Layout &layout, size_t count,
                   const reference::Place &place) {
  Positions elements(count, -2);
  layout.forEach(place, [&](int64_t local, int64_t global) {
    elements[size_t(local)] = global;
  });
  return elements;
}
} // namespace

TEST(Oracle, RandomLayoutsHoldTheSameElements) {
  mlir::MLIRContext context;
  context.loadDialect<ColossalDialect>();
  std::mt19937 random(3);
  int padded = 0, timed = 0;
  for (int trial = 0; trial < 400; ++trial) {
    Mesh mesh = randomMesh(random, 1 + random() % 3);
    Layout layout = randomLayout(randomSizes(random), mesh, random, false);
    if (random() % 2)
      layout.cut(unsigned(random() % layout.subDims.size()), mesh.timeAxis(),
                 mesh);
    auto attributes = mlir::DictionaryAttr::get(
        &context, layoutAttributes(&context, layout, mesh));
    std::string error, what = layout.toString(mesh);
    auto again = readLayout(attributes, mesh, error);
    ASSERT_TRUE(mlir::succeeded(again)) << what << ": " << error;
    EXPECT_EQ(again->toString(mesh), what);

    reference::Place place;
    for (const Axis &axis : mesh.axes)
      place.sizes[axis.name] = axis.size;
    auto oracle = reference::Layout::get(
        attributes,
        mlir::RankedTensorType::get(layout.localShape(mesh),
                                    mlir::Float32Type::get(&context)),
        place, error);
    ASSERT_TRUE(oracle) << what << ": " << error;
    EXPECT_EQ(oracle->globalShape(), layout.globalShape());
    int64_t places = mesh.devicesPerGroup() * mesh.microbatches();
    for (int64_t number = 0; number < places; ++number) {
      std::vector<int64_t> position(mesh.axes.size());
      int64_t rest = number;
      for (size_t axis = mesh.axes.size(); axis-- > 0;) {
        position[axis] = rest % mesh.axes[axis].size;
        rest /= mesh.axes[axis].size;
        place.coordinates[mesh.axes[axis].name] = position[axis];
      }
      Positions mine = byRuns(layout, mesh, position);
      ASSERT_EQ(mine, byOracle(*oracle, mine.size(), place))
          << what << " at " << number;
      padded += std::count(mine.begin(), mine.end(), -1) > 0;
    }
    timed += layout.cutBy(mesh.timeAxis()) >= 0;
  }
  EXPECT_GT(padded, 200);
  EXPECT_GT(timed, 50);
}
