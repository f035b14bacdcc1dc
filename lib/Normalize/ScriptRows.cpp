//===- ScriptRows.cpp - Numbers, texts and lists of scripted code ---------===//
//
// What scripted functions compute beside tensors, all of it known here: sizes,
// types, flags, lists. Lists are values; one that code changes is bound anew.
//
//===----------------------------------------------------------------------===//

#include "Constants.h"
#include "Dtypes.h"
#include "Elementwise.h"
#include "Rows.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

template <double (*function)(double)> static void realFunction(Call &c) {
  c.result(c.number(function(c.real(0))));
}

/// math.floor and math.ceil give integers.
template <double (*function)(double)> static void roundedFunction(Call &c) {
  c.result(c.number(int64_t(function(c.real(0)))));
}

static void realPower(Call &c) {
  c.result(c.number(std::pow(c.real(0), c.real(1))));
}

/// Of two numbers, or of all in a list.
template <bool least> static void extreme(Call &c) {
  std::vector<Item> items = c.getArguments().vec();
  if (c.item(0).isList())
    items = c.list(0).vec();
  std::optional<Scalar> found;
  for (const Item &item : items) {
    std::optional<Scalar> number = c.state.numberOf(item);
    if (!number)
      return c.error("an argument is not a number known at compile time");
    if (!found || (least ? number->asReal() < found->asReal()
                         : number->asReal() > found->asReal()))
      found = number;
  }
  if (!found)
    return c.error("found an empty list");
  c.result(*found);
}

static void negative(Call &c) {
  Scalar number = c.scalar(0);
  number.real = -number.real;
  number.integer = -number.integer;
  c.result(number);
}

static void absolute(Call &c) {
  Scalar number = c.scalar(0);
  number.real = std::fabs(number.real);
  number.integer = std::abs(number.integer);
  c.result(number);
}

static void rangeLength(Call &c) {
  int64_t low = c.integer(0), high = c.integer(1), step = c.integer(2);
  if (step == 0)
    return c.error("found step 0");
  int64_t distance = step > 0 ? high - low : low - high;
  int64_t size = std::abs(step);
  c.result(c.number(distance <= 0 ? 0 : (distance - 1) / size + 1));
}

static void rangeElement(Call &c) {
  c.result(c.number(c.integer(1) + c.integer(0) * c.integer(2)));
}

//===----------------------------------------------------------------------===//
// Questions
//===----------------------------------------------------------------------===//

template <bool wanted> static void isSame(Call &c) {
  bool same = c.isNone(0) == c.isNone(1);
  if (!c.isNone(0) && !c.isNone(1))
    return c.error("compares objects: expected a comparison with None");
  c.result(c.truth(same == wanted));
}

template <bool wanted> static void isEqualText(Call &c) {
  c.result(c.truth((c.text(0) == c.text(1)) == wanted));
}

template <bool wanted> static void isEqualList(Call &c) {
  SmallVector<int64_t> a = c.integers(0), b = c.integers(1);
  c.result(c.truth((a == b) == wanted));
}

static void contains(Call &c) {
  c.result(c.truth(llvm::is_contained(c.integers(0), c.integer(1))));
}

static void dtypeOf(Call &c) {
  Type type = c.type(0).getElementType();
  if (c.item(0).isScalar() && c.item(0).scalar.weak && isa<FloatType>(type))
    type = c.builder().getF32Type();
  for (int64_t dtype = 0; dtype < 16; ++dtype)
    if (typeOfDtype(type.getContext(), dtype) == type)
      return c.result(c.number(dtype));
  c.error("the tensor's dtype is not supported");
}

static void isFloatingPoint(Call &c) {
  c.result(c.truth(isa<FloatType>(c.type(0).getElementType())));
}

template <bool answer> static void answered(Call &c) {
  c.result(c.truth(answer));
}

static void isNot(Call &c) {
  if (!c.item(0).isTensor() || c.state.numberOf(c.item(0)))
    return c.result(c.truth(!c.flag(0)));
  ElementwiseOptions options;
  options.compute = options.result = c.builder().getI1Type();
  c.result(elementwise(
      c, {c.item(0)}, options, [](ScalarBuilder &s, ValueRange in) -> Value {
        return s.create<arith::XOrIOp>(in[0], s.one(in[0].getType()));
      }));
}

//===----------------------------------------------------------------------===//
// Lists
//===----------------------------------------------------------------------===//

static void length(Call &c) {
  if (c.item(0).isList())
    return c.result(c.number(int64_t(c.list(0).size())));
  if (c.type(0).getRank() == 0)
    return c.error("a 0-d tensor has no length");
  c.result(c.number(c.type(0).getDimSize(0)));
}

static void listSlice(Call &c) {
  ArrayRef<Item> list = c.list(0);
  int64_t size = list.size(), step = c.isNone(3) ? 1 : c.integer(3);
  if (step <= 0)
    return c.error("found step " + Twine(step) + ", expected at least 1");
  auto bound = [&](unsigned index, int64_t otherwise) {
    int64_t at = c.isNone(index) ? otherwise : c.integer(index);
    return std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
  };
  std::vector<Item> part;
  for (int64_t i = bound(1, 0), end = bound(2, size); i < end; i += step)
    part.push_back(list[i]);
  c.result(Item::makeList(part));
}

static void listSum(Call &c) {
  std::vector<Item> items = c.list(0).vec();
  llvm::append_range(items, c.list(1));
  c.result(Item::makeList(items));
}

static void listRepeat(Call &c) {
  ArrayRef<Item> list = c.list(0);
  int64_t times = std::max<int64_t>(c.integer(1), 0);
  std::vector<Item> items;
  if (times * int64_t(list.size()) > 1 << 16)
    return c.error("a list of " + Twine(times * int64_t(list.size())) +
                   " elements");
  for (int64_t i = 0; i < times; ++i)
    llvm::append_range(items, list);
  c.result(Item::makeList(items));
}

static void listCopy(Call &c) { c.result(Item::makeList(c.list(0).vec())); }

/// The list that code changes: one that other lists do not hold.
static std::vector<Item> changedList(Call &c) {
  auto maker = c.op.getOperand(0).getDefiningOp<AtenOp>();
  StringRef kind = maker ? maker.getSchema().split('(').first : "";
  if (!llvm::is_contained({"prim::ListConstruct", "aten::list.t",
                           "aten::slice.t", "aten::add.t", "aten::mul.left_t"},
                          kind))
    c.error("changes a list that may have other names");
  return c.list(0).vec();
}

static void rebind(Call &c, std::vector<Item> items) {
  if (c.failed())
    return;
  Item list = Item::makeList(std::move(items));
  c.state.bind(c.op.getOperand(0), list);
  if (c.op.getNumResults())
    c.result(list);
}

static void append(Call &c) {
  std::vector<Item> items = changedList(c);
  items.push_back(c.item(1));
  rebind(c, items);
}

static void extend(Call &c) {
  std::vector<Item> items = changedList(c);
  llvm::append_range(items, c.list(1));
  rebind(c, items);
}

static void setItem(Call &c) {
  std::vector<Item> items = changedList(c);
  int64_t size = items.size(), at = c.integer(1);
  at = at < 0 ? at + size : at;
  if (at < 0 || at >= size)
    return c.error("index out of range");
  items[at] = c.item(2);
  rebind(c, items);
}

//===----------------------------------------------------------------------===//
// Tensors of numbers
//===----------------------------------------------------------------------===//

/// Numbers of nested lists in order, and their shape; false if they are not
/// numbers, or the lists differ in length.
static bool flatten(Call &c, const Item &item, SmallVectorImpl<Scalar> &numbers,
                    SmallVectorImpl<int64_t> &shape, unsigned depth = 0) {
  if (!item.isList()) {
    std::optional<Scalar> number = c.state.numberOf(item);
    if (number)
      numbers.push_back(*number);
    return number && depth == shape.size();
  }
  int64_t size = item.list.size();
  if (depth == shape.size() && numbers.empty())
    shape.push_back(size);
  return depth < shape.size() && shape[depth] == size &&
         llvm::all_of(
             item.list,
             [&](const Item &element) {
               return flatten(c, element, numbers, shape, depth + 1);
             });
}

/// torch.tensor(data, dtype, device, requires_grad).
static void makeTensor(Call &c) {
  SmallVector<Scalar> numbers;
  SmallVector<int64_t> shape;
  if (!flatten(c, c.item(0), numbers, shape))
    return c.error("expected numbers that are known at compile time");
  bool anyFloat = numbers.empty(), allBool = !numbers.empty();
  for (const Scalar &number : numbers) {
    anyFloat |= number.isFloat();
    allBool &= number.type.isInteger(1);
  }
  Type type = c.dtype(1, anyFloat  ? Type(c.builder().getF32Type())
                         : allBool ? Type(c.builder().getI1Type())
                                   : Type(c.builder().getI64Type()));
  if (c.failed())
    return;
  if (shape.empty()) {
    Scalar number = numbers[0];
    if (isa<FloatType>(type))
      number.real = number.asReal();
    else
      number.integer = integerAs(number, type);
    number.type = type;
    number.weak = false;
    number.isTensor = true;
    return c.result(number);
  }
  SmallVector<Attribute> elements;
  for (const Scalar &number : numbers)
    elements.push_back(
        isa<FloatType>(type)
            ? Attribute(FloatAttr::get(type, number.asReal()))
            : Attribute(IntegerAttr::get(type, integerAs(number, type))));
  auto dense =
      DenseElementsAttr::get(RankedTensorType::get(shape, type), elements);
  c.result(constantTensor(c.state, c.loc(), dense));
}

//===----------------------------------------------------------------------===//
// The rest
//===----------------------------------------------------------------------===//

static void same(Call &c) { c.result(c.item(0)); }

/// A value of a way that is not taken.
static void uninitialized(Call &c) { c.result(Item()); }

static void raise(Call &c) {
  c.error("the model raises '" +
          (c.item(0).kind == Item::Kind::Text ? c.item(0).text : "") + "'");
}

/// A message; its arguments are of no consequence.
static void format(Call &c) {
  c.result(
      Item::makeText(c.item(0).kind == Item::Kind::Text ? c.item(0).text : ""));
}

static void ignored(Call &) {}

/// The overloads of `name` for pairs of Python's numbers, as its `row`.
static void addPairs(Table &table, const Twine &name, Row row) {
  for (StringRef suffix :
       {"", ".int", ".float", ".bool", ".int_float", ".float_int"})
    table.add((name + suffix).str(), row);
}

void normalize::addScriptRows(Table &table) {
  for (StringRef name : {"add", "sub", "mul", "div"})
    addPairs(table, "aten::" + name,
             table.find(("aten::" + name + ".Tensor").str()));
  addPairs(table, "aten::floordiv", table.find("aten::floor_divide"));
  addPairs(table, "aten::remainder", table.find("aten::remainder.Scalar"));
  for (StringRef name : {"eq", "ne", "lt", "le", "gt", "ge"})
    addPairs(table, "aten::" + name,
             table.find(("aten::" + name + ".Scalar").str()));
  addPairs(table, "aten::pow", realPower);
  // Import names prim ops without their overload.
  table.add("prim::min", extreme<true>);
  table.add("prim::max", extreme<false>);
  table.add("prim::abs", absolute);
  table.add({"aten::neg.int", "aten::neg.float"}, negative);
  table.add({"aten::sqrt.int", "aten::sqrt.float"}, realFunction<std::sqrt>);
  table.add({"aten::exp.int", "aten::exp.float"}, realFunction<std::exp>);
  table.add({"aten::log.int", "aten::log.float"}, realFunction<std::log>);
  table.add({"aten::sin.int", "aten::sin.float"}, realFunction<std::sin>);
  table.add({"aten::cos.int", "aten::cos.float"}, realFunction<std::cos>);
  table.add({"aten::tanh.int", "aten::tanh.float"}, realFunction<std::tanh>);
  table.add({"aten::floor.int", "aten::floor.float"},
            roundedFunction<std::floor>);
  table.add({"aten::ceil.int", "aten::ceil.float"}, roundedFunction<std::ceil>);
  table.add("aten::__range_length", rangeLength);
  table.add("aten::__derive_index", rangeElement);

  table.add("aten::__is__", isSame<true>);
  table.add("aten::__isnot__", isSame<false>);
  table.add({"aten::eq.str", "aten::eq.device"}, isEqualText<true>);
  table.add({"aten::ne.str", "aten::ne.device"}, isEqualText<false>);
  table.add("aten::eq.int_list", isEqualList<true>);
  table.add("aten::ne.int_list", isEqualList<false>);
  table.add("aten::__contains__.int_list", contains);
  table.add("aten::__not__", isNot);
  table.add("aten::__and__.bool", table.find("aten::logical_and"));
  table.add("aten::__or__.bool", table.find("aten::logical_or"));
  table.add("aten::__xor__.bool", table.find("aten::logical_xor"));
  table.add("aten::__and__.int", table.find("aten::__and__.Tensor"));
  table.add("prim::dtype", dtypeOf);
  table.add("aten::is_floating_point", isFloatingPoint);
  table.add({"prim::is_cuda", "prim::is_sparse", "prim::is_quantized",
             "prim::is_mps", "prim::is_meta", "prim::is_nested",
             "aten::is_complex"},
            answered<false>);
  table.add("aten::is_contiguous", answered<true>);

  table.add({"aten::len.t", "aten::len.Tensor"}, length);
  table.add("aten::slice.t", listSlice);
  table.add("aten::add.t", listSum);
  table.add("aten::mul.left_t", listRepeat);
  table.add("aten::list.t", listCopy);
  table.add("aten::append.t", append);
  table.add("aten::extend.t", extend);
  table.add("aten::_set_item.t", setItem);

  table.add({"aten::tensor", "aten::tensor.int", "aten::tensor.float",
             "aten::tensor.bool", "aten::as_tensor.int",
             "aten::as_tensor.float", "aten::as_tensor.bool",
             "aten::as_tensor.list"},
            makeTensor);
  table.add({"prim::unchecked_cast", "prim::unchecked_unwrap_optional"}, same);
  table.add("prim::Uninitialized", uninitialized);
  table.add("prim::RaiseException", raise);
  table.add("aten::format", format);
  table.add({"aten::warn", "prim::Print"}, ignored);
}
