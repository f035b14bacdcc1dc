//===- Trace.h - The timeline of a step, predicted and measured -*- C++ -*-===//
//
// One step of all ranks as a file of the Trace Event Format, which Perfetto and
// chrome://tracing read. Each rank is two processes: what the plan predicts for
// its device group, entry by entry of the schedule, and what was measured:
// entries, and the ops inside them.
//
// Time zero is a barrier before the step. Ranks of one node have one clock;
// those of others are as far off as they leave the barrier apart.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_TRACE_H
#define COLOSSAL_LIB_RUN_TRACE_H

#include "Engine.h"
#include "colossal/Run/Manifest.h"

namespace colossal::rank {

class Trace {
public:
  /// Waits for all ranks, and has the engine record what follows.
  void begin(Engine &engine, int64_t step);
  void end(Engine &engine);
  bool hasStep() const { return step > 0; }

  /// Collective over the world; rank 0 writes `file`.
  void write(const Manifest &manifest, const Program &program, Engine &engine,
             const std::string &file) const;

private:
  int64_t step = 0; ///< none yet
  double origin = 0;
  std::vector<TracedOp> ops;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_TRACE_H
