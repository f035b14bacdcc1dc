//===- Call.cpp - One aten op as a row of the table sees it ---------------===//

#include "Call.h"
#include "Colossal/IR/Locations.h"
#include "Complex.h"
#include "Dtypes.h"
#include "IndexFunction.h"
#include "Rows.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

std::string normalize::place(AtenOp op) {
  StringRef name = op.getName();
  std::string text =
      name.contains('/')
          ? ("module path '" + name.rsplit('/').first + "'").str()
          : "the root module";
  std::string line = sourceLineOf(op.getLoc());
  return line.empty() ? text : text + " (" + line + ")";
}

std::string normalize::describe(AtenOp op) {
  return "'" + op.getSchema().split('(').first.str() + "' in " + place(op);
}

void Call::error(const Twine &message) {
  if (!hasFailed)
    emitError(loc()) << "cannot normalize " << describe(op) << ": "
                     << message.str();
  hasFailed = true;
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

Call::Call(Interpreter &state, AtenOp op)
    : state(state), op(op), schemaKey(op.getSchema().split('(').first),
      stem(op.getName()), group(op.getName()) {
  for (Value operand : op.getOperands())
    arguments.push_back(state.lookup(operand));
}

std::string Call::name(StringRef suffix) {
  return state.uniqueName(suffix.empty() ? stem : (stem + "." + suffix).str());
}

GenericBuilder Call::generic(StringRef suffix) {
  return GenericBuilder(builder(), loc(), name(suffix));
}

GenericBuilder Call::member(StringRef suffix) {
  GenericBuilder g = generic(suffix);
  g.group(group);
  return g;
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

const Item &Call::item(unsigned index) const {
  static const Item none;
  return index < arguments.size() ? arguments[index] : none;
}

Value Call::tensor(const Item &item) {
  if (item.isTensor())
    return state.read(item.tensor);
  if (!item.isScalar())
    error(item.isNone() && !item.text.empty() ? "found " + item.text
          : item.isComplex()
              ? "found complex numbers where real ones are expected"
              : "found no tensor where one is expected");
  Type type = item.isScalar() ? item.scalar.type : builder().getF32Type();
  if (item.isScalar() && !item.scalar.isTensor && item.scalar.isFloat())
    type = builder().getF32Type();
  GenericBuilder g = generic("constant");
  g.result(type, "[]");
  return g.build([&](ScalarBuilder &s, ValueRange) {
    return item.isScalar() && !item.scalar.isFloat()
               ? s.integer(type, item.scalar.integer)
               : s.constant(type, item.scalar.real);
  });
}

Value Call::tensor(unsigned index) { return tensor(item(index)); }

TensorRef Call::alias(unsigned index) {
  if (item(index).isTensor())
    return item(index).tensor;
  return state.fresh(tensor(index), op.getName(), loc());
}

TensorRef Call::destination(unsigned index) {
  TensorRef tensor = alias(index);
  if (index < op.getNumOperands() && item(index).isScalar())
    state.bind(op.getOperand(index), tensor);
  return tensor;
}

RankedTensorType Call::type(unsigned index) {
  const Item &found = item(index);
  if (found.isTensor())
    return found.tensor->type;
  if (found.isNone() && !found.text.empty())
    error("found " + found.text);
  else if (found.isComplex())
    error("found complex numbers where real ones are expected");
  else if (!found.isScalar())
    error("argument " + Twine(index) + " is not a tensor");
  return RankedTensorType::get({}, found.isScalar() ? found.scalar.type
                                                    : builder().getF32Type());
}

Scalar Call::scalar(unsigned index) {
  if (std::optional<Scalar> number = state.numberOf(item(index)))
    return *number;
  error("argument " + Twine(index) +
        (item(index).isTensor()
             ? " depends on data, but must be a number known at compile time"
             : " is not a number"));
  Scalar zero;
  zero.type = builder().getI64Type();
  return zero;
}

int64_t Call::integer(unsigned index) { return scalar(index).asInteger(); }
double Call::real(unsigned index) { return scalar(index).asReal(); }
bool Call::flag(unsigned index) { return scalar(index).asBool(); }

StringRef Call::text(unsigned index) {
  if (item(index).kind != Item::Kind::Text)
    error("argument " + Twine(index) + " is not a string");
  return item(index).text;
}

SmallVector<int64_t> Call::integers(unsigned index) {
  return numbers(index, /*countsRows=*/false);
}

SmallVector<int64_t> Call::sizes(unsigned index) {
  return numbers(index, /*countsRows=*/true);
}

SmallVector<int64_t> Call::numbers(unsigned index, bool countsRows) {
  SmallVector<int64_t> values;
  if (item(index).isScalar()) // int[1] accepts a number
    return {integer(index)};
  for (const Item &element : list(index)) {
    // Also of a mask that is known: rows that are not there have a place.
    if (countsRows && element.isTensor())
      if (auto rows = state.selections.rowsOf(state.read(element.tensor))) {
        values.push_back(*rows);
        continue;
      }
    std::optional<Scalar> number = state.numberOf(element);
    if (!number) {
      error("argument " + Twine(index) +
            " has an element that is not a number known at compile time");
      return values;
    }
    values.push_back(number->asInteger());
  }
  return values;
}

ArrayRef<Item> Call::list(unsigned index) {
  if (!item(index).isList())
    error("argument " + Twine(index) + " is not a list");
  return item(index).list;
}

int64_t Call::dimension(int64_t value, int64_t rank, unsigned index) {
  int64_t limit = std::max<int64_t>(rank, 1); // a 0-d tensor has dimension 0
  if (value >= -limit && value < limit)
    return value < 0 ? value + limit : value;
  error("argument " + Twine(index) + " names dimension " + Twine(value) +
        " of a tensor of rank " + Twine(rank));
  return 0;
}

int64_t Call::dimension(unsigned index, int64_t rank) {
  return dimension(integer(index), rank, index);
}

SmallVector<int64_t> Call::dimensions(unsigned index, int64_t rank) {
  SmallVector<int64_t> dims;
  if (!isNone(index))
    for (int64_t value : integers(index))
      dims.push_back(dimension(value, rank, index));
  if (dims.empty())
    llvm::append_range(dims, llvm::seq<int64_t>(0, rank));
  llvm::sort(dims);
  if (rank == 0)
    dims.clear();
  return dims;
}

Type Call::dtype(unsigned index, Type otherwise) {
  if (isNone(index))
    return otherwise;
  if (Type type = typeOfDtype(builder().getContext(), integer(index)))
    return type;
  error("dtype " + Twine(integer(index)) +
        " is not supported (expected float64, float32, float16, bfloat16, "
        "int64, int32, int16, int8, uint8 or bool)");
  return builder().getF32Type();
}

//===----------------------------------------------------------------------===//
// Other ops
//===----------------------------------------------------------------------===//

Item Call::call(StringRef key, std::vector<Item> items) {
  if (hasFailed)
    return {};
  Call part = *this;
  part.schemaKey = key.str();
  StringRef base = key.split('.').first;
  base.consume_front("aten::");
  part.stem = (stem + "." + base).str();
  part.group = state.uniqueName(part.stem + ".group");
  part.arguments = std::move(items);
  part.results.clear();
  if (isComplexCall(part))
    interpretComplex(part);
  else
    Table::get().find(key)(part);
  hasFailed = part.hasFailed;
  return part.results.empty() ? Item() : part.results.front();
}

Item Call::number(int64_t value) {
  Scalar number;
  number.type = builder().getI64Type();
  number.integer = value;
  return number;
}

Item Call::number(double value) {
  Scalar number;
  number.type = builder().getF64Type();
  number.real = value;
  return number;
}

Item Call::truth(bool value) {
  Scalar number;
  number.type = builder().getI1Type();
  number.integer = value;
  return number;
}

Item Call::string(StringRef text) { return Item::makeText(text); }

Item Call::numbers(ArrayRef<int64_t> values) {
  std::vector<Item> items;
  for (int64_t value : values)
    items.push_back(number(value));
  return Item::makeList(std::move(items));
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

void Call::result(Value value) {
  results.push_back(state.fresh(value, op.getName(), loc()));
}
