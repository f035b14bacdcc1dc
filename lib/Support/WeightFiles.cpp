//===- WeightFiles.cpp - Weights in one file or several -------------------===//

#include "colossal/Support/Files.h"
#include "colossal/Support/SafeTensors.h"

#define JSON_NOEXCEPTION
#include <nlohmann/json.hpp>

#include <filesystem>

using namespace colossal::safetensors;

namespace {

/// More than any model has.
constexpr uintmax_t maximumIndex = 100'000'000;

/// Collects {"weight_map": {name: file}}; everything else is passed over.
class IndexReader : public nlohmann::json_sax<nlohmann::json> {
public:
  std::map<std::string, std::string> files;
  std::string error;

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t &) override {
    return value();
  }
  bool binary(binary_t &) override { return value(); }
  bool string(string_t &text) override {
    if (!inMap || depth != 2)
      return true;
    if (!files.emplace(name, text).second) {
      error = "has the tensor '" + name + "' twice";
      return false;
    }
    return true;
  }
  bool start_object(std::size_t) override {
    inMap |= ++depth == 2 && name == "weight_map";
    return !inMap || depth == 2 || value();
  }
  bool end_object() override {
    if (depth-- == 2)
      inMap = false;
    return true;
  }
  bool start_array(std::size_t) override { return value() && ++depth; }
  bool end_array() override {
    --depth;
    return true;
  }
  bool key(string_t &text) override {
    name = text;
    return true;
  }
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::json::exception &) override {
    error = "is not JSON at byte " + std::to_string(position);
    return false;
  }

private:
  /// Anything but a file's name.
  bool value() {
    if (inMap)
      error = "has no file for the tensor '" + name.substr(0, 200) + "'";
    return !inMap;
  }

  std::string name;
  int64_t depth = 0;
  bool inMap = false;
};

std::optional<Tensors> readIndex(const std::filesystem::path &path,
                                 std::string &error) {
  auto fail = [&](const std::string &message) {
    error = "'" + path.string() + "' " + message;
    return std::nullopt;
  };
  std::error_code code;
  if (std::filesystem::file_size(path, code) > maximumIndex || code)
    return fail("cannot be read, or has more than " +
                std::to_string(maximumIndex) + " bytes");
  std::optional<std::string> text =
      colossal::readTextFile(path.string(), error);
  if (!text)
    return std::nullopt;
  IndexReader index;
  if (!nlohmann::json::sax_parse(*text, &index))
    return fail(index.error);
  if (index.files.empty())
    return fail("is no index of safetensors files: expected a weight_map");
  std::map<std::string, Tensors> read;
  Tensors all;
  for (const auto &[name, file] : index.files) {
    auto known = read.find(file);
    if (known == read.end()) {
      if (file.empty() || file == ".." ||
          file.find_first_of(std::string("/\0", 2)) != std::string::npos)
        return fail("names the file '" + file.substr(0, 200) +
                    "', expected one beside it");
      auto tensors = readFile((path.parent_path() / file).string(), error);
      if (!tensors)
        return std::nullopt;
      known = read.emplace(file, std::move(*tensors)).first;
    }
    auto tensor = known->second.find(name);
    if (tensor == known->second.end())
      return fail("says that '" + name + "' is in '" + file +
                  "', which does not have it");
    all.insert(*tensor);
  }
  return all;
}

} // namespace

std::optional<Tensors>
colossal::safetensors::readWeights(const std::string &path,
                                   std::string &error) {
  std::filesystem::path file(path);
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) {
    for (const char *name :
         {"model.safetensors.index.json", "model.safetensors"})
      if (std::filesystem::exists(file / name, code))
        return readWeights((file / name).string(), error);
    error = "'" + path +
            "' is a folder without model.safetensors and without "
            "model.safetensors.index.json";
    return std::nullopt;
  }
  if (!std::filesystem::is_regular_file(file, code)) {
    error = "found no file '" + path + "'";
    return std::nullopt;
  }
  return file.extension() == ".json" ? readIndex(file, error)
                                     : readFile(path, error);
}
