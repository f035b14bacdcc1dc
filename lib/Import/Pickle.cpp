//===- Pickle.cpp - A reader for pickles that executes nothing ------------===//

#include "colossal/Import/Pickle.h"

#include <cstring>
#include <map>

using namespace colossal::torchscript;

namespace {

bool startsWith(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

/// Classes of the archive are data; everything else is named here.
bool allowedGlobal(std::string_view name) {
  static constexpr std::string_view allowed[] = {
      "collections OrderedDict",
      "torch._utils _rebuild_tensor_v2",
      "torch.jit._pickle build_intlist",
      "torch.jit._pickle build_doublelist",
      "torch.jit._pickle build_boollist",
      "torch.jit._pickle build_tensorlist",
      "torch.jit._pickle restore_type_tag",
      "torch device",
  };
  for (std::string_view name2 : allowed)
    if (name == name2)
      return true;
  if (startsWith(name, "torch ") && name.size() > 13 &&
      name.substr(name.size() - 7) == "Storage")
    return name.find('.') == std::string_view::npos;
  return startsWith(name, "__torch__") &&
         !startsWith(name, "__torch__.torch.classes");
}

std::string hexadecimal(unsigned char byte) {
  static const char digits[] = "0123456789abcdef";
  return std::string("0x") + digits[byte >> 4] + digits[byte & 15];
}

} // namespace

namespace colossal::torchscript {

class PickleReader {
public:
  PickleReader(std::string_view bytes, Pickle &into, std::string &error)
      : bytes(bytes), into(into), error(error) {}

  bool run();

private:
  using Kind = PickleValue::Kind;

  bool fail(const std::string &what) {
    if (error.empty())
      error = what + " at byte " + std::to_string(opcodeAt);
    return false;
  }
  PickleValue *make(Kind kind) {
    into.values.emplace_back();
    into.values.back().kind = kind;
    return &into.values.back();
  }
  bool push(PickleValue *value) {
    stack.push_back(value);
    return true;
  }
  /// The value on top of the stack; null (and an error) if there is none
  /// above the innermost mark.
  PickleValue *pop() {
    if (stack.empty() || (!marks.empty() && stack.size() <= marks.back())) {
      fail("an opcode without its operand");
      return nullptr;
    }
    PickleValue *top = stack.back();
    stack.pop_back();
    return top;
  }
  bool popToMark(std::vector<PickleValue *> &items) {
    if (marks.empty())
      return fail("an opcode without its mark");
    items.assign(stack.begin() + static_cast<std::ptrdiff_t>(marks.back()),
                 stack.end());
    stack.resize(marks.back());
    marks.pop_back();
    return true;
  }
  bool take(size_t count, std::string_view &taken) {
    if (count > bytes.size() - at)
      return fail("the end of the pickle inside an opcode");
    taken = bytes.substr(at, count);
    at += count;
    return true;
  }
  bool takeInteger(size_t count, uint64_t &value) {
    std::string_view raw;
    if (!take(count, raw))
      return false;
    value = 0;
    for (size_t i = 0; i < count; ++i)
      value |= static_cast<uint64_t>(static_cast<unsigned char>(raw[i]))
               << (8 * i);
    return true;
  }
  bool takeLine(std::string &line) {
    size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos)
      return fail("the end of the pickle inside a name");
    line = std::string(bytes.substr(at, end - at));
    at = end + 1;
    return true;
  }

  bool step(unsigned char opcode);
  bool pushTuple(size_t count);
  bool call();
  bool build();
  bool append(PickleValue *container, const std::vector<PickleValue *> &items,
              Kind kind);

  std::string_view bytes;
  Pickle &into;
  std::string &error;
  size_t at = 0;
  size_t opcodeAt = 0;
  bool stopped = false;
  std::vector<PickleValue *> stack;
  std::vector<size_t> marks;
  std::map<uint64_t, PickleValue *> memo;
};

bool PickleReader::run() {
  while (!stopped) {
    opcodeAt = at;
    if (at >= bytes.size())
      return fail("the end of the pickle without a stop");
    if (!step(static_cast<unsigned char>(bytes[at++])))
      return false;
  }
  if (at != bytes.size())
    return fail("bytes after the stop");
  return true;
}

bool PickleReader::pushTuple(size_t count) {
  PickleValue *tuple = make(Kind::Tuple);
  tuple->items.resize(count);
  for (size_t i = count; i-- > 0;)
    if (!(tuple->items[i] = pop()))
      return false;
  return push(tuple);
}

bool PickleReader::call() {
  PickleValue *arguments = pop(), *callee = pop();
  if (!arguments || !callee)
    return false;
  if (callee->kind != Kind::Global || arguments->kind != Kind::Tuple)
    return fail("a call of something that is not a function");
  if (startsWith(callee->text, "__torch__"))
    return fail("a call of the class '" + callee->text + "'");
  PickleValue *result = make(Kind::Call);
  result->text = callee->text;
  result->items = arguments->items;
  return push(result);
}

bool PickleReader::build() {
  PickleValue *state = pop();
  if (!state)
    return false;
  PickleValue *object = stack.empty() ? nullptr : stack.back();
  if (!object || object->kind != Kind::Object)
    return fail("state for something that is not a module");
  if (state->kind != Kind::Dict)
    return fail("an instance of '" + object->text +
                "' with a __setstate__ of its own (refused)");
  for (size_t i = 0; i + 1 < state->items.size(); i += 2) {
    if (state->items[i]->kind != Kind::String)
      return fail("an attribute without a name");
    object->attributes.emplace_back(state->items[i]->text, state->items[i + 1]);
  }
  return true;
}

bool PickleReader::append(PickleValue *container,
                          const std::vector<PickleValue *> &items, Kind kind) {
  if (!container || container->kind != kind ||
      (kind == Kind::Dict && items.size() % 2 != 0))
    return fail("items for something that is not a container");
  container->items.insert(container->items.end(), items.begin(), items.end());
  return true;
}

bool PickleReader::step(unsigned char opcode) {
  uint64_t number = 0;
  std::string_view raw;
  std::vector<PickleValue *> items;
  switch (opcode) {
  case 0x80: // PROTO
    if (!takeInteger(1, number))
      return false;
    return number == 2 ||
           fail("pickle protocol " + std::to_string(number) + " (expected 2)");
  case 'c': { // GLOBAL
    std::string module, name;
    if (!takeLine(module) || !takeLine(name))
      return false;
    PickleValue *global = make(Kind::Global);
    global->text = module + " " + name;
    if (!allowedGlobal(global->text))
      return fail("the global '" + module + "." + name +
                  "', which is not on the list of what a model may name");
    return push(global);
  }
  case 'q': // BINPUT
  case 'r': // LONG_BINPUT
    if (!takeInteger(opcode == 'q' ? 1 : 4, number))
      return false;
    if (stack.empty())
      return fail("an opcode without its operand");
    memo[number] = stack.back();
    return true;
  case 'h': // BINGET
  case 'j': // LONG_BINGET
    if (!takeInteger(opcode == 'h' ? 1 : 4, number))
      return false;
    if (!memo.count(number))
      return fail("a reference to nothing");
    return push(memo[number]);
  case '(': // MARK
    marks.push_back(stack.size());
    return true;
  case ')': // EMPTY_TUPLE
    return push(make(Kind::Tuple));
  case 't': { // TUPLE
    PickleValue *tuple = make(Kind::Tuple);
    return popToMark(tuple->items) && push(tuple);
  }
  case 0x85: // TUPLE1
  case 0x86: // TUPLE2
  case 0x87: // TUPLE3
    return pushTuple(opcode - 0x84);
  case ']': // EMPTY_LIST
    return push(make(Kind::List));
  case '}': // EMPTY_DICT
    return push(make(Kind::Dict));
  case 'a': { // APPEND
    PickleValue *item = pop();
    return item &&
           append(stack.empty() ? nullptr : stack.back(), {item}, Kind::List);
  }
  case 'e': // APPENDS
    return popToMark(items) &&
           append(stack.empty() ? nullptr : stack.back(), items, Kind::List);
  case 's': { // SETITEM
    PickleValue *value = pop(), *key = pop();
    return value && key &&
           append(stack.empty() ? nullptr : stack.back(), {key, value},
                  Kind::Dict);
  }
  case 'u': // SETITEMS
    return popToMark(items) &&
           append(stack.empty() ? nullptr : stack.back(), items, Kind::Dict);
  case 'X': { // BINUNICODE
    if (!takeInteger(4, number) || !take(number, raw))
      return false;
    PickleValue *text = make(Kind::String);
    text->text = std::string(raw);
    return push(text);
  }
  case 'J':   // BININT
  case 'K':   // BININT1
  case 'M': { // BININT2
    if (!takeInteger(opcode == 'J' ? 4 : opcode == 'K' ? 1 : 2, number))
      return false;
    PickleValue *integer = make(Kind::Integer);
    integer->integer = opcode == 'J'
                           ? static_cast<int32_t>(static_cast<uint32_t>(number))
                           : static_cast<int64_t>(number);
    return push(integer);
  }
  case 0x8a: { // LONG1
    uint64_t count = 0;
    if (!takeInteger(1, count))
      return false;
    if (count > 8)
      return fail("an integer of more than 64 bits");
    if (!takeInteger(count, number))
      return false;
    if (count > 0 && count < 8 && (number >> (8 * count - 1)) & 1)
      number |= ~uint64_t(0) << (8 * count);
    PickleValue *integer = make(Kind::Integer);
    integer->integer = static_cast<int64_t>(number);
    return push(integer);
  }
  case 'G': { // BINFLOAT, big-endian
    if (!take(8, raw))
      return false;
    uint64_t bits = 0;
    for (char c : raw)
      bits = bits << 8 | static_cast<unsigned char>(c);
    PickleValue *value = make(Kind::Float);
    std::memcpy(&value->number, &bits, sizeof bits);
    return push(value);
  }
  case 0x88:   // NEWTRUE
  case 0x89: { // NEWFALSE
    PickleValue *value = make(Kind::Bool);
    value->boolean = opcode == 0x88;
    return push(value);
  }
  case 'N': // NONE
    return push(make(Kind::None));
  case 0x81: { // NEWOBJ
    PickleValue *arguments = pop(), *type = pop();
    if (!arguments || !type)
      return false;
    if (type->kind != Kind::Global || !startsWith(type->text, "__torch__") ||
        arguments->kind != Kind::Tuple || !arguments->items.empty())
      return fail("an instance of something that is not a class of the model");
    PickleValue *object = make(Kind::Object);
    object->text = type->text;
    return push(object);
  }
  case 'R': // REDUCE
    return call();
  case 'b': // BUILD
    return build();
  case 'Q': { // BINPERSID
    PickleValue *id = pop();
    if (!id)
      return false;
    if (id->kind != Kind::Tuple)
      return fail("a persistent id that is not a tuple");
    PickleValue *storage = make(Kind::Persistent);
    storage->items = id->items;
    return push(storage);
  }
  case '.': // STOP
    into.rootValue = pop();
    stopped = true;
    return into.rootValue && (stack.empty() || fail("values left over"));
  default:
    return fail("the opcode " + hexadecimal(opcode) +
                ", which is not on the list of what a model may use,");
  }
}

} // namespace colossal::torchscript

std::optional<Pickle> Pickle::read(std::string_view bytes, std::string &error) {
  std::string found;
  Pickle pickle;
  PickleReader reader(bytes, pickle, found);
  if (!reader.run()) {
    error = found;
    return std::nullopt;
  }
  return pickle;
}
