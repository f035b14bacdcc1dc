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
