//===- ShareReader.cpp - Shards from files of unsharded tensors -----------===//

#include "ShareReader.h"

#include "Agreement.h"
#include "PlacedFile.h"
#include "ProgramCheck.h"
#include "colossal/Run/Checksum.h"
#include "colossal/Run/Share.h"
#include "colossal/Support/StoredFloat.h"

#include <algorithm>
#include <cstring>
#include <map>

namespace colossal::rank {

namespace {

constexpr int64_t kChunk = 1 << 20;

class Reader {
public:
  Reader(const RankState &rank, const ShardSources &sources);
  ~Reader();
  ShareReading run();

private:
  MPI_Comm replicasOf(const Replica &replica);
  void readShare(size_t shard, const Share &share);
  int64_t readRun(const StateShard &shard, const safetensors::Tensor &source,
                  const Run &run, uint32_t &crc);
  void exchange(const StateShard &shard, size_t number, const Replica &replica);

  const RankState &rank;
  const ShardSources &sources;
  MPI_Comm deviceGroup = MPI_COMM_NULL;
  std::map<std::vector<std::string>, MPI_Comm> replicas;
  std::unique_ptr<PlacedFile> file;
  std::string openPath;
  std::vector<char> chunk;
  ShareReading result;
};

Reader::Reader(const RankState &rank, const ShardSources &sources)
    : rank(rank), sources(sources) {
  result.crcParts.resize(rank.shards.size(), 0);
  MPI_Comm_split(MPI_COMM_WORLD, int(rank.group), 0, &deviceGroup);
}

Reader::~Reader() {
  for (auto &entry : replicas)
    MPI_Comm_free(&entry.second);
  MPI_Comm_free(&deviceGroup);
}

/// The ranks that hold the same shard, in the order of their shares. All ranks
/// of a device group ask for the same axes in the same order.
MPI_Comm Reader::replicasOf(const Replica &replica) {
  auto [entry, isNew] = replicas.try_emplace(replica.axes, MPI_COMM_NULL);
  if (!isNew)
    return entry->second;
  int shard = 0;
  const Coordinate &at = rank.coordinate;
  for (size_t i = 0; i < at.mesh.size(); ++i)
    if (at.mesh[i].name != "time" &&
        std::find(replica.axes.begin(), replica.axes.end(), at.mesh[i].name) ==
            replica.axes.end())
      shard = shard * int(at.mesh[i].size) + int(at.position[i]);
  MPI_Comm_split(deviceGroup, shard, int(replica.index), &entry->second);
  return entry->second;
}

/// Reads one run; returns its bytes in the file.
int64_t Reader::readRun(const StateShard &shard,
                        const safetensors::Tensor &source, const Run &run,
                        uint32_t &crc) {
  int64_t to = bytesOf(shard.dtype), from = to;
  bool converts = source.element != nameOf(shard.dtype);
  if (converts)
    from = bytesOfFloat(source.element);
  int64_t offset = int64_t(source.offset) + run.global * from;
  char *data = shard.data + run.local * to;
  int64_t step = kChunk / from;
  for (int64_t done = 0; done < run.length; done += step) {
    int64_t count = std::min(step, run.length - done);
    char *into = converts ? chunk.data() : data + done * to;
    file->read(offset + done * from, into, count * from);
    crc = crc32(crc, into, count * from);
    if (converts)
      convertFloats(into, source.element, data + done * to, nameOf(shard.dtype),
                    count);
  }
  if (shard.dtype == DType::I1)
    for (int64_t i = 0; i < run.length; ++i)
      data[i] = data[i] != 0;
  return run.length * from;
}

void Reader::readShare(size_t number, const Share &share) {
  const StateShard &shard = rank.shards[number];
  const safetensors::Tensor &source = *sources[number];
  if (share.begin == share.end)
    return;
  if (!file || openPath != source.file) {
    file.reset();
    file = std::make_unique<PlacedFile>(source.file, PlacedFile::Use::Read,
                                        "a readable file");
    openPath = source.file;
    chunk.resize(kChunk);
  }
  forEachRunOfShare(
      shard.state->layout, rank.coordinate, share, [&](const Run &run) {
        uint32_t crc = kPieceStart;
        int64_t bytes = readRun(shard, source, run, crc);
        int64_t before = run.global * (bytes / run.length);
        if (shard.isOwned)
          result.crcParts[number] ^=
              crcPart(crc, int64_t(source.bytes) - before - bytes);
      });
}

/// Every replica sends its share to the others.
void Reader::exchange(const StateShard &shard, size_t number,
                      const Replica &replica) {
  MPI_Comm group = replicasOf(replica);
  std::vector<Run> runs;
  std::vector<int64_t> ends; ///< elements of the shard up to the end of a run
  forEachRun(shard.state->layout, rank.coordinate, [&](const Run &run) {
    runs.push_back(run);
    ends.push_back((ends.empty() ? 0 : ends.back()) + run.length);
  });
  int64_t elements = ends.empty() ? 0 : ends.back();
  auto localOf = [&](int64_t element) {
    size_t i = size_t(std::upper_bound(ends.begin(), ends.end(), element) -
                      ends.begin());
    return runs[i].local + runs[i].length - (ends[i] - element);
  };
  int64_t size = bytesOf(shard.dtype);
  for (int64_t from = 0; from < replica.count; ++from) {
    Share share = shareOf(elements, size, from, replica.count, int64_t(number));
    if (share.begin == share.end)
      continue;
    // Padding in between is zero on all of them.
    int64_t begin = localOf(share.begin) * size;
    int64_t end = (localOf(share.end - 1) + 1) * size;
    // MPI counts in int.
    constexpr int64_t kMost = 1 << 30;
    for (int64_t at = begin; at < end; at += kMost)
      MPI_Bcast(shard.data + at, int(std::min(kMost, end - at)), MPI_BYTE,
                int(from), group);
  }
}

ShareReading Reader::run() {
  for (size_t i = 0; i < rank.shards.size(); ++i) {
    const StateShard &shard = rank.shards[i];
    if (!sources[i])
      continue;
    memset(shard.data, 0, size_t(shard.bytes));
    Replica replica = replicaOf(shard.state->layout, rank.coordinate);
    int64_t elements = elementsOfShard(shard.state->layout, rank.coordinate);
    try {
      // After a failure the others still expect messages.
      if (result.failure.empty())
        readShare(i, shareOf(elements, bytesOf(shard.dtype), replica.index,
                             replica.count, int64_t(i)));
    } catch (const std::exception &error) {
      result.failure = reasonOf(error);
    }
    if (replica.count > 1)
      exchange(shard, i, replica);
  }
  return std::move(result);
}

} // namespace

std::string spelled(const std::vector<int64_t> &shape,
                    const std::string &element) {
  std::string text;
  for (int64_t size : shape)
    text += std::to_string(size) + "x";
  return text + element;
}

ShareReading readShares(const RankState &rank, const ShardSources &sources) {
  Deadline deadline("reading the state", kFilePatience);
  return Reader(rank, sources).run();
}

} // namespace colossal::rank
