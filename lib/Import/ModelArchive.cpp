//===- ModelArchive.cpp - What a TorchScript archive claims ---------------===//

#include "colossal/Import/ModelArchive.h"
#include "colossal/Import/Pickle.h"

using namespace colossal::torchscript;

namespace {

using Kind = PickleValue::Kind;

/// A model with more attributes than this is an attack (shared objects inside
/// shared objects), not a model.
constexpr int64_t maximumAttributes = 1 << 20;
/// Names repeat in the paths of everything below them: a small file can ask for
/// any amount of memory.
constexpr size_t maximumPath = 4096;
constexpr size_t maximumPaths = size_t(1) << 26; ///< of all tensors together
constexpr int maximumDepth = 128;
/// Of a tensor; what the compiler counts with stays within 64 bits.
constexpr int64_t maximumElements = int64_t(1) << 40;
const std::string debugSuffix = ".debug_pkl";

bool endsWith(const std::string &text, const std::string &suffix) {
  return text.size() >= suffix.size() &&
         text.compare(text.size() - suffix.size(), suffix.size(), suffix) == 0;
}
bool startsWith(const std::string &text, const std::string &prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

std::optional<ElementType> elementOfStorage(const std::string &global) {
  static const std::pair<const char *, ElementType> storages[] = {
      {"torch DoubleStorage", ElementType::F64},
      {"torch FloatStorage", ElementType::F32},
      {"torch HalfStorage", ElementType::F16},
      {"torch BFloat16Storage", ElementType::BF16},
      {"torch LongStorage", ElementType::I64},
      {"torch IntStorage", ElementType::I32},
      {"torch ShortStorage", ElementType::I16},
      {"torch CharStorage", ElementType::I8},
      {"torch ByteStorage", ElementType::U8},
      {"torch BoolStorage", ElementType::I1},
      {"torch ComplexFloatStorage", ElementType::C64},
      {"torch ComplexDoubleStorage", ElementType::C128},
  };
  for (auto &[name, type] : storages)
    if (global == name)
      return type;
  return std::nullopt;
}

bool integers(const PickleValue &tuple, std::vector<int64_t> &into) {
  if (tuple.kind != Kind::Tuple)
    return false;
  for (const PickleValue *item : tuple.items) {
    if (item->kind != Kind::Integer || item->integer < 0)
      return false;
    into.push_back(item->integer);
  }
  return true;
}

bool isTensor(const PickleValue &value) {
  return value.kind == Kind::Call &&
         value.text == "torch._utils _rebuild_tensor_v2";
}

/// _rebuild_tensor_v2(("storage", type, key, device, elements), offset, sizes,
/// strides, requires_grad, hooks). `storageElements` is what the pickle claims.
bool readTensor(const PickleValue &call, const std::string &folder,
                StoredTensor &tensor, int64_t &storageElements,
                std::string &error) {
  error = "a tensor in an unexpected form";
  if (call.items.size() < 6)
    return false;
  const PickleValue &storage = *call.items[0];
  if (storage.kind != Kind::Persistent || storage.items.size() != 5 ||
      storage.items[0]->text != "storage" ||
      storage.items[1]->kind != Kind::Global ||
      storage.items[2]->kind != Kind::String ||
      storage.items[4]->kind != Kind::Integer ||
      call.items[1]->kind != Kind::Integer || call.items[1]->integer < 0 ||
      call.items[4]->kind != Kind::Bool)
    return false;
  auto element = elementOfStorage(storage.items[1]->text);
  if (!element) {
    error = "a tensor of the unsupported type '" + storage.items[1]->text +
            "': expected float, integer, bool or complex";
    return false;
  }
  tensor.type.element = *element;
  tensor.record = folder + "/" + storage.items[2]->text;
  tensor.offset = call.items[1]->integer;
  tensor.requiresGrad = call.items[4]->boolean;
  storageElements = storage.items[4]->integer;
  return integers(*call.items[2], tensor.type.shape) &&
         integers(*call.items[3], tensor.strides) &&
         tensor.strides.size() == tensor.type.shape.size();
}

/// True if the view stays inside `storageElements` elements.
bool fits(const StoredTensor &tensor, int64_t storageElements) {
  if (tensor.elements() == 0)
    return tensor.offset <= storageElements;
  __int128 last = tensor.offset, count = 1;
  for (size_t i = 0; i < tensor.strides.size(); ++i) {
    last += static_cast<__int128>(tensor.type.shape[i] - 1) * tensor.strides[i];
    count *= tensor.type.shape[i];
    if (last > storageElements || count > (__int128(1) << 62))
      return false;
  }
  return last < storageElements;
}

} // namespace

int64_t StoredTensor::elements() const {
  int64_t count = 1;
  for (int64_t size : type.shape)
    count *= size;
  return count;
}

bool StoredTensor::isContiguous() const {
  int64_t expected = 1;
  for (size_t i = strides.size(); i-- > 0;) {
    if (type.shape[i] != 1 && strides[i] != expected)
      return elements() == 0;
    expected *= type.shape[i];
  }
  return true;
}

std::optional<ModelArchive> ModelArchive::open(const std::string &path,
                                               std::string &error) {
  auto archive = Archive::open(path, error);
  if (!archive)
    return std::nullopt;
  ModelArchive model(std::move(*archive));
  if (!model.check(error) || !model.collectTensors(error) ||
      !model.collectConstants(error))
    return std::nullopt;
  model.collectExamples();
  return model;
}

const StoredTensor *
ModelArchive::tensor(const std::string &attributePath) const {
  for (const auto *tensors : {&tensorsByPath, &constantsByName})
    if (auto found = tensors->find(attributePath); found != tensors->end())
      return &found->second;
  return nullptr;
}

const SourceMap *ModelArchive::sourceMap(const std::string &codeRecord) const {
  auto found = sourceMaps.find(codeRecord);
  return found == sourceMaps.end() ? nullptr : &found->second;
}

bool ModelArchive::check(std::string &error) {
  for (const char *required : {"data.pkl", "constants.pkl"})
    if (!records.find(required)) {
      error = std::string("has no record '") + required +
              "': expected a module saved with torch.jit.save (a state_dict "
              "or a module saved with torch.save holds no program)";
      return false;
    }
  if (auto order = records.read("byteorder"); order && *order != "little") {
    error = "was written on a big-endian machine, which is not supported";
    return false;
  }
  bool hasCode = false;
  for (const auto &[name, record] : records.records()) {
    bool isPickle = name == "data.pkl" || name == "constants.pkl" ||
                    name == "traced_inputs.pkl" || endsWith(name, debugSuffix);
    bool isCode = startsWith(name, "code/") && endsWith(name, ".py");
    bool isData = startsWith(name, "data/") || startsWith(name, "constants/") ||
                  startsWith(name, "traced_inputs/") || name == "version" ||
                  name == "byteorder" || startsWith(name, ".data/") ||
                  name == ".format_version" || name == ".storage_alignment" ||
                  startsWith(name, "extra/");
    hasCode |= isCode;
    if (!isPickle && !isCode && !isData) {
      error = "has the unexpected record '" + name + "'";
      return false;
    }
    if (isData)
      continue;
    auto contents = records.read(name);
    if (!contents) {
      error = "changed while it was read";
      return false;
    }
    if (isPickle) {
      std::string what;
      auto pickle = Pickle::read(*contents, what);
      if (!pickle) {
        error = "is refused: the record '" + name + "' has " + what;
        return false;
      }
      if (endsWith(name, debugSuffix))
        sourceMaps.emplace(name.substr(0, name.size() - debugSuffix.size()),
                           SourceMap(*pickle));
    }
    for (const char *word : {"__setstate__", "__torch__.torch.classes"})
      if (isCode && contents->find(word) != std::string::npos) {
        error = "is refused: the code in the record '" + name + "' uses '" +
                word + "', which runs code of the model when it is loaded";
        return false;
      }
  }
  if (!hasCode)
    error = "has no code: expected a module saved with torch.jit.save";
  return hasCode;
}

bool ModelArchive::collectTensors(std::string &error) {
  std::string what;
  auto contents = records.read("data.pkl");
  auto pickle = contents ? Pickle::read(*contents, what) : std::nullopt;
  if (!pickle || pickle->root().kind != Kind::Object) {
    error = "is refused: the record 'data.pkl' does not hold a module";
    return false;
  }
  struct Visit {
    const PickleValue *object;
    std::string path;
    int depth;
  };
  std::vector<Visit> pending = {{&pickle->root(), "", 0}};
  int64_t visited = 0;
  size_t pathBytes = 0;
  while (!pending.empty()) {
    Visit visit = pending.back();
    pending.pop_back();
    for (const auto &[name, value] : visit.object->attributes) {
      if (visit.path.size() + name.size() >= maximumPath) {
        error = "is refused: found an attribute whose path has more than " +
                std::to_string(maximumPath) + " characters ('" +
                (visit.path + "." + name).substr(0, 60) + "...')";
        return false;
      }
      std::string path = visit.path.empty() ? name : visit.path + "." + name;
      if (++visited > maximumAttributes || visit.depth > maximumDepth) {
        error = "is refused: too many modules inside modules";
        return false;
      }
      if (value->kind == Kind::Object) {
        pending.push_back({value, path, visit.depth + 1});
        continue;
      }
      if (!isTensor(*value))
        continue;
      if ((pathBytes += path.size()) > maximumPaths) {
        error = "is refused: the paths of its tensors have more than " +
                std::to_string(maximumPaths) + " characters";
        return false;
      }
      if (!addTensor(*value, "data", path, tensorsByPath, error))
        return false;
    }
  }
  return true;
}

/// The record constants.pkl is a tuple; what is no tensor is an object of C++.
bool ModelArchive::collectConstants(std::string &error) {
  std::string what;
  auto contents = records.read("constants.pkl");
  auto pickle = contents ? Pickle::read(*contents, what) : std::nullopt;
  if (!pickle || pickle->root().kind != Kind::Tuple) {
    error = "is refused: the record 'constants.pkl' does not hold a tuple";
    return false;
  }
  for (size_t i = 0; i < pickle->root().items.size(); ++i)
    if (const PickleValue &value = *pickle->root().items[i];
        isTensor(value) &&
        !addTensor(value, "constants", "CONSTANTS.c" + std::to_string(i),
                   constantsByName, error))
      return false;
  return true;
}

bool ModelArchive::addTensor(const PickleValue &value,
                             const std::string &folder, const std::string &path,
                             std::map<std::string, StoredTensor> &into,
                             std::string &error) {
  StoredTensor tensor;
  int64_t claimed = 0;
  std::string what;
  if (!readTensor(value, folder, tensor, claimed, what)) {
    error = "has " + what + " at '" + path + "'";
    return false;
  }
  const Record *record = records.find(tensor.record);
  int64_t elementBytes = bytesOf(tensor.type.element);
  // Tensors on the meta device have a record without bytes.
  tensor.hasValues = !record || record->size > 0 || claimed <= 0;
  if (!record || claimed < 0 || claimed > maximumElements ||
      record->size % elementBytes != 0 ||
      (tensor.hasValues &&
       record->size / elementBytes != static_cast<uint64_t>(claimed))) {
    error = "is refused: the tensor '" + path + "' claims " +
            std::to_string(claimed) + " elements of the record '" +
            tensor.record + "', which has " +
            (record ? std::to_string(record->size) + " bytes"
                    : std::string("no bytes"));
    return false;
  }
  if (!fits(tensor, claimed)) {
    error = "is refused: the tensor '" + path +
            "' reaches beyond its record '" + tensor.record + "'";
    return false;
  }
  into.emplace(path, std::move(tensor));
  return true;
}

void ModelArchive::collectExamples() {
  auto contents = records.read("traced_inputs.pkl");
  std::string what;
  auto pickle = contents ? Pickle::read(*contents, what) : std::nullopt;
  if (!pickle)
    return;
  // restore_type_tag(value, type) wraps dictionaries and lists.
  auto unwrap = [](const PickleValue *value) {
    while (value->kind == Kind::Call && value->items.size() == 2 &&
           value->text == "torch.jit._pickle restore_type_tag")
      value = value->items[0];
    return value;
  };
  const PickleValue *byMethod = unwrap(&pickle->root());
  if (byMethod->kind != Kind::Dict)
    return;
  for (size_t i = 0; i + 1 < byMethod->items.size(); i += 2) {
    if (byMethod->items[i]->text != "forward")
      continue;
    const PickleValue *list = unwrap(byMethod->items[i + 1]);
    if (list->kind != Kind::List && list->kind != Kind::Tuple)
      return;
    std::vector<TensorInfo> types;
    for (const PickleValue *item : list->items) {
      StoredTensor tensor;
      int64_t claimed = 0;
      if (!isTensor(*item) ||
          !readTensor(*item, "traced_inputs", tensor, claimed, what))
        return;
      types.push_back(tensor.type);
    }
    examples = std::move(types);
  }
}
