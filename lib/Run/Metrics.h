//===- Metrics.h - Scalars of a program, on rank 0 --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_METRICS_H
#define COLOSSAL_LIB_RUN_METRICS_H

#include "Engine.h"

namespace colossal::rank {

/// The metrics of one program of a bundle: which device group computes which,
/// and their values after a run.
class Metrics {
public:
  /// Collective over the world: all ranks learn which metrics the device groups
  /// have.
  void connect(Fabric &fabric, const Program &program);
  /// Collective: rank 0 gets every value, others those of their device group.
  /// The engine uses the program.
  void read(Engine &engine);

  size_t count() const { return owners.size(); }
  const std::string &name(size_t i) const { return owners[i].first; }
  float value(size_t i) const { return values[i]; }

private:
  std::vector<std::pair<std::string, int>> owners; ///< name, rank
  std::vector<float> values;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_METRICS_H
