//===- Step.cpp - Words for the parts of a training step ------------------===//

#include "colossal/Support/Step.h"

using namespace colossal;

const char *colossal::nameOf(Segment segment) {
  switch (segment) {
  case Segment::Prologue:
    return "prologue";
  case Segment::Forward:
    return "forward";
  case Segment::Backward:
    return "backward";
  case Segment::Update:
    return "update";
  }
  return "";
}

PlacedSegment colossal::segmentOf(Segment kind, int64_t stage,
                                  const Stages &stages) {
  return {kind, isPerMicrobatch(kind) ? stage : stages.groupOf(stage)};
}

std::vector<PlacedSegment> colossal::segmentsOf(int64_t group,
                                                const Stages &stages) {
  std::vector<PlacedSegment> segments = {{Segment::Prologue, group}};
  for (int64_t chunk = 0; chunk < stages.chunks; ++chunk)
    segments.push_back({Segment::Forward, chunk * stages.groups + group});
  for (int64_t chunk = stages.chunks; chunk-- > 0;)
    segments.push_back({Segment::Backward, chunk * stages.groups + group});
  segments.push_back({Segment::Update, group});
  return segments;
}

std::string colossal::functionOf(const PlacedSegment &segment) {
  return (isPerMicrobatch(segment.kind) ? "stage" : "group") +
         std::to_string(segment.place) + "." + nameOf(segment.kind);
}

std::string colossal::nameOf(const PlacedSegment &segment,
                             const Stages &stages) {
  std::string name = nameOf(segment.kind);
  if (stages.chunks > 1 && isPerMicrobatch(segment.kind))
    name += ".stage" + std::to_string(segment.place);
  return name;
}

const char *colossal::nameOf(ScheduleKind kind) {
  return kind == ScheduleKind::GPipe ? "gpipe" : "1f1b";
}

const char *colossal::nameOf(ArgumentRole role) {
  switch (role) {
  case ArgumentRole::Parameter:
    return "parameter";
  case ArgumentRole::Buffer:
    return "buffer";
  case ArgumentRole::Optimizer:
    return "optimizer";
  case ArgumentRole::Batch:
    return "batch";
  case ArgumentRole::Control:
    return "control";
  }
  return "";
}

std::optional<Segment> colossal::segmentOf(std::string_view name) {
  for (Segment segment : allSegments)
    if (name == nameOf(segment))
      return segment;
  return std::nullopt;
}

std::optional<ScheduleKind> colossal::scheduleKindOf(std::string_view name) {
  for (ScheduleKind kind : allSchedules)
    if (name == nameOf(kind))
      return kind;
  return std::nullopt;
}
