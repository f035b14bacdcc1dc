//===- Weights.cpp - Initial state in one file ----------------------------===//

#include "Weights.h"
#include "colossal/Support/StoredFloat.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <map>
#include <tuple>

using namespace colossal;

/// Elements that are converted at a time.
static constexpr int64_t convertedAtATime = 1 << 16;

/// Writes the floats of `record`, of type `elements`, as those of `dtype`.
/// Returns the CRC of what was written.
static uint32_t writeConverted(llvm::raw_ostream &stream,
                               llvm::StringRef record,
                               const std::string &elements, rank::DType dtype) {
  int64_t from = bytesOfFloat(elements), to = rank::bytesOf(dtype);
  std::vector<char> buffer(convertedAtATime * to);
  uint32_t crc = 0;
  for (int64_t left = int64_t(record.size()) / from; left > 0;) {
    int64_t count = std::min(left, convertedAtATime);
    convertFloats(record.data(), elements, buffer.data(),
                  dtype == rank::DType::F64 ? "f64" : "f32", count);
    llvm::StringRef bytes(buffer.data(), count * to);
    stream << bytes;
    crc = llvm::crc32(crc, llvm::arrayRefFromStringRef(bytes));
    record = record.drop_front(count * from);
    left -= count;
  }
  return crc;
}

/// Records start at multiples of this, so that they can be mapped.
static constexpr int64_t alignment = 64;

bool emit::writeWeights(std::vector<rank::Program> &programs,
                        llvm::StringRef path, llvm::StringRef name,
                        std::string &error) {
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> archives;
  struct Written {
    int64_t offset, bytes;
    uint32_t crc;
  };
  // By file, offset and type: one range may be two states of different types.
  std::map<std::tuple<std::string, int64_t, rank::DType>, Written> written;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
  for (rank::Program &program : programs)
    for (rank::State &state : program.states) {
      rank::Initial &initial = state.initial;
      if (initial.file.empty())
        continue;
      rank::DType dtype = program.buffers[state.buffer].dtype;
      auto key = std::make_tuple(initial.file, initial.offset, dtype);
      auto known = written.find(key);
      if (known == written.end()) {
        std::unique_ptr<llvm::MemoryBuffer> &archive = archives[initial.file];
        if (!archive) {
          auto buffer = llvm::MemoryBuffer::getFile(initial.file, false, false);
          if (!buffer) {
            error = "cannot read the weights of '" + state.name + "' from '" +
                    initial.file + "': " + buffer.getError().message();
            return false;
          }
          archive = std::move(*buffer);
        }
        llvm::StringRef bytes = archive->getBuffer();
        if (initial.offset < 0 || initial.bytes < 0 ||
            initial.offset > int64_t(bytes.size()) ||
            initial.bytes > int64_t(bytes.size()) - initial.offset) {
          error = "'" + initial.file + "' ends before the weights of '" +
                  state.name + "'; it has changed since it was imported";
          return false;
        }
        llvm::StringRef record = bytes.substr(initial.offset, initial.bytes);
        if (llvm::crc32(llvm::arrayRefFromStringRef(record)) != initial.crc) {
          error = "the weights of '" + state.name + "' in '" + initial.file +
                  "' do not match their checksum";
          return false;
        }
        if (!stream) {
          std::error_code code;
          stream = std::make_unique<llvm::raw_fd_ostream>(path, code);
          if (code) {
            error = "cannot write '" + path.str() + "': " + code.message();
            return false;
          }
        }
        int64_t position = int64_t(stream->tell());
        int64_t aligned = (position + alignment - 1) / alignment * alignment;
        stream->write_zeros(aligned - position);
        Written place{aligned, initial.bytes, initial.crc};
        if (initial.elements.empty())
          *stream << record;
        else
          place.crc = writeConverted(*stream, record, initial.elements, dtype);
        place.bytes = int64_t(stream->tell()) - aligned;
        known = written.emplace(key, place).first;
      }
      initial.file = name.str();
      initial.elements.clear();
      initial.offset = known->second.offset;
      initial.bytes = known->second.bytes;
      initial.crc = known->second.crc;
    }
  if (!stream)
    return true;
  stream->close();
  if (stream->has_error()) {
    error = "cannot write '" + path.str() + "': " + stream->error().message();
    stream->clear_error();
    return false;
  }
  return true;
}
