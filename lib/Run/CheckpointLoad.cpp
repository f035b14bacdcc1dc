//===- CheckpointLoad.cpp - The state of a run from files -----------------===//

#include "Agreement.h"
#include "PlacedFile.h"
#include "ProgramCheck.h"
#include "ShareReader.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Run/Checksum.h"

#include <set>

namespace colossal::rank {

namespace {

const char *const kAdvice = "; choose another checkpoint (--resume=step-...)";

std::string hexadecimal(uint32_t value) {
  char text[16];
  snprintf(text, sizeof(text), "%08x", value);
  return text;
}

/// All tensors of the files that the record names, which are as they were
/// written but for their data.
safetensors::Tensors readHeaders(const std::string &folder,
                                 const TrainingRecord &record) {
  safetensors::Tensors all;
  for (const TrainingRecord::File &entry : record.files) {
    std::string path = folder + "/" + entry.name, error;
    std::optional<safetensors::Tensors> tensors =
        safetensors::readFile(path, error);
    if (!tensors)
      throw RunError(error + kAdvice);
    PlacedFile file(path, PlacedFile::Use::Read, "a readable file");
    unsigned char raw[8];
    file.read(0, reinterpret_cast<char *>(raw), 8);
    int64_t length = 8;
    for (int i = 0; i < 8; ++i)
      length += int64_t(raw[i]) << (8 * i);
    std::string header(size_t(length), '\0');
    file.read(0, header.data(), length);
    if (crc32(0, header.data(), length) != entry.headerCrc)
      throw RunError(path +
                     ": found another header than training.json says, expected "
                     "the file as it was written" +
                     kAdvice);
    all.merge(*tensors);
  }
  return all;
}

/// The files must have the states and no others.
void checkFits(const std::string &folder, const safetensors::Tensors &tensors,
               const std::vector<StateSchema> &states) {
  std::vector<std::string> missing, wrong, unknown;
  std::set<std::string> known;
  for (const StateSchema &state : states) {
    known.insert(state.name);
    auto found = tensors.find(state.name);
    if (found == tensors.end())
      missing.push_back("'" + state.name + "'");
    else if (found->second.shape != state.globalShape ||
             found->second.element != nameOf(state.dtype))
      wrong.push_back("'" + state.name + "' (" +
                      spelled(found->second.shape, found->second.element) +
                      ", expected " +
                      spelled(state.globalShape, nameOf(state.dtype)) + ")");
  }
  for (const auto &entry : tensors)
    if (!known.count(entry.first))
      unknown.push_back("'" + entry.first + "'");
  std::string text;
  auto add = [&](const char *what, const std::vector<std::string> &names) {
    if (!names.empty())
      text += (text.empty() ? "" : "; ") + (what + firstFew(names));
  };
  add("it has other shapes or types of ", wrong);
  add("it lacks ", missing);
  add("the bundle does not have ", unknown);
  if (!text.empty())
    throw RunError(
        folder + ": found a checkpoint of another model or optimizer: " + text);
}

void compareChecksums(const TrainingRecord &record,
                      const safetensors::Tensors &tensors,
                      const std::vector<StateSchema> &states,
                      const std::vector<uint32_t> &crcs) {
  std::map<std::string, uint32_t> written;
  for (const TrainingRecord::Tensor &tensor : record.tensors)
    written[tensor.name] = tensor.crc;
  for (size_t i = 0; i < states.size(); ++i) {
    const safetensors::Tensor &tensor = tensors.at(states[i].name);
    uint32_t found = crcs[i] ^ crcOfZeros(int64_t(tensor.bytes));
    if (found != written[states[i].name])
      throw RunError(tensor.file + ": '" + states[i].name +
                     "': found checksum " + hexadecimal(found) + ", expected " +
                     hexadecimal(written[states[i].name]) +
                     ": the file is damaged" + kAdvice);
  }
}

} // namespace

std::optional<TrainingRecord> readCheckpointRecord(const std::string &folder,
                                                   std::string &error) {
  std::string path = folder + "/training.json";
  std::optional<std::string> text = readRegularFile(path, error);
  if (!text) {
    error += " (the record of a checkpoint)";
    return std::nullopt;
  }
  return readRecord(*text, path, error);
}

bool loadCheckpoint(const std::string &folder, const TrainingRecord &record,
                    const std::vector<StateSchema> &states,
                    const RankState &rank) {
  safetensors::Tensors tensors;
  if (!allAgree([&] {
        tensors = readHeaders(folder, record);
        checkFits(folder, tensors, states);
      }))
    return false;
  std::map<std::string, size_t> numbers;
  for (size_t i = 0; i < states.size(); ++i)
    numbers[states[i].name] = i;
  ShardSources sources;
  for (const StateShard &shard : rank.shards)
    sources.push_back(&tensors.at(shard.state->name));
  ShareReading reading = readShares(rank, sources);
  std::vector<uint32_t> own(states.size(), 0), all(states.size(), 0);
  for (size_t i = 0; i < rank.shards.size(); ++i)
    own[numbers.at(rank.shards[i].state->name)] ^= reading.crcParts[i];
  if (!allAgree(
          [&] {
            if (!reading.failure.empty())
              throw RunError(reading.failure + kAdvice);
          },
          "reading the state", kFilePatience))
    return false;
  {
    Deadline deadline("collecting checksums");
    MPI_Allreduce(own.data(), all.data(), int(all.size()), MPI_UINT32_T,
                  MPI_BXOR, MPI_COMM_WORLD);
  }
  return allAgree([&] { compareChecksums(record, tensors, states, all); });
}

} // namespace colossal::rank
