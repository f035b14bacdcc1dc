//===- ModuleWalk.cpp - LibTorch's graph of forward, inlined --------------===//

#include "ModuleWalk.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/ir/ir.h>
#include <zlib.h>

#include <stdexcept>

using namespace colossal::torchscript;
namespace jit = torch::jit;

namespace {

constexpr int maximumDepth = 128;
constexpr size_t maximumNodes = 1 << 22;

std::string join(const std::string &path, const std::string &name) {
  return path.empty() ? name : path + "." + name;
}

} // namespace

std::vector<Frame> ModuleWalk::framesOf(const jit::Node &node) const {
  jit::SourceRange range = node.sourceRange();
  if (!range.source() || !range.source()->filename())
    return {};
  const SourceMap *map = archive.sourceMap(*range.source()->filename());
  return map ? map->framesAt(static_cast<int64_t>(range.start()))
             : std::vector<Frame>();
}

std::string ModuleWalk::placeOf(const jit::Node &node,
                                const std::string &path) const {
  std::vector<Frame> frames = framesOf(node);
  std::string place = path.empty() ? "" : " in module '" + path + "'";
  if (!frames.empty())
    place += " at " + frames[0].file + ":" + std::to_string(frames[0].line);
  return place;
}

/// Parameters and buffers in the order of Python's named_parameters: a module's
/// own before those of its submodules.
void ModuleWalk::collectStates(const jit::Module &module,
                               const std::string &path, bool parameters) {
  auto type = module.type();
  for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
    const jit::IValue &value = module._ivalue()->getSlot(slot);
    bool isParameter = type->is_parameter(slot);
    if (value.isTensor() && isParameter == parameters)
      addState(join(path, type->getAttributeName(slot)), value.toTensor(),
               isParameter);
  }
  for (size_t slot = 0; slot < type->numAttributes(); ++slot) {
    const jit::IValue &value = module._ivalue()->getSlot(slot);
    if (value.isModule())
      collectStates(value.toModule(), join(path, type->getAttributeName(slot)),
                    parameters);
  }
}

/// Names of one tensor object are tied. Two tensors over the same bytes are two
/// tensors, each with a copy of its own, as in a module that torch.jit.load
/// made: one may be frozen while the other is trained.
void ModuleWalk::addState(const std::string &name, const at::Tensor &tensor,
                          bool isParameter) {
  const StoredTensor *stored = archive.tensor(name);
  if (!stored)
    throw std::runtime_error("has no bytes for the tensor '" + name + "'");
  auto [known, isNew] = stateByTensor.try_emplace(
      tensor.unsafeGetTensorImpl(), static_cast<int64_t>(graph.states.size()));
  stateByName[name] = known->second;
  if (!isNew) {
    graph.states[known->second].aliases.push_back(name);
    return;
  }
  appendState(name, *stored, isParameter);
}

void ModuleWalk::appendState(const std::string &name,
                             const StoredTensor &stored, bool isParameter) {
  const Record *record = archive.archive().find(stored.record);
  State state;
  state.name = name;
  state.isParameter = isParameter;
  state.trained = isParameter && stored.requiresGrad;
  state.type = stored.type;
  state.record = stored.record;
  state.hasValues = stored.hasValues;
  if (state.hasValues) {
    int64_t elementBytes = bytesOf(stored.type.element);
    state.offset =
        record->offset + static_cast<uint64_t>(stored.offset * elementBytes);
    state.bytes = static_cast<uint64_t>(stored.elements() * elementBytes);
  }
  graph.states.push_back(std::move(state));
}

/// A table that a module holds as a plain attribute is a constant of the trace.
/// LibTorch does not say which record it came from, so it is known by its
/// bytes.
void ModuleWalk::collectLargeConstants() {
  for (const auto &[name, stored] : archive.constants()) {
    const Record *record = archive.archive().find(stored.record);
    bool isWhole =
        stored.isContiguous() &&
        record->size == static_cast<uint64_t>(stored.elements() *
                                              bytesOf(stored.type.element));
    if (!isWhole || stored.elements() <= maximumConstantElements)
      continue;
    bool isNew =
        stateByBytes
            .try_emplace({stored.type.element, stored.type.shape, record->crc},
                         static_cast<int64_t>(graph.states.size()))
            .second;
    if (isNew)
      appendState(name, stored, /*isParameter=*/false);
  }
}

ModuleWalk::Entry ModuleWalk::constant(const jit::Node &node,
                                       const std::string &path,
                                       const jit::IValue &value) {
  Entry entry;
  if (value.isTensor() && !value.toTensor().is_meta() &&
      value.toTensor().numel() > maximumConstantElements) {
    at::Tensor tensor = value.toTensor().contiguous();
    uint32_t crc = static_cast<uint32_t>(crc32_z(
        0, static_cast<const Bytef *>(tensor.data_ptr()), tensor.nbytes()));
    auto found = stateByBytes.find(
        {elementOf(tensor.scalar_type()), tensor.sizes().vec(), crc});
    if (found != stateByBytes.end()) {
      entry.value = found->second;
      return entry;
    }
  }
  entry.value = emitConstant(node, path, constantOf(value));
  return entry;
}

void ModuleWalk::run(std::vector<Input> inputs) {
  collectStates(root, "", true);
  collectStates(root, "", false);
  collectLargeConstants();
  nextValue = static_cast<int64_t>(graph.states.size());

  jit::Method forward = root.get_method("forward");
  auto body = jit::toGraphFunction(forward.function()).graph();
  Entries arguments(1);
  arguments[0].isModule = true;
  arguments[0].module = root._ivalue();
  for (Input &input : inputs) {
    Entry entry;
    entry.value = nextValue++;
    arguments.push_back(entry);
    graph.inputs.push_back(std::move(input));
  }
  for (const Entry &entry : walk(*body, arguments, "", 0)) {
    if (entry.isModule)
      throw std::runtime_error("returns a module from forward");
    graph.outputs.push_back(entry.value);
  }
  locateFromUsers();
  keepUsedStates();
}

ModuleWalk::Entries ModuleWalk::walk(const jit::Graph &body,
                                     const Entries &arguments,
                                     const std::string &path, int depth) {
  if (depth > maximumDepth)
    throw std::runtime_error("calls itself without end in module '" + path +
                             "'");
  if (body.inputs().size() != arguments.size())
    throw std::runtime_error(
        "calls a function with " + std::to_string(arguments.size()) +
        " arguments where it takes " + std::to_string(body.inputs().size()));
  Scope scope;
  for (size_t i = 0; i < arguments.size(); ++i)
    scope[body.inputs()[i]] = arguments[i];
  for (const jit::Node *node : body.nodes())
    visit(*node, scope, path, depth);
  Entries results;
  for (const jit::Value *output : body.outputs())
    results.push_back(scope.at(output));
  return results;
}

void ModuleWalk::visit(const jit::Node &node, Scope &scope,
                       const std::string &path, int depth) {
  if (!node.blocks().empty())
    return control(node, scope, path, depth);
  auto bind = [&](const Entries &results) {
    for (size_t i = 0; i < node.outputs().size(); ++i)
      scope[node.outputs()[i]] = results.at(i);
  };
  auto argumentsFrom = [&](size_t first) {
    Entries arguments;
    for (size_t i = first; i < node.inputs().size(); ++i)
      arguments.push_back(scope.at(node.inputs()[i]));
    return arguments;
  };

  switch (node.kind()) {
  case c10::prim::GetAttr: {
    const Entry &from = scope.at(node.input());
    if (from.isModule)
      return bind({attribute(node, from)});
    break;
  }
  case c10::prim::SetAttr:
    throw std::runtime_error(
        "replaces the attribute '" + node.s(c10::attr::name) + "' of a module" +
        placeOf(node, path) + ": expected in-place updates of buffers only");
  case c10::prim::CallMethod: {
    const Entry &callee = scope.at(node.input(0));
    if (!callee.isModule)
      break;
    jit::Method method =
        callee.module.toModule().get_method(node.s(c10::attr::name));
    auto body = jit::toGraphFunction(method.function()).graph();
    return bind(walk(*body, argumentsFrom(0), callee.path, depth + 1));
  }
  case c10::prim::CallFunction: {
    auto type = node.input(0)->type()->expect<c10::FunctionType>();
    auto body = jit::toGraphFunction(*type->function()).graph();
    return bind(walk(*body, argumentsFrom(1), path, depth + 1));
  }
  case c10::prim::Constant: {
    if (node.output()->type()->kind() == c10::TypeKind::FunctionType)
      return; // only ever the callee of a CallFunction
    auto value = jit::toIValue(node.output());
    if (!value)
      throw std::runtime_error("has a constant without a value" +
                               placeOf(node, path));
    try {
      return bind({constant(node, path, *value)});
    } catch (const std::runtime_error &failure) {
      throw std::runtime_error(std::string("has ") + failure.what() +
                               placeOf(node, path));
    }
  }
  default:
    break;
  }
  add(makeNode(node, scope, path));
}

/// Scripted code: its blocks become blocks, in which calls are walked as
/// elsewhere. Which of them run is decided where sizes are known.
void ModuleWalk::control(const jit::Node &node, Scope &scope,
                         const std::string &path, int depth) {
  if (node.kind() != c10::prim::If && node.kind() != c10::prim::Loop)
    throw std::runtime_error(
        std::string("has control flow (") + node.kind().toQualString() + ")" +
        placeOf(node, path) + ": expected if, for and while");
  if (depth > maximumDepth)
    throw std::runtime_error("has control flow without end" +
                             placeOf(node, path));
  Node made = makeNode(node, scope, path);
  std::vector<Node> *outside = nodes;
  for (const jit::Block *from : node.blocks()) {
    Block block;
    nodes = &block.nodes;
    for (const jit::Value *input : from->inputs()) {
      Entry entry;
      entry.value = nextValue++;
      scope[input] = entry;
      block.arguments.push_back(entry.value);
    }
    for (const jit::Node *inner : from->nodes())
      visit(*inner, scope, path, depth + 1);
    for (const jit::Value *output : from->outputs()) {
      const Entry &entry = scope.at(output);
      if (entry.isModule)
        throw std::runtime_error("chooses a module by control flow" +
                                 placeOf(node, path));
      block.outputs.push_back(entry.value);
    }
    made.blocks.push_back(std::move(block));
  }
  nodes = outside;
  add(std::move(made));
}

ModuleWalk::Entry ModuleWalk::attribute(const jit::Node &node,
                                        const Entry &module) {
  const std::string &name = node.s(c10::attr::name);
  Entry entry;
  entry.path = join(module.path, name);
  const jit::IValue value = module.module.toModule().attr(name);
  if (value.isModule()) {
    entry.isModule = true;
    entry.module = value;
  } else if (value.isTensor()) {
    entry.value = stateByName.at(entry.path);
  } else {
    entry.value = emitConstant(node, module.path, constantOf(value));
  }
  return entry;
}

int64_t ModuleWalk::emitConstant(const jit::Node &node, const std::string &path,
                                 Constant constant) {
  Node made;
  made.schema = "prim::Constant";
  made.constant = std::move(constant);
  made.results = {nextValue};
  made.frames = framesOf(node);
  add(std::move(made));
  return nextValue++;
}

void ModuleWalk::add(Node node) {
  if (++numNodes > maximumNodes)
    throw std::runtime_error("has more than " + std::to_string(maximumNodes) +
                             " nodes");
  nodes->push_back(std::move(node));
}

Node ModuleWalk::makeNode(const jit::Node &node, Scope &scope,
                          const std::string &path) {
  Node made;
  const c10::FunctionSchema *schema = node.maybeSchema();
  std::string kind = node.kind().toQualString();
  made.schema =
      schema && !node.kind().is_prim() ? c10::toString(*schema) : kind;
  made.name = uniqueName(path, node.kind().toUnqualString());
  made.frames = framesOf(node);
  for (const jit::Value *input : node.inputs()) {
    const Entry &entry = scope.at(input);
    if (entry.isModule)
      throw std::runtime_error("gives the module '" + entry.path +
                               "' to the operator '" + kind + "'" +
                               placeOf(node, path));
    made.operands.push_back(entry.value);
  }
  for (const jit::Value *output : node.outputs()) {
    Entry entry;
    entry.value = nextValue++;
    scope[output] = entry;
    made.results.push_back(entry.value);
  }
  return made;
}

/// "h.0.mlp/addmm.0": the ordinal counts equal operators of one module.
std::string ModuleWalk::uniqueName(const std::string &path,
                                   const std::string &op) {
  std::string stem = path.empty() ? op : path + "/" + op;
  return stem + "." + std::to_string(ordinals[stem]++);
}

/// The tracer makes lists, constants and conversions of its own, without a
/// line: they take the line of their first user.
void ModuleWalk::locateFromUsers() {
  std::vector<const Node *> firstUser(static_cast<size_t>(nextValue), nullptr);
  std::vector<Node *> order;
  forEachNode(graph.nodes, [&](Node &node) { order.push_back(&node); });
  for (size_t i = order.size(); i-- > 0;) {
    Node &node = *order[i];
    for (size_t r = 0; node.frames.empty() && r < node.results.size(); ++r)
      if (const Node *user = firstUser[node.results[r]])
        node.frames = user->frames;
    for (int64_t operand : node.operands)
      firstUser[operand] = &node;
  }
}

/// Buffers that no node uses are not arguments (a mask that the traced path
/// ignores); the others keep their order. Parameters stay, whether forward
/// reads them or not: they are part of the model.
void ModuleWalk::keepUsedStates() {
  std::vector<bool> used(static_cast<size_t>(nextValue), false);
  auto use = [&](const std::vector<int64_t> &values) {
    for (int64_t value : values)
      used[value] = true;
  };
  forEachNode(graph.nodes, [&](const Node &node) {
    use(node.operands);
    for (const Block &block : node.blocks)
      use(block.outputs);
  });
  use(graph.outputs);
  std::vector<int64_t> renumbered(static_cast<size_t>(nextValue), -1);
  std::vector<State> kept;
  int64_t next = 0;
  for (size_t i = 0; i < graph.states.size(); ++i)
    if (used[i] || graph.states[i].isParameter) {
      renumbered[i] = next++;
      graph.states[i].isRead = used[i];
      kept.push_back(std::move(graph.states[i]));
    }
  for (size_t i = graph.states.size(); i < renumbered.size(); ++i)
    renumbered[i] = next++;
  graph.states = std::move(kept);
  auto renumber = [&](std::vector<int64_t> &values) {
    for (int64_t &value : values)
      value = renumbered[value];
  };
  forEachNode(graph.nodes, [&](Node &node) {
    renumber(node.operands);
    renumber(node.results);
    for (Block &block : node.blocks) {
      renumber(block.arguments);
      renumber(block.outputs);
    }
  });
  renumber(graph.outputs);
}
