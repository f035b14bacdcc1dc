//===- CheckpointFiles.cpp - Which bytes a checkpoint has -----------------===//

#include "colossal/Run/CheckpointFiles.h"

#include "ProgramCheck.h"
#include "colossal/Run/Layout.h"
#include "colossal/Support/SafeTensors.h"

#include <algorithm>

namespace colossal::rank {

namespace {

/// One of the two groups of files.
class Placement {
public:
  Placement(const std::vector<StateSchema> &states, CheckpointFiles &result)
      : states(states), result(result) {}

  /// The states of `members` (numbers) in files called after `stem`.
  void place(const std::string &stem, const std::vector<size_t> &members,
             int64_t fileBytes);

private:
  int64_t bytesOfState(size_t i) const {
    return elementsOf(states[i].globalShape) * bytesOf(states[i].dtype);
  }
  void placeFile(const std::string &name, std::vector<size_t> members);

  const std::vector<StateSchema> &states;
  CheckpointFiles &result;
};

void Placement::placeFile(const std::string &name,
                          std::vector<size_t> members) {
  std::sort(members.begin(), members.end(), [&](size_t a, size_t b) {
    return std::make_pair(-bytesOf(states[a].dtype), a) <
           std::make_pair(-bytesOf(states[b].dtype), b);
  });
  std::vector<safetensors::Entry> entries;
  for (size_t i : members)
    entries.push_back(
        {states[i].name, nameOf(states[i].dtype), states[i].globalShape});
  CheckpointFile file;
  file.name = name;
  // What transformers asks of a file before it loads it, and as the format's
  // save_model has it, which tensor a name without one shares.
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  for (size_t i : members)
    for (const std::string &alias : states[i].aliases)
      metadata[alias] = states[i].name;
  file.header = safetensors::headerOf(entries, metadata);
  file.bytes = int64_t(file.header.size());
  for (size_t i : members) {
    result.tensors[i] = {result.files.size(), file.bytes, bytesOfState(i)};
    file.bytes += bytesOfState(i);
  }
  result.files.push_back(std::move(file));
}

void Placement::place(const std::string &stem,
                      const std::vector<size_t> &members, int64_t fileBytes) {
  std::vector<std::vector<size_t>> parts(1);
  int64_t filled = 0, total = 0;
  for (size_t i : members) {
    int64_t bytes = bytesOfState(i);
    if (!parts.back().empty() && filled + bytes > fileBytes) {
      parts.emplace_back();
      filled = 0;
    }
    parts.back().push_back(i);
    filled += bytes;
    total += bytes;
  }
  const std::string ending = ".safetensors";
  if (parts.size() == 1)
    return placeFile(stem + ending, parts[0]);
  std::map<std::string, std::string> map;
  for (size_t part = 0; part < parts.size(); ++part) {
    char number[64];
    snprintf(number, sizeof(number), "-%05zu-of-%05zu", part + 1, parts.size());
    std::string name = stem + number + ending;
    for (size_t i : parts[part])
      map[states[i].name] = name;
    placeFile(name, parts[part]);
  }
  result.indexes.push_back({stem + ending + ".index.json",
                            safetensors::indexOf(map, uint64_t(total))});
}

} // namespace

CheckpointFiles placeTensors(const std::vector<StateSchema> &states,
                             int64_t fileBytes) {
  CheckpointFiles result;
  result.tensors.resize(states.size());
  std::vector<size_t> model, optimizer;
  for (size_t i = 0; i < states.size(); ++i)
    (states[i].role == "optimizer" ? optimizer : model).push_back(i);
  Placement placement(states, result);
  placement.place("model", model, fileBytes);
  if (!optimizer.empty())
    placement.place("optimizer", optimizer, fileBytes);
  return result;
}

} // namespace colossal::rank
