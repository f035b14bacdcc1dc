//===- Arena.cpp - Offsets for buffers with known lifetimes ---------------===//
//
// Greedy placement in several orders, then squeaky-wheel optimisation (Joslin
// and Clements, 1999): the buffers that reach the top of the arena were placed
// too late, so they move towards the front of the order and all is placed
// again. Rounds are bounded by work, not by time: equal input, equal plan.
//
//===----------------------------------------------------------------------===//

#include "colossal/Timeline/Arena.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <set>

using namespace colossal::timeline;

static bool isEmpty(const LiveRange &range) {
  return range.bytes <= 0 || range.begin >= range.end;
}

static bool overlapInTime(const LiveRange &a, const LiveRange &b) {
  return a.begin < b.end && b.begin < a.end;
}

static int64_t alignUp(int64_t offset, int64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

int64_t
colossal::timeline::maximumLiveBytes(const std::vector<LiveRange> &ranges) {
  // Ends before begins at the same step: intervals are half-open.
  std::vector<std::pair<int64_t, int64_t>> changes;
  for (const LiveRange &range : ranges) {
    if (isEmpty(range))
      continue;
    changes.push_back({range.begin, range.bytes});
    changes.push_back({range.end, -range.bytes});
  }
  std::sort(changes.begin(), changes.end());
  int64_t live = 0, maximum = 0;
  for (const auto &[step, bytes] : changes)
    maximum = std::max(maximum, live += bytes);
  return maximum;
}

namespace {
/// The bytes of an arena that are free: the tightest gap is taken, or the end
/// of the arena moves up.
class FreeBytes {
public:
  int64_t take(int64_t bytes, int64_t alignment) {
    for (auto it = bySize.lower_bound({bytes, 0}); it != bySize.end(); ++it) {
      auto [size, offset] = *it;
      int64_t start = alignUp(offset, alignment);
      if (start + bytes > offset + size)
        continue;
      erase(offset, size);
      insert(offset, start - offset);
      insert(start + bytes, offset + size - start - bytes);
      return start;
    }
    // The last gap may reach up to the end.
    int64_t begin = end;
    if (!byOffset.empty())
      if (auto [offset, size] = *byOffset.rbegin(); offset + size == end) {
        erase(offset, size);
        begin = offset;
      }
    int64_t start = alignUp(begin, alignment);
    insert(begin, start - begin);
    end = start + bytes;
    return start;
  }

  void give(int64_t offset, int64_t bytes) {
    auto behind = byOffset.lower_bound(offset);
    if (behind != byOffset.end() && behind->first == offset + bytes) {
      int64_t size = behind->second;
      erase(behind->first, size);
      bytes += size;
    }
    auto before = byOffset.lower_bound(offset);
    if (before != byOffset.begin()) {
      auto [start, size] = *std::prev(before);
      if (start + size == offset) {
        erase(start, size);
        offset = start;
        bytes += size;
      }
    }
    insert(offset, bytes);
  }

  int64_t highest() const { return end; }

private:
  void insert(int64_t offset, int64_t size) {
    if (size == 0)
      return;
    byOffset.emplace(offset, size);
    bySize.insert({size, offset});
  }
  void erase(int64_t offset, int64_t size) {
    byOffset.erase(offset);
    bySize.erase({size, offset});
  }

  std::map<int64_t, int64_t> byOffset;
  std::set<std::pair<int64_t, int64_t>> bySize; ///< (size, offset)
  int64_t end = 0;
};

using Order = std::vector<size_t>;
enum class Fit { Lowest, Tightest };

class Planner {
public:
  explicit Planner(const std::vector<LiveRange> &ranges) : ranges(ranges) {
    for (size_t i = 0; i < ranges.size(); ++i)
      if (!isEmpty(ranges[i]))
        buffers.push_back(i);
    best.offsets.assign(ranges.size(), 0);
    best.totalBytes = std::numeric_limits<int64_t>::max();
    bound = maximumLiveBytes(ranges);
    goodEnough = bound + bound / 1024;
  }

  ArenaPlan run() {
    if (buffers.empty()) {
      best.totalBytes = 0;
      return best;
    }
    // A placement looks at about n^2 / 2 pairs; spend some 10^8 pairs.
    int64_t pairs = int64_t(buffers.size() * buffers.size() / 2 + 1);
    int64_t rounds = std::min<int64_t>(100000000 / pairs, 200);
    if (rounds < 4)
      for (bool isBackward : {false, true})
        sweep(isBackward);
    for (const Order &order : initialOrders())
      for (Fit fit : {Fit::Lowest, Fit::Tightest})
        improve(order, fit, rounds);
    return best;
  }

private:
  /// Squeaky wheel from one order; keeps the best plan seen.
  void improve(Order order, Fit fit, int64_t rounds) {
    std::vector<int64_t> offsets(ranges.size());
    for (int64_t round = 0; round < rounds && best.totalBytes > goodEnough;
         ++round) {
      int64_t total = place(order, fit, offsets);
      if (total < best.totalBytes) {
        best.offsets = offsets;
        best.totalBytes = total;
      }
      promote(order, offsets, total);
    }
  }

  /// What an allocator gives that meets the buffers as time goes on, or back:
  /// n log n, where rounds would take too long.
  void sweep(bool isBackward) {
    auto beginOf = [&](size_t i) {
      return isBackward ? -ranges[i].end : ranges[i].begin;
    };
    auto endOf = [&](size_t i) {
      return isBackward ? -ranges[i].begin : ranges[i].end;
    };
    Order order = buffers;
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      if (beginOf(a) != beginOf(b))
        return beginOf(a) < beginOf(b);
      if (endOf(a) != endOf(b))
        return endOf(a) > endOf(b);
      return a < b;
    });
    FreeBytes free;
    std::vector<int64_t> offsets(ranges.size());
    /// (end, buffer)
    std::set<std::pair<int64_t, size_t>> live;
    for (size_t buffer : order) {
      while (!live.empty() && live.begin()->first <= beginOf(buffer)) {
        size_t dead = live.begin()->second;
        free.give(offsets[dead], ranges[dead].bytes);
        live.erase(live.begin());
      }
      offsets[buffer] =
          free.take(ranges[buffer].bytes, ranges[buffer].alignment);
      live.insert({endOf(buffer), buffer});
    }
    if (free.highest() < best.totalBytes) {
      best.offsets = std::move(offsets);
      best.totalBytes = free.highest();
    }
  }

  /// Moves the buffers that reach the top to the front half of their way,
  /// every other round all the way.
  void promote(Order &order, const std::vector<int64_t> &offsets,
               int64_t total) {
    // Everything that ends in the part of the arena above the bound.
    int64_t limit =
        std::max(bound, total - std::max<int64_t>((total - bound) / 2, 1));
    for (size_t i = 0; i < order.size(); ++i) {
      size_t buffer = order[i];
      if (offsets[buffer] + ranges[buffer].bytes <= limit)
        continue;
      size_t target = i / 2;
      std::rotate(order.begin() + int64_t(target), order.begin() + int64_t(i),
                  order.begin() + int64_t(i) + 1);
    }
  }

  /// Places all buffers in this order; returns the end of the highest.
  int64_t place(const Order &order, Fit fit, std::vector<int64_t> &offsets) {
    placed.clear();
    int64_t total = 0;
    for (size_t buffer : order) {
      const LiveRange &range = ranges[buffer];
      int64_t offset = findGap(range, fit);
      offsets[buffer] = offset;
      total = std::max(total, offset + range.bytes);
      auto position = std::upper_bound(placed.begin(), placed.end(), offset,
                                       [](int64_t value, const Placed &entry) {
                                         return value < entry.offset;
                                       });
      placed.insert(position,
                    {offset, offset + range.bytes, range.begin, range.end});
    }
    return total;
  }

  int64_t findGap(const LiveRange &range, Fit fit) const {
    int64_t cursor = 0; // the end of the live buffers below
    int64_t bestOffset = -1, bestGap = std::numeric_limits<int64_t>::max();
    for (const Placed &entry : placed) {
      if (!(entry.begin < range.end && range.begin < entry.end))
        continue;
      int64_t start = alignUp(cursor, range.alignment);
      if (start + range.bytes <= entry.offset &&
          entry.offset - cursor < bestGap) {
        if (fit == Fit::Lowest)
          return start;
        bestOffset = start;
        bestGap = entry.offset - cursor;
      }
      cursor = std::max(cursor, entry.top);
    }
    return bestOffset >= 0 ? bestOffset : alignUp(cursor, range.alignment);
  }

  std::vector<Order> initialOrders() const {
    auto lifetime = [&](size_t i) { return ranges[i].end - ranges[i].begin; };
    // Each key: larger first.
    auto bySize = [&](size_t i) { return double(ranges[i].bytes); };
    auto byArea = [&](size_t i) {
      return double(ranges[i].bytes) * double(lifetime(i));
    };
    auto byLifetime = [&](size_t i) { return double(lifetime(i)); };
    auto byBegin = [&](size_t i) { return -double(ranges[i].begin); };
    auto byEnd = [&](size_t i) { return double(ranges[i].end); };
    std::vector<Order> orders;
    auto add = [&](auto key) {
      Order order = buffers;
      std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
        if (key(a) != key(b))
          return key(a) > key(b);
        if (ranges[a].bytes != ranges[b].bytes)
          return ranges[a].bytes > ranges[b].bytes;
        if (lifetime(a) != lifetime(b))
          return lifetime(a) > lifetime(b);
        return a < b;
      });
      orders.push_back(std::move(order));
    };
    add(byArea);
    add(bySize);
    add(byLifetime);
    add(byBegin);
    add(byEnd);
    return orders;
  }

  struct Placed {
    int64_t offset, top, begin, end;
  };

  const std::vector<LiveRange> &ranges;
  Order buffers;              ///< those that are not empty
  std::vector<Placed> placed; ///< by rising offset
  int64_t bound = 0;          ///< no arena is smaller
  int64_t goodEnough = 0;     ///< not worth further rounds
  ArenaPlan best;
};
} // namespace

ArenaPlan colossal::timeline::planArena(const std::vector<LiveRange> &ranges) {
  return Planner(ranges).run();
}

std::vector<std::string>
colossal::timeline::checkArena(const std::vector<LiveRange> &ranges,
                               const ArenaPlan &plan) {
  std::vector<std::string> messages;
  auto name = [](size_t i) { return "buffer " + std::to_string(i); };
  if (plan.offsets.size() != ranges.size()) {
    messages.push_back("found " + std::to_string(plan.offsets.size()) +
                       " offsets, expected one per buffer (" +
                       std::to_string(ranges.size()) + ")");
    return messages;
  }
  for (size_t i = 0; i < ranges.size(); ++i) {
    int64_t offset = plan.offsets[i];
    if (offset < 0 || offset % ranges[i].alignment != 0)
      messages.push_back(name(i) + ": found offset " + std::to_string(offset) +
                         ", expected a multiple of " +
                         std::to_string(ranges[i].alignment));
    if (isEmpty(ranges[i]))
      continue;
    if (offset + ranges[i].bytes > plan.totalBytes)
      messages.push_back(
          name(i) + ": ends at " + std::to_string(offset + ranges[i].bytes) +
          ", after the arena's " + std::to_string(plan.totalBytes) + " bytes");
    for (size_t j = 0; j < i; ++j)
      if (!isEmpty(ranges[j]) && overlapInTime(ranges[i], ranges[j]) &&
          offset < plan.offsets[j] + ranges[j].bytes &&
          plan.offsets[j] < offset + ranges[i].bytes)
        messages.push_back(name(i) + " and " + name(j) +
                           ": share bytes while both are live");
  }
  return messages;
}
