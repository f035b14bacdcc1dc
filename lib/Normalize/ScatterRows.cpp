//===- ScatterRows.cpp - Elements that are put where ids say --------------===//

#include "Elementwise.h"
#include "IndexFunction.h"
#include "Lookup.h"
#include "Reductions.h"
#include "Rows.h"
#include "Scatter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Scatters into the first elements of other dimensions, as many as the index
/// has: by the same op on that part of a copy.
static void scatterIntoPart(Call &c, int64_t dim) {
  std::string key = functionalKey(c.key());
  if (key.empty())
    key = c.key().str();
  TensorRef copy = c.state.fresh(c.tensor(0), c.op.getName(), c.loc());
  Item part(copy);
  for (auto [d, size] : llvm::enumerate(c.type(2).getShape()))
    if (int64_t(d) != dim)
      part = c.call("aten::narrow", {part, c.number(int64_t(d)),
                                     c.number(int64_t(0)), c.number(size)});
  std::vector<Item> arguments = c.getArguments().vec();
  arguments[0] = part;
  Item written = c.call(key, arguments);
  if (c.failed())
    return;
  if (failed(c.state.write(part.tensor, c.tensor(written), c.op.getName(),
                           c.loc())))
    return c.error("scatters into a part whose elements overlap");
  c.result(c.state.read(copy));
}

std::optional<int64_t> normalize::scatteredDim(Call &c) {
  RankedTensorType type = c.type(0), idType = c.type(2);
  int64_t rank = type.getRank(), dim = c.dimension(1, rank);
  if (c.failed() || rank == 0 || idType.getRank() != rank ||
      !isa<IntegerType>(idType.getElementType())) {
    c.error("expected an integer index of the same rank as the tensor");
    return std::nullopt;
  }
  bool isPart = false;
  for (int64_t d = 0; d < rank; ++d) {
    if (d == dim || idType.getDimSize(d) == type.getDimSize(d))
      continue;
    isPart = true;
    if (idType.getDimSize(d) < type.getDimSize(d))
      continue;
    c.error("found an index of shape " + shapeText(idType.getShape()) +
            " for a tensor of shape " + shapeText(type.getShape()) +
            ", expected at most its sizes but for dimension " + Twine(dim));
    return std::nullopt;
  }
  if (!isPart)
    return dim;
  scatterIntoPart(c, dim);
  return std::nullopt;
}

Value normalize::scatteredSource(Call &c) {
  Type type = c.type(0).getElementType();
  ArrayRef<int64_t> shape = c.type(2).getShape();
  if (!c.item(3).isTensor()) {
    ElementwiseOptions options;
    options.types = {c.type(2).getElementType(), type};
    options.result = type;
    options.suffix = "source";
    return c.tensor(
        elementwise(c, {c.item(2), c.item(3)}, options,
                    [](ScalarBuilder &, ValueRange in) { return in[1]; }));
  }
  ArrayRef<int64_t> own = c.type(3).getShape();
  bool fits = own.size() == shape.size();
  for (size_t d = 0; fits && d < own.size(); ++d)
    fits = own[d] >= shape[d];
  if (c.type(3).getElementType() != type || !fits) {
    c.error("found a source of shape " + shapeText(own) +
            ", expected the tensor's dtype and at least the index's shape, " +
            shapeText(shape));
    return {};
  }
  Item source = c.item(3);
  for (auto [d, size] : llvm::enumerate(shape))
    if (own[d] != size)
      source = c.call("aten::narrow", {source, c.number(int64_t(d)),
                                       c.number(int64_t(0)), c.number(size)});
  return c.failed() ? Value() : c.tensor(source);
}

static Value combined(Call &c, ArrayRef<Value> inputs,
                      GenericBuilder::Body body) {
  ElementwiseOptions options;
  options.result = c.type(0).getElementType();
  for (Value input : inputs)
    options.types.push_back(getElementTypeOrSelf(input.getType()));
  return elementwiseValue(c, inputs, options, body);
}

/// scatter_add(self, dim, index, source): all that an id names is added.
static void scatterAdd(Call &c) {
  std::optional<int64_t> dim = scatteredDim(c);
  if (!dim)
    return;
  if (c.type(0).getElementType().isInteger(1))
    return c.error("adds truth values");
  Value source = scatteredSource(c);
  if (c.failed())
    return;
  Value added = scatterElements(c.generic("added"), source, *dim, c.tensor(2),
                                c.type(0).getDimSize(*dim));
  c.result(
      combined(c, {c.tensor(0), added}, [](ScalarBuilder &s, ValueRange in) {
        return s.add(in[0], in[1]);
      }));
}

/// scatter(self, dim, index, source or value): replaces elements.
static void scatter(Call &c) {
  std::optional<int64_t> dim = scatteredDim(c);
  if (!dim)
    return;
  Value source = scatteredSource(c);
  if (c.failed())
    return;
  Winners winners = winnersOf(c, c.tensor(2), *dim, c.type(0).getDimSize(*dim));
  Value put = readElements(c.generic("put"), source, *dim, winners.place);
  if (!put)
    return c.error("the index covers a part of a merged dimension");
  c.result(combined(c, {c.tensor(0), put, winners.number},
                    [](ScalarBuilder &s, ValueRange in) {
                      Type i64 = in[2].getType();
                      Value hit = s.compare(Relation::Greater, in[2],
                                            s.integer(i64, 0));
                      return s.select(hit, in[1], in[0]);
                    }));
}

/// The other three are for PyTorch's own derivative.
static void bagResults(Call &c, Value bags) {
  c.result(bags);
  for (int i = 0; i < 3; ++i)
    c.result(Item::makeMissing("only the first result of embedding_bag is "
                               "supported"));
}

/// embedding_bag(table, ids, offsets, scale_grad_by_freq, mode, sparse,
/// weights, include_last_offset, padding): sums, means or maxima of rows, a bag
/// from one offset to the next.
static void embeddingBag(Call &c) {
  RankedTensorType table = c.type(0), ids = c.type(1), offsets = c.type(2);
  if (table.getRank() != 2 || ids.getRank() != 1 || offsets.getRank() != 1)
    return c.error("expected a table and lists of ids and offsets");
  int64_t mode = c.integer(4);
  bool hasWeights = c.size() > 6 && !c.isNone(6);
  bool withEnd = c.size() > 7 && c.flag(7);
  int64_t padding = c.size() > 8 && !c.isNone(8) ? c.integer(8) : -1;
  if (c.flag(3))
    c.error("scale_grad_by_freq is not supported");
  if (padding >= 0 && mode != 0)
    c.error("bags with a padding_idx are not supported (but sums)");
  if (hasWeights && mode != 0)
    c.error("weights of a mean");
  int64_t bags = offsets.getDimSize(0) - withEnd;
  if (c.failed() || bags < 1)
    return c.error("expected at least one bag");
  Type type = table.getElementType(), i64 = c.builder().getI64Type();
  Value rows = lookUp(c.generic("rows"), c.tensor(0), 0, c.tensor(1));
  if (hasWeights) {
    GenericBuilder weighted = c.generic("weighted");
    rows = overRows(
        weighted, {rows, c.tensor(6)}, {1}, type,
        [](ScalarBuilder &s, ValueRange in) { return s.mul(in[0], in[1]); });
  }
  if (padding >= 0) {
    GenericBuilder counted = c.generic("counted");
    rows = overRows(counted, {rows, c.tensor(1)}, {1}, type,
                    [&](ScalarBuilder &s, ValueRange in) {
                      Value id = s.cast(in[1], i64);
                      return s.select(s.compare(Relation::Equal, id,
                                                s.integer(i64, padding)),
                                      s.zero(type), in[0]);
                    });
  }
  // Bags of one size, as from a table of ids, do not meet.
  int64_t size = ids.getDimSize(0) / bags;
  if (auto starts = matchProgression(c.tensor(2));
      starts && starts->first == 0 && starts->second == size && size > 0 &&
      size * bags == ids.getDimSize(0)) {
    Item list(c.state.fresh(rows, c.op.getName(), c.loc()));
    list = c.call("aten::reshape",
                  {list, c.numbers({bags, size, table.getDimSize(1)})});
    Item result =
        mode == 2
            ? c.call("aten::max.dim",
                     {list, c.number(int64_t(1)), c.truth(false)})
            : c.call(mode == 0 ? "aten::sum.dim_IntList" : "aten::mean.dim",
                     {list, c.numbers({1}), c.truth(false), Item()});
    return c.failed() ? void() : bagResults(c, c.tensor(result));
  }
  // The bag of an id: how many offsets are not after it, less one.
  GenericBuilder g = c.generic("bag");
  g.noGradient();
  int64_t n = g.factor("n", ids.getDimSize(0));
  int64_t b = g.factor("b", offsets.getDimSize(0), FactorKind::Sum);
  g.operand(c.tensor(2), g.map(ArrayRef<int64_t>{b}));
  g.result(i64, g.map(ArrayRef<int64_t>{n}));
  Value bag = g.build([&](ScalarBuilder &s, ValueRange in) {
    Value started = s.compare(Relation::LessEqual, s.cast(in[0], i64),
                              s.index(g.nameOf(n)));
    Value first =
        s.compare(Relation::Equal, s.index(g.nameOf(b)), s.integer(i64, 0));
    return s.sub(s.cast(started, i64), s.cast(first, i64));
  });
  if (mode == 2) { // an empty bag is 0
    int64_t width = table.getDimSize(1);
    auto itemOf = [&](Value value) {
      return Item(c.state.fresh(value, c.op.getName(), c.loc()));
    };
    Item zeros =
        c.call("aten::new_zeros", {itemOf(rows), c.numbers({bags, width}),
                                   Item(), Item(), Item(), Item()});
    Item places =
        c.call("aten::unsqueeze", {itemOf(bag), c.number(int64_t(1))});
    places =
        c.call("aten::expand",
               {places, c.numbers({ids.getDimSize(0), width}), c.truth(false)});
    Item greatest = c.call("aten::scatter_reduce.two",
                           {zeros, c.number(int64_t(0)), places, itemOf(rows),
                            c.string("amax"), c.truth(false)});
    return c.failed() ? void() : bagResults(c, c.tensor(greatest));
  }
  Value sums =
      scatterSum(c.generic(mode == 0 ? "" : "sum"), rows, 0, bag, bags);
  if (mode == 0)
    return bagResults(c, sums);
  GenericBuilder counter = c.generic("count");
  int64_t i = counter.factor("n", ids.getDimSize(0), FactorKind::Sum);
  int64_t v = counter.factor("b", bags);
  counter.operand(bag, counter.map(ArrayRef<int64_t>{i}));
  counter.result(type, counter.map(ArrayRef<int64_t>{v}));
  Value counts = counter.build([&](ScalarBuilder &s, ValueRange in) {
    return whereId(counter, s, s.one(type), v, in[0]);
  });
  GenericBuilder mean = c.generic();
  bagResults(c, overRows(mean, {sums, counts}, {1}, type,
                         [&](ScalarBuilder &s, ValueRange in) {
                           // An empty bag is 0.
                           return s.div(in[0], s.maximum(in[1], s.one(type)));
                         }));
}

/// bincount(x, weights, minlength): as many as `minlength`, since the greatest
/// number depends on data.
static void countNumbers(Call &c) {
  int64_t size = c.integer(2);
  if (c.failed())
    return;
  if (size < 1 || c.type(0).getRank() != 1)
    return c.error("counts numbers up to the greatest, which depends on data: "
                   "expected a list of numbers, and minlength");
  if (c.isNone(1))
    return c.result(
        occurrencesOf(c, c.tensor(0), size, c.builder().getI64Type(), ""));
  Type type = c.type(1).getElementType();
  if (!isa<FloatType>(type))
    type = c.builder().getF64Type();
  Value weights = castTo(c, c.tensor(1), type, "weights");
  c.result(scatterSum(c.generic(), weights, 0, c.tensor(0), size));
}

void normalize::addScatterRows(Table &table) {
  table.add("aten::scatter_add", scatterAdd);
  table.add({"aten::scatter.src", "aten::scatter.value"}, scatter);
  table.add("aten::embedding_bag.padding_idx", embeddingBag);
  table.add("aten::bincount", countNumbers);
}
