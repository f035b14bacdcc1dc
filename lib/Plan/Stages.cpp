//===- Stages.cpp - Pieces to stages, stages to predictions ---------------===//

#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <limits>
#include <set>

using namespace colossal;
using namespace colossal::plan;

int64_t
colossal::plan::fullestBytes(const std::vector<StagePrediction> &stages) {
  int64_t most = 0;
  for (const StagePrediction &stage : stages)
    most = std::max(most, stage.peakBytes);
  return most;
}

namespace {
/// The most bytes that live at one time on a stage, as pieces are put in front
/// of those that it has.
class StageMemory {
public:
  StageMemory(int64_t inFlight, int64_t microbatches)
      : inFlight(inFlight), once(microbatches == 1) {}

  void prepend(const PieceCost &piece) {
    auto transient = [&](Segment segment) {
      return piece.transientBytes[int(segment)];
    };
    state += piece.stateBytes;
    activations += piece.activationBytes;
    accumulators += piece.accumulatorBytes;
    // While a later piece runs, what this one leaves behind is live as well.
    forward =
        piece.activationBytes + std::max(forward, transient(Segment::Forward));
    backward = piece.activationBytes +
               std::max(backward, (once ? accumulators : 0) +
                                      transient(Segment::Backward));
    prologue = std::max(prologue, transient(Segment::Prologue));
    update = std::max(update, transient(Segment::Update));
  }

  int64_t peak() const {
    int64_t held = once ? 0 : accumulators + (inFlight - 1) * activations;
    return state + std::max({prologue, held + forward, held + backward,
                             accumulators + update});
  }

private:
  int64_t inFlight;
  bool once;
  int64_t state = 0, activations = 0, accumulators = 0;
  int64_t prologue = 0, forward = 0, backward = 0, update = 0;
};
} // namespace

int64_t
colossal::plan::stepTime(const std::vector<StagePrediction> &stages,
                         const std::vector<timeline::BoundaryTimes> &boundaries,
                         const machine::Cluster &cluster, ScheduleKind kind,
                         int64_t microbatches) {
  timeline::Pipeline pipeline;
  pipeline.kind = kind;
  pipeline.microbatches = microbatches;
  for (const StagePrediction &stage : stages)
    pipeline.stages.push_back(stage.times);
  pipeline.boundaries = boundaries;
  pipeline.overlapsTransfers = cluster.overlapsCommunication;
  return timeline::stepTime(pipeline) + cluster.device.stepOverheadNs;
}

StagedPlan colossal::plan::predict(const Pieces &pieces,
                                   const Measured &measured,
                                   const machine::Cluster &cluster,
                                   const Mesh &mesh, ScheduleKind kind,
                                   int64_t microbatches,
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
    StageMemory memory(stage.inFlight, microbatches);
    for (size_t i = piecesOf[s].size(); i-- > 0;)
      memory.prepend(*piecesOf[s][i]);
    stage.peakBytes = memory.peak();
  }
  // What crosses from stage to stage.
  for (const Measured::Crossing &crossing : measured.crossings) {
    int from = stageOfPiece[crossing.from];
    std::set<int> to;
    for (int piece : crossing.to)
      if (stageOfPiece[piece] != from)
        to.insert(stageOfPiece[piece]);
    if (to.empty())
      continue;
    auto timeOf = [&](int source, int stage) {
      return cost::sendRecvTime(
          cluster,
          machine::spanOfStages(cluster, mesh.devicesPerStage(), source, stage),
          crossing.bytes);
    };
    // Inside the loop a value goes from neighbour to neighbour.
    if (crossing.isLooped()) {
      for (int stage = from + 1; stage <= *to.rbegin(); ++stage)
        plan.boundaries[stage - 1].forwardNs += timeOf(stage - 1, stage);
      for (int stage = *to.begin(); stage < from; ++stage)
        plan.boundaries[stage].backwardNs += timeOf(stage + 1, stage);
    }
    for (int stage : to) {
      if (crossing.isArgument)
        for (int64_t StagePrediction::*bytes :
             {&StagePrediction::stateBytes, &StagePrediction::peakBytes})
          plan.stages[stage].*bytes += crossing.bytes;
      if (crossing.segment == Segment::Update)
        plan.stages[stage].times.updateNs += timeOf(from, stage);
      else if (crossing.segment == Segment::Prologue)
        plan.stages[stage].times.prologueNs += timeOf(from, stage);
    }
  }
  plan.stepNs =
      stepTime(plan.stages, plan.boundaries, cluster, kind, microbatches);
  plan.stageOfPiece = std::move(stageOfPiece);
  return plan;
}

namespace {
/// best[s][j]: the slowest stage when the first j pieces are on s stages.
class Distribution {
public:
  Distribution(const Pieces &pieces, const Measured &measured,
               const machine::Cluster &cluster, const Mesh &mesh,
               ScheduleKind kind, int64_t microbatches)
      : measured(measured), stages(mesh.stages), kind(kind),
        microbatches(microbatches) {
    std::vector<int> position(pieces.count(), -1);
    for (int piece = 0; piece < pieces.count(); ++piece)
      if (piece != pieces.common) {
        position[piece] = int(order.size());
        order.push_back(piece);
      }
    measureCuts(cluster, mesh, position);
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
    for (int64_t s = 1; s <= stages; ++s) {
      int64_t inFlight =
          timeline::maximumInFlight(kind, s - 1, stages, microbatches);
      for (int j = int(s); j <= n; ++j) {
        StageMemory memory(inFlight, microbatches);
        int64_t time = 0, once = 0;
        for (int i = j - 1; i >= int(s) - 1; --i) {
          const PieceCost &cost = measured.pieces[order[i]];
          time += cost.times[int(Segment::Forward)] +
                  cost.times[int(Segment::Backward)];
          once += cost.times[int(Segment::Prologue)] +
                  cost.times[int(Segment::Update)];
          memory.prepend(cost);
          int64_t bytes = memory.peak();
          if (!leanest && bytes > memoryBytes)
            break; // more pieces only add memory
          if (best[s - 1][i] == never)
            continue;
          int64_t busy =
              (time + forwardCuts[i] + backwardCuts[j]) * microbatches + once;
          int64_t slowest = std::max(best[s - 1][i], leanest ? bytes : busy);
          if (slowest < best[s][j]) {
            best[s][j] = slowest;
            from[s][j] = i;
          }
        }
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
  /// Time of a microbatch's transfers across each cut: forward for the stage
  /// behind it, back for the one before.
  void measureCuts(const machine::Cluster &cluster, const Mesh &mesh,
                   const std::vector<int> &position) {
    forwardCuts.assign(order.size() + 1, 0);
    backwardCuts = forwardCuts;
    if (stages == 1)
      return;
    machine::Span span =
        machine::spanOfStages(cluster, mesh.devicesPerStage(), 0, 1);
    for (const Measured::Crossing &crossing : measured.crossings) {
      if (!crossing.isLooped())
        continue;
      int from = position[crossing.from], first = from, last = from;
      for (int piece : crossing.to) {
        first = std::min(first, position[piece]);
        last = std::max(last, position[piece]);
      }
      int64_t time = cost::sendRecvTime(cluster, span, crossing.bytes);
      for (int cut = from + 1; cut <= last; ++cut)
        forwardCuts[cut] += time;
      for (int cut = first + 1; cut <= from; ++cut)
        backwardCuts[cut] += time;
    }
  }

  const Measured &measured;
  int64_t stages;
  ScheduleKind kind;
  int64_t microbatches;
  std::vector<int> order;
  /// In front of each piece; 0 at both ends.
  std::vector<int64_t> forwardCuts, backwardCuts;
};
} // namespace

std::optional<StagedPlan>
colossal::plan::distribute(const Pieces &pieces, const Measured &measured,
                           const machine::Cluster &cluster, const Mesh &mesh,
                           ScheduleKind kind, int64_t microbatches,
                           int64_t memoryBytes) {
  Distribution distribution(pieces, measured, cluster, mesh, kind,
                            microbatches);
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
