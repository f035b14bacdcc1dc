//===- ModuleWalk.h - LibTorch's graph of forward, inlined -----*- C++ -*-===//
//
// Private to lib/Import. Walks `forward` and everything it calls. A value of
// the TorchScript graph is, while walking, either a module (known by its
// attribute path) or a value of our Graph. Throws std::runtime_error with a
// message for the user; readTorchScript catches.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_IMPORT_MODULEWALK_H
#define COLOSSAL_LIB_IMPORT_MODULEWALK_H

#include "colossal/Import/Graph.h"
#include "colossal/Import/ModelArchive.h"

#include <torch/script.h>

#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

namespace colossal::torchscript {

class ModuleWalk {
public:
  ModuleWalk(const torch::jit::Module &root, const ModelArchive &archive,
             Graph &graph)
      : root(root), archive(archive), graph(graph) {}

  /// Fills the graph; `inputs` is the signature of forward.
  void run(std::vector<Input> inputs);

private:
  struct Entry {
    bool isModule = false;
    torch::jit::IValue module;
    std::string path; ///< of the module
    int64_t value = -1;
  };
  using Entries = std::vector<Entry>;
  using Scope = std::unordered_map<const torch::jit::Value *, Entry>;

  void collectStates(const torch::jit::Module &module, const std::string &path,
                     bool parameters);
  void addState(const std::string &name, const at::Tensor &tensor,
                bool isParameter);
  void appendState(const std::string &name, const StoredTensor &stored,
                   bool isParameter);
  void collectLargeConstants();
  Entry constant(const torch::jit::Node &node, const std::string &path,
                 const torch::jit::IValue &value);
  Entries walk(const torch::jit::Graph &body, const Entries &arguments,
               const std::string &path, int depth);
  void visit(const torch::jit::Node &node, Scope &scope,
             const std::string &path, int depth);
  void control(const torch::jit::Node &node, Scope &scope,
               const std::string &path, int depth);
  Entry attribute(const torch::jit::Node &node, const Entry &module);
  /// The node without its blocks, which are `add`ed with it.
  Node makeNode(const torch::jit::Node &node, Scope &scope,
                const std::string &path);
  void add(Node node);
  int64_t emitConstant(const torch::jit::Node &node, const std::string &path,
                       Constant constant);
  /// The Python lines that a node comes from; see SourceMap.
  std::vector<Frame> framesOf(const torch::jit::Node &node) const;
  /// " in module 'h.0.mlp' at model.py:12", for messages.
  std::string placeOf(const torch::jit::Node &node,
                      const std::string &path) const;
  std::string uniqueName(const std::string &path, const std::string &op);
  void locateFromUsers();
  void keepUsedStates();

  const torch::jit::Module &root;
  const ModelArchive &archive;
  Graph &graph;
  std::vector<Node> *nodes = &graph.nodes; ///< where nodes are added
  size_t numNodes = 0;                     ///< in all blocks
  int64_t nextValue = 0;
  std::unordered_map<std::string, int64_t> stateByName;
  std::unordered_map<const at::TensorImpl *, int64_t> stateByTensor;
  /// Large constants, by what they hold: elements, bytes, CRC-32.
  std::map<std::tuple<ElementType, std::vector<int64_t>, uint32_t>, int64_t>
      stateByBytes;
  std::unordered_map<std::string, int64_t> ordinals;
};

/// Programs hold no data: a constant tensor of more elements than this is a
/// buffer.
constexpr int64_t maximumConstantElements = 512;

ElementType elementOf(at::ScalarType type);
/// A constant as plain data. Throws for what cannot be one.
Constant constantOf(const torch::jit::IValue &value);

} // namespace colossal::torchscript

#endif // COLOSSAL_LIB_IMPORT_MODULEWALK_H
