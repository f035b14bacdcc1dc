//===- PredictedEntries.cpp - The plan's timeline for the runtime ---------===//

#include "PredictedEntries.h"
#include "colossal/Plan/Stages.h"
#include "llvm/ADT/STLExtras.h"

using namespace colossal;

static constexpr int64_t kMostEntries = 20000;

std::vector<rank::PredictedEntry>
colossal::predictedEntries(const plan::Plan &plan,
                           const machine::Cluster &cluster) {
  int64_t stages = int64_t(plan.stages.size());
  bool knowsTransfers = int64_t(plan.boundaries.size()) + 1 == stages;
  if (!knowsTransfers || 2 * stages * plan.microbatches > kMostEntries)
    return {};
  const Stages &placed = plan.mesh.stages;
  timeline::Simulation simulation = timeline::simulate(
      plan::pipelineOf(plan.stages, placed.chunks, plan.boundaries, cluster,
                       plan.schedule, plan.microbatches));
  std::vector<rank::PredictedEntry> entries;
  for (auto [group, report] : llvm::enumerate(simulation.groups))
    for (const timeline::Event &event : report.events)
      if (event.endNs > event.beginNs)
        entries.push_back({int64_t(group), nameOf(event.step.segment, placed),
                           event.step.microbatch, double(event.beginNs) * 1e-9,
                           double(event.endNs) * 1e-9});
  return entries;
}
