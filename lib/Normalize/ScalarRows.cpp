//===- ScalarRows.cpp - Sizes, lists and conversions of numbers -----------===//

#include "Rows.h"
#include "SelectedRows.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// The elements in `dims`, if their number depends on data.
static std::optional<Item> selectedSize(Call &c, ArrayRef<int64_t> dims) {
  if (c.state.selections.empty() || !c.item(0).isTensor())
    return std::nullopt;
  Value x = c.tensor(0);
  Value count = presentCount(c, x, dims, c.builder().getI64Type());
  if (!count)
    return std::nullopt;
  int64_t rows = 1;
  for (int64_t dim : dims)
    rows *= c.type(0).getDimSize(dim);
  c.state.selections.noteCount(count, rows);
  return Item(c.state.fresh(count, c.op.getName(), c.loc()));
}

/// Whether the argument is such a number, which stays a tensor.
static bool isSelectedSize(Call &c) {
  return c.item(0).isTensor() && !c.state.selections.empty() &&
         c.state.selections.rowsOf(c.tensor(0));
}

/// The size of one dimension: an int (in a trace, a 0-d tensor made of it).
static void size(Call &c) {
  RankedTensorType type = c.type(0);
  if (c.size() < 2) {
    std::vector<Item> sizes;
    for (auto [dim, size] : llvm::enumerate(type.getShape()))
      sizes.push_back(selectedSize(c, {int64_t(dim)}).value_or(c.number(size)));
    return c.result(Item::makeList(sizes));
  }
  int64_t dim = c.dimension(1, type.getRank());
  if (type.getRank() == 0)
    c.error("a 0-d tensor has no sizes");
  if (c.failed())
    return;
  c.result(selectedSize(c, {dim}).value_or(c.number(type.getDimSize(dim))));
}

static void dim(Call &c) { c.result(c.number(c.type(0).getRank())); }

static void numel(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (auto count =
          selectedSize(c, llvm::to_vector(llvm::seq<int64_t>(0, rank))))
    return c.result(*count);
  c.result(c.number(c.type(0).getNumElements()));
}

static void numToTensor(Call &c) {
  if (isSelectedSize(c))
    return c.result(c.item(0));
  Scalar number = c.scalar(0);
  number.isTensor = true;
  number.weak = false;
  if (number.isFloat())
    number.type = c.builder().getF64Type();
  c.result(number);
}

/// From a 0-d tensor to a Python number.
static void toInteger(Call &c) {
  // A number that depends on data stays a tensor: a part may be chosen by it.
  if (isSelectedSize(c) ||
      (c.item(0).isTensor() && c.item(0).tensor->type.getNumElements() == 1 &&
       isa<IntegerType>(c.item(0).tensor->type.getElementType()) &&
       !c.state.numberOf(c.item(0))))
    return c.result(c.item(0));
  c.result(c.number(c.integer(0)));
}

static void toFloat(Call &c) {
  if (isSelectedSize(c))
    return c.result(c.item(0));
  Scalar number = c.scalar(0);
  number.real = number.asReal();
  number.type = c.builder().getF64Type();
  number.weak = true;
  number.isTensor = false;
  c.result(number);
}

/// What depends on data stays a tensor: a condition that asks says so.
static void toBool(Call &c) {
  if (c.item(0).isTensor() && !c.state.numberOf(c.item(0)))
    return c.result(c.item(0));
  c.result(c.truth(c.scalar(0).asBool()));
}

static void toNumber(Call &c) {
  if (isSelectedSize(c))
    return c.result(c.item(0));
  Scalar number = c.scalar(0);
  if (number.isFloat())
    return toFloat(c);
  if (number.type.isInteger(1))
    return toBool(c);
  toInteger(c);
}

static void makeList(Call &c) {
  c.result(Item::makeList(
      std::vector<Item>(c.getArguments().begin(), c.getArguments().end())));
}

static void unpackList(Call &c) {
  for (const Item &item : c.list(0))
    c.result(item);
}

static void listItem(Call &c) {
  ArrayRef<Item> list = c.list(0);
  int64_t index = c.integer(1);
  if (index < 0)
    index += list.size();
  if (index < 0 || index >= int64_t(list.size()))
    return c.error("index out of range");
  c.result(list[index]);
}

/// Keys and values take turns.
static void makeDictionary(Call &c) {
  Item dictionary = Item::makeList({});
  for (unsigned i = 0; i + 1 < c.size(); i += 2) {
    dictionary.keys.push_back(c.text(i).str());
    dictionary.list.push_back(c.item(i + 1));
  }
  c.result(std::move(dictionary));
}

static void dictionaryItem(Call &c) {
  ArrayRef<Item> list = c.list(0);
  StringRef key = c.text(1);
  if (c.failed())
    return;
  const std::vector<std::string> &keys = c.item(0).keys;
  auto found = llvm::find(keys, key);
  if (found == keys.end())
    return c.error("found no key '" + key + "' in the dictionary");
  c.result(list[found - keys.begin()]);
}

/// A device is of no consequence.
static void device(Call &c) { c.result(Item::makeText("cpu")); }

void normalize::addScalarRows(Table &table) {
  table.add({"aten::size.int", "aten::size"}, size);
  table.add("aten::dim", dim);
  table.add("aten::numel", numel);
  table.add("prim::NumToTensor", numToTensor);
  table.add({"prim::NumToTensor.Scalar", "prim::NumToTensor.bool"},
            numToTensor);
  table.add({"aten::Int.Tensor", "aten::IntImplicit", "aten::Int.Scalar",
             "aten::Int.float", "aten::Int.bool"},
            toInteger);
  table.add({"aten::Float.Tensor", "aten::FloatImplicit", "aten::Float.Scalar",
             "aten::Float.int"},
            toFloat);
  table.add({"aten::Bool.Tensor", "aten::Bool.int", "aten::Bool.float"},
            toBool);
  table.add({"aten::ScalarImplicit", "aten::item"}, toNumber);
  table.add({"prim::ListConstruct", "prim::TupleConstruct"}, makeList);
  table.add({"prim::ListUnpack", "prim::TupleUnpack"}, unpackList);
  table.add({"aten::__getitem__.t", "prim::TupleIndex"}, listItem);
  table.add("prim::DictConstruct", makeDictionary);
  table.add("aten::__getitem__.Dict_str", dictionaryItem);
  table.add("prim::device", device);
}
