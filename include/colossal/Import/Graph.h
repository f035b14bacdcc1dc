//===- Graph.h - A TorchScript graph as plain data -------------*- C++ -*-===//
//
// What the LibTorch side of Import hands to the MLIR side: one inlined graph,
// without a Torch or an MLIR type. Values are numbers, in the order in which
// they are defined: first the state (parameters, then buffers), then the
// inputs, then the results of the nodes.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_GRAPH_H
#define COLOSSAL_IMPORT_GRAPH_H

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace colossal::torchscript {

enum class ElementType {
  F64,
  F32,
  F16,
  BF16,
  I64,
  I32,
  I16,
  I8,
  U8,
  I1,
  C64, ///< complex numbers: pairs of f32
  C128 ///< pairs of f64
};

/// "f32", "i64", ... as written in --input and in messages.
const char *nameOf(ElementType type);
std::optional<ElementType> elementTypeNamed(const std::string &name);
/// Bytes of one element in an archive.
int64_t bytesOf(ElementType type);

struct TensorInfo {
  ElementType element = ElementType::F32;
  std::vector<int64_t> shape;
};

/// One tensor of the model, with every name under which the model knows it.
struct State {
  std::string name;
  std::vector<std::string> aliases; ///< further names of the same tensor
  bool isParameter = true;          ///< false: a buffer
  bool trained = true;              ///< false: a buffer, or requires_grad=False
  bool isRead = true;               ///< false: a parameter that no node uses
  TensorInfo type;
  bool hasValues = true; ///< false: made on the meta device, no bytes below
  std::string record;    ///< record of the archive that holds the bytes
  uint64_t offset = 0;   ///< absolute position of the first byte in the file
  uint64_t bytes = 0;
  uint32_t crc = 0; ///< CRC-32 of exactly these bytes
};

struct Input {
  std::string name;
  TensorInfo type;
};

/// A small tensor constant, row-major, little-endian as in the archive.
struct TensorConstant {
  TensorInfo type;
  std::string bytes;
};

struct None {};
using Constant =
    std::variant<None, bool, int64_t, double, std::string, std::vector<int64_t>,
                 std::vector<double>, std::vector<bool>, TensorConstant>;

/// A line of the Python program that was traced.
struct Frame {
  std::string file;
  int64_t line = 0;
  std::string function;
};

struct Node;

/// A part of the program that runs if, or as often as, a node says.
struct Block {
  std::vector<int64_t> arguments; ///< of a loop: its number, what is carried
  std::vector<Node> nodes;
  std::vector<int64_t> outputs;
};

struct Node {
  std::string schema; ///< operator schema, or the kind of a prim node
  std::string name;   ///< module path / operator . ordinal; unique
  std::optional<Constant> constant; ///< set: a constant, without operands
  std::vector<int64_t> operands;
  std::vector<int64_t> results;
  std::vector<Frame> frames; ///< innermost first; may be empty
  std::vector<Block> blocks; ///< of prim::If two, of prim::Loop one
};

struct Graph {
  std::string file; ///< the archive, as the user named it
  std::vector<State> states;
  std::vector<Input> inputs;
  std::vector<Node> nodes;
  std::vector<int64_t> outputs;
  /// What the archive does not say as Python did; one line each.
  std::vector<std::string> warnings;
};

/// Calls `visit` with each node and, before it, with those of its blocks.
template <typename Nodes, typename Visit>
void forEachNode(Nodes &nodes, const Visit &visit) {
  for (auto &node : nodes) {
    for (auto &block : node.blocks)
      forEachNode(block.nodes, visit);
    visit(node);
  }
}

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_GRAPH_H
