//===- DiagonalRows.cpp - Diagonals, and numbers of a triangle ------------===//

#include "Lookup.h"
#include "Rows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// x[.., i + down, i + right] as the last dimension. In the order of memory
/// these are n + 1 apart, so that the diagonal is a slice, and written as one.
static Item diagonalOf(Call &c, Item x, int64_t offset, int64_t first,
                       int64_t second) {
  int64_t rank = x.tensor->type.getRank();
  x = c.call("aten::movedim.intlist",
             {x, c.numbers({first, second}), c.numbers({rank - 2, rank - 1})});
  if (c.failed())
    return {};
  ArrayRef<int64_t> shape = x.tensor->type.getShape();
  int64_t rows = shape[rank - 2], columns = shape[rank - 1];
  int64_t down = std::max<int64_t>(-offset, 0),
          right = std::max<int64_t>(offset, 0);
  int64_t length = std::max<int64_t>(std::min(rows - down, columns - right), 0);
  SmallVector<int64_t> flat(shape.drop_back(2));
  flat.push_back(rows * columns);
  x = c.call("aten::reshape", {x, c.numbers(flat)});
  int64_t start = length ? down * columns + right : 0;
  int64_t end = length ? start + (length - 1) * (columns + 1) + 1 : 0;
  return c.call("aten::slice.Tensor", {x, c.number(rank - 2), c.number(start),
                                       c.number(end), c.number(columns + 1)});
}

static void diagonal(Call &c) {
  Item x(c.alias(0));
  int64_t rank = x.tensor->type.getRank(), offset = c.integer(1);
  int64_t first = c.dimension(2, rank), second = c.dimension(3, rank);
  if (c.failed() || rank < 2 || first == second)
    return c.error("expected two different dimensions");
  c.result(diagonalOf(c, x, offset, first, second));
}

static void trace(Call &c) {
  if (c.type(0).getRank() != 2)
    return c.error("expected a matrix");
  c.result(
      c.call("aten::sum", {diagonalOf(c, Item(c.alias(0)), 0, 0, 1), Item()}));
}

/// The last dimension on a diagonal of the last two, zeros beside it.
static Item embedded(Call &c, Value x, int64_t offset) {
  Dims dims = dimsOf(x);
  auto type = cast<RankedTensorType>(x.getType());
  int64_t size = type.getShape().back();
  GenericBuilder g = c.generic("diagonal");
  DimFactors from = addFactors(g, ArrayRef<Dim>(dims).drop_back());
  from.push_back(size == 1 ? SmallVector<int64_t>{}
                           : SmallVector<int64_t>{g.factor("i", size)});
  DimFactors to = from;
  to.push_back(size == 1 ? SmallVector<int64_t>{}
                         : SmallVector<int64_t>{g.factor("j", size)});
  g.operand(x, plainMap(g, from));
  g.result(type.getElementType(), plainMap(g, to));
  Value square = g.build([&](ScalarBuilder &s, ValueRange in) -> Value {
    if (size == 1)
      return in[0];
    Value row = mixedRadix(g, s, from.back()),
          column = mixedRadix(g, s, to.back());
    return s.select(s.compare(Relation::Equal, row, column), in[0],
                    s.zero(type.getElementType()));
  });
  Item result(c.state.fresh(square, c.op.getName(), c.loc()));
  if (offset == 0)
    return result;
  int64_t right = std::max<int64_t>(offset, 0),
          down = std::max<int64_t>(-offset, 0);
  return c.call(
      "aten::constant_pad_nd",
      {result, c.numbers({right, down, down, right}), c.number(int64_t(0))});
}

static void diagonalMatrix(Call &c) {
  int64_t rank = c.type(0).getRank() + 1, offset = c.integer(1);
  int64_t first = c.dimension(2, rank), second = c.dimension(3, rank);
  if (c.failed() || rank < 2 || first == second)
    return c.error("expected a tensor with dimensions, and two different "
                   "dimensions of the result");
  Item matrix = embedded(c, c.tensor(0), offset);
  c.result(
      c.call("aten::movedim.intlist", {matrix, c.numbers({rank - 2, rank - 1}),
                                       c.numbers({first, second})}));
}

/// Of a vector the matrix, of a matrix a copy of the diagonal.
static void diag(Call &c) {
  int64_t rank = c.type(0).getRank(), offset = c.integer(1);
  if (rank != 1 && rank != 2)
    return c.error("expected a vector or a matrix");
  Item result = rank == 1 ? embedded(c, c.tensor(0), offset)
                          : diagonalOf(c, Item(c.alias(0)), offset, 0, 1);
  c.result(c.tensor(result));
}

/// The matrix of all elements.
static void diagonalOfAll(Call &c) {
  Item flat = c.call("aten::reshape", {c.item(0), c.numbers({-1})});
  if (!c.failed())
    c.result(c.tensor(embedded(c, c.tensor(flat), c.integer(1))));
}

/// eye(rows, columns).
static void identity(Call &c, int64_t rows, int64_t columns, unsigned dtype) {
  Type type = c.dtype(dtype, c.builder().getF32Type());
  if (rows < 0 || columns < 0)
    return c.error("found a negative size");
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, plainDims({rows, columns}));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) {
    return s.select(s.compare(Relation::Equal, mixedRadix(g, s, dims[0]),
                              mixedRadix(g, s, dims[1])),
                    s.one(type), s.zero(type));
  }));
}
static void eye(Call &c) { identity(c, c.integer(0), c.integer(0), 1); }
static void eyeOf(Call &c) { identity(c, c.integer(0), c.integer(1), 2); }

/// The rows and columns of the elements of a triangle, row by row. Row r begins
/// at the r-th start: the row of element i is the number of starts up to i.
template <bool upper> static void triangleIndices(Call &c) {
  constexpr int64_t most = 512;
  int64_t rows = c.integer(0), columns = c.integer(1), offset = c.integer(2);
  if (rows < 0 || columns < 0 || rows > most)
    return c.error("found " + Twine(rows) + " rows, expected 0 to " +
                   Twine(most));
  struct Run {
    int64_t start, row, column;
  };
  SmallVector<Run> runs;
  int64_t count = 0;
  for (int64_t row = 0; row < rows; ++row) {
    int64_t begin = upper ? std::clamp<int64_t>(row + offset, 0, columns) : 0;
    int64_t end =
        upper ? columns : std::clamp<int64_t>(row + offset + 1, 0, columns);
    if (begin == end)
      continue;
    runs.push_back({count, row, begin});
    count += end - begin;
  }
  Type type = c.dtype(3, c.builder().getI64Type());
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, plainDims({2, count}));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    Type i64 = s.getBuilder().getI64Type();
    auto number = [&](int64_t value) { return s.integer(i64, value); };
    if (runs.empty())
      return s.zero(type);
    Value place = mixedRadix(g, s, dims[1]);
    Value row = number(runs[0].row), shift = number(runs[0].column);
    for (const Run &run : ArrayRef<Run>(runs).drop_front()) {
      Value reached =
          s.compare(Relation::GreaterEqual, place, number(run.start));
      row = s.select(reached, number(run.row), row);
      shift = s.select(reached, number(run.column - run.start), shift);
    }
    Value isRow =
        s.compare(Relation::Equal, mixedRadix(g, s, dims[0]), number(0));
    return s.cast(s.select(isRow, row, s.add(place, shift)), type);
  }));
}

void normalize::addDiagonalRows(Table &table) {
  table.add("aten::diagonal", diagonal);
  table.add("aten::trace", trace);
  table.add("aten::diag_embed", diagonalMatrix);
  table.add("aten::diag", diag);
  table.add("aten::diagflat", diagonalOfAll);
  table.add("aten::eye", eye);
  table.add("aten::eye.m", eyeOf);
  table.add("aten::tril_indices", triangleIndices<false>);
  table.add("aten::triu_indices", triangleIndices<true>);
}
