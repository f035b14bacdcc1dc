//===- Stages.h - What pieces cost, and their stages ------------*- C++ -*-===//
//
// Predictions from a solution: time and memory of every piece, then of every
// stage of a pipeline, then of the step by simulating its schedule.
//
// Memory of a device group is that of its stages: state (parameters, optimizer
// state, batch, parameters of another stage that are used here), accumulators,
// activations of the microbatches in flight, and the largest set of other
// buffers that live at the same time while one piece runs (`transient`). The
// peak follows the pieces forward and back: activations grow and are freed
// again, and with a single microbatch gradients only appear while activations
// go.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_STAGES_H
#define COLOSSAL_PLAN_STAGES_H

#include "colossal/Plan/Plan.h"

#include <array>

namespace colossal::plan {

/// Times in ns of one execution, bytes per device.
struct PieceCost {
  std::array<int64_t, segmentCount> times = {};
  std::array<int64_t, segmentCount> communication = {}; ///< part of `times`
  int64_t stateBytes = 0;
  int64_t accumulatorBytes = 0;
  int64_t activationBytes = 0; ///< of one microbatch
  /// The most that lives while it runs a segment: without what the terms above
  /// count, and with the activations that it makes or frees and, of a single
  /// microbatch, the gradients that it makes.
  std::array<int64_t, segmentCount> transientBytes = {}, peakBytes = {};
};

/// What a solved problem says about every piece.
struct Measured {
  std::vector<PieceCost> pieces;
  /// A value that leaves its piece: how it crosses.
  struct Crossing {
    int value = 0, from = 0;
    std::vector<int> to; ///< pieces
    Segment segment = Segment::Forward;
    int64_t bytes = 0;
    bool isArgument = false;

    bool isLooped() const {
      return segment == Segment::Forward || segment == Segment::Backward;
    }
  };
  std::vector<Crossing> crossings;
};

Measured measure(const Program &program, const Batching &batching,
                 const std::vector<OpNode> &nodes, const Pieces &pieces,
                 const Formulation &formulation, const Solution &solution);

/// Predictions for an assignment of pieces to stages.
struct StagedPlan {
  std::vector<int> stageOfPiece;
  std::vector<StagePrediction> stages;
  std::vector<timeline::BoundaryTimes> boundaries;
  int64_t stepNs = 0;
};

/// Peak of the fullest device group.
int64_t fullestBytes(const std::vector<StagePrediction> &stages);

StagedPlan predict(const Pieces &pieces, const Measured &measured,
                   const machine::Cluster &cluster, const Mesh &mesh,
                   ScheduleKind kind, int64_t microbatches,
                   std::vector<int> stageOfPiece);

/// The stages as Timeline simulates them; each device group has `chunks`.
timeline::Pipeline
pipelineOf(const std::vector<StagePrediction> &stages, int64_t chunks,
           const std::vector<timeline::BoundaryTimes> &boundaries,
           const machine::Cluster &cluster, ScheduleKind kind,
           int64_t microbatches);

/// Time of a step, by simulating the schedule of the stages, of which each
/// device group has `chunks`.
int64_t stepTime(const std::vector<StagePrediction> &stages, int64_t chunks,
                 const std::vector<timeline::BoundaryTimes> &boundaries,
                 const machine::Cluster &cluster, ScheduleKind kind,
                 int64_t microbatches);

/// Distributes the pieces over the stages of `mesh` so that the slowest stage
/// is as fast as possible within `memoryBytes` per device (of which each stage
/// of a group gets an equal part): dynamic programming over pieces and stages.
/// Where nothing fits, the assignment whose fullest
/// stage is least full. Nothing if there are fewer pieces than stages.
std::optional<StagedPlan> distribute(const Pieces &pieces,
                                     const Measured &measured,
                                     const machine::Cluster &cluster,
                                     const Mesh &mesh, ScheduleKind kind,
                                     int64_t microbatches, int64_t memoryBytes);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_STAGES_H
