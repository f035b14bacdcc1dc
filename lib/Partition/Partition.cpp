//===- Partition.cpp - A planned step as local programs -------------------===//

#include "Colossal/IR/Programs.h"
#include "LocalProgram.h"
#include "colossal/Partition/Passes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace colossal {
#define GEN_PASS_DEF_PARTITIONPASS
#include "colossal/Partition/Passes.h.inc"
} // namespace colossal

LogicalResult colossal::partition::partitionModule(ModuleOp module) {
  FailureOr<Mesh> mesh = readMesh(module);
  if (failed(mesh))
    return failure();
  func::FuncOp step = programOf(module);
  if (!step)
    return module.emitError("found no function 'train_step' and not one "
                            "function alone, expected a planned program");
  FailureOr<PlannedProgram> program = PlannedProgram::read(step, *mesh);
  if (failed(program))
    return failure();
  LocalProgram local(*program);
  for (const PlannedOp &op : program->getOps())
    if (failed(local.add(op)))
      return failure();
  if (failed(local.addResults()))
    return failure();
  local.finish(module);
  step.erase();
  return success();
}

namespace {
struct PartitionPass : colossal::impl::PartitionPassBase<PartitionPass> {
  void runOnOperation() override {
    if (failed(partitionModule(getOperation())))
      signalPassFailure();
  }
};
} // namespace
