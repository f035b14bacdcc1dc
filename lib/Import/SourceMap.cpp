//===- SourceMap.cpp - Python lines of an archive's code ------------------===//

#include "colossal/Import/SourceMap.h"

#include <algorithm>
#include <sstream>

using namespace colossal::torchscript;

namespace {

using Kind = PickleValue::Kind;

bool contains(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

/// The wrapper that every module call passes through.
bool isWrapper(const Frame &frame) {
  return contains(frame.file, "torch/nn/modules/module.py");
}

bool isTorch(const Frame &frame) {
  return contains(frame.file, "site-packages/torch/") ||
         contains(frame.file, "dist-packages/torch/");
}

/// "/home/me/model.py(12): forward"
bool parseFrame(const std::string &line, Frame &frame) {
  size_t colon = line.rfind("): ");
  size_t parenthesis = line.rfind('(', colon);
  if (colon == std::string::npos || parenthesis == std::string::npos ||
      parenthesis + 1 >= colon)
    return false;
  std::string number = line.substr(parenthesis + 1, colon - parenthesis - 1);
  if (number.size() > 9 ||
      number.find_first_not_of("0123456789") != std::string::npos)
    return false;
  frame.file = line.substr(0, parenthesis);
  frame.line = std::stoll(number);
  frame.function = line.substr(colon + 3);
  return true;
}

bool isTuple(const PickleValue *value, size_t size) {
  return value->kind == Kind::Tuple && value->items.size() >= size;
}

bool isIndex(const PickleValue *value, size_t count) {
  return value->kind == Kind::Integer && value->integer >= 0 &&
         static_cast<uint64_t>(value->integer) < count;
}

} // namespace

/// ("FORMAT_WITH_STRING_TABLE", (string, ...), (entry, ...)) with entries
/// (offset, ((pieces, file, first line), start, end), tag).
SourceMap::SourceMap(const Pickle &debugInformation) {
  const PickleValue &root = debugInformation.root();
  if (!isTuple(&root, 3) || root.items[0]->text != "FORMAT_WITH_STRING_TABLE" ||
      !isTuple(root.items[1], 0) || !isTuple(root.items[2], 0))
    return;
  for (const PickleValue *text : root.items[1]->items)
    strings.push_back(text->text);
  for (const PickleValue *entry : root.items[2]->items) {
    if (!isTuple(entry, 2) || entry->items[0]->kind != Kind::Integer ||
        !isTuple(entry->items[1], 3))
      continue;
    const PickleValue *source = entry->items[1]->items[0];
    const PickleValue *start = entry->items[1]->items[1];
    if (!isTuple(source, 3) || start->kind != Kind::Integer ||
        !isIndex(source->items[1], strings.size()) ||
        source->items[2]->kind != Kind::Integer)
      continue;
    const PickleValue *pieces = source->items[0];
    if (pieces->kind != Kind::Call || pieces->items.empty() ||
        pieces->text != "torch.jit._pickle build_intlist" ||
        pieces->items[0]->kind != Kind::List)
      continue;
    Range range;
    range.file = static_cast<size_t>(source->items[1]->integer);
    range.firstLine = source->items[2]->integer;
    range.start = start->integer;
    for (const PickleValue *piece : pieces->items[0]->items)
      if (isIndex(piece, strings.size()))
        range.text.push_back(static_cast<size_t>(piece->integer));
    rangeByOffset[entry->items[0]->integer] = std::move(range);
  }
}

std::vector<Frame> SourceMap::framesAt(int64_t offset) const {
  std::vector<Frame> all, model;
  auto next = rangeByOffset.upper_bound(offset);
  if (next == rangeByOffset.begin())
    return all;
  const Range &range = std::prev(next)->second;
  std::string text;
  for (size_t piece : range.text)
    text += strings[piece];
  std::istringstream lines(text);
  std::string line;
  Frame frame;
  while (std::getline(lines, line)) {
    if (!parseFrame(line, frame))
      continue;
    if (contains(frame.file, "torch/jit/_trace.py"))
      break; // what follows is who called the tracer
    if (isWrapper(frame))
      continue;
    all.push_back(frame);
    if (!isTorch(frame))
      model.push_back(frame);
  }
  if (!model.empty())
    return model;
  if (!all.empty() || strings[range.file].empty())
    return all;
  // A scripted function: the text is its source.
  size_t end = std::min(text.size(),
                        static_cast<size_t>(std::max<int64_t>(range.start, 0)));
  int64_t skipped = std::count(text.begin(), text.begin() + end, '\n');
  return {{strings[range.file], range.firstLine + skipped, ""}};
}
