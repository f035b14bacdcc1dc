//===- SafeTensors.h - Files of the safetensors format ----------*- C++ -*-===//
//
// A file is 8 bytes n (little-endian), n bytes of JSON, then data:
//
//   {"__metadata__": {"format": "pt"},
//    "fc.weight": {"dtype": "BF16", "shape": [4, 8], "data_offsets": [0, 64]}}
//
// Offsets count from the end of the header, begin and end. The file is from
// outside: the header is at most 100 MB, sizes match types and shapes, tensors
// lie inside the data, one behind the other without overlap or gap, as the
// format demands. Nothing is read of the data.
//
// Errors are one line that starts with the path.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_SAFETENSORS_H
#define COLOSSAL_SUPPORT_SAFETENSORS_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace colossal::safetensors {

struct Tensor {
  std::string file;
  /// As in the IR: "f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8",
  /// "ui8", "i1"; of a type that we do not have, the format's own name.
  std::string element;
  std::vector<int64_t> shape;
  uint64_t offset = 0; ///< of the first byte in the file
  uint64_t bytes = 0;
};

using Tensors = std::map<std::string, Tensor>;

/// The tensors of one file by name.
std::optional<Tensors> readFile(const std::string &path, std::string &error);

/// The tensors of a model: a file; an index ("model.safetensors.index.
/// json": {"weight_map": {name: file}}) with the files beside it; or a folder
/// with one of the two, as Hugging Face has them.
std::optional<Tensors> readWeights(const std::string &path, std::string &error);

/// A tensor of a file that is to be written; `element` is one of the types
/// above that are ours.
struct Entry {
  std::string name;
  std::string element;
  std::vector<int64_t> shape;

  uint64_t bytes() const;
};

/// The beginning of a file, up to its data: a multiple of 8 bytes. The entries'
/// data follow in their order, nothing between them.
std::string headerOf(const std::vector<Entry> &entries,
                     const std::map<std::string, std::string> &metadata);

/// The text of an index: the file of each tensor, and the bytes of all of them.
std::string indexOf(const std::map<std::string, std::string> &files,
                    uint64_t bytes);

} // namespace colossal::safetensors

#endif // COLOSSAL_SUPPORT_SAFETENSORS_H
