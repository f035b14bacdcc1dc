//===- UntrackedBlocks.cpp - no_grad blocks that a trace lost -------------===//

#include "colossal/Import/UntrackedBlocks.h"

#include <fstream>
#include <map>
#include <set>
#include <sys/stat.h>

using namespace colossal::torchscript;

namespace {

bool startsWith(const std::string &text, size_t at, const char *word) {
  return text.compare(at, std::char_traits<char>::length(word), word) == 0;
}

bool switchesOff(const std::string &text) {
  for (const char *word :
       {"no_grad", "inference_mode", "set_grad_enabled(False)"})
    if (text.find(word) != std::string::npos)
      return true;
  return false;
}

/// Columns before the first character; npos for a line without code.
size_t indentOf(const std::string &text) {
  size_t at = text.find_first_not_of(" \t");
  return at == std::string::npos || text[at] == '#' ? std::string::npos : at;
}

/// An archive may name anything: pipes and devices wait or have no end.
bool isSource(const std::string &file) {
  constexpr off_t largest = 16 << 20; ///< bytes
  size_t dot = file.rfind('.');
  struct stat status;
  return dot != std::string::npos && file.compare(dot, 4, ".py") == 0 &&
         stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
         status.st_size <= largest;
}

class Sources {
public:
  /// Empty if the file cannot be read.
  const std::vector<std::string> &linesOf(const std::string &file) {
    auto [known, isNew] = files.try_emplace(file);
    if (isNew && isSource(file)) {
      std::ifstream stream(file);
      std::string line;
      while (std::getline(stream, line))
        known->second.push_back(line);
    }
    return known->second;
  }

private:
  std::map<std::string, std::vector<std::string>> files;
};

bool isDetach(const Node &node) {
  return node.schema.compare(0, 13, "aten::detach(") == 0;
}

/// Values that depend on a trained parameter through differentiable ops.
std::vector<bool> trainedValues(const Graph &graph, size_t values) {
  std::vector<bool> trained(values, false);
  for (size_t i = 0; i < graph.states.size(); ++i)
    trained[i] = graph.states[i].trained;
  forEachNode(graph.nodes, [&](const Node &node) {
    bool depends = false;
    auto read = [&](const std::vector<int64_t> &from) {
      for (int64_t value : from)
        depends |= trained[static_cast<size_t>(value)];
    };
    read(node.operands);
    for (const Block &block : node.blocks)
      read(block.outputs);
    for (int64_t result : node.results)
      trained[static_cast<size_t>(result)] = depends && !isDetach(node);
  });
  return trained;
}

/// Values on which an output depends through differentiable ops.
std::vector<bool> neededValues(const Graph &graph, size_t values) {
  std::vector<bool> needed(values, false);
  for (int64_t output : graph.outputs)
    needed[static_cast<size_t>(output)] = true;
  std::vector<const Node *> order;
  forEachNode(graph.nodes, [&](const Node &node) { order.push_back(&node); });
  // What a node's blocks compute stands before it: read it backwards.
  for (size_t i = order.size(); i-- > 0;) {
    const Node &node = *order[i];
    bool used = false;
    for (int64_t result : node.results)
      used |= needed[static_cast<size_t>(result)];
    if (!used || isDetach(node))
      continue;
    for (int64_t operand : node.operands)
      needed[static_cast<size_t>(operand)] = true;
    for (const Block &block : node.blocks)
      for (int64_t output : block.outputs)
        needed[static_cast<size_t>(output)] = true;
  }
  return needed;
}

} // namespace

int64_t
colossal::torchscript::untrackedBlockAt(const std::vector<std::string> &source,
                                        int64_t line) {
  if (line < 1 || static_cast<size_t>(line) > source.size())
    return 0;
  size_t at = static_cast<size_t>(line) - 1;
  size_t indent = indentOf(source[at]);
  if (indent == std::string::npos)
    return 0;
  if (startsWith(source[at], indent, "with ") && switchesOff(source[at]))
    return line;
  // What is indented less stands around.
  while (at-- > 0 && indent > 0) {
    size_t outer = indentOf(source[at]);
    if (outer == std::string::npos || outer >= indent)
      continue;
    indent = outer;
    const std::string &text = source[at];
    if (startsWith(text, outer, "with ") && switchesOff(text))
      return static_cast<int64_t>(at) + 1;
    if (!startsWith(text, outer, "def ") &&
        !startsWith(text, outer, "async def "))
      continue;
    while (at-- > 0 && indentOf(source[at]) == outer &&
           source[at][outer] == '@')
      if (switchesOff(source[at]))
        return static_cast<int64_t>(at) + 1;
    return 0;
  }
  return 0;
}

std::vector<std::string>
colossal::torchscript::warnOfUntrackedBlocks(const Graph &graph) {
  size_t values = graph.states.size() + graph.inputs.size();
  forEachNode(graph.nodes, [&](const Node &node) {
    for (int64_t result : node.results)
      values = std::max(values, static_cast<size_t>(result) + 1);
    for (const Block &block : node.blocks)
      for (int64_t argument : block.arguments)
        values = std::max(values, static_cast<size_t>(argument) + 1);
  });
  std::vector<bool> trained = trainedValues(graph, values);
  std::vector<bool> needed = neededValues(graph, values);
  Sources sources;
  std::set<std::pair<std::string, int64_t>> seen;
  std::vector<std::string> warnings;
  forEachNode(graph.nodes, [&](const Node &node) {
    bool flows = false;
    for (int64_t result : node.results)
      flows |= trained[static_cast<size_t>(result)] &&
               needed[static_cast<size_t>(result)];
    if (!flows || isDetach(node))
      return;
    for (const Frame &frame : node.frames) {
      int64_t block = untrackedBlockAt(sources.linesOf(frame.file), frame.line);
      if (block == 0 || !seen.insert({frame.file, block}).second)
        continue;
      warnings.push_back(
          "'" + node.name + "' runs under the switched-off gradients of " +
          frame.file + ":" + std::to_string(block) +
          ", which a trace does not record: gradients will flow through it "
          "(call .detach() on the result and trace again to stop them)");
    }
  });
  return warnings;
}
