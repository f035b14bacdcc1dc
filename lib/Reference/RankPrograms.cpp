//===- RankPrograms.cpp - Rank programs executed as they stand ------------===//

#include "colossal/Reference/RankPrograms.h"
#include "ProgramChecker.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::RankSchedule;

/// How far a product or a collective, in f64, may be from the same sums in
/// another order.
static constexpr double kTolerance = 1e-12, kFloat32Tolerance = 1e-5;

int64_t colossal::reference::arenaBytes(ArrayRef<rank::Program> programs,
                                        const Mesh &mesh) {
  int64_t bytes = 0;
  for (const rank::Program &program : programs)
    bytes += (program.arenaBytes + program.windowBytes) * mesh.devices();
  return bytes;
}

std::optional<StepResult> colossal::reference::runPrograms(
    ModuleOp module, ArrayRef<RankSchedule> schedules,
    ArrayRef<rank::Program> programs, const NamedTensors &values,
    RankOptions options, std::string &error, rank::CompiledOps *compiled) {
  error.clear();
  std::optional<Mesh> mesh = Mesh::get(module, error);
  if (!mesh)
    return std::nullopt;
  if (schedules.size() != programs.size()) {
    error = "found " + std::to_string(programs.size()) +
            " rank programs, expected " + std::to_string(schedules.size());
    return std::nullopt;
  }
  ProgramChecker checker(
      *mesh, programs,
      options.evaluation.float32 ? kFloat32Tolerance : kTolerance, compiled);
  if (!checker.pair(module.getContext(), schedules, error))
    return std::nullopt;
  std::vector<std::string> faults = rank::checkPrograms(programs.vec());
  if (!faults.empty()) {
    error = faults.front();
    return std::nullopt;
  }
  if (!checker.initialise(values, error))
    return std::nullopt;
  options.checker = &checker;
  return runStep(*mesh, checker.steps(), values, options, error);
}
