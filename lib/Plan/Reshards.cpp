//===- Reshards.cpp - What placed values take, and moving them ------------===//

#include "colossal/Plan/Reshards.h"

using namespace colossal;
using namespace colossal::plan;
using layout::StepKind;

int64_t colossal::plan::localBound(int64_t bound, const Mesh &mesh,
                                   const Placements &placements, int sub,
                                   int64_t microbatches) {
  bound = layout::boundOf(bound, layout::partsOf(sub, placements, mesh));
  return layout::boundOf(bound, microbatches);
}

int64_t colossal::plan::localBytes(const ProgramValue &value, const Mesh &mesh,
                                   const Placements &placements,
                                   int batchSubDim, int64_t microbatches) {
  int64_t bytes = value.elementBytes;
  std::vector<int64_t> bounds = value.subDims();
  for (size_t k = 0; k < bounds.size(); ++k)
    bytes *= localBound(bounds[k], mesh, placements, int(k),
                        int(k) == batchSubDim ? microbatches : 1);
  return bytes;
}

Reshards::Reshards(const machine::Cluster &cluster, const Mesh &mesh)
    : cluster(cluster), mesh(mesh) {
  std::vector<int64_t> sizes;
  for (const Axis &axis : mesh.axes)
    sizes.push_back(axis.size);
  for (size_t a = 0; a < sizes.size(); ++a)
    spans.push_back(
        machine::spanOfAxes(cluster, sizes, {int64_t(a)}, mesh.stages.groups));
}

std::optional<int64_t> Reshards::time(const ProgramValue &value,
                                      const Placements &from,
                                      const Placements &to, int batchSubDim,
                                      int64_t microbatches) const {
  std::optional<layout::AxisStep> step = layout::stepBetween(from, to);
  if (!step)
    return std::nullopt;
  const machine::Span &span = spans[step->axis];
  int64_t before = localBytes(value, mesh, from, batchSubDim, microbatches);
  int64_t after = localBytes(value, mesh, to, batchSubDim, microbatches);
  switch (step->kind) {
  case StepKind::AllReduce:
    return cost::allReduceTime(cluster, span, before);
  case StepKind::ReduceScatter:
    return cost::reduceScatterTime(cluster, span, before);
  case StepKind::AllGather:
    return cost::allGatherTime(cluster, span, after);
  case StepKind::AllToAll:
    return cost::allToAllTime(cluster, span, before);
  case StepKind::Mask:
    if (to[step->axis] != partialSum)
      return std::nullopt;
    break;
  case StepKind::Slice:
    break;
  }
  return cost::kernelTime(cluster, 0, cost::streamTime(cluster, 2 * after));
}
