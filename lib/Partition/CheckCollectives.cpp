//===- CheckCollectives.cpp - The contract of partitioned programs --------===//

#include "Checks.h"
#include "colossal/Partition/Passes.h"

#include <map>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace colossal {
#define GEN_PASS_DEF_CHECKCOLLECTIVESPASS
#include "colossal/Partition/Passes.h.inc"
} // namespace colossal

FailureOr<PartitionedModule> PartitionedModule::read(ModuleOp module) {
  FailureOr<Mesh> mesh = readMesh(module);
  if (failed(mesh))
    return failure();
  PartitionedModule result;
  result.mesh = *mesh;
  const Stages &stages = mesh->stages;
  std::map<PlacedSegment, func::FuncOp> functions;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    auto stage = function->getAttrOfType<IntegerAttr>(names::stage);
    auto segment = function->getAttrOfType<SegmentAttr>(names::segment);
    if (!stage || !segment)
      return function.emitError("found function '")
             << function.getName() << "' without '" << names::stage << "' and '"
             << names::segment << "', expected local functions only";
    PlacedSegment placed =
        segmentOf(segment.getValue(), stage.getInt(), stages);
    if (function.getName() != functionOf(placed))
      return function.emitError("found function '")
             << function.getName() << "' for segment '"
             << nameOf(segment.getValue()) << "' of stage " << stage.getInt()
             << ", expected the name '" << functionOf(placed) << "'";
    functions[placed] = function;
    if (!function.getBody().hasOneBlock())
      return function.emitError("expected a function of one block");
  }
  for (int64_t group = 0; group < stages.groups; ++group)
    for (const PlacedSegment &segment : segmentsOf(group, stages))
      if (auto it = functions.find(segment); it != functions.end())
        result.functions.push_back({segment, group, it->second});
  return result;
}

LogicalResult colossal::partition::checkPartition(ModuleOp module) {
  FailureOr<PartitionedModule> partitioned = PartitionedModule::read(module);
  if (failed(partitioned))
    return failure();
  LogicalResult states = checkStates(*partitioned);
  LogicalResult transfers = checkTransfers(*partitioned);
  return failure(failed(states) || failed(transfers));
}

namespace {
struct CheckCollectivesPass
    : colossal::impl::CheckCollectivesPassBase<CheckCollectivesPass> {
  void runOnOperation() override {
    if (failed(checkPartition(getOperation())))
      signalPassFailure();
  }
};
} // namespace
