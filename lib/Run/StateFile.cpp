//===- StateFile.cpp - State from the bundle, state to files --------------===//

#include "StateFile.h"

#include "Gather.h"
#include "OutputFile.h"
#include "PlacedFile.h"
#include "RunError.h"
#include "colossal/Run/Checksum.h"
#include "colossal/Run/Elements.h"
#include "colossal/Run/Npy.h"
#include "colossal/Support/Random.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace colossal::rank {

namespace {

constexpr int64_t kChunk = 1 << 20;

/// The numbers that --init gives; a float of any rank is the same.
void drawState(char *data, DType dtype, const std::vector<Run> &runs,
               const Initial &initial) {
  uint64_t stream = random::streamOf(initial.stream);
  for (const Run &run : runs)
    for (int64_t i = 0; i < run.length; ++i) {
      double value =
          initial.normal * random::normal(stream, initial.seed, run.global + i);
      if (dtype == DType::F64)
        reinterpret_cast<double *>(data)[run.local + i] = value;
      else
        reinterpret_cast<float *>(data)[run.local + i] = float(value);
    }
}

void fillState(char *data, DType dtype, const std::vector<Run> &runs,
               double value) {
  if (dtype == DType::I1)
    value = value != 0;
  withElement(dtype, [&](auto zero) {
    using T = decltype(zero);
    for (const Run &run : runs)
      std::fill_n(reinterpret_cast<T *>(data) + run.local, run.length,
                  elementOf<T>(value));
  });
}

} // namespace

void loadState(const Program &program, Engine &engine,
               const std::string &bundle, const std::set<std::string> &others) {
  Coordinate coordinate = coordinateOf(program, engine.fabric().device());
  std::vector<char> chunk;
  for (const State &state : program.states) {
    if (others.count(state.name))
      continue;
    const Buffer &buffer = program.buffers[state.buffer];
    int64_t element = bytesOf(buffer.dtype);
    char *data = engine.address(state.buffer);
    std::vector<Run> runs;
    forEachRun(state.layout, coordinate,
               [&](const Run &run) { runs.push_back(run); });
    memset(data, 0, size_t(buffer.bytes));
    if (state.initial.file.empty()) {
      if (state.initial.normal != 0)
        drawState(data, buffer.dtype, runs, state.initial);
      else if (state.initial.fill != 0)
        fillState(data, buffer.dtype, runs, state.initial.fill);
      continue;
    }
    std::string path = state.initial.file[0] == '/'
                           ? state.initial.file
                           : bundle + "/" + state.initial.file;
    PlacedFile file(path, PlacedFile::Use::Read,
                    "the initial values of '" + state.name + "'");
    // Runs come in rising order of the global element, so the tensor streams
    // through one chunk while its checksum is taken.
    chunk.resize(kChunk);
    uint32_t crc = 0;
    size_t next = 0;
    for (int64_t first = 0; first < state.initial.bytes; first += kChunk) {
      int64_t bytes = std::min(kChunk, state.initial.bytes - first);
      file.read(state.initial.offset + first, chunk.data(), bytes);
      crc = crc32(crc, chunk.data(), bytes);
      while (next < runs.size()) {
        Run &run = runs[next];
        int64_t at = run.global * element - first;
        int64_t length = std::min(run.length * element, bytes - at);
        if (length <= 0)
          break;
        memcpy(data + run.local * element, chunk.data() + at, size_t(length));
        run.global += length / element;
        run.local += length / element;
        run.length -= length / element;
        if (run.length > 0)
          break;
        ++next;
      }
    }
    if (crc != state.initial.crc) {
      char text[64];
      snprintf(text, sizeof(text), "found checksum %08x, expected %08x", crc,
               state.initial.crc);
      throw RunError(path + ": '" + state.name + "': " + text +
                     "; the bundle is damaged, compile the model again");
    }
  }
}

namespace {

/// Writes the tensors of a dump; if one fails, removes them all.
class StateWriter {
public:
  explicit StateWriter(const std::string &folder) : folder(folder) {}
  void write(const std::string &name, const std::string &header,
             const std::vector<char> &bytes) {
    if (!failure.empty())
      return;
    std::string fileName = name;
    std::replace(fileName.begin(), fileName.end(), '/', '_');
    std::string path = folder + "/" + fileName + ".npy";
    try {
      OutputFile file("--dump-state", path);
      file.write(header.data(), int64_t(header.size()));
      file.write(bytes.data(), int64_t(bytes.size()));
      file.close();
      written.push_back(path);
    } catch (const std::exception &error) {
      failure = error.what();
      struct stat status;
      for (const std::string &other : written)
        if (lstat(other.c_str(), &status) == 0 && S_ISREG(status.st_mode))
          unlink(other.c_str());
    }
  }
  void finish() const {
    if (!failure.empty())
      throw RunError(failure);
  }

private:
  std::string folder, failure;
  std::vector<std::string> written;
};

} // namespace

void dumpState(const Program &program, Engine &engine,
               const std::string &folder) {
  Fabric &fabric = engine.fabric();
  StateWriter writer(folder);
  std::vector<std::string> names;
  for (const State &state : program.states)
    if (state.owned)
      names.push_back(state.name);
  Coordinate at = coordinateOf(program, fabric.device());
  for (const auto &[group, name] :
       agreeOnNames(fabric, program.groups, names)) {
    std::vector<int64_t> shape;
    DType dtype = DType::F32;
    Contribution own;
    for (const State &state : program.states) {
      if (program.group != group || state.name != name)
        continue;
      shape = state.globalShape;
      dtype = program.buffers[size_t(state.buffer)].dtype;
      if (isFirstReplica(state.layout, at))
        addShard(own, state.layout, at, engine.address(state.buffer),
                 bytesOf(dtype));
    }
    GatheredTensor whole = gather(fabric, "collecting state", program.groups,
                                  group, shape, dtype, own);
    if (fabric.rank() == 0)
      writer.write(name, npyHeader(whole.shape, whole.dtype), whole.bytes);
  }
  // The other ranks have sent everything: now it can be said.
  writer.finish();
}

} // namespace colossal::rank
