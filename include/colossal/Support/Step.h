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
#include <string_view>

namespace colossal {

/// A part of the step, in the order in which they run. Forward and backward
/// run once per microbatch, prologue and update once per step.
enum class Segment { Prologue, Forward, Backward, Update };
inline constexpr Segment allSegments[] = {Segment::Prologue, Segment::Forward,
                                          Segment::Backward, Segment::Update};

inline bool isPerMicrobatch(Segment segment) {
  return segment == Segment::Forward || segment == Segment::Backward;
}

/// How the stages of a pipeline order their microbatches.
enum class ScheduleKind {
  GPipe,    ///< all forwards, then all backwards
  OneFOneB, ///< stages - stage - 1 forwards, then forward and backward in turn
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
