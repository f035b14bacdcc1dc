//===- Archive.cpp - The records of an untrusted zip archive --------------===//

#include "colossal/Import/Archive.h"

#include <zip.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

using namespace colossal::torchscript;

namespace {

constexpr uint64_t maximumRecords = 1 << 20;
/// Deflate expands a byte to at most 1032; code and pickles are small anyway.
constexpr uint64_t maximumExpansion = 1032;
constexpr uint64_t maximumCompressedRecord = uint64_t(1) << 30;

struct CloseZip {
  void operator()(zip_t *zip) const { zip_discard(zip); }
};
struct CloseEntry {
  void operator()(zip_file_t *file) const { zip_fclose(file); }
};
using ZipHandle = std::unique_ptr<zip_t, CloseZip>;
using EntryHandle = std::unique_ptr<zip_file_t, CloseEntry>;

/// Little-endian fields of the zip format at absolute positions of a file.
class Bytes {
public:
  explicit Bytes(const std::string &path)
      : stream(path, std::ios::binary | std::ios::ate) {
    if (stream)
      total = static_cast<uint64_t>(stream.tellg());
  }
  uint64_t size() const { return total; }

  bool read(uint64_t at, void *into, uint64_t count) {
    if (at > total || count > total - at)
      return false;
    stream.clear();
    stream.seekg(static_cast<std::streamoff>(at));
    stream.read(static_cast<char *>(into), static_cast<std::streamsize>(count));
    return static_cast<uint64_t>(stream.gcount()) == count;
  }

  template <typename T> std::optional<T> field(uint64_t at) {
    unsigned char raw[sizeof(T)];
    if (!read(at, raw, sizeof(T)))
      return std::nullopt;
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i)
      value |= static_cast<T>(raw[i]) << (8 * i);
    return value;
  }

private:
  std::ifstream stream;
  uint64_t total = 0;
};

struct Directory {
  uint64_t offset = 0;
  uint64_t entries = 0;
};

/// Finds the central directory from the end-of-archive record (and its 64-bit
/// form, which PyTorch always writes).
std::optional<Directory> findDirectory(Bytes &bytes) {
  if (bytes.size() < 22)
    return std::nullopt;
  uint64_t lowest = bytes.size() > 22 + 65535 ? bytes.size() - 22 - 65535 : 0;
  for (uint64_t at = bytes.size() - 22 + 1; at-- > lowest;) {
    if (bytes.field<uint32_t>(at) != 0x06054b50)
      continue;
    Directory found;
    found.entries = *bytes.field<uint16_t>(at + 10);
    found.offset = *bytes.field<uint32_t>(at + 16);
    if (found.offset == 0xffffffff || found.entries == 0xffff) {
      if (at < 20 || bytes.field<uint32_t>(at - 20) != 0x07064b50)
        return std::nullopt;
      auto end64 = bytes.field<uint64_t>(at - 20 + 8);
      if (!end64 || bytes.field<uint32_t>(*end64) != 0x06064b50)
        return std::nullopt;
      auto entries = bytes.field<uint64_t>(*end64 + 32);
      auto offset = bytes.field<uint64_t>(*end64 + 48);
      if (!entries || !offset)
        return std::nullopt;
      found = {*offset, *entries};
    }
    return found;
  }
  return std::nullopt;
}

/// Position of the local header of a central directory entry at `at`, from its
/// 32-bit field or the 64-bit extra field.
std::optional<uint64_t> localHeader(Bytes &bytes, uint64_t at) {
  auto size = bytes.field<uint32_t>(at + 24);
  auto compressed = bytes.field<uint32_t>(at + 20);
  auto offset = bytes.field<uint32_t>(at + 42);
  auto nameLength = bytes.field<uint16_t>(at + 28);
  auto extraLength = bytes.field<uint16_t>(at + 30);
  if (!size || !compressed || !offset || !nameLength || !extraLength)
    return std::nullopt;
  if (*offset != 0xffffffff)
    return *offset;
  uint64_t extra = at + 46 + *nameLength, end = extra + *extraLength;
  while (extra + 4 <= end) {
    auto id = bytes.field<uint16_t>(extra);
    auto length = bytes.field<uint16_t>(extra + 2);
    if (!id || !length)
      return std::nullopt;
    if (*id == 1) {
      uint64_t skip =
          (*size == 0xffffffff ? 8 : 0) + (*compressed == 0xffffffff ? 8 : 0);
      if (skip + 8 > *length)
        return std::nullopt;
      return bytes.field<uint64_t>(extra + 4 + skip);
    }
    extra += 4 + *length;
  }
  return std::nullopt;
}

/// Reads every byte of entry `index`; libzip compares the CRC at the end.
bool checkContents(zip_t *zip, uint64_t index, uint64_t size) {
  EntryHandle file(zip_fopen_index(zip, index, 0));
  if (!file)
    return false;
  // Most records are small, and there may be many.
  std::vector<char> buffer(std::min<uint64_t>(size + 1, 1 << 20));
  uint64_t total = 0;
  while (true) {
    zip_int64_t count = zip_fread(file.get(), buffer.data(), buffer.size());
    if (count < 0)
      return false;
    if (count == 0)
      return total == size;
    total += static_cast<uint64_t>(count);
    if (total > size)
      return false;
  }
}

bool safeName(const std::string &name) {
  if (name.empty() || name.front() == '/' ||
      name.find('\\') != std::string::npos ||
      name.find('\0') != std::string::npos)
    return false;
  for (size_t at = 0; at <= name.size();) {
    size_t end = std::min(name.find('/', at), name.size());
    if (name.compare(at, end - at, "..") == 0)
      return false;
    at = end + 1;
  }
  return true;
}

} // namespace

std::optional<Archive> Archive::open(const std::string &path,
                                     std::string &error) {
  Bytes bytes(path);
  if (bytes.size() == 0) {
    error = "cannot be read, or is empty";
    return std::nullopt;
  }
  int code = 0;
  ZipHandle zip(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  if (!zip && code == ZIP_ER_MEMORY) {
    error = "needs more memory than allowed to be opened";
    return std::nullopt;
  }
  if (!zip) {
    zip_error_t why;
    zip_error_init_with_code(&why, code);
    error = std::string("is not an intact zip archive (") +
            zip_error_strerror(&why) +
            "): expected a file written by torch.jit.save";
    zip_error_fini(&why);
    return std::nullopt;
  }
  uint64_t count = static_cast<uint64_t>(zip_get_num_entries(zip.get(), 0));
  auto directory = findDirectory(bytes);
  if (!directory || directory->entries != count || count == 0 ||
      count > maximumRecords) {
    error = "has a damaged zip directory";
    return std::nullopt;
  }

  Archive archive;
  struct Range {
    uint64_t begin, end;
    std::string name;
  };
  std::vector<Range> ranges;
  uint64_t entry = directory->offset;
  for (uint64_t index = 0; index < count; ++index) {
    zip_stat_t stat;
    if (zip_stat_index(zip.get(), index, 0, &stat) != 0) {
      error = "has a damaged zip directory";
      return std::nullopt;
    }
    std::string name = stat.name;
    size_t slash = name.find('/');
    if (!safeName(name) || slash == std::string::npos) {
      error = "has a record with the unexpected name '" + name + "'";
      return std::nullopt;
    }
    if (index == 0)
      archive.topFolder = name.substr(0, slash);
    if (name.compare(0, slash, archive.topFolder) != 0) {
      error = "has records in two folders, '" + archive.topFolder + "' and '" +
              name.substr(0, slash) + "'";
      return std::nullopt;
    }
    auto nameLength = bytes.field<uint16_t>(entry + 28);
    auto extraLength = bytes.field<uint16_t>(entry + 30);
    auto commentLength = bytes.field<uint16_t>(entry + 32);
    auto local = localHeader(bytes, entry);
    std::string directoryName(nameLength.value_or(0), '\0');
    if (bytes.field<uint32_t>(entry) != 0x02014b50 || !commentLength ||
        !extraLength || !local ||
        !bytes.read(entry + 46, directoryName.data(), directoryName.size()) ||
        directoryName != name || bytes.field<uint32_t>(*local) != 0x04034b50) {
      error = "has a damaged zip directory at record '" + name + "'";
      return std::nullopt;
    }
    entry += 46 + *nameLength + *extraLength + *commentLength;
    auto localName = bytes.field<uint16_t>(*local + 26);
    auto localExtra = bytes.field<uint16_t>(*local + 28);

    Record record;
    record.offset =
        *local + 30 + localName.value_or(0) + localExtra.value_or(0);
    record.compressedSize = stat.comp_size;
    record.size = stat.size;
    record.crc = stat.crc;
    record.stored = stat.comp_method == ZIP_CM_STORE;
    if (stat.encryption_method != ZIP_EM_NONE ||
        (!record.stored && stat.comp_method != ZIP_CM_DEFLATE)) {
      error = "has the record '" + name + "' in an unexpected compression";
      return std::nullopt;
    }
    if (record.offset > bytes.size() ||
        record.compressedSize > bytes.size() - record.offset ||
        (record.stored && record.size != record.compressedSize) ||
        (!record.stored &&
         (record.compressedSize > maximumCompressedRecord ||
          record.size > maximumExpansion * record.compressedSize + 64))) {
      error = "has the record '" + name + "' with an impossible size";
      return std::nullopt;
    }
    if (!checkContents(zip.get(), index, record.size)) {
      error = "is damaged: the bytes of the record '" + name +
              "' do not have the checksum that the archive states";
      return std::nullopt;
    }
    ranges.push_back(
        {record.offset, record.offset + record.compressedSize, name});
    if (!archive.recordsByName.emplace(name.substr(slash + 1), record).second) {
      error = "has the record '" + name + "' twice";
      return std::nullopt;
    }
  }
  std::sort(ranges.begin(), ranges.end(), [](const Range &a, const Range &b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
  });
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].begin < ranges[i - 1].end) {
      error = "has overlapping records '" + ranges[i - 1].name + "' and '" +
              ranges[i].name + "'";
      return std::nullopt;
    }
  archive.opened = std::move(zip);
  return archive;
}

const Record *Archive::find(const std::string &name) const {
  auto found = recordsByName.find(name);
  return found == recordsByName.end() ? nullptr : &found->second;
}

std::optional<std::string> Archive::read(const std::string &name) const {
  const Record *record = find(name);
  if (!record)
    return std::nullopt;
  EntryHandle file(
      zip_fopen(opened.get(), (topFolder + "/" + name).c_str(), 0));
  if (!file)
    return std::nullopt;
  std::string contents(record->size, '\0');
  uint64_t total = 0;
  while (total < record->size) {
    zip_int64_t count =
        zip_fread(file.get(), contents.data() + total, record->size - total);
    if (count <= 0)
      return std::nullopt;
    total += static_cast<uint64_t>(count);
  }
  return contents;
}
