//===- SharedFields.h - JSON fields of what several files hold --*- C++ -*-===//
//
// Of structs that stand in the manifest and in other files; see JsonFields.h.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_SHAREDFIELDS_H
#define COLOSSAL_LIB_RUN_SHAREDFIELDS_H

#include "JsonFields.h"
#include "colossal/Run/LearningRate.h"

namespace colossal::rank {

template <class Io> void fields(Io &io, Axis &axis) {
  io("name", axis.name);
  io("size", axis.size);
}

template <class Io> void fields(Io &io, LearningRate &schedule) {
  io("kind", schedule.kind);
  io("settings", schedule.settings);
  io("rates", schedule.rates);
}

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_SHAREDFIELDS_H
