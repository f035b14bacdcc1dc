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

/// multilabel_margin_loss(x, targets, reduction): a row of targets names
/// classes, up to the first that is negative. The sum of max(0, 1 - x[named] +
/// x[other]) over both, divided by the number of classes.
static void multilabelMargin(Call &c) {
  int64_t reduction = c.integer(2), one = 1, rank = c.type(0).getRank();
  if (c.failed() || rank < 1 || rank > 2 ||
      c.type(0).getShape() != c.type(1).getShape())
    return c.error("expected scores of samples and classes, and as many "
                   "targets");
  int64_t classes = c.type(0).getShape().back();
  Item x = c.item(0), targets = c.item(1);
  if (rank == 1) {
    x = c.call("aten::unsqueeze", {x, c.number(int64_t(0))});
    targets = c.call("aten::unsqueeze", {targets, c.number(int64_t(0))});
  }
  Item ends = c.call("aten::lt.Scalar", {targets, c.number(int64_t(0))});
  Item ended = c.call("aten::cumsum", {ends, c.number(one), Item()});
  Item isNamed = c.call("aten::eq.Scalar", {ended, c.number(int64_t(0))});
  Item label = c.call("aten::where.ScalarOther",
                      {isNamed, targets, c.number(int64_t(0))});
  Item own = c.call("aten::gather", {x, c.number(one), label});
  Item count = c.call(
      "aten::scatter_add",
      {c.call("aten::zeros_like", {targets, Item()}), c.number(one), label,
       c.call("aten::mul.Tensor",
              {isNamed, c.call("aten::ones_like", {targets, Item()})})});
  Item isOther = c.call("aten::eq.Scalar", {count, c.number(int64_t(0))});
  auto across = [&](const Item &item, int64_t dim) {
    return c.call("aten::unsqueeze", {item, c.number(dim)});
  };
  ElementwiseOptions options;
  Type type = c.type(0).getElementType(), i1 = c.builder().getI1Type();
  options.types = {type, type, i1, i1};
  options.result = type;
  options.suffix = "terms";
  if (c.failed())
    return;
  Item terms = elementwise(
      c, {across(x, 1), across(own, 2), across(isNamed, 2), across(isOther, 1)},
      options, [&](ScalarBuilder &s, ValueRange in) {
        Value zero = s.zero(type);
        Value gap = s.add(s.sub(s.one(type), in[1]), in[0]);
        Value part =
            s.select(s.compare(Relation::Greater, gap, zero), gap, zero);
        return s.select(s.logicalAnd(in[2], in[3]), part, zero);
      });
  Item sum = c.call("aten::sum.dim_IntList",
                    {terms, c.numbers({1, 2}), c.truth(false), Item()});
  if (rank == 1)
    sum = c.call("aten::reshape", {sum, c.numbers({})});
  if (c.failed())
    return;
  combineElements(c, {sum}, reduction, [&](ScalarBuilder &s, ValueRange in) {
    return s.div(in[0], s.constant(type, double(classes)));
  });
}

void normalize::addMarginRows(Table &table) {
  table.add("aten::multilabel_margin_loss", multilabelMargin);
  table.add("aten::multi_margin_loss", multiMargin);
}
