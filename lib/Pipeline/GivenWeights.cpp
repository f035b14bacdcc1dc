//===- GivenWeights.cpp - Values of --weights -----------------------------===//

#include "StateArguments.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Support/Message.h"
#include "colossal/Support/SafeTensors.h"
#include "colossal/Support/StoredFloat.h"
#include "colossal/Support/WeightNames.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace colossal;

namespace {

class WeightReader {
public:
  WeightReader(const StartOptions &options, const safetensors::Tensors &tensors,
               std::vector<StateArgument> &states)
      : options(options), tensors(tensors), states(states),
        names(tensors, namesOf(states)) {}
  LogicalResult run(std::string &said);

private:
  static std::vector<std::vector<std::string>>
  namesOf(const std::vector<StateArgument> &states) {
    std::vector<std::vector<std::string>> names;
    for (const StateArgument &state : states)
      names.push_back(state.names);
    return names;
  }
  /// The state's entry; null if there is none, or a message.
  FailureOr<const safetensors::Tensors::value_type *>
  entryOf(const StateArgument &state);
  LogicalResult setSource(StateArgument &state,
                          const safetensors::Tensors::value_type &entry);
  FailureOr<StringRef> bytesOf(const safetensors::Tensor &tensor);

  const StartOptions &options;
  const safetensors::Tensors &tensors;
  std::vector<StateArgument> &states;
  WeightNames names;
  std::map<std::string, std::unique_ptr<llvm::MemoryBuffer>> files;
};

} // namespace

FailureOr<StringRef> WeightReader::bytesOf(const safetensors::Tensor &tensor) {
  std::unique_ptr<llvm::MemoryBuffer> &file = files[tensor.file];
  if (!file) {
    // Mapped: pages come and go as they are read.
    auto buffer = llvm::MemoryBuffer::getFile(tensor.file, false, false);
    if (!buffer)
      return reportError("--weights: cannot read '" + tensor.file +
                         "': " + buffer.getError().message());
    file = std::move(*buffer);
  }
  StringRef bytes = file->getBuffer();
  if (tensor.offset > bytes.size() ||
      tensor.bytes > bytes.size() - tensor.offset)
    return reportError("--weights: '" + tensor.file +
                       "' changed while it was read");
  return bytes.substr(tensor.offset, tensor.bytes);
}

FailureOr<const safetensors::Tensors::value_type *>
WeightReader::entryOf(const StateArgument &state) {
  const safetensors::Tensors::value_type *first = nullptr;
  for (const auto *entry : names.entriesOf(state.names)) {
    if (!first) {
      first = entry;
      continue;
    }
    // Tied: one tensor, so one value.
    FailureOr<StringRef> a = bytesOf(first->second), b = bytesOf(entry->second);
    if (failed(a) || failed(b))
      return failure();
    if (first->second.element != entry->second.element || *a != *b)
      return reportError("--weights: '" + options.weights + "' has '" +
                         first->first + "' and '" + entry->first +
                         "' with different values, expected equal ones: the "
                         "model ties them");
  }
  return first;
}

static std::string spelled(ArrayRef<int64_t> shape, StringRef element) {
  std::string text;
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element.str();
}

static std::string elementOf(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream(text) << type.getElementType();
  return text;
}

/// Whether values of the type in a file can be those of a state.
static bool fits(const safetensors::Tensor &tensor, RankedTensorType type) {
  std::string element = elementOf(type);
  bool converts = (element == "f32" || element == "f64") &&
                  bytesOfFloat(tensor.element) > 0;
  return type.getShape() == ArrayRef<int64_t>(tensor.shape) &&
         (tensor.element == element || converts);
}

LogicalResult
WeightReader::setSource(StateArgument &state,
                        const safetensors::Tensors::value_type &entry) {
  const safetensors::Tensor &tensor = entry.second;
  FailureOr<StringRef> bytes = bytesOf(tensor);
  if (failed(bytes))
    return failure();
  Builder builder(state.function.getContext());
  NamedAttrList source;
  source.append("file", builder.getStringAttr(tensor.file));
  source.append("record", builder.getStringAttr(entry.first));
  source.append("offset", builder.getI64IntegerAttr(tensor.offset));
  source.append("bytes", builder.getI64IntegerAttr(tensor.bytes));
  source.append("crc", builder.getI64IntegerAttr(
                           llvm::crc32(llvm::arrayRefFromStringRef(*bytes))));
  if (tensor.element != elementOf(state.type))
    source.append("elements", builder.getStringAttr(tensor.element));
  state.setSource(source);
  state.isGiven = true;
  return success();
}

LogicalResult WeightReader::run(std::string &said) {
  std::vector<std::string> missing, wrong;
  size_t set = 0;
  for (StateArgument &state : states) {
    auto entry = entryOf(state);
    if (failed(entry))
      return failure();
    if (!*entry) {
      // What the model never reads may keep the archive's values.
      bool keeps = !state.isRead() && state.hasSource();
      if (state.isParameter && !options.init && !keeps)
        missing.push_back(state.quotedName());
      continue;
    }
    const safetensors::Tensor &tensor = (*entry)->second;
    if (!fits(tensor, state.type)) {
      wrong.push_back("'" + (*entry)->first + "' (" +
                      spelled(tensor.shape, tensor.element) + ", expected " +
                      spelled(state.type.getShape(), elementOf(state.type)) +
                      ")");
      continue;
    }
    if (!wrong.empty() || !missing.empty())
      continue; // refused below, without reading more
    if (failed(setSource(state, **entry)))
      return failure();
    ++set;
  }
  if (!wrong.empty())
    return reportError("--weights: '" + options.weights +
                       "' does not fit the program: " + firstFew(wrong));
  if (!missing.empty())
    return reportError(
        "--weights: '" + options.weights + "' lacks " +
        std::to_string(missing.size()) + " of " +
        std::to_string(llvm::count_if(
            states, [](const StateArgument &s) { return s.isParameter; })) +
        " parameters: " + firstFew(missing) +
        (tensors.empty() ? std::string()
                         : "; it has '" + tensors.begin()->first + "' and " +
                               std::to_string(tensors.size() - 1) + " more") +
        " (--init starts those that it lacks from random numbers)");
  said += std::to_string(set) + " tensors of '" + options.weights + "'" +
          names.remarks();
  return success();
}

LogicalResult colossal::setGivenWeights(const StartOptions &options,
                                        std::vector<StateArgument> &states,
                                        std::string &said) {
  std::string error;
  auto tensors = safetensors::readWeights(options.weights, error);
  if (!tensors)
    return reportError("--weights: " + error);
  return WeightReader(options, *tensors, states).run(said);
}
