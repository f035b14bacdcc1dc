//===- CollectivesTest.cpp - Collectives against their formulas -----------===//

#include "colossal/Reference/Collectives.h"
#include "Programs.h"
#include "colossal/Reference/Ranks.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
/// One collective over a group of `g` on views [outer, x, middle, y, inner].
struct Case {
  int64_t g, outer, x, middle, y, inner;
  int64_t bound(int64_t extent) const { return (extent + g - 1) / g; }
  int64_t at(int64_t o, int64_t e, int64_t m, int64_t f, int64_t i, int64_t nx,
             int64_t ny) const {
    return (((o * nx + e) * middle + m) * ny + f) * inner + i;
  }
};
} // namespace

static std::string type(int64_t elements) {
  return "tensor<" + std::to_string(elements) + "xf32>";
}

static Tensors inputsOf(int64_t group, int64_t elements, Random &random) {
  Tensors inputs;
  for (int64_t r = 0; r < group; ++r)
    inputs.push_back(share(randomTensor(
        RankedTensorType::get({elements}, Float32Type::get(&testContext())),
        random)));
  return inputs;
}

/// The only op of a function from `in` to `out` elements.
static Tensors evaluateOp(const std::string &text, int64_t in, int64_t out,
                          const Tensors &inputs) {
  auto module = parse("func.func @f(%x: " + type(in) + ") -> " + type(out) +
                      " {\n %y = colossal." + text + " : " + type(in) + " -> " +
                      type(out) + "\n return %y : " + type(out) + "\n}");
  if (!module)
    return {};
  Operation *op = &functionOf(*module).getBody().front().front();
  if (isCollective(op))
    return evaluateCollective(op, inputs);
  Tensors results;
  for (int64_t r = 0; r < int64_t(inputs.size()); ++r) {
    Place place;
    place.coordinates["a"] = r;
    place.sizes["a"] = inputs.size();
    results.push_back(evaluateLocal(op, inputs[r], place));
  }
  return results;
}

static std::vector<Case> randomCases() {
  Random random(21);
  std::vector<Case> cases;
  for (int i = 0; i < 40; ++i)
    cases.push_back({random.integer(1, 4), random.integer(1, 3),
                     random.integer(1, 9), random.integer(1, 2),
                     random.integer(1, 9), random.integer(1, 3)});
  return cases;
}

TEST(Collectives, CutAndGather) {
  Random random(22);
  for (Case c : randomCases()) {
    int64_t bound = c.bound(c.x), full = c.outer * c.x * c.inner;
    int64_t part = c.outer * bound * c.inner;
    std::string view = "over [\"a\"] outer " + std::to_string(c.outer) +
                       " extent " + std::to_string(c.x) + " innermost " +
                       std::to_string(c.inner);
    Tensors whole = inputsOf(c.g, full, random);
    Tensors parts = inputsOf(c.g, part, random);
    Tensors slices =
        evaluateOp("shard_slice \"s\" %x " + view, full, part, whole);
    Tensors scattered =
        evaluateOp("reduce_scatter \"s\" sum %x " + view, full, part, whole);
    Tensors largest =
        evaluateOp("reduce_scatter \"s\" max %x " + view, full, part, whole);
    Tensors gathered =
        evaluateOp("all_gather \"s\" %x " + view, part, full, parts);
    for (int64_t r = 0; r < c.g; ++r)
      for (int64_t o = 0; o < c.outer; ++o)
        for (int64_t i = 0; i < c.inner; ++i) {
          for (int64_t e = 0; e < bound; ++e) {
            int64_t local = (o * bound + e) * c.inner + i;
            int64_t row = r * bound + e;
            double slice = 0.0, sum = 0.0, maximum = 0.0;
            if (row < c.x) {
              int64_t position = (o * c.x + row) * c.inner + i;
              slice = whole[r]->floats[position];
              maximum = whole[0]->floats[position];
              for (const TensorRef &input : whole) {
                sum += input->floats[position];
                maximum = std::max(maximum, input->floats[position]);
              }
            }
            EXPECT_EQ(slices[r]->floats[local], slice);
            EXPECT_EQ(scattered[r]->floats[local], sum);
            EXPECT_EQ(largest[r]->floats[local], maximum);
          }
          for (int64_t row = 0; row < c.x; ++row)
            EXPECT_EQ(gathered[r]->floats[(o * c.x + row) * c.inner + i],
                      parts[row / bound]
                          ->floats[(o * bound + row % bound) * c.inner + i]);
        }
  }
}

TEST(Collectives, AllToAll) {
  Random random(23);
  for (Case c : randomCases())
    for (bool gatherX : {true, false}) {
      int64_t xb = c.bound(c.x), yb = c.bound(c.y);
      int64_t rest = c.outer * c.middle * c.inner;
      int64_t in = rest * (gatherX ? xb * c.y : c.x * yb);
      int64_t out = rest * (gatherX ? c.x * yb : xb * c.y);
      Tensors inputs = inputsOf(c.g, in, random);
      auto text = [](int64_t n) { return std::to_string(n); };
      Tensors results = evaluateOp(
          "all_to_all \"t\" %x over [\"a\"] view " + text(c.outer) + ", " +
              text(c.x) + ", " + text(c.middle) + ", " + text(c.y) + ", " +
              text(c.inner) + " gather_x " + (gatherX ? "true" : "false"),
          in, out, inputs);
      for (int64_t r = 0; r < c.g; ++r)
        for (int64_t o = 0; o < c.outer; ++o)
          for (int64_t m = 0; m < c.middle; ++m)
            for (int64_t i = 0; i < c.inner; ++i)
              for (int64_t e = 0; e < (gatherX ? c.x : xb); ++e)
                for (int64_t f = 0; f < (gatherX ? yb : c.y); ++f) {
                  int64_t x = gatherX ? e : r * xb + e;
                  int64_t y = gatherX ? r * yb + f : f;
                  double expected = 0.0;
                  if (x < c.x && y < c.y)
                    expected =
                        gatherX
                            ? inputs[x / xb]
                                  ->floats[c.at(o, x % xb, m, y, i, xb, c.y)]
                            : inputs[y / yb]
                                  ->floats[c.at(o, x, m, y % yb, i, c.x, yb)];
                  EXPECT_EQ(
                      results[r]->floats[c.at(o, e, m, f, i, gatherX ? c.x : xb,
                                              gatherX ? yb : c.y)],
                      expected);
                }
    }
}

TEST(Collectives, AllReduceAndMask) {
  Random random(24);
  Tensors inputs = inputsOf(3, 4, random);
  Tensors sums =
      evaluateOp("all_reduce \"r\" sum %x over [\"a\"]", 4, 4, inputs);
  Tensors masked = evaluateOp("shard_mask \"r\" %x over [\"a\"]", 4, 4, inputs);
  for (int64_t i = 0; i < 4; ++i)
    for (int64_t r = 0; r < 3; ++r) {
      EXPECT_EQ(sums[r]->floats[i], inputs[0]->floats[i] +
                                        inputs[1]->floats[i] +
                                        inputs[2]->floats[i]);
      EXPECT_EQ(masked[r]->floats[i], r == 0 ? inputs[0]->floats[i] : 0.0);
    }
}

TEST(Collectives, MembersAreNumberedFirstAxisMajor) {
  auto module = parse(R"(
    func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
      %y = colossal.all_reduce "r" sum %x over ["b", "a"] : tensor<2xf32> -> tensor<2xf32>
      return %y : tensor<2xf32>
    })");
  Operation *op = &functionOf(*module).getBody().front().front();
  Mesh mesh;
  mesh.axes = {{"a", 2}, {"b", 3}};
  // Rank 4: a = 1, b = 1; b is major here.
  EXPECT_EQ(memberAt(op, mesh.placeOf(4)), 1 * 2 + 1);
  EXPECT_EQ(groupSize(op, mesh.placeOf(4)), 6);
}
