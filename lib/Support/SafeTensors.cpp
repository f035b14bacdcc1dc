//===- SafeTensors.cpp - The header of a safetensors file -----------------===//

#include "colossal/Support/SafeTensors.h"

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace colossal::safetensors;

namespace {

/// As the format's own reader.
constexpr uint64_t maximumHeader = 100'000'000;
constexpr size_t maximumRank = 64;
constexpr int64_t maximumElements = int64_t(1) << 40;
constexpr size_t maximumName = 4096;

struct ElementType {
  const char *name;
  const char *ours; ///< null: no type of the compiler
  int64_t bytes;
};
constexpr ElementType elementTypes[] = {
    {"F64", "f64", 8},       {"F32", "f32", 4},       {"F16", "f16", 2},
    {"BF16", "bf16", 2},     {"I64", "i64", 8},       {"I32", "i32", 4},
    {"I16", "i16", 2},       {"I8", "i8", 1},         {"U8", "ui8", 1},
    {"BOOL", "i1", 1},       {"U16", nullptr, 2},     {"U32", nullptr, 4},
    {"U64", nullptr, 8},     {"F8_E4M3", nullptr, 1}, {"F8_E5M2", nullptr, 1},
    {"F8_E8M0", nullptr, 1}, {"C64", nullptr, 8},
};

const ElementType *findElementType(const std::string &ours) {
  for (const ElementType &type : elementTypes)
    if (type.ours && ours == type.ours)
      return &type;
  return nullptr;
}

std::string quotedName(const std::string &name) {
  return "'" + (name.size() > 200 ? name.substr(0, 200) + "..." : name) + "'";
}

/// Reads the header event by event: what it claims takes no more memory than
/// what is kept of it.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
public:
  struct Entry {
    std::string name, dtype;
    std::vector<int64_t> shape;
    std::vector<uint64_t> offsets;
  };
  std::vector<Entry> entries;
  std::string error;

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool number_integer(number_integer_t value) override {
    return unexpected(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t &text) override {
    return unexpected(text);
  }
  bool binary(binary_t &) override { return unexpected("bytes"); }
  bool number_unsigned(number_unsigned_t value) override {
    if (place == Place::Shape) {
      if (value > uint64_t(maximumElements) ||
          entries.back().shape.size() == maximumRank)
        return unexpected("a size of " + std::to_string(value));
      entries.back().shape.push_back(int64_t(value));
      return true;
    }
    if (place == Place::Offsets && entries.back().offsets.size() < 2) {
      entries.back().offsets.push_back(value);
      return true;
    }
    return unexpected(std::to_string(value));
  }
  bool string(string_t &text) override {
    if (place == Place::Metadata)
      return true;
    if (place != Place::Dtype)
      return unexpected("a text");
    entries.back().dtype = text;
    place = Place::Tensor;
    return true;
  }
  bool start_object(std::size_t) override {
    if (place == Place::Outside)
      place = Place::Top;
    else if (place == Place::Name)
      place = isMetadata ? Place::Metadata : Place::Tensor;
    else
      return unexpected("an object");
    return true;
  }
  bool end_object() override {
    if (place == Place::Tensor && seen != 7)
      return unexpected("a field missing");
    place = place == Place::Top ? Place::Done : Place::Top;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place == Place::ShapeField)
      place = Place::Shape;
    else if (place == Place::OffsetsField)
      place = Place::Offsets;
    else
      return unexpected("an array");
    return true;
  }
  bool end_array() override {
    place = Place::Tensor;
    return true;
  }
  bool key(string_t &name) override {
    if (place == Place::Metadata)
      return true;
    if (place == Place::Top) {
      place = Place::Name;
      isMetadata = name == "__metadata__";
      if (isMetadata)
        return true;
      if (name.size() > maximumName) {
        error = "has a tensor whose name has " + std::to_string(name.size()) +
                " characters, expected at most " + std::to_string(maximumName);
        return false;
      }
      entries.emplace_back();
      entries.back().name = name;
      seen = 0;
      return true;
    }
    static constexpr std::pair<const char *, Place> fields[] = {
        {"dtype", Place::Dtype},
        {"shape", Place::ShapeField},
        {"data_offsets", Place::OffsetsField}};
    int bit = 1;
    for (auto [field, next] : fields) {
      if (place == Place::Tensor && name == field && !(seen & bit)) {
        seen |= bit;
        place = next;
        return true;
      }
      bit *= 2;
    }
    return unexpected("the field " + quotedName(name));
  }
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::json::exception &) override {
    error =
        "has a header that is not JSON at byte " + std::to_string(8 + position);
    return false;
  }

private:
  enum class Place {
    Outside,
    Top,
    Name, ///< behind a key of the outer object
    Metadata,
    Tensor,
    Dtype,
    ShapeField,
    Shape,
    OffsetsField,
    Offsets,
    Done
  };

  bool unexpected(const std::string &what) {
    error = "has a header with " + what;
    if (!entries.empty())
      error += " at tensor " + quotedName(entries.back().name);
    error += ": expected dtype, shape and data_offsets for each tensor";
    return false;
  }

  Place place = Place::Outside;
  bool isMetadata = false;
  int seen = 0; ///< fields of a tensor, one bit each
};

/// What one entry claims, held against the size of the data.
bool check(const HeaderReader::Entry &entry, uint64_t dataBytes, Tensor &tensor,
           std::string &error) {
  const std::string where = "has the tensor " + quotedName(entry.name);
  if (entry.offsets.size() != 2 || entry.offsets[0] > entry.offsets[1] ||
      entry.offsets[1] > dataBytes) {
    error = where + " outside of its data of " + std::to_string(dataBytes) +
            " bytes";
    return false;
  }
  tensor.shape = entry.shape;
  tensor.offset = entry.offsets[0];
  tensor.bytes = entry.offsets[1] - entry.offsets[0];
  tensor.element = entry.dtype.substr(0, 32);
  int64_t elements = 1;
  for (int64_t size : entry.shape) {
    if (size > 0 && elements > maximumElements / size) {
      error = where + " with more than " + std::to_string(maximumElements) +
              " elements";
      return false;
    }
    elements *= size;
  }
  for (const ElementType &type : elementTypes) {
    if (entry.dtype != type.name)
      continue;
    if (type.ours)
      tensor.element = type.ours;
    if (tensor.bytes != uint64_t(elements * type.bytes)) {
      error = where + " in " + std::to_string(tensor.bytes) +
              " bytes, expected " + std::to_string(elements * type.bytes) +
              " by its dtype and shape";
      return false;
    }
  }
  return true;
}

/// One behind the other, nothing between them, nothing behind the last.
bool checkOrder(const Tensors &tensors, uint64_t dataBytes,
                std::string &error) {
  std::vector<const Tensors::value_type *> order;
  for (const auto &entry : tensors)
    order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto *a, const auto *b) {
    return std::make_pair(a->second.offset, a->second.bytes) <
           std::make_pair(b->second.offset, b->second.bytes);
  });
  uint64_t end = 0;
  for (const auto *entry : order) {
    if (entry->second.offset != end) {
      error = "has the tensor " + quotedName(entry->first) + " at byte " +
              std::to_string(entry->second.offset) + " of its data, expected " +
              std::to_string(end) + ", where the one before it ends";
      return false;
    }
    end += entry->second.bytes;
  }
  if (end != dataBytes)
    error = "has " + std::to_string(dataBytes) + " bytes of data, expected " +
            std::to_string(end) + " by its header: is it complete?";
  return end == dataBytes;
}

bool read(const std::string &path, Tensors &tensors, std::string &error) {
  // To open a pipe would wait for its writer.
  std::error_code code;
  if (std::filesystem::exists(path, code) &&
      !std::filesystem::is_regular_file(path, code)) {
    error = "is no regular file";
    return false;
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  std::streamoff end = file ? std::streamoff(file.tellg()) : -1;
  unsigned char raw[8];
  file.seekg(0);
  if (end < 8 || !file.read(reinterpret_cast<char *>(raw), 8)) {
    error = end < 0 ? "cannot be read" : "is no safetensors file: it is empty";
    return false;
  }
  uint64_t header = 0;
  for (int i = 0; i < 8; ++i)
    header |= uint64_t(raw[i]) << (8 * i);
  uint64_t rest = uint64_t(end) - 8;
  if (header > maximumHeader || header > rest) {
    error = "is no safetensors file: it claims a header of " +
            std::to_string(header) + " bytes and has " + std::to_string(rest) +
            " (at most " + std::to_string(maximumHeader) + " are read)";
    return false;
  }
  std::string text(header, '\0');
  if (!file.read(text.data(), std::streamsize(header))) {
    error = "cannot be read";
    return false;
  }
  HeaderReader reader;
  if (text.empty() || text[0] != '{') {
    error = "is no safetensors file: its header does not begin with '{'";
    return false;
  }
  if (!nlohmann::json::sax_parse(text, &reader)) {
    error = reader.error;
    return false;
  }
  uint64_t dataBytes = rest - header;
  for (const HeaderReader::Entry &entry : reader.entries) {
    Tensor tensor;
    tensor.file = path;
    if (!check(entry, dataBytes, tensor, error))
      return false;
    if (!tensors.emplace(entry.name, std::move(tensor)).second) {
      error = "has the tensor " + quotedName(entry.name) + " twice";
      return false;
    }
  }
  if (!checkOrder(tensors, dataBytes, error))
    return false;
  for (auto &[name, tensor] : tensors)
    tensor.offset += 8 + header;
  return true;
}

} // namespace

std::optional<Tensors> colossal::safetensors::readFile(const std::string &path,
                                                       std::string &error) {
  Tensors tensors;
  if (read(path, tensors, error))
    return tensors;
  error = "'" + path + "' " + error;
  return std::nullopt;
}

uint64_t Entry::bytes() const {
  const ElementType *type = findElementType(element);
  uint64_t total = type ? uint64_t(type->bytes) : 0;
  for (int64_t size : shape)
    total *= uint64_t(size);
  return total;
}

/// Names come from outside and may not be UTF-8: such bytes are replaced.
static std::string textOf(const nlohmann::ordered_json &value, int indent) {
  return value.dump(indent, ' ', false,
                    nlohmann::ordered_json::error_handler_t::replace);
}

std::string colossal::safetensors::headerOf(
    const std::vector<Entry> &entries,
    const std::map<std::string, std::string> &metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  uint64_t end = 0;
  for (const Entry &entry : entries) {
    const ElementType *type = findElementType(entry.element);
    uint64_t begin = end;
    end += entry.bytes();
    header[entry.name] = {{"dtype", type ? type->name : entry.element},
                          {"shape", entry.shape},
                          {"data_offsets", {begin, end}}};
  }
  std::string text = textOf(header, -1);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += char(uint64_t(text.size()) >> (8 * i));
  return bytes + text;
}

std::string
colossal::safetensors::indexOf(const std::map<std::string, std::string> &files,
                               uint64_t bytes) {
  nlohmann::ordered_json index;
  index["metadata"] = {{"total_size", bytes}};
  index["weight_map"] = files;
  return textOf(index, 2) + "\n";
}
