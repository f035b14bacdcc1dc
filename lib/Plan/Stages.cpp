//===- Stages.cpp - Pieces to stages, stages to predictions ---------------===//

#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <limits>
#include <set>

using namespace colossal;
using namespace colossal::plan;

int64_t StagedPlan::memoryBytes() const {
  int64_t most = 0;
  for (const StagePrediction &stage : stages)
    most = std::max(most, stage.peakBytes);
  return most;
}

/// The most bytes that live at one time on a stage with these pieces, in
/// order, without what it borrows from other stages.
static int64_t peakOf(const std::vector<const PieceCost *> &pieces,
                      int64_t inFlight, int64_t microbatches) {
  int64_t state = 0, activations = 0, accumulators = 0;
  for (const PieceCost *piece : pieces) {
    state += piece->stateBytes;
    activations += piece->activationBytes;
    accumulators += piece->accumulatorBytes;
  }
  bool once = microbatches == 1;
  int64_t held = once ? 0 : accumulators + (inFlight - 1) * activations;
  int64_t peak = 0, live = 0;
  for (const PieceCost *piece : pieces) {
    peak = std::max(peak, piece->transientBytes[int(Segment::Prologue)]);
    live += piece->activationBytes;
    peak = std::max(peak,
                    held + live + piece->transientBytes[int(Segment::Forward)]);
  }
  for (size_t i = pieces.size(); i-- > 0;) {
    if (once)
      held += pieces[i]->accumulatorBytes;
    peak = std::max(
        peak, held + live + pieces[i]->transientBytes[int(Segment::Backward)]);
    live -= pieces[i]->activationBytes;
  }
  for (const PieceCost *piece : pieces)
    peak = std::max(peak,
                    accumulators + piece->transientBytes[int(Segment::Update)]);
  return state + peak;
}

StagedPlan
colossal::plan::predict(const Pieces &pieces, const Measured &measured,
                        const machine::Cluster &cluster, const Mesh &mesh,
                        timeline::ScheduleKind kind, int64_t microbatches,
                        std::vector<int> stageOfPiece) {
  StagedPlan plan;
  int64_t stages = mesh.stages;
  plan.stages.resize(stages);
  plan.boundaries.resize(stages - 1);
  std::vector<std::vector<const PieceCost *>> piecesOf(stages);
  for (int piece = 0; piece < pieces.count(); ++piece) {
    const PieceCost &cost = measured.pieces[piece];
    StagePrediction &stage = plan.stages[stageOfPiece[piece]];
    stage.times.prologueNs += cost.times[int(Segment::Prologue)];
    stage.times.forwardNs += cost.times[int(Segment::Forward)];
    stage.times.backwardNs += cost.times[int(Segment::Backward)];
    stage.times.updateNs += cost.times[int(Segment::Update)];
    for (int s = 0; s < segmentCount; ++s)
      stage.communicationNs +=
          cost.communication[s] * (s == 1 || s == 2 ? microbatches : 1);
    stage.stateBytes += cost.stateBytes;
    stage.accumulatorBytes += cost.accumulatorBytes;
    stage.activationBytes += cost.activationBytes;
    for (int64_t bytes : cost.transientBytes)
      stage.transientBytes = std::max(stage.transientBytes, bytes);
    piecesOf[stageOfPiece[piece]].push_back(&cost);
  }
  for (int64_t s = 0; s < stages; ++s) {
    StagePrediction &stage = plan.stages[s];
    stage.inFlight = timeline::maximumInFlight(kind, s, stages, microbatches);
    stage.peakBytes = peakOf(piecesOf[s], stage.inFlight, microbatches);
  }
  // What crosses from stage to stage.
  for (const Measured::Crossing &crossing : measured.crossings) {
    int from = stageOfPiece[crossing.from];
    std::set<int> to;
    for (int piece : crossing.to)
      if (stageOfPiece[piece] != from)
        to.insert(stageOfPiece[piece]);
    for (int stage : to) {
      int64_t time = cost::sendRecvTime(
          cluster,
          machine::spanOfStages(cluster, mesh.devicesPerStage(), from, stage),
          crossing.bytes);
      if (crossing.isArgument)
        for (int64_t StagePrediction::*bytes :
             {&StagePrediction::stateBytes, &StagePrediction::peakBytes})
          plan.stages[stage].*bytes += crossing.bytes;
      if (crossing.segment == Segment::Forward && stage > from)
        plan.boundaries[stage - 1].forwardNs += time;
      else if (crossing.segment == Segment::Backward && stage < from)
        plan.boundaries[stage].backwardNs += time;
      else if (crossing.segment == Segment::Update)
        plan.stages[stage].times.updateNs += time;
      else
        plan.stages[stage].times.prologueNs += time;
    }
  }
  timeline::Pipeline pipeline;
  pipeline.kind = kind;
  pipeline.microbatches = microbatches;
  for (const StagePrediction &stage : plan.stages)
    pipeline.stages.push_back(stage.times);
  pipeline.boundaries = plan.boundaries;
  pipeline.overlapsTransfers = cluster.overlapsCommunication;
  plan.stepNs =
      timeline::simulate(pipeline).stepNs + cluster.device.stepOverheadNs;
  plan.stageOfPiece = std::move(stageOfPiece);
  return plan;
}

namespace {
/// best[s][j]: the slowest stage when the first j pieces are on s stages.
class Distribution {
public:
  Distribution(const Pieces &pieces, const Measured &measured, int64_t stages,
               timeline::ScheduleKind kind, int64_t microbatches)
      : measured(measured), stages(stages), kind(kind),
        microbatches(microbatches) {
    for (int piece = 0; piece < pieces.count(); ++piece)
      if (piece != pieces.common)
        order.push_back(piece);
  }

  /// Stage ends (exclusive piece positions), or nothing. With `leanest` the
  /// memory of the fullest stage is minimised instead.
  std::optional<std::vector<int>> run(int64_t memoryBytes, bool leanest) {
    int n = int(order.size());
    if (n < stages)
      return std::nullopt;
    constexpr int64_t never = std::numeric_limits<int64_t>::max();
    std::vector<std::vector<int64_t>> best(stages + 1,
                                           std::vector<int64_t>(n + 1, never));
    std::vector<std::vector<int>> from(stages + 1, std::vector<int>(n + 1, -1));
    best[0][0] = 0;
    for (int64_t s = 1; s <= stages; ++s)
      for (int j = int(s); j <= n; ++j)
        for (int i = j - 1; i >= int(s) - 1; --i) {
          auto [time, memory] = costOf(i, j, s - 1);
          if (!leanest && memory > memoryBytes)
            break; // more pieces only add memory
          if (best[s - 1][i] == never)
            continue;
          int64_t slowest = std::max(best[s - 1][i], leanest ? memory : time);
          if (slowest < best[s][j]) {
            best[s][j] = slowest;
            from[s][j] = i;
          }
        }
    if (best[stages][n] == never)
      return std::nullopt;
    std::vector<int> ends(stages);
    for (int64_t s = stages, j = n; s > 0; j = from[s][j], --s)
      ends[s - 1] = int(j);
    return ends;
  }

  const std::vector<int> &pieceOrder() const { return order; }

private:
  /// Time of a microbatch and memory of pieces [begin, end) on a stage.
  std::pair<int64_t, int64_t> costOf(int begin, int end, int64_t stage) const {
    int64_t time = 0, once = 0;
    std::vector<const PieceCost *> pieces;
    for (int i = begin; i < end; ++i) {
      const PieceCost &cost = measured.pieces[order[i]];
      time += cost.times[int(Segment::Forward)] +
              cost.times[int(Segment::Backward)];
      once +=
          cost.times[int(Segment::Prologue)] + cost.times[int(Segment::Update)];
      pieces.push_back(&cost);
    }
    int64_t memory = peakOf(
        pieces, timeline::maximumInFlight(kind, stage, stages, microbatches),
        microbatches);
    return {time * microbatches + once, memory};
  }

  const Measured &measured;
  int64_t stages;
  timeline::ScheduleKind kind;
  int64_t microbatches;
  std::vector<int> order;
};
} // namespace

std::optional<StagedPlan>
colossal::plan::distribute(const Pieces &pieces, const Measured &measured,
                           const machine::Cluster &cluster, const Mesh &mesh,
                           timeline::ScheduleKind kind, int64_t microbatches,
                           int64_t memoryBytes) {
  Distribution distribution(pieces, measured, mesh.stages, kind, microbatches);
  std::optional<std::vector<int>> ends = distribution.run(memoryBytes, false);
  if (!ends)
    ends = distribution.run(memoryBytes, true);
  if (!ends)
    return std::nullopt;
  std::vector<int> stageOfPiece(pieces.count(), int(mesh.stages) - 1);
  const std::vector<int> &order = distribution.pieceOrder();
  for (int s = 0, i = 0; s < int(ends->size()); ++s)
    for (; i < (*ends)[s]; ++i)
      stageOfPiece[order[i]] = s;
  return predict(pieces, measured, cluster, mesh, kind, microbatches,
                 std::move(stageOfPiece));
}
