//===- RunReport.h - Predicted against measured -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_RUNREPORT_H
#define COLOSSAL_LIB_RUN_RUNREPORT_H

#include "Engine.h"
#include "colossal/Run/Manifest.h"

namespace colossal::rank {

/// A number as JSON has it: null where it is not finite.
std::string jsonNumber(double value);

/// What a rank measured. Memory is proportional set size: `baselinePss` after
/// MPI_Init and loading code, before arena and staging exist; `peakPss` the
/// largest at the end of a step (no step allocates). Their difference is what
/// the plan predicts.
struct RunReport {
  std::vector<double> stepSeconds;
  int64_t baselinePss = 0;
  int64_t peakPss = 0;

  /// Median without the first step (where there are others): it meets cold
  /// caches and pages.
  double medianSeconds() const;

  /// Collective over the world; rank 0 writes `file` (if any) and prints.
  void write(const Manifest &manifest, const Program &program, Engine &engine,
             const std::string &file, bool quiet) const;
};

/// Rank 0 writes the seconds per op: one line each, slowest first.
void writeProfile(const std::string &file, int rank, const Engine &engine);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_RUNREPORT_H
