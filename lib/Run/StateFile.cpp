//===- StateFile.cpp - State from the bundle, state to files --------------===//

#include "StateFile.h"

#include "Deadline.h"
#include "OutputFile.h"
#include "RunError.h"
#include "colossal/Run/Checksum.h"
#include "colossal/Run/Npy.h"
#include "colossal/Support/Random.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

namespace colossal::rank {

namespace {

/// A descriptor that closes itself.
struct File {
  int descriptor;
  explicit File(int descriptor) : descriptor(descriptor) {}
  ~File() {
    if (descriptor >= 0)
      close(descriptor);
  }
  File(const File &) = delete;
};

constexpr int64_t kChunk = 1 << 20;

void readExactly(const File &file, const std::string &path, int64_t offset,
                 char *to, int64_t bytes) {
  while (bytes > 0) {
    ssize_t got = pread(file.descriptor, to, size_t(bytes), offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      throw RunError(path + ": found the end of the file at byte " +
                     std::to_string(offset) +
                     ", expected more; the bundle is damaged");
    to += got;
    offset += got;
    bytes -= got;
  }
}

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
  for (const Run &run : runs)
    for (int64_t i = run.local; i < run.local + run.length; ++i)
      switch (dtype) {
      case DType::F32:
        reinterpret_cast<float *>(data)[i] = float(value);
        break;
      case DType::F64:
        reinterpret_cast<double *>(data)[i] = value;
        break;
      case DType::I64:
        reinterpret_cast<int64_t *>(data)[i] = int64_t(value);
        break;
      case DType::I32:
        reinterpret_cast<int32_t *>(data)[i] = int32_t(value);
        break;
      case DType::I1:
        data[i] = value != 0;
        break;
      }
}

} // namespace

void loadState(const Program &program, Engine &engine,
               const std::string &bundle) {
  Coordinate coordinate = coordinateOf(program, engine.fabric().device());
  std::vector<char> chunk;
  for (const State &state : program.states) {
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
    File file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.descriptor < 0)
      throw RunError(path + ": found " + std::strerror(errno) +
                     ", expected the initial values of '" + state.name + "'");
    // Runs come in rising order of the global element, so the tensor streams
    // through one chunk while its checksum is taken.
    chunk.resize(kChunk);
    uint32_t crc = 0;
    size_t next = 0;
    for (int64_t first = 0; first < state.initial.bytes; first += kChunk) {
      int64_t bytes = std::min(kChunk, state.initial.bytes - first);
      readExactly(file, path, state.initial.offset + first, chunk.data(),
                  bytes);
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

/// Names of the states of all stages, in stage order; equal on all ranks.
std::vector<std::pair<int64_t, std::string>>
contributions(const Program &program, Engine &engine) {
  Fabric &fabric = engine.fabric();
  Deadline deadline("collecting the names of state");
  std::string own;
  for (const State &state : program.states)
    if (state.owned)
      own += state.name + "\n";
  int64_t devices = fabric.size() / program.stages;
  std::vector<std::pair<int64_t, std::string>> all;
  std::set<std::string> seen;
  for (int64_t stage = 0; stage < program.stages; ++stage) {
    std::string text = own;
    int64_t length = int64_t(text.size());
    int root = int(stage * devices);
    MPI_Bcast(&length, 1, MPI_INT64_T, root, fabric.world());
    text.resize(size_t(length));
    MPI_Bcast(text.data(), int(length), MPI_CHAR, root, fabric.world());
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find('\n', at);
      std::string name = text.substr(at, end - at);
      if (seen.insert(name).second)
        all.push_back({stage, name});
      at = end + 1;
    }
  }
  return all;
}

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
  int64_t devices = fabric.size() / program.stages;
  StateWriter writer(folder);
  // Rank 0 writes between the messages: a slow disk has time.
  constexpr double kPatience = 10;
  for (const auto &[stage, name] : contributions(program, engine)) {
    Deadline deadline("collecting state", kPatience);
    const State *own = nullptr;
    if (program.stage == stage)
      for (const State &state : program.states)
        if (state.name == name)
          own = &state;
    // Shape and type travel to rank 0, which may be of another stage.
    int root = int(stage * devices);
    std::vector<int64_t> description(2);
    if (own) {
      description[0] = int64_t(program.buffers[own->buffer].dtype);
      description[1] = int64_t(own->globalShape.size());
    }
    MPI_Bcast(description.data(), 2, MPI_INT64_T, root, fabric.world());
    std::vector<int64_t> shape;
    shape.resize(size_t(description[1]));
    if (own)
      shape = own->globalShape;
    MPI_Bcast(shape.data(), int(shape.size()), MPI_INT64_T, root,
              fabric.world());
    DType dtype = static_cast<DType>(description[0]);
    int64_t element = bytesOf(dtype);

    // One of the replicas sends: the one at position 0 of every axis that the
    // layout does not use. Message: number of runs, runs, bytes; or 0 runs.
    std::vector<Run> runs;
    std::vector<char> bytes;
    if (own) {
      Coordinate at = coordinateOf(program, fabric.device());
      std::set<std::string> used;
      for (const auto &dimension : own->layout.dimensions)
        for (const SubDimension &sub : dimension)
          used.insert(sub.axes.begin(), sub.axes.end());
      bool sends = true;
      for (const Axis &axis : program.mesh)
        sends &= used.count(axis.name) || at.positionOf(axis.name) == 0;
      const char *data = engine.address(own->buffer);
      if (sends)
        forEachRun(own->layout, at, [&](const Run &run) {
          runs.push_back(run);
          bytes.insert(bytes.end(), data + run.local * element,
                       data + (run.local + run.length) * element);
        });
    }
    constexpr int kTag = 77;
    auto pass = [&](void *data, int64_t size, int from) {
      // Messages of at most 1 GiB: MPI counts in int.
      for (int64_t done = 0; done < size; done += 1 << 30) {
        int length = int(std::min<int64_t>(1 << 30, size - done));
        char *at = static_cast<char *>(data) + done;
        if (from == fabric.rank())
          MPI_Send(at, length, MPI_BYTE, 0, kTag, fabric.world());
        else
          MPI_Recv(at, length, MPI_BYTE, from, kTag, fabric.world(),
                   MPI_STATUS_IGNORE);
      }
    };
    std::vector<char> whole;
    if (fabric.rank() == 0)
      whole.assign(size_t(elementsOf(shape) * element), 0);
    for (int64_t device = 0; device < devices; ++device) {
      int from = int(stage * devices + device);
      if (fabric.rank() != 0 && fabric.rank() != from)
        continue;
      std::vector<Run> pieces = runs;
      std::vector<char> data;
      if (from == 0) {
        data = bytes;
      } else {
        int64_t counts[2] = {int64_t(runs.size()), int64_t(bytes.size())};
        pass(counts, sizeof(counts), from);
        if (fabric.rank() == 0)
          pieces.resize(size_t(counts[0]));
        pass(pieces.data(), counts[0] * int64_t(sizeof(Run)), from);
        if (fabric.rank() == 0)
          data.resize(size_t(counts[1]));
        else
          data = bytes;
        pass(data.data(), counts[1], from);
      }
      if (fabric.rank() != 0)
        continue;
      const char *source = data.data();
      for (const Run &run : pieces) {
        memcpy(whole.data() + run.global * element, source,
               size_t(run.length * element));
        source += run.length * element;
      }
    }
    if (fabric.rank() != 0)
      continue;
    writer.write(name, npyHeader(shape, dtype), whole);
  }
  // The other ranks have sent everything: now it can be said.
  writer.finish();
}

} // namespace colossal::rank
