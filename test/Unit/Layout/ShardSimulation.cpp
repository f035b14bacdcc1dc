//===- ShardSimulation.cpp - All ranks' shards of one value ---------------===//

#include "ShardSimulation.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::layout;
using namespace colossal::layout::test;

static int64_t combined(Combiner kind, int64_t a, int64_t b) {
  return withCombiner(
      kind, [&](auto c) { return int64_t(colossal::combine<c()>(a, b)); });
}

/// A part that leaves `whole` to be combined of `rest` and itself; `rest` is
/// what the other parts have left.
static int64_t randomPart(Combiner kind, int64_t whole, int64_t &rest,
                          int64_t random) {
  switch (kind) {
  case Combiner::Sum:
    rest -= random;
    return random;
  case Combiner::Max:
    return whole - random;
  case Combiner::Min:
    return whole + random;
  default:
    return 1; // of a product
  }
}

static int64_t ranksOf(const Mesh &mesh) {
  return mesh.devicesPerGroup() * mesh.microbatches();
}

int64_t ShardSimulation::coordinate(int64_t rank, const Axes &axes) const {
  std::vector<int64_t> position(mesh.axes.size());
  for (size_t i = mesh.axes.size(); i-- > 0; rank /= mesh.axes[i].size)
    position[i] = rank % mesh.axes[i].size;
  int64_t number = 0;
  for (unsigned axis : axes)
    number = number * mesh.axes[axis].size + position[axis];
  return number;
}

std::vector<int64_t> ShardSimulation::groupOf(int64_t rank,
                                              const Axes &axes) const {
  Axes others;
  for (unsigned axis = 0; axis < mesh.axes.size(); ++axis)
    if (!std::count(axes.begin(), axes.end(), axis))
      others.push_back(axis);
  std::vector<int64_t> group(mesh.sizeOf(axes));
  for (int64_t other = 0; other < ranksOf(mesh); ++other)
    if (coordinate(other, others) == coordinate(rank, others))
      group[coordinate(other, axes)] = other;
  return group;
}

std::vector<int64_t> ShardSimulation::elementsOf(const Layout &state,
                                                 int64_t rank) const {
  std::vector<int64_t> elements = {0};
  for (const SubDim &sub : state.subDims) {
    int64_t bound = sub.bound(mesh);
    int64_t first = coordinate(rank, sub.axes) * bound;
    std::vector<int64_t> next;
    for (int64_t element : elements)
      for (int64_t i = 0; i < bound; ++i)
        next.push_back(element < 0 || first + i >= sub.size
                           ? -1
                           : element * sub.size + first + i);
    elements = std::move(next);
  }
  return elements;
}

ShardSimulation::ShardSimulation(const Layout &state, const Mesh &mesh,
                                 std::mt19937 &random)
    : mesh(mesh) {
  int64_t size = 1;
  for (const SubDim &sub : state.subDims)
    size *= sub.size;
  for (int64_t i = 0; i < size; ++i)
    value.push_back(int64_t(random() % 1000) + 1);
  for (int64_t rank = 0; rank < ranksOf(mesh); ++rank) {
    Shard &shard = shards.emplace_back();
    for (int64_t element : elementsOf(state, rank))
      shard.push_back(element < 0 ? 0 : value[element]);
  }
  // Spread the value over each partial axis, one after the other. Ranks that
  // differ on axes over which the value is replicated get equal parts.
  Axes distinct;
  for (unsigned axis = 0; axis < mesh.axes.size(); ++axis)
    if (state.partialOver(axis) || state.cutBy(axis) >= 0)
      distinct.push_back(axis);
  unsigned seed = random();
  for (auto [axis, kind] : state.partial) {
    std::vector<Shard> before = shards;
    for (int64_t rank = 0; rank < ranksOf(mesh); ++rank) {
      std::vector<int64_t> group = groupOf(rank, {axis});
      if (group[0] != rank)
        continue;
      std::mt19937 random(seed + axis + 16 * coordinate(rank, distinct));
      std::vector<int64_t> elements = elementsOf(state, rank);
      for (size_t i = 0; i < elements.size(); ++i) {
        if (elements[i] < 0)
          continue;
        int64_t whole = before[rank][i], rest = whole;
        size_t holder = random() % group.size();
        for (size_t p = 0; p < group.size(); ++p) {
          int64_t part = int64_t(random() % 100);
          if (p == holder)
            continue;
          shards[group[p]][i] = randomPart(kind, whole, rest, part);
        }
        shards[group[holder]][i] = rest;
      }
    }
  }
}

void ShardSimulation::apply(const ReshardStep &step) {
  std::vector<Shard> in = shards;
  int64_t g = mesh.sizeOf(step.axes);
  int64_t bound = (step.extent + g - 1) / g;
  for (int64_t rank = 0; rank < ranksOf(mesh); ++rank) {
    std::vector<int64_t> group = groupOf(rank, step.axes);
    int64_t r = coordinate(rank, step.axes);
    Shard out;
    auto reduced = [&](int64_t index) {
      int64_t result = in[group[0]][index];
      for (int64_t p = 1; p < g; ++p)
        result = combined(step.combiner, result, in[group[p]][index]);
      return result;
    };
    switch (step.kind) {
    case StepKind::AllReduce:
      for (size_t i = 0; i < in[rank].size(); ++i)
        out.push_back(reduced(i));
      break;
    case StepKind::Mask:
      for (int64_t element : in[rank])
        out.push_back(factsOf(step.combiner).isIdempotent || r == 0 ? element
                                                                    : 0);
      break;
    case StepKind::AllGather:
      for (int64_t o = 0; o < step.outer; ++o)
        for (int64_t x = 0; x < step.extent; ++x)
          for (int64_t i = 0; i < step.innermost; ++i)
            out.push_back(in[group[x / bound]].at(
                (o * bound + x % bound) * step.innermost + i));
      break;
    case StepKind::ReduceScatter:
    case StepKind::Slice:
      for (int64_t o = 0; o < step.outer; ++o)
        for (int64_t e = 0; e < bound; ++e)
          for (int64_t i = 0; i < step.innermost; ++i) {
            int64_t x = r * bound + e;
            int64_t index = (o * step.extent + x) * step.innermost + i;
            out.push_back(x >= step.extent               ? 0
                          : step.kind == StepKind::Slice ? in[rank].at(index)
                                                         : reduced(index));
          }
      break;
    case StepKind::AllToAll: {
      int64_t xb = (step.xExtent + g - 1) / g, yb = (step.yExtent + g - 1) / g;
      int64_t outX = step.gatherX ? step.xExtent : xb;
      int64_t outY = step.gatherX ? yb : step.yExtent;
      int64_t inX = step.gatherX ? xb : step.xExtent;
      int64_t inY = step.gatherX ? step.yExtent : yb;
      for (int64_t o = 0; o < step.outer; ++o)
        for (int64_t x = 0; x < outX; ++x)
          for (int64_t m = 0; m < step.middle; ++m)
            for (int64_t y = 0; y < outY; ++y)
              for (int64_t i = 0; i < step.innermost; ++i) {
                int64_t globalX = step.gatherX ? x : r * xb + x;
                int64_t globalY = step.gatherX ? r * yb + y : y;
                if (globalX >= step.xExtent || globalY >= step.yExtent) {
                  out.push_back(0);
                  continue;
                }
                int64_t p = step.gatherX ? globalX / xb : globalY / yb;
                int64_t sx = step.gatherX ? globalX % xb : globalX;
                int64_t sy = step.gatherX ? globalY : globalY % yb;
                out.push_back(in[group[p]].at(
                    (((o * inX + sx) * step.middle + m) * inY + sy) *
                        step.innermost +
                    i));
              }
      break;
    }
    }
    shards[rank] = std::move(out);
  }
}

std::string ShardSimulation::compare(const Layout &state) const {
  Axes axes;
  for (auto [axis, kind] : state.partial)
    axes.push_back(axis);
  for (int64_t rank = 0; rank < ranksOf(mesh); ++rank) {
    std::vector<int64_t> elements = elementsOf(state, rank);
    if (elements.size() != shards[rank].size())
      return "rank " + std::to_string(rank) + " has " +
             std::to_string(shards[rank].size()) + " elements, expected " +
             std::to_string(elements.size());
    std::vector<int64_t> group = groupOf(rank, axes);
    for (size_t i = 0; i < elements.size(); ++i) {
      int64_t expected = elements[i] < 0 ? 0 : value[elements[i]];
      // Combine over the axes one by one: kinds may differ.
      std::vector<int64_t> parts;
      for (int64_t member : group)
        parts.push_back(shards[member][i]);
      for (auto entry = state.partial.rbegin(); entry != state.partial.rend();
           ++entry) {
        int64_t g = mesh.axes[entry->first].size;
        std::vector<int64_t> next;
        for (size_t p = 0; p < parts.size(); p += g) {
          int64_t result = parts[p];
          for (int64_t q = 1; q < g; ++q)
            result = combined(entry->second, result, parts[p + q]);
          next.push_back(result);
        }
        parts = std::move(next);
      }
      if (parts.size() != 1 || parts[0] != expected)
        return "rank " + std::to_string(rank) + " element " +
               std::to_string(i) + ": found " + std::to_string(parts[0]) +
               ", expected " + std::to_string(expected);
    }
  }
  return "";
}
