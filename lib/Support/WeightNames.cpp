//===- WeightNames.cpp - Which tensor of a file is a state's --------------===//

#include "colossal/Support/WeightNames.h"

#include "colossal/Support/Message.h"

#include <algorithm>

using namespace colossal;

WeightNames::WeightNames(const safetensors::Tensors &tensors,
                         const std::vector<std::vector<std::string>> &states)
    : tensors(tensors) {
  choosePrefix(states);
}

const safetensors::Tensors::value_type *
WeightNames::find(const std::string &name) const {
  auto found = tensors.find(name);
  if (found == tensors.end() && !dropped.empty() &&
      name.compare(0, dropped.size(), dropped) == 0)
    found = tensors.find(name.substr(dropped.size()));
  if (found == tensors.end() && !added.empty())
    found = tensors.find(added + name);
  return found == tensors.end() ? nullptr : &*found;
}

size_t WeightNames::countFound(
    const std::vector<std::vector<std::string>> &states) const {
  return size_t(std::count_if(
      states.begin(), states.end(), [&](const std::vector<std::string> &names) {
        return std::any_of(names.begin(), names.end(),
                           [&](const std::string &name) { return find(name); });
      }));
}

void WeightNames::choosePrefix(
    const std::vector<std::vector<std::string>> &states) {
  auto firstOf = [](const std::string &name) {
    size_t point = name.find('.');
    return point == std::string::npos ? std::string()
                                      : name.substr(0, point + 1);
  };
  size_t best = countFound(states);
  if (best == states.size())
    return;
  // A few modules stand at the root of a model; a file may claim any number.
  constexpr size_t kMost = 32;
  std::set<std::string> ours, theirs;
  for (const std::vector<std::string> &names : states)
    for (const std::string &name : names)
      if (ours.size() < kMost)
        ours.insert(firstOf(name));
  for (const auto &entry : tensors)
    if (theirs.size() < kMost)
      theirs.insert(firstOf(entry.first));
  std::string bestDropped, bestAdded;
  auto attempt = [&](const std::string &drop, const std::string &add) {
    dropped = drop;
    added = add;
    if (size_t count = countFound(states); count > best) {
      best = count;
      bestDropped = dropped;
      bestAdded = added;
    }
  };
  for (const std::string &prefix : ours)
    attempt(prefix, "");
  for (const std::string &prefix : theirs)
    attempt("", prefix);
  dropped = bestDropped;
  added = bestAdded;
}

std::vector<const safetensors::Tensors::value_type *>
WeightNames::entriesOf(const std::vector<std::string> &names) {
  std::vector<const safetensors::Tensors::value_type *> entries;
  for (const std::string &name : names) {
    const auto *entry = find(name);
    if (!entry)
      continue;
    used.insert(entry->first);
    if (std::find(entries.begin(), entries.end(), entry) == entries.end())
      entries.push_back(entry);
  }
  return entries;
}

std::string WeightNames::remarks() const {
  std::string text;
  if (!dropped.empty())
    text += " (names there without '" + dropped + "')";
  if (!added.empty())
    text += " (names there with '" + added + "')";
  std::vector<std::string> tooMany;
  for (const auto &entry : tensors)
    if (!used.count(entry.first))
      tooMany.push_back("'" + entry.first + "'");
  if (!tooMany.empty())
    text += ", which has " + std::to_string(tooMany.size()) +
            " that the program does not use: " + firstFew(tooMany);
  return text;
}
