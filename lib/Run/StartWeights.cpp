//===- StartWeights.cpp - Parameters from files of weights ----------------===//

#include "StartWeights.h"

#include "Agreement.h"
#include "PlacedFile.h"
#include "ProgramCheck.h"
#include "ShareReader.h"
#include "colossal/Support/StoredFloat.h"
#include "colossal/Support/WeightNames.h"

#include <algorithm>

namespace colossal::rank {

namespace {

std::vector<std::string> namesOf(const StateSchema &state) {
  std::vector<std::string> names = {state.name};
  names.insert(names.end(), state.aliases.begin(), state.aliases.end());
  return names;
}

bool isGiven(const StateSchema &state) { return state.role != "optimizer"; }

bool fits(const safetensors::Tensor &tensor, const StateSchema &state) {
  bool converts = (state.dtype == DType::F32 || state.dtype == DType::F64) &&
                  bytesOfFloat(tensor.element) > 0;
  return tensor.shape == state.globalShape &&
         (tensor.element == nameOf(state.dtype) || converts);
}

} // namespace

/// The model ties them: one tensor, so one value.
void StartWeights::compareTied(
    const std::vector<const safetensors::Tensors::value_type *> &entries)
    const {
  const safetensors::Tensor &first = entries[0]->second;
  PlacedFile a(first.file, PlacedFile::Use::Read, "a readable file");
  for (size_t i = 1; i < entries.size(); ++i) {
    const safetensors::Tensor &other = entries[i]->second;
    PlacedFile b(other.file, PlacedFile::Use::Read, "a readable file");
    bool isSame = first.element == other.element && first.bytes == other.bytes;
    constexpr uint64_t kPiece = 1 << 20;
    std::string one(kPiece, '\0'), two(kPiece, '\0');
    for (uint64_t at = 0; isSame && at < first.bytes; at += kPiece) {
      auto bytes = int64_t(std::min(kPiece, first.bytes - at));
      a.read(int64_t(first.offset + at), one.data(), bytes);
      b.read(int64_t(other.offset + at), two.data(), bytes);
      isSame = one == two;
    }
    if (!isSame)
      throw RunError("--weights: '" + path + "' has '" + entries[0]->first +
                     "' and '" + entries[i]->first +
                     "' with different values, expected equal ones: the model "
                     "ties them");
  }
}

StartWeights::StartWeights(const std::string &path,
                           const std::vector<StateSchema> &states)
    : path(path) {
  std::string error;
  auto read = safetensors::readWeights(path, error);
  if (!read)
    throw RunError("--weights: " + error);
  tensors = std::move(*read);
  std::vector<std::vector<std::string>> all;
  size_t parameters = 0;
  for (const StateSchema &state : states)
    if (isGiven(state))
      all.push_back(namesOf(state));
  WeightNames names(tensors, all);
  std::vector<std::string> missing, wrong;
  for (const StateSchema &state : states) {
    if (!isGiven(state))
      continue;
    parameters += state.role == "parameter";
    auto entries = names.entriesOf(namesOf(state));
    if (entries.empty()) {
      if (state.role == "parameter" && state.isRead)
        missing.push_back("'" + state.name + "'");
      continue;
    }
    const safetensors::Tensor &tensor = entries[0]->second;
    if (!fits(tensor, state)) {
      wrong.push_back("'" + entries[0]->first + "' (" +
                      spelled(tensor.shape, tensor.element) + ", expected " +
                      spelled(state.globalShape, nameOf(state.dtype)) + ")");
      continue;
    }
    if (entries.size() > 1 && isFirstRank())
      compareTied(entries);
    given.insert(state.name);
    sources[state.name] = &tensor;
  }
  if (!wrong.empty())
    throw RunError("--weights: '" + path +
                   "' does not fit the program: " + firstFew(wrong));
  if (!missing.empty())
    throw RunError("--weights: '" + path + "' lacks " +
                   std::to_string(missing.size()) + " of " +
                   std::to_string(parameters) +
                   " parameters: " + firstFew(missing));
  text = std::to_string(given.size()) + " tensors of '" + path + "'" +
         names.remarks();
}

bool StartWeights::load(const RankState &rank) const {
  ShardSources from;
  for (const StateShard &shard : rank.shards) {
    auto source = sources.find(shard.state->name);
    from.push_back(source == sources.end() ? nullptr : source->second);
  }
  ShareReading reading = readShares(rank, from);
  return allAgree(
      [&] {
        if (!reading.failure.empty())
          throw RunError("--weights: " + reading.failure);
      },
      "reading the state", kFilePatience);
}

} // namespace colossal::rank
