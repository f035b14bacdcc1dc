//===- DistanceRows.cpp - Distances and angles of vectors -----------------===//

#include "Elementwise.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static Item difference(Call &c, Item a, Item b) {
  return c.call("aten::sub.Tensor",
                {std::move(a), std::move(b), c.number(int64_t(1))});
}

static Item norm(Call &c, Item x, Item order, int64_t dim, bool keep) {
  return c.call("aten::linalg_vector_norm",
                {std::move(x), std::move(order), c.numbers({dim}),
                 c.truth(keep), Item()});
}

/// |x - y + eps|, over the last dimension of the one with more.
static void pairwiseDistance(Call &c) {
  if (std::max(c.type(0).getRank(), c.type(1).getRank()) == 0)
    return c.error("expected vectors, found numbers");
  Item gap = c.call("aten::add.Scalar", {difference(c, c.item(0), c.item(1)),
                                         c.item(3), c.number(int64_t(1))});
  c.result(norm(c, gap, c.item(2), -1, c.flag(4)));
}

/// |x - y|, of all elements.
static void distance(Call &c) {
  Item gap = difference(c, c.item(0), c.item(1));
  c.result(c.call("aten::linalg_vector_norm",
                  {gap, c.item(2), Item(), c.truth(false), Item()}));
}

/// Of each row of x to each row of y.
static void distances(Call &c) {
  if (c.type(0).getRank() < 2 || c.type(1).getRank() < 2)
    return c.error("expected two stacks of rows");
  Item rows = c.call("aten::unsqueeze", {c.item(0), c.number(int64_t(-2))});
  Item columns = c.call("aten::unsqueeze", {c.item(1), c.number(int64_t(-3))});
  c.result(
      norm(c, difference(c, rows, columns), c.item(2), -1, /*keep=*/false));
}

/// x / max(|x|, eps), where the bound does not count for the derivative of |x|.
static Item unitOf(Call &c, const Item &x, int64_t dim, double eps) {
  Item length = norm(c, x, c.number(int64_t(2)), dim, /*keep=*/true);
  if (c.failed())
    return {};
  ElementwiseOptions options;
  options.compute = c.tensor(length).getType();
  options.compute = getElementTypeOrSelf(options.compute);
  options.suffix = "unit";
  return elementwise(
      c, {x, length}, options, [&](ScalarBuilder &s, ValueRange in) {
        Value least = s.constant(in[1].getType(), eps);
        Value divisor = s.withDerivative(
            s.select(s.compare(Relation::Less, in[1], least), least, in[1]),
            in[1], s.one(in[1].getType()));
        return s.div(in[0], divisor);
      });
}

static void cosineSimilarity(Call &c) {
  Item both = c.call("aten::broadcast_tensors",
                     {Item::makeList({c.item(0), c.item(1)})});
  if (c.failed())
    return;
  int64_t dim = c.integer(2);
  double eps = c.real(3);
  Item x = unitOf(c, both.list[0], dim, eps),
       y = unitOf(c, both.list[1], dim, eps);
  c.result(c.call("aten::sum.dim_IntList",
                  {c.call("aten::mul.Tensor", {x, y}), c.numbers({dim}),
                   c.truth(false), Item()}));
}

void normalize::addDistanceRows(Table &table) {
  table.add("aten::pairwise_distance", pairwiseDistance);
  table.add("aten::dist", distance);
  table.add("aten::cdist", distances);
  table.add("aten::cosine_similarity", cosineSimilarity);
}
