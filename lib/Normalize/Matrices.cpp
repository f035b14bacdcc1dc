//===- Matrices.cpp - Matrices in the last two dimensions -----------------===//

#include "Matrices.h"
#include "Elementwise.h"
#include "Elimination.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

RankedTensorType normalize::typeOf(Call &c, const Item &item) {
  return cast<RankedTensorType>(c.tensor(item).getType());
}

Item normalize::itemOf(Call &c, Value value) {
  return c.state.fresh(value, c.op.getName(), c.loc());
}

bool normalize::isSquare(Call &c, const Item &x) {
  RankedTensorType type = typeOf(c, x);
  int64_t rank = type.getRank();
  if (c.failed())
    return false;
  if (rank < 2 || type.getDimSize(rank - 1) != type.getDimSize(rank - 2)) {
    c.error("found shape " + shapeText(type.getShape()) +
            ", expected square matrices");
  } else if (!isa<FloatType>(type.getElementType())) {
    c.error("expected floats");
  } else if (type.getDimSize(rank - 1) > kMaxMatrix) {
    c.error("found matrices of " + Twine(type.getDimSize(rank - 1)) +
            " columns, expected at most " + Twine(kMaxMatrix) +
            ": their columns are eliminated one by one");
  }
  return !c.failed();
}

Item normalize::product(Call &c, const Item &a, const Item &b) {
  return c.call("aten::matmul", {a, b});
}
Item normalize::sum(Call &c, const Item &a, const Item &b) {
  return c.call("aten::add.Tensor", {a, b, c.number(int64_t(1))});
}
Item normalize::difference(Call &c, const Item &a, const Item &b) {
  return c.call("aten::sub.Tensor", {a, b, c.number(int64_t(1))});
}
Item normalize::transposed(Call &c, const Item &x) {
  return c.call("aten::transpose.int",
                {x, c.number(int64_t(-2)), c.number(int64_t(-1))});
}
Item normalize::columns(Call &c, const Item &x, int64_t start, int64_t count) {
  return c.call("aten::narrow",
                {x, c.number(int64_t(-1)), c.number(start), c.number(count)});
}
Item normalize::joined(Call &c, std::vector<Item> parts) {
  return c.call("aten::cat",
                {Item::makeList(std::move(parts)), c.number(int64_t(-1))});
}
Item normalize::triangle(Call &c, const Item &x, bool isUpper,
                         int64_t diagonal) {
  return c.call(isUpper ? "aten::triu" : "aten::tril", {x, c.number(diagonal)});
}
Item normalize::change(Call &c, const Item &x) {
  return difference(c, x, c.call("aten::detach", {x}));
}

Item normalize::elementsOf(Call &c, StringRef suffix, const Item &like,
                           ArrayRef<Item> operands, ElementBody body) {
  RankedTensorType type = typeOf(c, like);
  GenericBuilder g = c.generic(suffix);
  DimFactors dims = addFactors(g, dimsOf(c.tensor(like)));
  for (const Item &operand : operands)
    g.operand(c.tensor(operand), plainMap(g, dims));
  g.result(type.getElementType(), plainMap(g, dims));
  return itemOf(c, g.build([&](ScalarBuilder &s, ValueRange in) {
    int64_t rank = type.getRank();
    return body(s, in, mixedRadix(g, s, dims[rank - 2]),
                mixedRadix(g, s, dims[rank - 1]));
  }));
}

Item normalize::identityLike(Call &c, const Item &x) {
  Type type = typeOf(c, x).getElementType();
  return elementsOf(c, "identity", x, {},
                    [&](ScalarBuilder &s, ValueRange, Value row, Value column) {
                      return s.select(s.compare(Relation::Equal, row, column),
                                      s.one(type), s.zero(type));
                    });
}

Item normalize::finiteOrZero(Call &c, const Item &x) {
  Type type = typeOf(c, x).getElementType();
  ElementwiseOptions options;
  options.compute = type;
  options.suffix = "finite";
  return elementwise(c, {x}, options, [&](ScalarBuilder &s, ValueRange in) {
    Value none = s.sub(in[0], in[0]);
    return s.select(s.compare(Relation::Equal, none, s.zero(type)), in[0],
                    s.zero(type));
  });
}

Item normalize::withBatchOf(Call &c, const Item &x, ArrayRef<int64_t> batch) {
  SmallVector<int64_t> shape(batch);
  llvm::append_range(shape, typeOf(c, x).getShape().take_back(2));
  if (typeOf(c, x).getShape() == ArrayRef(shape))
    return x;
  return c.call("aten::expand", {x, c.numbers(shape), c.truth(false)});
}

bool normalize::hasMatrices(Call &c, const Item &x) {
  if (!c.failed() && typeOf(c, x).getRank() < 2)
    c.error("found shape " + shapeText(typeOf(c, x).getShape()) +
            ", expected matrices");
  return !c.failed();
}
Item normalize::solveTriangle(Call &c, const Item &a, const Item &b,
                              bool isUpper, bool isUnit) {
  if (!isSquare(c, a) || !hasMatrices(c, b))
    return b;
  Item part = triangle(c, a, isUpper, isUnit ? (isUpper ? 1 : -1) : 0);
  if (isUnit)
    part = sum(c, part, identityLike(c, a));
  SmallVector<int64_t> batch =
      broadcast(c, {typeOf(c, a).getShape().drop_back(2),
                    typeOf(c, b).getShape().drop_back(2)});
  if (c.failed())
    return b;
  part = withBatchOf(c, part, batch);
  Item right = withBatchOf(c, b, batch);
  if (typeOf(c, right).getNumElements() == 0)
    return right;
  int64_t n = typeOf(c, part).getShape().back();
  Item all =
      itemOf(c, substitute(c, c.tensor(part),
                           c.tensor(joined(c, {identityLike(c, part), right})),
                           isUpper));
  Item inverse = columns(c, all, 0, n),
       x = columns(c, all, n, typeOf(c, right).getShape().back());
  return sum(c, x,
             product(c, inverse, difference(c, right, product(c, part, x))));
}
