//===- Span.cpp - Which links a group of ranks communicates over ----------===//

#include "colossal/Machine/Span.h"

#include <algorithm>

using namespace colossal::machine;

int64_t Span::size() const {
  int64_t product = 1;
  for (int64_t way : ways)
    product *= way;
  return product;
}

int64_t Span::worstLevel() const {
  for (size_t level = ways.size(); level-- > 0;)
    if (ways[level] > 1)
      return int64_t(level);
  return -1;
}

/// Whether `a` is worse than `b`: more ways at the highest level that differs.
static bool isWorse(const Span &a, const Span &b) {
  return std::lexicographical_compare(b.ways.rbegin(), b.ways.rend(),
                                      a.ways.rbegin(), a.ways.rend());
}

static Span singleSpan(const Cluster &cluster) {
  return Span{std::vector<int64_t>(cluster.levels.size(), 1)};
}

/// The span of sorted, different ranks.
static Span spanOfSortedRanks(const Cluster &cluster,
                              std::vector<int64_t> members) {
  Span span = singleSpan(cluster);
  int64_t below = 1;
  for (size_t level = 0; level < cluster.levels.size(); ++level) {
    // `members` are now the groups of the level below, by number.
    int64_t perGroup = cluster.levels[level].groupSize / below;
    below = cluster.levels[level].groupSize;
    std::vector<int64_t> groups;
    int64_t count = 0;
    for (int64_t member : members) {
      if (groups.empty() || groups.back() != member / perGroup) {
        groups.push_back(member / perGroup);
        count = 0;
      }
      span.ways[level] = std::max(span.ways[level], ++count);
    }
    members = std::move(groups);
  }
  return span;
}

Span colossal::machine::spanOfRanks(const Cluster &cluster,
                                    const std::vector<int64_t> &ranks) {
  std::vector<int64_t> members = ranks;
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  return spanOfSortedRanks(cluster, std::move(members));
}

Span colossal::machine::spanOfAxes(const Cluster &cluster,
                                   const std::vector<int64_t> &mesh,
                                   const std::vector<int64_t> &axes,
                                   int64_t groups) {
  // Offsets of a group's members from its first, and the first members.
  std::vector<int64_t> offsets = {0}, firsts = {0};
  int64_t devices = 1;
  for (size_t axis = mesh.size(); axis-- > 0;) {
    bool inGroup =
        std::find(axes.begin(), axes.end(), int64_t(axis)) != axes.end();
    std::vector<int64_t> &list = inGroup ? offsets : firsts;
    size_t count = list.size();
    for (int64_t coordinate = 1; coordinate < mesh[axis]; ++coordinate)
      for (size_t i = 0; i < count; ++i)
        list.push_back(list[i] + coordinate * devices);
    devices *= mesh[axis];
  }
  std::sort(offsets.begin(), offsets.end());

  Span worst = singleSpan(cluster);
  if (offsets.size() == 1)
    return worst;
  std::vector<int64_t> members(offsets.size());
  for (int64_t group = 0; group < groups; ++group)
    for (int64_t first : firsts) {
      for (size_t i = 0; i < offsets.size(); ++i)
        members[i] = group * devices + first + offsets[i];
      Span span = spanOfSortedRanks(cluster, members);
      if (isWorse(span, worst))
        worst = span;
    }
  return worst;
}

Span colossal::machine::spanOfGroups(const Cluster &cluster,
                                     int64_t devicesPerGroup, int64_t from,
                                     int64_t to) {
  Span worst = singleSpan(cluster);
  if (from == to)
    return worst;
  for (int64_t device = 0; device < devicesPerGroup; ++device) {
    Span span = spanOfRanks(cluster, {from * devicesPerGroup + device,
                                      to * devicesPerGroup + device});
    if (isWorse(span, worst))
      worst = span;
  }
  return worst;
}
