//===- Step.h - Words for the parts of a training step ----------*- C++ -*-===//
//
// Said once for the dialect (whose attributes hold these enumerators), the
// planner, the partitioner, the schedules and the text of rank programs.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_STEP_H
#define COLOSSAL_SUPPORT_STEP_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace colossal {

/// What a part of the step does, in the order in which they run. Forward and
/// backward run once per microbatch, prologue and update once per step.
enum class Segment { Prologue, Forward, Backward, Update };
inline constexpr Segment allSegments[] = {Segment::Prologue, Segment::Forward,
                                          Segment::Backward, Segment::Update};

inline bool isPerMicrobatch(Segment segment) {
  return segment == Segment::Forward || segment == Segment::Backward;
}

/// The stages of a program, and the device groups on which they lie. A group
/// has every `groups`-th stage, `chunks` of them, so that neighbouring stages
/// are on neighbouring groups, and behind the last group comes the first again.
struct Stages {
  int64_t groups = 1;
  int64_t chunks = 1; ///< stages of one group

  int64_t count() const { return groups * chunks; }
  int64_t groupOf(int64_t stage) const { return stage % groups; }
};
inline bool operator==(const Stages &a, const Stages &b) {
  return a.groups == b.groups && a.chunks == b.chunks;
}

/// A part of the program of a device group: prologue and update are of the
/// group, forward and backward of one of its stages.
struct PlacedSegment {
  Segment kind = Segment::Prologue;
  int64_t place = 0; ///< the stage if isPerMicrobatch(kind), else the group
};
inline bool operator==(const PlacedSegment &a, const PlacedSegment &b) {
  return a.kind == b.kind && a.place == b.place;
}

/// The segment of this kind that works for `stage`.
PlacedSegment segmentOf(Segment kind, int64_t stage, const Stages &stages);
/// All that a group may have, in the order of a step of one microbatch:
/// prologue, its stages forward, its stages backward, update.
std::vector<PlacedSegment> segmentsOf(int64_t group, const Stages &stages);
/// "group0.prologue", "stage2.forward": the function after Partition.
std::string functionOf(const PlacedSegment &segment);
/// "prologue"; "forward" where a group has one stage, "forward.stage2" where
/// it has several: in the rank program.
std::string nameOf(const PlacedSegment &segment, const Stages &stages);

/// How the stages of a pipeline order their microbatches.
enum class ScheduleKind {
  GPipe,    ///< all forwards, then all backwards
  OneFOneB, ///< some forwards, then forward and backward in turn
};
inline constexpr ScheduleKind allSchedules[] = {ScheduleKind::GPipe,
                                                ScheduleKind::OneFOneB};

/// Of devices, stages or microbatches; more are a damaged text.
inline constexpr int64_t kMaxCount = 1 << 20;

/// What an argument of the step is. The first three are state: they live from
/// step to step.
enum class ArgumentRole { Parameter, Buffer, Optimizer, Batch, Control };
inline constexpr ArgumentRole allRoles[] = {
    ArgumentRole::Parameter, ArgumentRole::Buffer, ArgumentRole::Optimizer,
    ArgumentRole::Batch, ArgumentRole::Control};

inline bool isState(ArgumentRole role) {
  return role != ArgumentRole::Batch && role != ArgumentRole::Control;
}

/// "prologue", "forward", "backward", "update".
const char *nameOf(Segment segment);
/// "gpipe", "1f1b".
const char *nameOf(ScheduleKind kind);
/// "parameter", "buffer", "optimizer", "batch", "control".
const char *nameOf(ArgumentRole role);

/// The enumerator of this name; nothing if there is none.
std::optional<Segment> segmentOf(std::string_view name);
std::optional<ScheduleKind> scheduleKindOf(std::string_view name);

} // namespace colossal

#endif // COLOSSAL_SUPPORT_STEP_H
