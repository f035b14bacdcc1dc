//===- ReductionRows.cpp - Sums, means, softmax ---------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Dtypes.h"
#include "Elementwise.h"
#include "Reductions.h"
#include "Rows.h"
#include "SelectedRows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Generics with reduction factors
//===----------------------------------------------------------------------===//

int64_t normalize::countReduced(RankedTensorType type,
                                ArrayRef<int64_t> reduced) {
  int64_t count = 1;
  for (int64_t dim : reduced)
    count *= type.getDimSize(dim);
  return count;
}

DimFactors normalize::addInputs(GenericBuilder &g, ArrayRef<Value> inputs,
                                ArrayRef<int64_t> reduced, FactorKind kind) {
  Dims dims = dimsOf(inputs.front());
  DimFactors factors;
  for (auto [index, dim] : llvm::enumerate(dims))
    factors.push_back(addFactors(g, dim,
                                 llvm::is_contained(reduced, int64_t(index))
                                     ? kind
                                     : FactorKind::Parallel));
  ArrayRef<int64_t> shape =
      cast<RankedTensorType>(inputs.front().getType()).getShape();
  for (Value input : inputs) {
    ArrayRef<int64_t> own = cast<RankedTensorType>(input.getType()).getShape();
    DimFactors mine;
    if (own.size() == shape.size()) {
      for (auto [index, size] : llvm::enumerate(own))
        mine.push_back(size == shape[index] ? factors[index]
                                            : SmallVector<int64_t>{});
    } else {
      for (auto [index, dim] : llvm::enumerate(factors))
        if (!llvm::is_contained(reduced, int64_t(index)))
          mine.push_back(dim);
    }
    g.operand(input, plainMap(g, mine));
  }
  return factors;
}

/// Factors of the result.
static DimFactors keptFactors(const DimFactors &factors,
                              ArrayRef<int64_t> reduced, bool keep) {
  DimFactors kept;
  for (auto [index, dim] : llvm::enumerate(factors)) {
    if (!llvm::is_contained(reduced, int64_t(index)))
      kept.push_back(dim);
    else if (keep)
      kept.push_back({});
  }
  return kept;
}

Value normalize::reduceInto(GenericBuilder &g, const DimFactors &factors,
                            ArrayRef<int64_t> reduced, bool keep, Type result,
                            GenericBuilder::Body body) {
  g.result(result, plainMap(g, keptFactors(factors, reduced, keep)));
  return g.build(body);
}

GenericOp normalize::reduceIntoTuple(GenericBuilder &g,
                                     const DimFactors &factors,
                                     ArrayRef<int64_t> reduced, bool keep,
                                     TypeRange results,
                                     GenericBuilder::Bodies body) {
  for (Type result : results)
    g.result(result, plainMap(g, keptFactors(factors, reduced, keep)));
  return g.buildMany(body);
}

Value normalize::reduce(GenericBuilder &g, ArrayRef<Value> inputs,
                        ArrayRef<int64_t> reduced, bool keep, FactorKind kind,
                        Type result, GenericBuilder::Body body) {
  DimFactors factors = addInputs(g, inputs, reduced, kind);
  return reduceInto(g, factors, reduced, keep, result, body);
}

Value normalize::overRows(GenericBuilder &g, ArrayRef<Value> inputs,
                          ArrayRef<int64_t> reduced, Type result,
                          GenericBuilder::Body body) {
  DimFactors factors = addInputs(g, inputs, reduced, FactorKind::Parallel);
  g.result(result, plainMap(g, factors));
  return g.build(body);
}

//===----------------------------------------------------------------------===//
// Sums and means
//===----------------------------------------------------------------------===//

/// Sums of integers and booleans are i64, if no dtype is asked for.
static Type sumType(Call &c, unsigned dtypeIndex) {
  Type type = c.type(0).getElementType();
  return c.dtype(dtypeIndex,
                 isa<FloatType>(type) ? type : c.builder().getI64Type());
}

static void sumOver(Call &c, ArrayRef<int64_t> dims, bool keep, Type type) {
  Value x = presentRows(c, c.tensor(0), dims, 0);
  GenericBuilder g = c.generic();
  // In truth values, as in PyTorch, a sum says whether some term is not zero.
  c.result(reduce(
      g, {x}, dims, keep, kindOfSelection(type), type,
      [&](ScalarBuilder &s, ValueRange in) { return s.cast(in[0], type); }));
}

static void sumAll(Call &c) {
  sumOver(c, llvm::to_vector(llvm::seq<int64_t>(0, c.type(0).getRank())), false,
          sumType(c, 1));
}

static void sumDims(Call &c) {
  sumOver(c, c.dimensions(1, c.type(0).getRank()), c.flag(2), sumType(c, 3));
}

/// The mean of rows that data select, whose number is a value.
static void meanOfPresent(Call &c, Value x, Value count, ArrayRef<int64_t> dims,
                          bool keep) {
  Type type = getElementTypeOrSelf(count.getType());
  Value terms = presentRows(c, x, dims, 0);
  GenericBuilder total = c.member("sum");
  Value sum = reduce(
      total, {terms}, dims, keep, FactorKind::Sum, type,
      [&](ScalarBuilder &s, ValueRange in) { return s.cast(in[0], type); });
  ElementwiseOptions options;
  options.compute = type;
  options.member = true;
  c.result(elementwiseValue(
      c, {sum, count}, options,
      [](ScalarBuilder &s, ValueRange in) { return s.div(in[0], in[1]); }));
}

/// The sum of x / n; the mean of nothing is NaN.
static void meanOver(Call &c, ArrayRef<int64_t> dims, bool keep, Type type) {
  if (!isa<FloatType>(type))
    return c.error("the mean of integers has no dtype (give dtype=...)");
  Value terms = c.tensor(0);
  if (Value present = presentCount(c, terms, dims, type))
    return meanOfPresent(c, terms, present, dims, keep);
  int64_t count = countReduced(c.type(0), dims);
  GenericBuilder g = c.generic();
  if (count > 0)
    return c.result(reduce(
        g, {c.tensor(0)}, dims, keep, FactorKind::Sum, type,
        [&](ScalarBuilder &s, ValueRange in) {
          Value x = s.cast(in[0], type);
          return count == 1 ? x : s.mul(x, s.constant(type, 1.0 / count));
        }));
  Dims result;
  for (auto [index, dim] : llvm::enumerate(dimsOf(c.tensor(0)))) {
    if (!llvm::is_contained(dims, int64_t(index)))
      result.push_back(dim);
    else if (keep)
      result.push_back({});
  }
  g.result(type, plainMap(g, addFactors(g, result)));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) {
    return s.constant(type, std::numeric_limits<double>::quiet_NaN());
  }));
}

static void meanAll(Call &c) {
  meanOver(c, llvm::to_vector(llvm::seq<int64_t>(0, c.type(0).getRank())),
           false, c.dtype(1, c.type(0).getElementType()));
}

static void meanDims(Call &c) {
  meanOver(c, c.dimensions(1, c.type(0).getRank()), c.flag(2),
           c.dtype(3, c.type(0).getElementType()));
}

/// out[i] = sum, or product, of x[j] over j <= i.
template <bool isProduct> static void cumulative(Call &c) {
  Value x = c.tensor(0);
  Type type = sumType(c, 2);
  if (type.isInteger(1))
    return c.error("accumulates truth values, expected a dtype of numbers");
  int64_t rank = c.type(0).getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0)
    return c.result(castTo(c, x, type));
  GenericBuilder g = c.generic();
  int64_t size = c.type(0).getDimSize(dim);
  Dims dims = dimsOf(x);
  dims[dim] = {SubDim{"i", size}};
  DimFactors out = addFactors(g, dims), in = out;
  in[dim] = {
      g.factor("j", size, isProduct ? FactorKind::Product : FactorKind::Sum)};
  g.operand(x, plainMap(g, in));
  g.result(type, plainMap(g, out));
  c.result(g.build([&](ScalarBuilder &s, ValueRange elements) {
    Value before = s.compare(Relation::LessEqual, s.index(g.nameOf(in[dim][0])),
                             s.index(g.nameOf(out[dim][0])));
    return s.select(before, s.cast(elements[0], type),
                    isProduct ? s.one(type) : s.zero(type));
  }));
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

Value normalize::softmax(Call &c, Value x, int64_t dim, bool logarithm,
                         StringRef suffix) {
  auto named = [&](StringRef part) {
    return suffix.empty() ? part.str()
           : part.empty() ? suffix.str()
                          : (suffix + "." + part).str();
  };
  Type type = getElementTypeOrSelf(x.getType());
  bool scalar = cast<RankedTensorType>(x.getType()).getRank() == 0;
  SmallVector<int64_t> dims;
  if (!scalar)
    dims.push_back(dim);
  GenericBuilder max = c.member(named("max"));
  max.keep().noGradient();
  Value maximum = reduce(max, {x}, dims, false, FactorKind::Max, type,
                         [](ScalarBuilder &, ValueRange in) { return in[0]; });
  GenericBuilder sum = c.member(named("sum"));
  sum.keep();
  Value total = reduce(sum, {x, maximum}, dims, false, FactorKind::Sum, type,
                       [](ScalarBuilder &s, ValueRange in) {
                         return s.create<math::ExpOp>(s.sub(in[0], in[1]));
                       });
  GenericBuilder out = c.member(named(""));
  return overRows(out, {x, maximum, total}, dims, type,
                  [&](ScalarBuilder &s, ValueRange in) {
                    Value shifted = s.sub(in[0], in[1]);
                    if (logarithm)
                      return s.sub(shifted, s.create<math::LogOp>(in[2]));
                    return s.div(s.create<math::ExpOp>(shifted), in[2]);
                  });
}

template <bool logarithm> static void softmaxRow(Call &c) {
  Type type = c.dtype(2, floatType(c.type(0).getElementType()));
  int64_t dim = c.dimension(1, c.type(0).getRank());
  Value x = castTo(c, c.tensor(0), type, "cast");
  if (!c.failed())
    c.result(softmax(c, x, dim, logarithm));
}

/// log sum exp over dimensions: of the maximum m and the sum s of exponentials
/// of what is subtracted from it, m + log(s), infinite maxima too.
static void logSumExp(Call &c) {
  Type type = floatType(c.type(0).getElementType());
  Value x = castTo(c, c.tensor(0), type, "cast");
  SmallVector<int64_t> dims = c.dimensions(1, c.type(0).getRank());
  bool keep = c.flag(2);
  if (countReduced(c.type(0), dims) == 0)
    return c.error("the maximum of no elements");
  x = presentRows(c, x, dims, -std::numeric_limits<double>::infinity());
  GenericBuilder sum = c.member("sum");
  sum.keep();
  DimFactors factors =
      addInputs(sum, {x}, dims,
                dims.empty() ? FactorKind::Parallel : FactorKind::MaxSumExp);
  GenericOp pair =
      reduceIntoTuple(sum, factors, dims, keep, {type, type},
                      [&](ScalarBuilder &s, ValueRange in) {
                        return SmallVector<Value>{in[0], s.one(type)};
                      });
  GenericBuilder out = c.member();
  c.result(overRows(out, {pair.getOutputs()[0], pair.getOutputs()[1]}, {}, type,
                    [&](ScalarBuilder &s, ValueRange in) {
                      return s.add(in[0], s.create<math::LogOp>(in[1]));
                    }));
}

/// sum_to_size(x, size): the sum over what broadcasting would repeat.
static void sumToSize(Call &c) {
  SmallVector<int64_t> sizes = c.integers(1), dims;
  ArrayRef<int64_t> shape = c.type(0).getShape();
  int64_t more = int64_t(shape.size()) - int64_t(sizes.size());
  bool fits = more >= 0;
  for (int64_t dim = 0; fits && dim < int64_t(shape.size()); ++dim) {
    int64_t kept = dim < more ? 1 : sizes[dim - more];
    fits = kept == shape[dim] || kept == 1;
    if (kept != shape[dim] || dim < more)
      dims.push_back(dim);
  }
  if (!fits)
    return c.error("expected a size that broadcasts to that of the tensor");
  Item x = c.item(0);
  if (!dims.empty())
    x = c.call("aten::sum.dim_IntList",
               {x, c.numbers(dims), c.truth(true), Item()});
  c.result(c.call("aten::reshape", {x, c.numbers(sizes)}));
}

void normalize::addReductionRows(Table &table) {
  table.add("aten::sum_to_size", sumToSize);
  table.add("aten::sum", sumAll);
  table.add("aten::sum.dim_IntList", sumDims);
  table.add("aten::mean", meanAll);
  table.add("aten::mean.dim", meanDims);
  table.add("aten::cumsum", cumulative<false>);
  table.add("aten::cumprod", cumulative<true>);
  table.add("aten::softmax.int", softmaxRow<false>);
  table.add("aten::log_softmax.int", softmaxRow<true>);
  table.add("aten::logsumexp", logSumExp);
}
