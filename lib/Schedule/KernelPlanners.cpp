//===- KernelPlanners.cpp - The planners there are, by device -------------===//

#include "colossal/Schedule/KernelPlanners.h"
#include "Rank/RankDialect.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

/// Each kind of device once.
static const KernelPlanner *const kPlanners[] = {&cpu::kernelPlanner()};

FailureOr<const KernelPlanner *> schedule::kernelPlannerOf(ModuleOp module,
                                                           StringRef device) {
  for (const KernelPlanner *planner : kPlanners)
    if (planner->device() == device)
      return planner;
  InFlightDiagnostic diagnostic =
      module.emitError("found no kernel planner for devices of kind '")
      << device << "', expected ";
  llvm::interleave(
      kPlanners,
      [&](const KernelPlanner *planner) {
        diagnostic << "'" << planner->device() << "'";
      },
      [&] { diagnostic << " or "; });
  return diagnostic;
}

FailureOr<const KernelPlanner *> schedule::kernelPlannerOf(ModuleOp module) {
  auto device = module->getAttrOfType<StringAttr>(rank::names::device);
  if (!device)
    return module.emitError("found no ")
           << rank::names::device
           << ", expected the kind of device that the module is scheduled for";
  return kernelPlannerOf(module, device.getValue());
}
