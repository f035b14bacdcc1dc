//===- SharedState.cpp - State that several programs share ----------------===//

#include "colossal/Plan/SharedState.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace colossal;
using namespace colossal::plan;

SharedState colossal::plan::sharedStateOf(const Program &program,
                                          const Plan &plan) {
  SharedState shared;
  shared.mesh = plan.mesh;
  for (const auto &[value, sharding] : plan.arguments) {
    const ProgramValue &argument = program.values[value];
    if (!argument.role || !isState(*argument.role))
      continue;
    StoredState &state = shared.states[argument.name];
    state.dims = argument.dims;
    state.sharding = sharding;
    if (auto it = plan.argumentStages.find(value);
        it != plan.argumentStages.end())
      state.stage = it->second;
  }
  // What no op reads has no place in the plan: the first stage keeps it whole.
  for (const ProgramValue &value : program.values)
    if (value.producer < 0 && value.role && isState(*value.role))
      shared.states.try_emplace(
          value.name, StoredState{value.dims, Placements(plan.mesh.axes.size(),
                                                         replicated)});
  return shared;
}

//===----------------------------------------------------------------------===//
// Shardings
//===----------------------------------------------------------------------===//

namespace {
/// A sub-dimension: its dimension, how many elements of the dimension lie
/// above it (the product of the major ones), and its number over all.
struct SubDimension {
  size_t dim;
  int64_t outer, bound;
  int number;
};
} // namespace

static std::vector<SubDimension>
flatten(const std::vector<std::vector<int64_t>> &dims) {
  std::vector<SubDimension> all;
  for (size_t d = 0; d < dims.size(); ++d) {
    int64_t outer = 1;
    for (int64_t bound : dims[d]) {
      all.push_back({d, outer, bound, int(all.size())});
      outer *= bound;
    }
  }
  return all;
}

std::optional<Placements>
colossal::plan::shardingIn(const StoredState &stored, const Mesh &mesh,
                           const std::vector<std::vector<int64_t>> &dims) {
  if (dims == stored.dims)
    return stored.sharding;
  std::vector<SubDimension> from = flatten(stored.dims), to = flatten(dims);
  // All parts of a sub-dimension.
  std::map<int, int64_t> parts;
  for (size_t a = 0; a < stored.sharding.size(); ++a)
    if (stored.sharding[a] >= 0)
      parts.emplace(stored.sharding[a], 1).first->second *= mesh.axes[a].size;
  Placements result = stored.sharding;
  for (int &axis : result) {
    if (axis < 0)
      continue;
    const SubDimension &cut = from[axis];
    // Contiguous parts of the same elements: the same ones lie above, and
    // parts are equal on both sides.
    auto same = std::find_if(to.begin(), to.end(), [&](const SubDimension &s) {
      return s.dim == cut.dim && s.outer == cut.outer &&
             (s.bound == cut.bound || (s.bound % parts[cut.number] == 0 &&
                                       cut.bound % parts[cut.number] == 0));
    });
    if (same == to.end())
      return std::nullopt;
    axis = same->number;
  }
  return result;
}

std::map<int, Placements>
colossal::plan::storedShardings(const Program &program,
                                const SharedState &shared, std::string &error) {
  std::map<int, Placements> stored;
  for (size_t v = 0; v < program.values.size(); ++v) {
    const ProgramValue &value = program.values[v];
    if (value.producer >= 0 || !value.role || !isState(*value.role))
      continue;
    auto it = shared.states.find(value.name);
    if (it == shared.states.end())
      continue;
    std::optional<Placements> sharding =
        shardingIn(it->second, shared.mesh, value.dims);
    if (!sharding) {
      error = "state '" + value.name + "' is cut as " +
              nameOf(it->second.sharding) +
              " by the plan of the training step, which this program, with "
              "other views of it, cannot follow; pin another plan";
      return {};
    }
    stored[int(v)] = *sharding;
  }
  return stored;
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

bool colossal::plan::agreesWithPieces(const Pieces &pieces,
                                      const std::map<int, Placements> &stored) {
  auto shardingOf = [&](int value) -> const Placements * {
    auto it = stored.find(value);
    return it == stored.end() ? nullptr : &it->second;
  };
  for (const auto &counterparts : pieces.counterparts)
    for (auto [own, other] : counterparts) {
      const Placements *a = shardingOf(own), *b = shardingOf(other);
      if (bool(a) != bool(b) || (a && *a != *b))
        return false;
    }
  return true;
}

Pieces colossal::plan::withoutCopies(const Program &program,
                                     const std::vector<OpNode> &nodes,
                                     Pieces pieces) {
  std::iota(pieces.representatives.begin(), pieces.representatives.end(), 0);
  for (int piece = 0; piece < pieces.count(); ++piece) {
    std::set<int> own;
    for (int n : pieces.nodes[piece]) {
      for (const NodeInput &input : nodes[n].inputs)
        own.insert(input.value);
      for (int op : nodes[n].ops)
        for (const Access &access : program.ops[op].results) {
          own.insert(access.value);
          if (int state = program.values[access.value].updates; state >= 0)
            own.insert(state);
        }
    }
    pieces.counterparts[piece].clear();
    for (int value : own)
      pieces.counterparts[piece].push_back({value, value});
  }
  return pieces;
}

std::vector<int> colossal::plan::stagesOfState(const Program &program,
                                               const std::vector<OpNode> &nodes,
                                               const Pieces &pieces,
                                               const SharedState &shared) {
  int stages = int(shared.mesh.stages.count()), count = pieces.count();
  // Bytes that are on another stage, if the piece is on this one.
  std::vector<std::vector<int64_t>> foreign(count,
                                            std::vector<int64_t>(stages, 0));
  for (int piece = 0; piece < count; ++piece) {
    std::set<int> seen;
    for (int n : pieces.nodes[piece])
      for (const NodeInput &input : nodes[n].inputs) {
        const ProgramValue &value = program.values[input.value];
        auto it = shared.states.find(value.name);
        if (value.producer >= 0 || it == shared.states.end() ||
            !seen.insert(input.value).second)
          continue;
        const Stages &placed = shared.mesh.stages;
        for (int stage = 0; stage < stages; ++stage)
          if (placed.groupOf(stage) != placed.groupOf(it->second.stage))
            foreign[piece][stage] += value.elements() * value.elementBytes;
      }
  }
  // best[p][s]: with piece p on stage s; the pieces before on stages up to s.
  std::vector<std::vector<int64_t>> best = foreign;
  std::vector<std::vector<int>> from(count, std::vector<int>(stages, 0));
  for (int p = 1; p < count; ++p)
    for (int s = 0; s < stages; ++s) {
      auto least =
          std::min_element(best[p - 1].begin(), best[p - 1].begin() + s + 1);
      from[p][s] = int(least - best[p - 1].begin());
      best[p][s] += *least;
    }
  std::vector<int> result(count, 0);
  if (count == 0)
    return result;
  int stage = int(std::min_element(best.back().begin(), best.back().end()) -
                  best.back().begin());
  for (int p = count - 1; p >= 0; --p) {
    result[p] = stage;
    stage = from[p][stage];
  }
  return result;
}
