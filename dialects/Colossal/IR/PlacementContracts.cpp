//===- PlacementContracts.cpp - What phases say of an op's place ----------===//
//
// D and S of ColossalDialect.td, as far as they depend on the op or the value.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/MeshAttribute.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;

/// D4: below `colossal.stages`.
LogicalResult colossal::verifyStage(Operation *op, IntegerAttr stage) {
  std::optional<Stages> stages = stagesOf(op);
  int64_t count = stages ? stages->count() : kMaxCount;
  if (stage.getInt() >= 0 && stage.getInt() < count)
    return success();
  return op->emitError("D4: found stage = ")
         << stage.getInt() << ", expected one from 0 to below " << count;
}

/// D5, D6 and D7, as far as they depend on the op.
static LogicalResult verifyAxes(FactoredOp op, AxesAttr axes) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (AxisUseAttr use : axes.getUses()) {
    StringRef axis = use.getAxis().getValue();
    auto fail = [&](StringRef label) {
      return op->emitOpError(label) << ": found the axis '" << axis << "', ";
    };
    if (!use.isLinear() && llvm::none_of(factors, [&](FactorAttr factor) {
          return factor.getName() == use.getFactor();
        }))
      return fail("D5") << "which cuts '" << use.getFactor().getValue()
                        << "', expected a factor of the op";
    // Without a mesh every name may be an axis.
    if (sizeOfAxis(op, axis).value_or(1) == 0)
      return fail("D6") << "expected axes of the mesh";
    for (int64_t operand : use.getOperands())
      if (operand >= int64_t(op->getNumOperands()))
        return fail("D7") << "over which operand " << operand
                          << " is linear, expected numbers of the "
                          << op->getNumOperands() << " operands";
  }
  return success();
}

LogicalResult colossal::verifyPlacement(PlacedOp op) {
  if (auto stage = op->getAttrOfType<IntegerAttr>("stage"))
    if (failed(verifyStage(op, stage)))
      return failure();
  auto factored = dyn_cast<FactoredOp>(op.getOperation());
  if (!factored)
    return success();
  if (factored.getPass() == Segment::Prologue)
    return op->emitOpError("D2: found pass = prologue, expected forward, "
                           "backward or update");
  AxesAttr axes = factored.getAxesAttr();
  return axes ? verifyAxes(factored, axes) : success();
}

//===----------------------------------------------------------------------===//
// Shardings
//===----------------------------------------------------------------------===//

LogicalResult colossal::verifySharding(Operation *op, ShardingAttr sharding,
                                       Type type) {
  auto fail = [&](StringRef label) {
    return op->emitError(label)
           << ": found the sharding " << sharding << " of a value of type "
           << type << ", expected ";
  };
  SmallVector<StringAttr> axes;
  for (DimShardingAttr dim : sharding.getDims())
    for (CutAttr entry : dim.getSubDims())
      llvm::append_range(axes, entry.getAxes());
  for (PartialAttr partial : sharding.getPartial()) {
    axes.push_back(partial.getAxis());
    if (partial.getCombiner() == FactorKind::Parallel)
      return fail("S2") << "a combiner over '" << partial.getAxis().getValue()
                        << "'";
  }
  llvm::SmallSet<StringRef, 8> seen;
  for (StringAttr axis : axes)
    if (!seen.insert(axis.getValue()).second)
      return fail("S1") << "'" << axis.getValue() << "' at most once";
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || int64_t(sharding.getDims().size()) != tensor.getRank())
    return fail("S3") << "one bracket for each dimension";
  for (StringAttr axis : axes)
    if (sizeOfAxis(op, axis).value_or(1) == 0)
      return fail("S4") << "axes of the mesh, which has no '" << axis.getValue()
                        << "'";
  return success();
}
