//===- CreationRows.cpp - Tensors made from nothing -----------------------===//
//
// Filled and numbered tensors are generics without operands: functions of the
// indices, never constants of their size.
//
//===----------------------------------------------------------------------===//

#include "Dtypes.h"
#include "Elementwise.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// A tensor of one number; a 0-d one stays known.
static void fillWith(Call &c, ArrayRef<int64_t> sizes, const Item &number,
                     Type type) {
  if (llvm::any_of(sizes, [](int64_t size) { return size < 0; }))
    c.error("found a negative size");
  if (sizes.empty() && number.isScalar() && !c.failed()) {
    Scalar known = number.scalar;
    known.real = number.scalar.asReal();
    if (isa<IntegerType>(type))
      known.integer = integerAs(number.scalar, type);
    known.type = type;
    known.weak = false;
    known.isTensor = true;
    return c.result(known);
  }
  GenericBuilder g = c.generic();
  bool isKnown = number.isScalar();
  if (!isKnown)
    g.operand(c.tensor(number), "[]");
  g.result(type, plainMap(g, addFactors(g, plainDims(sizes))));
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) -> Value {
    if (!isKnown)
      return s.cast(in[0], type);
    if (isa<FloatType>(type) || type.isInteger(1))
      return s.constant(type, number.scalar.asReal());
    return s.integer(type, number.scalar.asInteger());
  }));
}

static Item numberItem(Call &c, int64_t value) {
  Scalar number;
  number.type = c.builder().getI64Type();
  number.integer = value;
  return number;
}

/// The dtype that a fill value implies.
static Type fillType(Call &c, unsigned index) {
  if (!c.item(index).isScalar())
    return c.type(index).getElementType();
  Scalar number = c.scalar(index);
  return number.weak && number.isFloat() ? Type(c.builder().getF32Type())
                                         : number.type;
}

static void full(Call &c) {
  fillWith(c, c.integers(0), c.item(1), c.dtype(2, fillType(c, 1)));
}
template <int64_t value> static void filled(Call &c) {
  fillWith(c, c.integers(0), numberItem(c, value),
           c.dtype(1, c.builder().getF32Type()));
}
static void fullLike(Call &c) {
  fillWith(c, c.type(0).getShape(), c.item(1),
           c.dtype(2, c.type(0).getElementType()));
}
template <int64_t value> static void filledLike(Call &c) {
  fillWith(c, c.type(0).getShape(), numberItem(c, value),
           c.dtype(1, c.type(0).getElementType()));
}
static void newFull(Call &c) {
  fillWith(c, c.integers(1), c.item(2), c.dtype(3, c.type(0).getElementType()));
}
template <int64_t value> static void newFilled(Call &c) {
  fillWith(c, c.integers(1), numberItem(c, value),
           c.dtype(2, c.type(0).getElementType()));
}

/// Reached through `fill_` and `zero_`: the contents of self are replaced.
static void fill(Call &c) {
  fillWith(c, c.type(0).getShape(), c.item(1), c.type(0).getElementType());
}
static void zero(Call &c) {
  fillWith(c, c.type(0).getShape(), numberItem(c, 0),
           c.type(0).getElementType());
}

static void scalarTensor(Call &c) {
  fillWith(c, {}, c.item(0), c.dtype(1, c.builder().getF32Type()));
}

//===----------------------------------------------------------------------===//
// Numbers in sequence
//===----------------------------------------------------------------------===//

static void arangeOf(Call &c, Scalar start, Scalar end, Scalar step,
                     unsigned dtypeIndex) {
  bool real = start.isFloat() || end.isFloat() || step.isFloat();
  Type type = c.dtype(dtypeIndex, real ? Type(c.builder().getF32Type())
                                       : Type(c.builder().getI64Type()));
  if (step.asReal() == 0)
    return c.error("found step 0");
  // All integers: exact. Else as PyTorch, in f64.
  int64_t count = 0;
  if (!real) {
    int64_t distance = end.asInteger() - start.asInteger(),
            stride = step.asInteger();
    count = (distance + stride + (stride > 0 ? -1 : 1)) / stride;
    if ((distance > 0) != (stride > 0))
      count = 0;
  } else {
    count = int64_t(std::ceil((end.asReal() - start.asReal()) / step.asReal()));
  }
  if (count < 0)
    return c.error("the bounds are inconsistent with the sign of the step");
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, plainDims({count}));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    Type i64 = s.getBuilder().getI64Type();
    Value index =
        dims[0].empty() ? s.integer(i64, 0) : s.index(g.nameOf(dims[0][0]));
    if (!real) {
      if (step.asInteger() != 1)
        index = s.mul(index, s.integer(i64, step.asInteger()));
      if (start.asInteger() != 0)
        index = s.add(index, s.integer(i64, start.asInteger()));
      return s.cast(index, type);
    }
    Type compute =
        isa<FloatType>(type) ? type : Type(s.getBuilder().getF64Type());
    Value x = s.mul(s.cast(index, compute), s.constant(compute, step.asReal()));
    return s.cast(s.add(x, s.constant(compute, start.asReal())), type);
  }));
}

static Scalar known(Call &c, int64_t value) {
  return numberItem(c, value).scalar;
}

static void arangeEnd(Call &c) {
  arangeOf(c, known(c, 0), c.scalar(0), known(c, 1), 1);
}
static void arangeStart(Call &c) {
  arangeOf(c, c.scalar(0), c.scalar(1), known(c, 1), 2);
}
static void arangeStep(Call &c) {
  arangeOf(c, c.scalar(0), c.scalar(1), c.scalar(2), 3);
}

/// linspace(start, end, steps): from both ends to the middle, as PyTorch.
static void linspace(Call &c) {
  double start = c.real(0), end = c.real(1);
  int64_t count = c.integer(2);
  Type type = c.dtype(3, c.builder().getF32Type());
  if (count < 0 || !isa<FloatType>(type))
    return c.error("expected a number of steps that is not negative, and a "
                   "float type");
  double step = count > 1 ? (end - start) / double(count - 1) : 0;
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, plainDims({count}));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    if (count <= 1)
      return s.constant(type, start);
    Type i64 = s.getBuilder().getI64Type();
    Value index = mixedRadix(g, s, dims[0]);
    Value width = s.constant(type, step);
    Value rest = s.sub(s.integer(i64, count - 1), index);
    Value low =
        s.add(s.constant(type, start), s.mul(width, s.cast(index, type)));
    Value high = s.sub(s.constant(type, end), s.mul(width, s.cast(rest, type)));
    return s.select(s.compare(Relation::Less, index, s.integer(i64, count / 2)),
                    low, high);
  }));
}

/// logspace(start, end, steps, base): base to the power of linspace.
static void logspace(Call &c) {
  double base = c.real(3);
  Item exponents =
      c.call("aten::linspace", {c.item(0), c.item(1), c.item(2), c.item(4)});
  if (!c.failed())
    c.result(c.call("aten::pow.Scalar", {c.number(base), exponents}));
}

//===----------------------------------------------------------------------===//
// Triangles
//===----------------------------------------------------------------------===//

/// Keeps the elements with column - row >= diagonal (upper), or <= (lower).
template <bool upper> static void triangle(Call &c) {
  Value x = c.tensor(0);
  int64_t diagonal = c.integer(1), rank = c.type(0).getRank();
  Type type = c.type(0).getElementType(), i64 = c.builder().getI64Type();
  if (rank < 2)
    return c.error("expected at least two dimensions");
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, dimsOf(x));
  IndexMapAttr map = plainMap(g, dims);
  g.operand(x, map);
  g.result(type, map);
  c.result(g.build([&](ScalarBuilder &s, ValueRange in) {
    Value row = mixedRadix(g, s, dims[rank - 2]),
          column = mixedRadix(g, s, dims[rank - 1]);
    if (diagonal != 0)
      row = s.add(row, s.integer(i64, diagonal));
    Value inside = s.compare(
        upper ? Relation::GreaterEqual : Relation::LessEqual, column, row);
    return s.select(inside, in[0], s.zero(type));
  }));
}

void normalize::addCreationRows(Table &table) {
  table.add("aten::full", full);
  table.add("aten::zeros", filled<0>);
  table.add("aten::ones", filled<1>);
  table.add("aten::empty.memory_format", filled<0>);
  table.add("aten::full_like", fullLike);
  table.add("aten::zeros_like", filledLike<0>);
  table.add("aten::ones_like", filledLike<1>);
  table.add("aten::empty_like", filledLike<0>);
  table.add("aten::new_full", newFull);
  table.add("aten::new_zeros", newFilled<0>);
  table.add("aten::new_ones", newFilled<1>);
  table.add("aten::new_empty", newFilled<0>);
  table.add({"aten::fill.Scalar", "aten::fill.Tensor"}, fill);
  table.add("aten::zero", zero);
  table.add("aten::scalar_tensor", scalarTensor);
  table.add("aten::arange", arangeEnd);
  table.add("aten::arange.start", arangeStart);
  table.add("aten::arange.start_step", arangeStep);
  table.add("aten::linspace", linspace);
  table.add("aten::logspace", logspace);
  table.add("aten::triu", triangle<true>);
  table.add("aten::tril", triangle<false>);
}
