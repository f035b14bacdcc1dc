//===- ReadTorchScript.cpp - TorchScript archive to Graph -----------------===//

#include "colossal/Import/ReadTorchScript.h"
#include "ModuleWalk.h"
#include "colossal/Import/UntrackedBlocks.h"

#include <ATen/Parallel.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

using namespace colossal::torchscript;
namespace jit = torch::jit;

namespace {

std::string spelled(const TensorInfo &type) {
  std::string text;
  for (int64_t size : type.shape)
    text += std::to_string(size) + "x";
  return text + nameOf(type.element);
}

/// The signature of forward: names from its arguments, types from the user or
/// from the archive's example inputs.
std::vector<Input> signatureOf(const jit::Module &module,
                               const ModelArchive &archive,
                               const std::vector<Input> &given) {
  const c10::FunctionSchema &schema =
      module.get_method("forward").function().getSchema();
  std::vector<Input> inputs;
  std::string names;
  for (size_t i = 1; i < schema.arguments().size(); ++i) {
    const c10::Argument &argument = schema.arguments()[i];
    if (argument.type()->kind() != c10::TypeKind::TensorType)
      throw std::runtime_error("takes the input '" + argument.name() +
                               "' of type '" + argument.type()->str() +
                               "': expected tensors only; wrap the model so "
                               "that forward takes tensors");
    names += (names.empty() ? "'" : ", '") + argument.name() + "'";
    inputs.push_back({argument.name(), {}});
  }
  const auto &examples = archive.exampleInputs();
  bool hasExamples = examples && examples->size() == inputs.size();
  std::vector<bool> known(inputs.size(), hasExamples);
  for (size_t i = 0; hasExamples && i < inputs.size(); ++i)
    inputs[i].type = (*examples)[i];
  for (const Input &wanted : given) {
    size_t i = 0;
    while (i < inputs.size() && inputs[i].name != wanted.name)
      ++i;
    if (i == inputs.size())
      throw std::runtime_error("has no input named '" + wanted.name +
                               "': the inputs are " + names);
    if (hasExamples &&
        ((*examples)[i].element != wanted.type.element ||
         (*examples)[i].shape.size() != wanted.type.shape.size()))
      throw std::runtime_error(
          "was traced with '" + wanted.name + "' as " +
          spelled((*examples)[i]) + ", found " + spelled(wanted.type) +
          ": expected the same type and number of dimensions");
    inputs[i] = wanted;
    known[i] = true;
  }
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!known[i])
      throw std::runtime_error(
          "has no example inputs of its own: give the shape of '" +
          inputs[i].name + "' with --input " + inputs[i].name +
          "=8x512xi64 (the inputs are " + names + ")");
  return inputs;
}

/// What the archive says and LibTorch does not: weights must be a plain range
/// of the file, and every range has its own checksum.
void describeBytes(Graph &graph, const ModelArchive &archive,
                   const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::vector<char> buffer(1 << 20);
  for (State &state : graph.states) {
    if (!state.hasValues)
      continue;
    const StoredTensor *stored = archive.tensor(state.name);
    const Record *record = archive.archive().find(state.record);
    if (!record->stored)
      throw std::runtime_error("holds the tensor '" + state.name +
                               "' compressed: expected an archive written by "
                               "torch.jit.save");
    if (!stored->isContiguous())
      throw std::runtime_error(
          "holds the tensor '" + state.name +
          "' with strides other than row-major: call .contiguous() on it "
          "before tracing");
    if (state.bytes == record->size) {
      state.crc = record->crc;
      continue;
    }
    uLong crc = crc32(0, nullptr, 0);
    file.clear();
    file.seekg(static_cast<std::streamoff>(state.offset));
    for (uint64_t left = state.bytes; left > 0;) {
      auto count =
          static_cast<std::streamsize>(std::min<uint64_t>(left, buffer.size()));
      if (!file.read(buffer.data(), count))
        throw std::runtime_error("changed while it was read");
      crc = crc32(crc, reinterpret_cast<const Bytef *>(buffer.data()),
                  static_cast<uInt>(count));
      left -= static_cast<uint64_t>(count);
    }
    state.crc = static_cast<uint32_t>(crc);
  }
}

/// Two tensors over the same bytes, other than one tensor with two names: in
/// Python an update of one changes the other, in the archive each has a copy.
void warnOfSharedBytes(Graph &graph) {
  std::vector<const State *> states;
  for (const State &state : graph.states)
    if (state.bytes > 0)
      states.push_back(&state);
  std::sort(states.begin(), states.end(), [](const State *a, const State *b) {
    return a->offset < b->offset;
  });
  const State *last = nullptr; // reaches farthest so far
  for (const State *state : states) {
    if (last && state->offset < last->offset + last->bytes &&
        (last->trained || state->trained))
      graph.warnings.push_back(
          "the tensors '" + last->name + "' and '" + state->name +
          "' share memory but are not one tensor: they are trained as two, "
          "each with a copy of its own, as after torch.jit.load (assign one "
          "Parameter to both names to tie them)");
    if (!last || state->offset + state->bytes > last->offset + last->bytes)
      last = state;
  }
}

/// LibTorch's messages go on with stack traces; the first line says what.
std::string firstLine(const std::string &text) {
  size_t begin = text.find_first_not_of("\n ");
  if (begin == std::string::npos)
    return "unknown reason";
  return text.substr(begin, text.find('\n', begin) - begin);
}

} // namespace

std::optional<Graph>
colossal::torchscript::readTorchScript(const ReadOptions &options,
                                       std::string &error) {
  std::string prefix = "'" + options.path + "' ", what;
  // The readers of zip archives turn dates into local time, PyTorch's those of
  // all records whenever it looks for one, and without TZ the C library looks
  // at a file for each: half of the time of an import.
  setenv("TZ", ":/etc/localtime", /*overwrite=*/0);
  try {
    auto archive = ModelArchive::open(options.path, what);
    if (!archive) {
      error = prefix + what;
      return std::nullopt;
    }
    at::set_num_threads(1);
    std::optional<jit::Module> module;
    try {
      module = jit::load(options.path, at::kCPU, /*load_debug_files=*/false);
    } catch (const c10::Error &failure) {
      what = failure.what_without_backtrace();
    } catch (const std::exception &failure) {
      what = failure.what(); // the parser of the archive's code
    }
    if (!module) {
      error = prefix + "cannot be loaded: " + firstLine(what);
      return std::nullopt;
    }
    if (!module->find_method("forward")) {
      error = prefix + "has no forward method: expected a traced module";
      return std::nullopt;
    }
    Graph graph;
    graph.file = options.path;
    ModuleWalk walk(*module, *archive, graph);
    walk.run(signatureOf(*module, *archive, options.inputs));
    describeBytes(graph, *archive, options.path);
    warnOfSharedBytes(graph);
    for (std::string &warning : warnOfUntrackedBlocks(graph))
      graph.warnings.push_back(std::move(warning));
    return graph;
  } catch (const c10::Error &failure) {
    error = prefix + "cannot be imported: " +
            firstLine(failure.what_without_backtrace());
  } catch (const std::exception &failure) {
    error = prefix + firstLine(failure.what());
  }
  return std::nullopt;
}
