//===- PlacementsTest.cpp - The two ways to tell a layout agree -----------===//

#include "colossal/Layout/Placements.h"
#include "RandomLayout.h"
#include <gtest/gtest.h>

using namespace colossal;
using namespace colossal::layout;
using namespace colossal::layout::test;

namespace {
struct Drawn {
  Mesh mesh;
  std::vector<int64_t> sizes;
  Layout whole;
  std::vector<Placements> all; ///< legal ones
};

Drawn draw(std::mt19937 &random) {
  Drawn drawn;
  drawn.mesh = randomMesh(random);
  drawn.mesh.axes.pop_back(); // time
  for (Axis &axis : drawn.mesh.axes)
    axis.size = 2 + random() % 2;
  drawn.whole = randomSizes(random);
  for (const SubDim &sub : drawn.whole.subDims)
    drawn.sizes.push_back(sub.size);
  drawn.all = legalPlacements(drawn.sizes, drawn.mesh,
                              std::vector<bool>(drawn.sizes.size(), true),
                              {Combiner::Sum, Combiner::Max});
  return drawn;
}
} // namespace

TEST(Placements, SizesAreThoseOfTheLayout) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 100; ++trial) {
    Drawn drawn = draw(random);
    for (const Placements &placements : drawn.all) {
      Layout layout = layoutOf(drawn.whole, placements, drawn.mesh);
      for (size_t sub = 0; sub < drawn.sizes.size(); ++sub)
        EXPECT_EQ(layout.subDims[sub].bound(drawn.mesh),
                  boundOf(drawn.sizes[sub],
                          partsOf(int(sub), placements, drawn.mesh)))
            << nameOf(placements);
      for (unsigned axis = 0; axis < placements.size(); ++axis) {
        int placement = placements[axis];
        EXPECT_EQ(layout.cutBy(axis), std::max(placement, replicated));
        EXPECT_EQ(layout.partialOver(axis).has_value(), isPartial(placement));
      }
    }
  }
}

// Where each step costs the same, the path of one step over one axis is the
// collective that the placements tell, if parts nest; and there is no other.
TEST(Placements, StepsAreThoseOfReshards) {
  std::mt19937 random(2);
  int steps = 0, none = 0;
  for (int trial = 0; trial < 40; ++trial) {
    Drawn drawn = draw(random);
    const Mesh &mesh = drawn.mesh;
    for (int pair = 0; pair < 60; ++pair) {
      const Placements &a = drawn.all[random() % drawn.all.size()];
      Placements b = a;
      size_t axis = random() % b.size();
      b[axis] = drawn.all[random() % drawn.all.size()][axis];
      if (a == b || mixesCombiners(b) || !isLegal(drawn.sizes, b, mesh))
        continue;
      Layout from = layoutOf(drawn.whole, a, mesh),
             to = layoutOf(drawn.whole, b, mesh);
      auto path =
          planReshard(from, to, mesh, [](StepKind, const Axes &, int64_t) {
            return int64_t(1);
          });
      std::optional<AxisStep> step = stepBetween(a, b);
      std::string what = nameOf(a) + " to " + nameOf(b);
      bool isOneStep = path && path->size() == 1 &&
                       path->front().axes == Axes{unsigned(axis)};
      if (isOneStep) {
        ASSERT_TRUE(step) << what;
        EXPECT_EQ(step->kind, path->front().kind) << what;
        EXPECT_EQ(step->axis, axis) << what;
        ++steps;
        continue;
      }
      ++none;
      if (!step)
        continue;
      // Parts do not nest.
      bool nested = true;
      for (int sub : {a[axis], b[axis]})
        if (sub >= 0) {
          Axes major;
          for (unsigned other = 0; other < axis; ++other)
            if (a[other] == sub)
              major.push_back(other);
          nested &=
              nests(drawn.sizes[size_t(sub)], major, {unsigned(axis)}, mesh);
        }
      EXPECT_FALSE(nested) << what;
    }
  }
  EXPECT_GT(steps, 200);
  EXPECT_GT(none, 50);
}

TEST(Placements, Names) {
  EXPECT_EQ(nameOf(Placements()), "R");
  EXPECT_EQ(
      nameOf(Placements{replicated, 2, partialSum, partialOf(Combiner::Max)}),
      "R.S2.P.Pmax");
}
