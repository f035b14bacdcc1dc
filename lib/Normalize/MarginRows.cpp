//===- MarginRows.cpp - Margins between classes ---------------------------===//

#include "Elementwise.h"
#include "Lookup.h"
#include "Losses.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// multi_margin_loss(x, target, p, margin, weight, reduction): of a row x with
/// the class t, the sum over the other classes of weight[t] max(0, margin -
/// x[t] + x)^p, divided by the number of classes. p is 1 or 2.
static void multiMargin(Call &c) {
  int64_t power = c.integer(2), reduction = c.integer(5);
  double margin = c.real(3);
  bool isRow = c.type(0).getRank() == 1;
  if (c.failed())
    return;
  if ((!isRow && c.type(0).getRank() != 2) || (power != 1 && power != 2))
    return c.error("expected scores of samples and classes, and a power of 1 "
                   "or 2");
  int64_t classes = c.type(0).getShape().back(), one = 1;
  Item x = c.item(0), label = c.item(1);
  if (isRow)
    x = c.call("aten::unsqueeze", {x, c.number(int64_t(0))});
  label = c.call("aten::reshape", {label, c.numbers({-1, 1})});
  Item own = c.call("aten::gather", {x, c.number(one), label});
  Item weight = c.number(1.0);
  if (!c.isNone(4))
    weight = c.call("aten::index.Tensor", {c.item(4), Item::makeList({label})});
  if (c.failed())
    return;
  Value numbers =
      idsOf(c, {classes}, "classes",
            [](ScalarBuilder &, ValueRange index) { return index[0]; });
  Item isOther =
      c.call("aten::ne.Tensor",
             {c.state.fresh(numbers, c.op.getName(), c.loc()), label});
  ElementwiseOptions options;
  Type type = c.type(0).getElementType();
  options.types = {type, type, type, c.builder().getI1Type()};
  options.result = type;
  options.suffix = "terms";
  Item terms = elementwise(
      c, {x, own, weight, isOther}, options,
      [&](ScalarBuilder &s, ValueRange in) {
        Value zero = s.zero(type);
        Value gap = s.add(s.sub(s.constant(type, margin), in[1]), in[0]);
        Value part =
            s.select(s.compare(Relation::Greater, gap, zero), gap, zero);
        if (power == 2)
          part = s.mul(part, part);
        return s.select(in[3], s.mul(in[2], part), zero);
      });
  Item sum = c.call("aten::sum.dim_IntList",
                    {terms, c.numbers({1}), c.truth(false), Item()});
  if (isRow)
    sum = c.call("aten::reshape", {sum, c.numbers({})});
  if (c.failed())
    return;
  combineElements(c, {sum}, reduction, [&](ScalarBuilder &s, ValueRange in) {
    return s.div(in[0], s.constant(type, double(classes)));
  });
}

void normalize::addMarginRows(Table &table) {
  table.add("aten::multi_margin_loss", multiMargin);
}
