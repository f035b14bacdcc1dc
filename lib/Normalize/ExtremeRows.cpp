//===- ExtremeRows.cpp - Maxima, minima, their places; any, all, products -===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Elementwise.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static SmallVector<int64_t> allDims(Call &c) {
  return llvm::to_vector(llvm::seq<int64_t>(0, c.type(0).getRank()));
}

/// One dimension; none of a 0-d tensor, which is its own extreme.
static SmallVector<int64_t> oneDim(Call &c, unsigned index) {
  int64_t rank = c.type(0).getRank(), dim = c.dimension(index, rank);
  return rank == 0 ? SmallVector<int64_t>() : SmallVector<int64_t>{dim};
}

static Value itself(ScalarBuilder &, ValueRange in) { return in[0]; }

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// The combiner of extremes; of truth values, of which true is the greater.
static FactorKind extremeKind(bool isMax, Type type) {
  if (type.isInteger(1))
    return isMax ? FactorKind::Any : FactorKind::All;
  return isMax ? FactorKind::Max : FactorKind::Min;
}

static bool reducesNothing(Call &c, ArrayRef<int64_t> dims) {
  if (countReduced(c.type(0), dims) > 0)
    return false;
  c.error("the extreme of no elements");
  return true;
}

/// The tensor, with the least (greatest) of its type for rows that data leave
/// out.
static Value presentForExtreme(Call &c, bool isMax, ArrayRef<int64_t> dims) {
  Type type = c.type(0).getElementType();
  double neutral = std::numeric_limits<double>::infinity();
  if (type.isInteger(1))
    return presentRows(c, c.tensor(0), dims, isMax ? 0 : 1);
  if (isa<FloatType>(type))
    return presentRows(c, c.tensor(0), dims, isMax ? -neutral : neutral);
  TypedAttr least = neutralElement(isMax ? Combiner::Max : Combiner::Min, type);
  // Of 64 bits a double has no greatest number.
  double number = double(integerOf(cast<IntegerAttr>(least)));
  bool isWide = type.getIntOrFloatBitWidth() > 32;
  return presentRows(c, c.tensor(0), dims, isWide ? number / 2 : number);
}

/// amax, amin: the derivative is the combiner's, in equal parts.
template <bool isMax> static void extremeOver(Call &c) {
  SmallVector<int64_t> dims = c.dimensions(1, c.type(0).getRank());
  if (c.failed() || reducesNothing(c, dims))
    return;
  Type type = c.type(0).getElementType();
  Value x = presentForExtreme(c, isMax, dims);
  GenericBuilder g = c.generic();
  g.keep();
  c.result(
      reduce(g, {x}, dims, c.flag(2), extremeKind(isMax, type), type, itself));
}

/// The derivative is that of the mean of those elements.
Value normalize::sharedByEqual(Call &c, Value x, Value value) {
  Type type = getElementTypeOrSelf(x.getType());
  SmallVector<int64_t> dims = llvm::to_vector(
      llvm::seq<int64_t>(0, cast<RankedTensorType>(x.getType()).getRank()));
  // 1 where an element has the value, else 0.
  auto share = [&](ScalarBuilder &s, ValueRange in) {
    Value areNaN = s.logicalAnd(s.compare(Relation::NotEqual, in[0], in[0]),
                                s.compare(Relation::NotEqual, in[1], in[1]));
    Value hasValue =
        s.logicalOr(s.compare(Relation::Equal, in[0], in[1]), areNaN);
    return s.select(hasValue, s.one(type), s.zero(type));
  };
  GenericBuilder count = c.member("count");
  count.keep().noGradient();
  Value number =
      reduce(count, {x, value}, dims, false, FactorKind::Sum, type, share);
  GenericBuilder sum = c.member("sum");
  Value total = reduce(sum, {x, value}, dims, false, FactorKind::Sum, type,
                       [&](ScalarBuilder &s, ValueRange in) {
                         return s.mul(in[0], share(s, in));
                       });
  GenericBuilder out = c.member();
  return overRows(out, {total, number, value}, {}, type,
                  [&](ScalarBuilder &s, ValueRange in) {
                    return s.withDerivative(in[2], in[0],
                                            s.div(s.one(type), in[1]));
                  });
}

/// max(x), min(x).
template <bool isMax> static void extremeOfAll(Call &c) {
  SmallVector<int64_t> dims = allDims(c);
  if (reducesNothing(c, dims))
    return;
  Value x = presentForExtreme(c, isMax, dims);
  Type type = c.type(0).getElementType();
  FactorKind kind = extremeKind(isMax, type);
  if (!isa<FloatType>(type)) {
    GenericBuilder g = c.generic();
    return c.result(reduce(g, {x}, dims, false, kind, type, itself));
  }
  GenericBuilder extreme = c.member(isMax ? "max" : "min");
  extreme.keep().noGradient();
  Value value = reduce(extreme, {x}, dims, false, kind, type, itself);
  c.result(sharedByEqual(c, x, value));
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

/// The extreme over `dims` and the number of the first element that is it, in
/// the order of `dims`; a NaN is beyond all numbers. Of truth values the
/// extreme is an i32.
static GenericOp extremeAndPlace(Call &c, GenericBuilder g, bool isMax,
                                 ArrayRef<int64_t> dims, bool keep) {
  Type type = c.type(0).getElementType();
  if (type.isInteger(1))
    type = c.builder().getI32Type();
  FactorKind kind = isMax ? FactorKind::ArgMax : FactorKind::ArgMin;
  DimFactors factors = addInputs(g, {c.tensor(0)}, dims,
                                 dims.empty() ? FactorKind::Parallel : kind);
  return reduceIntoTuple(g, factors, dims, keep,
                         {type, c.builder().getI64Type()},
                         [&](ScalarBuilder &s, ValueRange in) {
                           SmallVector<int64_t> digits;
                           for (int64_t dim : dims)
                             digits.append(factors[dim]);
                           return SmallVector<Value>{s.cast(in[0], type),
                                                     mixedRadix(g, s, digits)};
                         });
}

/// argmax(x, dim or none, keepdim). Without a dimension the place is that in
/// the flattened tensor.
template <bool isMax> static void argExtreme(Call &c) {
  SmallVector<int64_t> dims = c.isNone(1) ? allDims(c) : oneDim(c, 1);
  if (c.failed() || reducesNothing(c, dims))
    return;
  GenericBuilder g = c.generic();
  g.noGradient();
  c.result(extremeAndPlace(c, g, isMax, dims, c.flag(2)).getOutputs()[1]);
}

/// max(x, dim, keepdim): the values and their places. The derivative of a value
/// goes to the element in its place.
template <bool isMax> static void extremeWithPlace(Call &c) {
  SmallVector<int64_t> dims = oneDim(c, 1);
  bool keep = c.flag(2);
  if (c.failed() || reducesNothing(c, dims))
    return;
  GenericBuilder g = c.generic();
  g.keep();
  GenericOp both = extremeAndPlace(c, g, isMax, dims, keep);
  c.result(castTo(c, both.getOutputs()[0], c.type(0).getElementType(), "cast"));
  c.result(both.getOutputs()[1]);
}

//===----------------------------------------------------------------------===//
// Truth values
//===----------------------------------------------------------------------===//

/// Of bytes a byte, 0 or 1.
static void truthOver(Call &c, ArrayRef<int64_t> dims, bool keep,
                      FactorKind kind) {
  Type i1 = c.builder().getI1Type(), own = c.type(0).getElementType();
  Value x = presentRows(c, c.tensor(0), dims, kind == FactorKind::All);
  GenericBuilder g = c.generic();
  Value truth = reduce(
      g, {x}, dims, keep, kind, i1,
      [&](ScalarBuilder &s, ValueRange in) { return s.cast(in[0], i1); });
  c.result(isUnsignedByte(own) ? castTo(c, truth, own, "cast") : truth);
}

template <FactorKind kind> static void truthOfAll(Call &c) {
  truthOver(c, allDims(c), false, kind);
}

template <FactorKind kind> static void truthOfDims(Call &c) {
  truthOver(c, c.dimensions(1, c.type(0).getRank()), c.flag(2), kind);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static FactorKind productKind(Type type) {
  return type.isInteger(1) ? FactorKind::All : FactorKind::Product;
}

/// Products of integers and truth values are i64, if no dtype is asked for.
static Type productType(Call &c, unsigned dtypeIndex) {
  Type type = c.type(0).getElementType();
  return c.dtype(dtypeIndex,
                 isa<FloatType>(type) ? type : c.builder().getI64Type());
}

static void productOver(Call &c, ArrayRef<int64_t> dims, bool keep, Type type) {
  Value x = presentRows(c, c.tensor(0), dims, 1);
  GenericBuilder g = c.generic();
  g.keep();
  c.result(reduce(
      g, {x}, dims, keep, productKind(type), type,
      [&](ScalarBuilder &s, ValueRange in) { return s.cast(in[0], type); }));
}

static void productOfAll(Call &c) {
  productOver(c, allDims(c), false, productType(c, 1));
}

static void productOfDim(Call &c) {
  SmallVector<int64_t> dims = oneDim(c, 1);
  if (!c.failed())
    productOver(c, dims, c.flag(2), productType(c, 3));
}

void normalize::addExtremeRows(Table &table) {
  table.add("aten::amax", extremeOver<true>);
  table.add("aten::amin", extremeOver<false>);
  table.add("aten::max", extremeOfAll<true>);
  table.add("aten::min", extremeOfAll<false>);
  table.add("aten::max.dim", extremeWithPlace<true>);
  table.add("aten::min.dim", extremeWithPlace<false>);
  table.add("aten::argmax", argExtreme<true>);
  table.add("aten::argmin", argExtreme<false>);
  table.add("aten::any", truthOfAll<FactorKind::Any>);
  table.add({"aten::any.dim", "aten::any.dims"}, truthOfDims<FactorKind::Any>);
  table.add("aten::all", truthOfAll<FactorKind::All>);
  table.add({"aten::all.dim", "aten::all.dims"}, truthOfDims<FactorKind::All>);
  table.add("aten::prod", productOfAll);
  table.add("aten::prod.dim_int", productOfDim);
}
