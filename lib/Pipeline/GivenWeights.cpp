//===- GivenWeights.cpp - Values of --weights
//-------------------------------===//

#include "StateArguments.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Import/SafeTensors.h"
#include "colossal/Support/Message.h"
#include "colossal/Support/StoredFloat.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/MemoryBuffer.h"

#include <set>

using namespace mlir;
using namespace colossal;

namespace {

class WeightReader {
public:
  WeightReader(const StartOptions &options, const safetensors::Tensors &tensors,
               std::vector<StateArgument> &states)
      : options(options), tensors(tensors), states(states) {
    choosePrefix();
  }
  LogicalResult run(std::string &said);

private:
  void choosePrefix();
  const safetensors::Tensors::value_type *find(const std::string &name) const;
  size_t countFound() const;
  /// The state's entry; null if there is none, or a message.
  FailureOr<const safetensors::Tensors::value_type *>
  entryOf(const StateArgument &state);
  LogicalResult setSource(StateArgument &state,
                          const safetensors::Tensors::value_type &entry);
  FailureOr<StringRef> bytesOf(const safetensors::Tensor &tensor);

  const StartOptions &options;
  const safetensors::Tensors &tensors;
  std::vector<StateArgument> &states;
  /// A module's path with its point that one side has and the other lacks:
  /// files of a base model lack that of the model with a head.
  std::string dropped, added;
  llvm::StringSet<> used;
  std::map<std::string, std::unique_ptr<llvm::MemoryBuffer>> files;
};

} // namespace

const safetensors::Tensors::value_type *
WeightReader::find(const std::string &name) const {
  auto found = tensors.find(name);
  if (found == tensors.end() && !dropped.empty() &&
      StringRef(name).starts_with(dropped))
    found = tensors.find(name.substr(dropped.size()));
  if (found == tensors.end() && !added.empty())
    found = tensors.find(added + name);
  return found == tensors.end() ? nullptr : &*found;
}

size_t WeightReader::countFound() const {
  return llvm::count_if(states, [&](const StateArgument &state) {
    return llvm::any_of(state.names,
                        [&](const std::string &name) { return find(name); });
  });
}

/// The prefix by which most names are found; none, if it makes no difference.
void WeightReader::choosePrefix() {
  auto firstOf = [](StringRef name) {
    return name.contains('.') ? (name.split('.').first + ".").str()
                              : std::string();
  };
  size_t best = countFound();
  if (best == states.size())
    return;
  // A few modules stand at the root of a model; a file may claim any number.
  constexpr size_t kMost = 32;
  std::set<std::string> ours, theirs;
  for (const StateArgument &state : states)
    for (const std::string &name : state.names)
      if (ours.size() < kMost)
        ours.insert(firstOf(name));
  for (const auto &entry : tensors)
    if (theirs.size() < kMost)
      theirs.insert(firstOf(entry.first));
  std::string bestDropped, bestAdded;
  auto attempt = [&](std::string drop, std::string add) {
    dropped = std::move(drop);
    added = std::move(add);
    if (size_t count = countFound(); count > best) {
      best = count;
      bestDropped = dropped;
      bestAdded = added;
    }
  };
  for (const std::string &prefix : ours)
    attempt(prefix, "");
  for (const std::string &prefix : theirs)
    attempt("", prefix);
  dropped = bestDropped;
  added = bestAdded;
}

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
  for (const std::string &name : state.names) {
    const auto *entry = find(name);
    if (!entry)
      continue;
    used.insert(entry->first);
    if (!first || entry == first) {
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
  std::vector<std::string> missing, wrong, tooMany;
  size_t set = 0;
  for (StateArgument &state : states) {
    auto entry = entryOf(state);
    if (failed(entry))
      return failure();
    if (!*entry) {
      if (state.isParameter && !options.init)
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
  for (const auto &entry : tensors)
    if (!used.contains(entry.first))
      tooMany.push_back("'" + entry.first + "'");
  said += std::to_string(set) + " tensors of '" + options.weights + "'";
  if (!dropped.empty())
    said += " (names there without '" + dropped + "')";
  if (!added.empty())
    said += " (names there with '" + added + "')";
  if (!tooMany.empty())
    said += ", which has " + std::to_string(tooMany.size()) +
            " that the program does not use: " + firstFew(tooMany);
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
