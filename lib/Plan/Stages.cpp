//===- Stages.cpp - Pieces to stages, stages to predictions ---------------===//

#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <limits>
#include <map>

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
/// The bytes of a stage, as pieces are put in front of those that it has.
class StageMemory {
public:
  StageMemory(int64_t inFlight, int64_t microbatches)
      : inFlight(inFlight), once(microbatches == 1) {}

  void prepend(const PieceCost &piece) {
    auto peak = [&](Segment segment) { return piece.peakBytes[int(segment)]; };
    for (Segment segment : {Segment::Forward, Segment::Backward})
      besides = std::max(besides, piece.transientBytes[int(segment)]);
    // While a later piece runs, what this one leaves behind is live as well;
    // while this one goes back, so are the gradients of the later ones.
    forward = std::max(peak(Segment::Forward), piece.activationBytes + forward);
    backward = std::max((once ? accumulators : 0) + peak(Segment::Backward),
                        piece.activationBytes + backward);
    state += piece.stateBytes;
    activations += piece.activationBytes;
    accumulators += piece.accumulatorBytes;
    prologue = std::max(prologue, peak(Segment::Prologue));
    update = std::max(update, peak(Segment::Update));
  }

  /// The most that lives at one time on a device with this stage alone.
  int64_t peak() const { return peakOf(this, this + 1); }

  /// The same with several stages. Where each microbatch goes back before the
  /// next one begins, its activations appear and go. Else those of the
  /// microbatches in flight are held through all forwards and backwards.
  static int64_t peakOf(const StageMemory *begin, const StageMemory *end) {
    int64_t state = 0, accumulators = 0, activations = 0, most = 0;
    for (const StageMemory *stage = begin; stage != end; ++stage) {
      state += stage->state;
      accumulators += stage->accumulators;
      activations += stage->inFlight * stage->activations;
    }
    for (const StageMemory *stage = begin; stage != end; ++stage) {
      bool oneByOne = stage->once || (stage->inFlight == 1 && end - begin == 1);
      int64_t held = accumulators + activations - stage->activations -
                     (stage->once ? stage->accumulators : 0);
      most =
          std::max({most, stage->prologue, accumulators + stage->update,
                    oneByOne ? held + std::max(stage->forward, stage->backward)
                             : accumulators + activations + stage->besides});
    }
    return state + most;
  }

private:
  int64_t inFlight;
  bool once;
  int64_t state = 0, activations = 0, accumulators = 0;
  int64_t prologue = 0, forward = 0, backward = 0, update = 0;
  int64_t besides = 0; ///< of one piece, forward or back
};
} // namespace

timeline::Pipeline colossal::plan::pipelineOf(
    const std::vector<StagePrediction> &stages, int64_t chunks,
    const std::vector<timeline::BoundaryTimes> &boundaries,
    const machine::Cluster &cluster, ScheduleKind kind, int64_t microbatches) {
  timeline::Pipeline pipeline;
  pipeline.kind = kind;
  pipeline.microbatches = microbatches;
  for (const StagePrediction &stage : stages)
    pipeline.stages.push_back(stage.times);
  pipeline.boundaries = boundaries;
  pipeline.chunks = chunks;
  pipeline.overlapsTransfers = cluster.overlapsCommunication;
  return pipeline;
}

int64_t colossal::plan::stepTime(
    const std::vector<StagePrediction> &stages, int64_t chunks,
    const std::vector<timeline::BoundaryTimes> &boundaries,
    const machine::Cluster &cluster, ScheduleKind kind, int64_t microbatches) {
  return timeline::stepTime(pipelineOf(stages, chunks, boundaries, cluster,
                                       kind, microbatches)) +
         cluster.device.stepOverheadNs;
}

/// What crosses from stage to stage.
static void addCrossings(const std::vector<Measured::Crossing> &crossings,
                         const machine::Cluster &cluster, const Mesh &mesh,
                         const std::vector<int> &stageOfPiece,
                         StagedPlan &plan) {
  const Stages &stages = mesh.stages;
  for (const Measured::Crossing &crossing : crossings) {
    int from = stageOfPiece[crossing.from];
    // The first stage of each other group that has it, on its way along and
    // back; the other stages of the group get it from there.
    std::map<int64_t, int> along, back, groups;
    for (int piece : crossing.to) {
      int to = stageOfPiece[piece];
      int64_t group = stages.groupOf(to);
      if (group == stages.groupOf(from))
        continue;
      int64_t steps = to > from ? group - stages.groupOf(from)
                                : stages.groupOf(from) - group;
      steps += steps < 0 ? stages.groups : 0;
      (to > from ? along : back)[group] =
          int(to > from ? from + steps : from - steps);
      auto [it, isNew] = groups.try_emplace(group, to);
      it->second = std::min(it->second, to);
    }
    auto timeOf = [&](int source, int stage) {
      return cost::sendRecvTime(
          cluster,
          machine::spanOfGroups(cluster, mesh.devicesPerGroup(),
                                stages.groupOf(source), stages.groupOf(stage)),
          crossing.bytes);
    };
    // Inside the loop a value goes from neighbour to neighbour.
    if (crossing.isLooped()) {
      int last = from, first = from;
      for (auto [group, stage] : along)
        last = std::max(last, stage);
      for (auto [group, stage] : back)
        first = std::min(first, stage);
      for (int stage = from + 1; stage <= last; ++stage)
        plan.boundaries[stage - 1].forwardNs += timeOf(stage - 1, stage);
      for (int stage = first; stage < from; ++stage)
        plan.boundaries[stage].backwardNs += timeOf(stage + 1, stage);
    }
    for (auto [group, stage] : groups) {
      if (crossing.isArgument) {
        plan.stages[stage].stateBytes += crossing.bytes;
        for (int64_t s = group; s < stages.count(); s += stages.groups)
          plan.stages[s].peakBytes += crossing.bytes;
      }
      if (crossing.segment == Segment::Update)
        plan.stages[stage].times.updateNs += timeOf(from, stage);
      else if (crossing.segment == Segment::Prologue)
        plan.stages[stage].times.prologueNs += timeOf(from, stage);
    }
  }
}

StagedPlan colossal::plan::predict(const Pieces &pieces,
                                   const Measured &measured,
                                   const machine::Cluster &cluster,
                                   const Mesh &mesh, ScheduleKind kind,
                                   int64_t microbatches,
                                   std::vector<int> stageOfPiece) {
  StagedPlan plan;
  int64_t stages = mesh.stages.count();
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
  for (int64_t group = 0; group < mesh.stages.groups; ++group) {
    std::vector<StageMemory> memory;
    for (int64_t s = group; s < stages; s += mesh.stages.groups) {
      StagePrediction &stage = plan.stages[s];
      stage.inFlight =
          timeline::maximumInFlight(kind, s, mesh.stages, microbatches);
      memory.emplace_back(stage.inFlight, microbatches);
      for (size_t i = piecesOf[s].size(); i-- > 0;)
        memory.back().prepend(*piecesOf[s][i]);
    }
    for (int64_t s = group; s < stages; s += mesh.stages.groups)
      plan.stages[s].peakBytes =
          StageMemory::peakOf(memory.data(), memory.data() + memory.size());
  }
  addCrossings(measured.crossings, cluster, mesh, stageOfPiece, plan);
  plan.stepNs = stepTime(plan.stages, mesh.stages.chunks, plan.boundaries,
                         cluster, kind, microbatches);
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
      : measured(measured), placement(mesh.stages), stages(placement.count()),
        kind(kind), microbatches(microbatches) {
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
    int64_t share = memoryBytes / placement.chunks;
    std::vector<std::vector<int64_t>> best(stages + 1,
                                           std::vector<int64_t>(n + 1, never));
    std::vector<std::vector<int>> from(stages + 1, std::vector<int>(n + 1, -1));
    best[0][0] = 0;
    for (int64_t s = 1; s <= stages; ++s) {
      int64_t inFlight =
          timeline::maximumInFlight(kind, s - 1, placement, microbatches);
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
          if (!leanest && bytes > share)
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
    if (placement.groups == 1)
      return;
    machine::Span span =
        machine::spanOfGroups(cluster, mesh.devicesPerGroup(), 0, 1);
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
  Stages placement;
  int64_t stages; ///< all
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
  std::vector<int> stageOfPiece(pieces.count(), int(mesh.stages.count()) - 1);
  const std::vector<int> &order = distribution.pieceOrder();
  for (int s = 0, i = 0; s < int(ends->size()); ++s)
    for (; i < (*ends)[s]; ++i)
      stageOfPiece[order[i]] = s;
  return predict(pieces, measured, cluster, mesh, kind, microbatches,
                 std::move(stageOfPiece));
}
