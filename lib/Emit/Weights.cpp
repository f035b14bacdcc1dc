//===- Weights.cpp - Initial state in one file ----------------------------===//

#include "Weights.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace colossal;

/// Records start at multiples of this, so that they can be mapped.
static constexpr int64_t alignment = 64;

bool emit::writeWeights(std::vector<rank::Program> &programs,
                        llvm::StringRef path, llvm::StringRef name,
                        std::string &error) {
  llvm::StringMap<std::unique_ptr<llvm::MemoryBuffer>> archives;
  std::map<std::pair<std::string, int64_t>, int64_t> written;
  std::unique_ptr<llvm::raw_fd_ostream> stream;
  for (rank::Program &program : programs)
    for (rank::State &state : program.states) {
      rank::Initial &initial = state.initial;
      if (initial.file.empty())
        continue;
      std::pair<std::string, int64_t> key(initial.file, initial.offset);
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
        *stream << record;
        known = written.emplace(key, aligned).first;
      }
      initial.file = name.str();
      initial.offset = known->second;
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
