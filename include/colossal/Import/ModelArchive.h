//===- ModelArchive.h - What a TorchScript archive claims ------*- C++ -*-===//
//
// The checks that come before LibTorch, and the facts that LibTorch does not
// tell: where the bytes of each parameter are. A ModelArchive exists only for
// an archive that
//
//   - passed Archive::open (structure, sizes, checksums);
//   - has exactly the records of a saved ScriptModule (no other pickles, no
//     C extensions, no legacy format);
//   - has only pickles that Pickle::read accepts, debug information included;
//   - names no custom class and no __setstate__ in its code;
//   - has only tensors that lie inside their records.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_MODELARCHIVE_H
#define COLOSSAL_IMPORT_MODELARCHIVE_H

#include "colossal/Import/Archive.h"
#include "colossal/Import/Graph.h"
#include "colossal/Import/SourceMap.h"

namespace colossal::torchscript {

struct PickleValue;

/// A tensor as a view of a storage record; offset and strides in elements.
struct StoredTensor {
  std::string record;
  TensorInfo type;
  int64_t offset = 0;
  std::vector<int64_t> strides;
  bool requiresGrad = false;
  /// False: of a module on the meta device, the record is empty.
  bool hasValues = true;

  int64_t elements() const;
  bool isContiguous() const;
};

class ModelArchive {
public:
  static std::optional<ModelArchive> open(const std::string &path,
                                          std::string &error);

  /// The tensor at an attribute path such as "transformer.wte.weight", or of a
  /// constant's name, or null.
  const StoredTensor *tensor(const std::string &attributePath) const;

  /// The tensors of constants.pkl: tables that the code names CONSTANTS.c0, ...
  const std::map<std::string, StoredTensor> &constants() const {
    return constantsByName;
  }

  /// Types of the example inputs of `forward`; nothing if the archive has none,
  /// or not only tensors.
  const std::optional<std::vector<TensorInfo>> &exampleInputs() const {
    return examples;
  }

  /// Where the code record "code/X.py" comes from, or null.
  const SourceMap *sourceMap(const std::string &codeRecord) const;

  const Archive &archive() const { return records; }

private:
  explicit ModelArchive(Archive records) : records(std::move(records)) {}
  bool check(std::string &error);
  bool collectTensors(std::string &error);
  bool collectConstants(std::string &error);
  bool addTensor(const PickleValue &value, const std::string &folder,
                 const std::string &path,
                 std::map<std::string, StoredTensor> &into, std::string &error);
  void collectExamples();

  Archive records;
  std::map<std::string, StoredTensor> tensorsByPath;
  std::map<std::string, StoredTensor> constantsByName;
  std::map<std::string, SourceMap> sourceMaps; ///< by code record
  std::optional<std::vector<TensorInfo>> examples;
};

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_MODELARCHIVE_H
