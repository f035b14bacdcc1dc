//===- Complex.cpp - Ops on complex numbers -------------------------------===//

#include "Complex.h"
#include "Dtypes.h"
#include "Elementwise.h"
#include "Join.h"
#include "Shapes.h"
#include "ViewBuilder.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// c10::ScalarType of complex numbers of two f32 and of two f64, and of their
/// parts.
static constexpr int64_t kComplexFloat = 9, kComplexDouble = 10;
static constexpr int64_t kFloat = 6, kDouble = 7;

Parts normalize::partsOf(Call &c, const Item &item) {
  if (item.isComplex())
    return {item.list[0], item.list[1]};
  return {item, c.number(0.0)};
}

//===----------------------------------------------------------------------===//
// Pairs
//===----------------------------------------------------------------------===//

static TensorRef partOfPairs(Interpreter &state, const TensorRef &pairs,
                             int64_t part, StringRef name, Location loc) {
  GenericBuilder g(state.builder, loc, "");
  View view;
  SmallVector<SmallVector<SubDimAttr>> from;
  DimFactors out;
  Dims dims = dimsOf(state.read(pairs));
  for (const Dim &dim : ArrayRef(dims).drop_back()) {
    out.push_back(addFactors(g, dim));
    from.push_back(plain(g, out.back()));
  }
  from.push_back({g.constant(part, 2)});
  view.factors.assign(g.getFactors().begin(), g.getFactors().end());
  view.from = g.map(from);
  view.to = plainMap(g, out);
  TensorRef result = state.viewOf(pairs, view, name, loc);
  if (result->strides) { // in complex numbers
    for (int64_t &stride : result->strides->ofDims)
      stride /= 2;
    result->strides->offset.reset();
  }
  return result;
}

Item normalize::pairsToComplex(Interpreter &state, const TensorRef &pairs,
                               StringRef name, Location loc) {
  return Item::makeComplex(
      Item(partOfPairs(state, pairs, 0, (name + ".re").str(), loc)),
      Item(partOfPairs(state, pairs, 1, (name + ".im").str(), loc)));
}

Value normalize::complexToPairs(Call &c, const Item &item, StringRef suffix) {
  Value re = c.tensor(item.list[0]), im = c.tensor(item.list[1]);
  if (c.failed())
    return re;
  auto type = cast<RankedTensorType>(re.getType());
  return stackOf(c.generic(suffix), {re, im}, type.getRank(),
                 type.getElementType());
}

//===----------------------------------------------------------------------===//
// Part by part
//===----------------------------------------------------------------------===//

/// Ops that do the same with both parts: they move elements or are linear.
static bool isPartwise(StringRef key) {
  static const llvm::StringSet<> keys = {"aten::view",
                                         "aten::_unsafe_view",
                                         "aten::reshape",
                                         "aten::view_as",
                                         "aten::reshape_as",
                                         "aten::contiguous",
                                         "aten::flatten.using_ints",
                                         "aten::unflatten.int",
                                         "aten::unsqueeze",
                                         "aten::squeeze",
                                         "aten::squeeze.dim",
                                         "aten::squeeze.dims",
                                         "aten::permute",
                                         "aten::transpose.int",
                                         "aten::t",
                                         "aten::numpy_T",
                                         "aten::movedim.int",
                                         "aten::movedim.intlist",
                                         "aten::swapaxes",
                                         "aten::swapdims",
                                         "aten::expand",
                                         "aten::expand_as",
                                         "aten::repeat",
                                         "aten::repeat_interleave.self_int",
                                         "aten::slice.Tensor",
                                         "aten::select.int",
                                         "aten::narrow",
                                         "aten::split.Tensor",
                                         "aten::split_with_sizes",
                                         "aten::chunk",
                                         "aten::unbind.int",
                                         "aten::cat",
                                         "aten::concat",
                                         "aten::stack",
                                         "aten::index_select",
                                         "aten::gather",
                                         "aten::index.Tensor",
                                         "aten::flip",
                                         "aten::roll",
                                         "aten::clone",
                                         "aten::detach",
                                         "aten::alias",
                                         "aten::lift_fresh",
                                         "aten::neg",
                                         "aten::sum",
                                         "aten::sum.dim_IntList",
                                         "aten::mean",
                                         "aten::mean.dim",
                                         "aten::cumsum",
                                         "aten::where.self",
                                         "aten::copy_",
                                         "aten::diagonal",
                                         "aten::tril",
                                         "aten::triu",
                                         "aten::zeros_like",
                                         "aten::empty_like",
                                         "aten::resolve_neg",
                                         "aten::fft_fftshift",
                                         "aten::fft_ifftshift"};
  return keys.contains(key);
}

/// Ops that ask for sizes only.
static bool asksForSizes(StringRef key) {
  static const llvm::StringSet<> keys = {"aten::size", "aten::size.int",
                                         "aten::dim", "aten::numel",
                                         "aten::len.Tensor"};
  return keys.contains(key);
}

static bool holdsComplex(const Item &item) {
  return item.isComplex() ||
         (item.isList() && llvm::any_of(item.list, holdsComplex));
}

/// The item with the real (0) or imaginary (1) parts of complex numbers.
static Item partOf(const Item &item, unsigned part) {
  if (item.isComplex())
    return item.list[part];
  if (!item.isList())
    return item;
  std::vector<Item> items;
  for (const Item &one : item.list)
    items.push_back(partOf(one, part));
  return Item::makeList(items);
}

static Item joined(const Item &re, const Item &im) {
  if (!re.isList())
    return re.isTensorLike() ? Item::makeComplex(re, im) : re;
  std::vector<Item> items;
  for (auto [x, y] : llvm::zip(re.list, im.list))
    items.push_back(joined(x, y));
  return Item::makeList(items);
}

std::vector<Item> normalize::resultsOf(Call &c, std::vector<Item> arguments) {
  Call part = c; // perhaps of another op than the trace's: see Call::call
  part.results.clear();
  part.setArguments(std::move(arguments));
  if (!runRow(part))
    part.error("unsupported op");
  c.inherit(part);
  return part.results;
}

static std::vector<Item> argumentsOf(Call &c, unsigned part) {
  std::vector<Item> items;
  for (const Item &item : c.getArguments())
    items.push_back(partOf(item, part));
  return items;
}

static void interpretParts(Call &c) {
  std::vector<Item> re = resultsOf(c, argumentsOf(c, 0));
  if (c.failed())
    return;
  std::vector<Item> im = resultsOf(c, argumentsOf(c, 1));
  if (c.failed())
    return;
  for (auto [x, y] : llvm::zip(re, im))
    c.result(joined(x, y));
}

//===----------------------------------------------------------------------===//
// Dtypes
//===----------------------------------------------------------------------===//

/// The number of the argument that is a dtype; -1 if there is none.
static int dtypeArgument(StringRef schema) {
  StringRef list = schema.split('(').second;
  SmallVector<StringRef> arguments;
  list.split(arguments, ", ");
  int number = 0;
  for (StringRef argument : arguments) {
    if (argument.starts_with("*"))
      continue;
    if (argument.starts_with("ScalarType"))
      return number;
    ++number;
  }
  return -1;
}

static std::optional<int64_t> complexDtype(const Call &call) {
  AtenOp op = call.op;
  // What a row writes in terms of other ops has the dtype of its operands.
  if (!op.getSchema().starts_with(call.key()))
    return std::nullopt;
  int number = dtypeArgument(op.getSchema());
  if (number < 0 || !call.item(number).isScalar())
    return std::nullopt;
  const Scalar &dtype = call.item(number).scalar;
  if (dtype.isFloat() ||
      (dtype.integer != kComplexFloat && dtype.integer != kComplexDouble))
    return std::nullopt;
  return dtype.integer;
}

/// Zeros like the tensor.
static Item zeroLike(Call &c, const Item &item) {
  Type type = getElementTypeOrSelf(c.tensor(item).getType());
  ElementwiseOptions options;
  options.compute = type;
  options.suffix = "im";
  return c.state.fresh(elementwiseValue(c, {c.tensor(item)}, options,
                                        [&](ScalarBuilder &s, ValueRange) {
                                          return s.zero(type);
                                        }),
                       c.op.getName(), c.loc());
}

/// Conversions to complex numbers, and tensors that are made of them.
static void interpretDtype(Call &c, int64_t dtype) {
  unsigned number = dtypeArgument(c.op.getSchema());
  auto arguments = [&](unsigned part) {
    std::vector<Item> items = argumentsOf(c, part);
    items[number].scalar.integer = dtype == kComplexFloat ? kFloat : kDouble;
    return items;
  };
  std::vector<Item> re = resultsOf(c, arguments(0));
  if (c.failed() || re.size() != 1)
    return;
  if (holdsComplex(c.item(0))) {
    std::vector<Item> im = resultsOf(c, arguments(1));
    if (!c.failed())
      c.result(joined(re[0], im[0]));
    return;
  }
  c.result(Item::makeComplex(re[0], zeroLike(c, re[0])));
}

/// Writes the result of a functional op to the parts of its first operand.
static void writeBackParts(Call &c) {
  const Item self = c.item(0);
  if (c.failed() || c.results.empty())
    return;
  if (!self.isComplex())
    return c.error("writes complex numbers into a real tensor");
  Parts value = partsOf(c, c.results.front());
  for (auto [to, from] :
       {std::pair(self.list[0], value.re), std::pair(self.list[1], value.im)}) {
    if (!to.isTensor())
      return c.error("writes into a constant");
    Value written = c.tensor(from);
    if (written.getType() != to.tensor->type)
      return c.error("an in-place op may not change the shape of its operand");
    if (failed(c.state.write(to.tensor, written, c.op.getName(), c.loc())))
      return c.error("writes into a tensor whose elements overlap");
  }
  c.results = {self};
}

bool normalize::isComplexCall(const Call &call) {
  return llvm::any_of(call.getArguments(), holdsComplex) || complexDtype(call);
}

void normalize::interpretComplex(Call &c) {
  if (std::optional<int64_t> dtype = complexDtype(c))
    return interpretDtype(c, *dtype);
  std::string functional = functionalKey(c.key());
  if (c.key().starts_with("prim::")) // lists and tuples
    (void)runRow(c);
  else if (asksForSizes(c.key())) {
    for (const Item &item : resultsOf(c, argumentsOf(c, 0)))
      c.result(item);
  } else if (Row row = complexRows().find(c.key())) {
    row(c);
  } else if (isPartwise(c.key()) ||
             (!functional.empty() && isPartwise(functional))) {
    interpretParts(c);
  } else if (Row row = complexRows().find(functional)) {
    row(c);
    writeBackParts(c);
  } else {
    c.error("has no form for complex numbers");
  }
}

const Table &normalize::complexRows() {
  static const Table table = [] {
    Table rows;
    addFunctionsOfComplex(rows);
    addFourierRows(rows);
    addSignalsOfComplex(rows);
    return rows;
  }();
  return table;
}
