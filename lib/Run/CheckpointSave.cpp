//===- CheckpointSave.cpp - The state of a run to files -------------------===//

#include "Agreement.h"
#include "Checkpoint.h"
#include "CheckpointFolder.h"
#include "PlacedFile.h"
#include "colossal/Run/Checksum.h"
#include "colossal/Run/Share.h"

#include <limits>
#include <map>
#include <random>
#include <unistd.h>

namespace colossal::rank {

namespace {

/// Sixteen hexadecimal digits that no other run has.
std::string newToken() {
  std::random_device random;
  char text[20];
  snprintf(text, sizeof(text), "%08x%08x", random(), random());
  return text;
}

/// What one rank does of a checkpoint.
class ShareWriter {
public:
  ShareWriter(const std::string &folder, const CheckpointFiles &files,
              const std::vector<StateSchema> &states, const RankState &rank);
  /// `hasHeaders`: this rank has written the files' headers before.
  void write(bool hasHeaders);

  /// What this rank gives to the CRC of each tensor, and bytes written.
  const std::vector<uint32_t> &crcParts() const { return parts; }
  int64_t bytes() const { return written; }

private:
  struct Work {
    const StateShard *shard;
    size_t tensor;
    Share share;
  };
  void writeShare(const PlacedFile &file, const Work &one);

  const std::string &folder;
  const CheckpointFiles &files;
  const RankState &rank;
  std::vector<std::vector<Work>> work; ///< per file
  std::vector<uint32_t> parts;
  int64_t written = 0;
};

ShareWriter::ShareWriter(const std::string &folder,
                         const CheckpointFiles &files,
                         const std::vector<StateSchema> &states,
                         const RankState &rank)
    : folder(folder), files(files), rank(rank), work(files.files.size()),
      parts(states.size(), 0) {
  std::map<std::string, size_t> numbers;
  for (size_t i = 0; i < states.size(); ++i)
    numbers[states[i].name] = i;
  for (size_t i = 0; i < rank.shards.size(); ++i) {
    const StateShard &shard = rank.shards[i];
    if (!shard.isOwned)
      continue;
    const Layout &layout = shard.state->layout;
    Replica replica = replicaOf(layout, rank.coordinate);
    Share share =
        shareOf(elementsOfShard(layout, rank.coordinate), bytesOf(shard.dtype),
                replica.index, replica.count, int64_t(i));
    size_t tensor = numbers.at(shard.state->name);
    if (share.begin < share.end)
      work[files.tensors[tensor].file].push_back({&shard, tensor, share});
  }
}

void ShareWriter::writeShare(const PlacedFile &file, const Work &one) {
  const CheckpointTensor &place = files.tensors[one.tensor];
  int64_t element = bytesOf(one.shard->dtype);
  forEachRunOfShare(one.shard->state->layout, rank.coordinate, one.share,
                    [&](const Run &run) {
                      const char *data = one.shard->data + run.local * element;
                      int64_t at = run.global * element;
                      int64_t bytes = run.length * element;
                      file.write(place.offset + at, data, bytes);
                      parts[one.tensor] ^=
                          crcPart(crc32(kPieceStart, data, bytes),
                                  place.bytes - at - bytes);
                      written += bytes;
                    });
}

void ShareWriter::write(bool hasHeaders) {
  for (size_t i = 0; i < work.size(); ++i) {
    if (work[i].empty() && !hasHeaders)
      continue;
    std::string path = folder + "/" + files.files[i].name;
    PlacedFile file(path, PlacedFile::Use::Write,
                    "the file that rank 0 has made: all ranks need the same "
                    "folder (--checkpoint)");
    for (const Work &one : work[i])
      writeShare(file, one);
    // What this node's system holds: other nodes do so with theirs.
    file.sync();
    file.close();
  }
}

/// A small file, with its last byte on the disk.
void writeThrough(const std::string &path, const std::string &text) {
  PlacedFile file(path, PlacedFile::Use::Create, "a file that can be written");
  file.write(0, text.data(), int64_t(text.size()));
  file.sync();
  file.close();
}

} // namespace

void findOwned(RankState &rank, const std::vector<StateSchema> &states) {
  std::map<std::string, const State *> here;
  for (const StateShard &shard : rank.shards)
    here[shard.state->name] = shard.state;
  std::vector<int64_t> own(states.size(), std::numeric_limits<int64_t>::max());
  std::vector<int64_t> first(states.size());
  std::map<std::string, int64_t> owner;
  for (size_t i = 0; i < states.size(); ++i) {
    auto found = here.find(states[i].name);
    if (found != here.end() && found->second->owned)
      own[i] = rank.group;
  }
  {
    Deadline deadline("collecting the names of state");
    MPI_Allreduce(own.data(), first.data(), int(own.size()), MPI_INT64_T,
                  MPI_MIN, MPI_COMM_WORLD);
  }
  for (size_t i = 0; i < states.size(); ++i)
    owner[states[i].name] = first[i];
  for (StateShard &shard : rank.shards)
    shard.isOwned = owner.at(shard.state->name) == rank.group;
}

struct CheckpointWriter::Impl {
  std::string path, token;
  std::unique_ptr<CheckpointFolder> folder; ///< rank 0

  void makeFiles(const std::string &place, const CheckpointFiles &files,
                 int64_t step) {
    folder->begin(step);
    for (const CheckpointFile &file : files.files) {
      PlacedFile made(place + "/" + file.name, PlacedFile::Use::Create,
                      "a file that can be written");
      made.reserve(file.bytes);
      made.write(0, file.header.data(), int64_t(file.header.size()));
      made.close();
    }
  }
  void finish(const std::string &place, const CheckpointFiles &files,
              const TrainingRecord &record, int64_t keep) {
    for (const auto &[name, text] : files.indexes)
      writeThrough(place + "/" + name, text);
    writeThrough(place + "/training.json", writeRecord(record));
    folder->commit(record.step);
    folder->keep(keep);
  }
};

CheckpointWriter::CheckpointWriter() : impl(new Impl) {}
CheckpointWriter::~CheckpointWriter() = default;

std::unique_ptr<CheckpointWriter>
CheckpointWriter::open(const std::string &folder) {
  std::unique_ptr<CheckpointWriter> writer(new CheckpointWriter);
  Impl &impl = *writer->impl;
  impl.path = folder;
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  auto markOf = [&] { return folder + "/.run-" + impl.token; };
  if (!allAgree([&] {
        if (rank != 0)
          return;
        impl.token = newToken();
        impl.folder = std::make_unique<CheckpointFolder>(folder, impl.token);
        PlacedFile made(markOf(), PlacedFile::Use::Create,
                        "a folder that can be written");
      }))
    return nullptr;
  broadcastText(impl.token, "agreeing on a folder of checkpoints");
  bool good = allAgree([&] {
    if (access(markOf().c_str(), F_OK) != 0)
      throw RunError("--checkpoint " + folder + ": found that rank " +
                     std::to_string(rank) +
                     " does not see the folder of rank 0, expected one that "
                     "all nodes share");
  });
  if (rank == 0)
    unlink(markOf().c_str());
  return good ? std::move(writer) : nullptr;
}

bool CheckpointWriter::save(const RankState &rank,
                            const std::vector<StateSchema> &states,
                            TrainingRecord record, int64_t fileBytes,
                            int64_t keep) {
  bool isFirst = isFirstRank();
  CheckpointFiles files = placeTensors(states, fileBytes);
  std::string place =
      CheckpointFolder::unfinished(impl->path, record.step, impl->token);
  ShareWriter writer(place, files, states, rank);
  auto agree = [&](auto &&work) {
    bool good = allAgree(work, "writing a checkpoint", kFilePatience);
    if (!good && isFirst)
      impl->folder->abandon(record.step);
    return good;
  };
  if (!agree([&] {
        if (isFirst)
          impl->makeFiles(place, files, record.step);
      }) ||
      !agree([&] { writer.write(isFirst); }))
    return false;
  std::vector<uint32_t> crcs(states.size(), 0);
  int64_t written = writer.bytes(), all = 0, expected = 0;
  {
    Deadline deadline("collecting checksums");
    MPI_Reduce(writer.crcParts().data(), crcs.data(), int(crcs.size()),
               MPI_UINT32_T, MPI_BXOR, 0, MPI_COMM_WORLD);
    MPI_Reduce(&written, &all, 1, MPI_INT64_T, MPI_SUM, 0, MPI_COMM_WORLD);
  }
  return agree([&] {
    if (!isFirst)
      return;
    for (const CheckpointFile &file : files.files) {
      const std::string &header = file.header;
      record.files.push_back({file.name, file.bytes,
                              crc32(0, header.data(), int64_t(header.size()))});
    }
    for (size_t i = 0; i < states.size(); ++i) {
      expected += files.tensors[i].bytes;
      record.tensors.push_back(
          {states[i].name, crcs[i] ^ crcOfZeros(files.tensors[i].bytes)});
    }
    if (all != expected)
      throw RunError("a checkpoint: found " + std::to_string(all) +
                     " bytes of state on all ranks, expected " +
                     std::to_string(expected) + "; compile the model again");
    impl->finish(place, files, record, keep);
  });
}

} // namespace colossal::rank
