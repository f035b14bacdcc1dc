//===- Archive.h - The records of an untrusted zip archive -----*- C++ -*-===//
//
// A TorchScript archive is a zip file, and LibTorch's reader looks neither at
// checksums nor at much of the structure: most flipped bits load silently as
// other weights. So every archive passes through here first:
//
//   - libzip checks that central directory and local headers agree;
//   - names are unique, relative, and share one top folder;
//   - the records lie inside the file and do not overlap; what they expand to
//     is bounded by what deflate can expand;
//   - every record is read once and its CRC-32 compared.
//
// A stored record is a range of the file: `offset` is the absolute position of
// its first byte, so that weights can be mapped and never pass through
// LibTorch.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_ARCHIVE_H
#define COLOSSAL_IMPORT_ARCHIVE_H

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

struct zip; // libzip's

namespace colossal::torchscript {

struct Record {
  uint64_t offset = 0;         ///< of the first byte of the data in the file
  uint64_t compressedSize = 0; ///< bytes in the file
  uint64_t size = 0;           ///< bytes when expanded
  uint32_t crc = 0;            ///< CRC-32 of the expanded bytes
  bool stored = true;          ///< not compressed
};

class Archive {
public:
  /// Opens and checks the file at `path`. On failure returns nothing and sets
  /// `error` to one line, without the path.
  static std::optional<Archive> open(const std::string &path,
                                     std::string &error);

  /// Records by name, without the top folder ("data.pkl", "data/0").
  const std::map<std::string, Record> &records() const { return recordsByName; }
  const Record *find(const std::string &name) const;
  /// The name of the top folder that all records share.
  const std::string &folder() const { return topFolder; }

  /// The expanded bytes of a record that exists; used for pickles and code,
  /// not for weights. Nothing if the file changed since it was opened.
  std::optional<std::string> read(const std::string &name) const;

private:
  std::string topFolder;
  /// Stays open: opening it looks at every record.
  std::shared_ptr<zip> opened;
  std::map<std::string, Record> recordsByName;
};

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_ARCHIVE_H
