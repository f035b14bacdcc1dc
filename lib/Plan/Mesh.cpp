//===- Mesh.cpp - Meshes, states of values and reshards -------------------===//

#include "colossal/Plan/Mesh.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::plan;

int64_t Mesh::devicesPerStage() const {
  int64_t count = 1;
  for (const Axis &axis : axes)
    count *= axis.size;
  return count;
}

std::string colossal::plan::nameOf(const Sharding &sharding) {
  if (sharding.empty())
    return "R";
  std::string text;
  for (int axis : sharding) {
    if (!text.empty())
      text += '.';
    if (axis == replicated)
      text += "R";
    else if (!isPartial(axis))
      text += "S" + std::to_string(axis);
    else if (axis == partialSum)
      text += "P";
    else
      text += std::string("P") + factsOf(combinerOf(axis)).name;
  }
  return text;
}

bool colossal::plan::mixesCombiners(const Sharding &sharding) {
  int first = replicated;
  for (int axis : sharding) {
    if (!isPartial(axis))
      continue;
    if (isPartial(first) && axis != first)
      return true;
    first = axis;
  }
  return false;
}

int64_t colossal::plan::localBound(int64_t bound, const Mesh &mesh,
                                   const Sharding &sharding, int sub,
                                   int64_t microbatches) {
  int64_t parts = 1;
  for (size_t a = 0; a < sharding.size(); ++a)
    if (sharding[a] == sub)
      parts *= mesh.axes[a].size;
  bound = (bound + parts - 1) / parts;
  return (bound + microbatches - 1) / microbatches;
}

int64_t colossal::plan::localBytes(const ProgramValue &value, const Mesh &mesh,
                                   const Sharding &sharding, int batchSubDim,
                                   int64_t microbatches) {
  int64_t bytes = value.elementBytes;
  std::vector<int64_t> bounds = value.subDims();
  for (size_t k = 0; k < bounds.size(); ++k)
    bytes *= localBound(bounds[k], mesh, sharding, int(k),
                        int(k) == batchSubDim ? microbatches : 1);
  return bytes;
}

bool colossal::plan::isLegal(const ProgramValue &value, const Mesh &mesh,
                             const Sharding &sharding) {
  std::vector<int64_t> bounds = value.subDims();
  for (size_t k = 0; k < bounds.size(); ++k) {
    int64_t parts = 1;
    for (size_t a = 0; a < sharding.size(); ++a)
      if (sharding[a] == int(k))
        parts *= mesh.axes[a].size;
    if (parts > 1 && bounds[k] < parts)
      return false;
  }
  return true;
}

std::vector<Sharding>
colossal::plan::statesOf(const ProgramValue &value, const Mesh &mesh,
                         const std::vector<bool> &cuttable,
                         const std::set<Combiner> &partials) {
  std::vector<int> choices = {replicated};
  for (size_t k = 0; k < cuttable.size(); ++k)
    if (cuttable[k])
      choices.push_back(int(k));
  for (Combiner combiner : partials)
    choices.push_back(partialOf(combiner));
  std::vector<Sharding> states = {{}};
  for (size_t a = 0; a < mesh.axes.size(); ++a) {
    std::vector<Sharding> longer;
    for (const Sharding &state : states)
      for (int choice : choices) {
        longer.push_back(state);
        longer.back().push_back(choice);
      }
    states = std::move(longer);
  }
  std::vector<Sharding> legal;
  for (Sharding &state : states)
    if (isLegal(value, mesh, state) && !mixesCombiners(state))
      legal.push_back(std::move(state));
  return legal;
}

Reshards::Reshards(const machine::Cluster &cluster, const Mesh &mesh)
    : cluster(cluster), mesh(mesh) {
  std::vector<int64_t> sizes;
  for (const Axis &axis : mesh.axes)
    sizes.push_back(axis.size);
  for (size_t a = 0; a < sizes.size(); ++a)
    spans.push_back(
        machine::spanOfAxes(cluster, sizes, {int64_t(a)}, mesh.stages));
}

std::optional<int64_t> Reshards::time(const ProgramValue &value,
                                      const Sharding &from, const Sharding &to,
                                      int batchSubDim,
                                      int64_t microbatches) const {
  int axis = -1;
  for (size_t a = 0; a < from.size(); ++a)
    if (from[a] != to[a]) {
      if (axis >= 0)
        return std::nullopt;
      axis = int(a);
    }
  if (axis < 0)
    return std::nullopt;
  // Minor-most: no later axis on the sub-dimension that is left or joined.
  for (size_t a = axis + 1; a < from.size(); ++a)
    if (from[a] >= 0 && (from[a] == from[axis] || from[a] == to[axis]))
      return std::nullopt;
  int source = from[axis], target = to[axis];
  const machine::Span &span = spans[axis];
  int64_t before = localBytes(value, mesh, from, batchSubDim, microbatches);
  int64_t after = localBytes(value, mesh, to, batchSubDim, microbatches);
  bool partial = isPartial(source);
  if (partial && target == replicated)
    return cost::allReduceTime(cluster, span, before);
  if (partial && target >= 0)
    return cost::reduceScatterTime(cluster, span, before);
  if (source >= 0 && target == replicated)
    return cost::allGatherTime(cluster, span, after);
  if (source >= 0 && target >= 0)
    return cost::allToAllTime(cluster, span, before);
  if (source == replicated && target >= 0)
    return cost::kernelTime(cluster, 0, cost::streamTime(cluster, 2 * after));
  if (source == replicated && target == partialSum)
    return cost::kernelTime(cluster, 0, cost::streamTime(cluster, 2 * after));
  return std::nullopt;
}
