//===- SourceFrames.cpp - Python lines of a TorchScript node --------------===//

#include "ModuleWalk.h"

#include <torch/csrc/jit/frontend/source_range.h>
#include <torch/csrc/jit/ir/ir.h>

#include <sstream>

using namespace colossal::torchscript;

namespace {

bool contains(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos;
}

/// The tracer, and the wrappers that every module call passes through.
bool isMachinery(const Frame &frame) {
  return contains(frame.file, "torch/jit/_trace.py") ||
         contains(frame.file, "torch/nn/modules/module.py");
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

} // namespace

/// A saved archive keeps, for each piece of its code, the range that generated
/// it: for a traced module the text of that range is the Python call stack.
std::vector<Frame>
colossal::torchscript::framesOf(const torch::jit::Node &node) {
  std::vector<Frame> all, model;
  torch::jit::SourceRange range = node.sourceRange();
  if (auto original = range.findSourceRangeThatGenerated())
    range = *original;
  if (!range.source())
    return all;
  std::istringstream text(range.source()->text_str().str());
  std::string line;
  Frame frame;
  while (std::getline(text, line)) {
    if (!parseFrame(line, frame))
      continue;
    if (contains(frame.file, "torch/jit/_trace.py"))
      break; // what follows is who called the tracer
    if (isMachinery(frame))
      continue;
    all.push_back(frame);
    if (!isTorch(frame))
      model.push_back(frame);
  }
  if (!model.empty())
    return model;
  if (!all.empty())
    return all;
  // A scripted function: no stack, but a file and a line.
  if (auto place = range.file_line_col()) {
    auto [file, lineNumber, column] = *place;
    if (!file.empty())
      return {{file, static_cast<int64_t>(lineNumber), ""}};
  }
  return all;
}
