//===- PlacementContracts.cpp - What phases say of an op's place ----------===//
//
// D and S of ColossalDialect.td: group, pass, segment, stage, axes, shardings.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/MeshAttribute.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;

static bool isOneOf(Attribute attribute, ArrayRef<StringRef> values) {
  auto text = dyn_cast<StringAttr>(attribute);
  return text && llvm::is_contained(values, text.getValue());
}

static InFlightDiagnostic failOn(Operation *op, StringRef label,
                                 StringRef name) {
  return op->emitOpError(label)
         << ": found " << name << " = " << op->getAttr(name) << ", expected ";
}

//===----------------------------------------------------------------------===//
// Axes
//===----------------------------------------------------------------------===//

/// D6; without a mesh every name may be an axis.
static LogicalResult verifyAxis(Operation *op, StringRef axis) {
  if (sizeOfAxis(op, axis).value_or(1) == 0)
    return failOn(op, "D6", names::axes)
           << "axes of the mesh, which has no '" << axis << "'";
  return success();
}

/// D7: `linear = {a1 = [0, 2]}`.
static LogicalResult verifyLinear(Operation *op, DictionaryAttr axes,
                                  DictionaryAttr linear) {
  for (NamedAttribute entry : linear) {
    if (failed(verifyAxis(op, entry.getName())))
      return failure();
    if (axes.contains(entry.getName()))
      return failOn(op, "D7", names::axes)
             << "the axis '" << entry.getName().getValue()
             << "' to cut a factor or to be linear, not both";
    SmallVector<int64_t> operands;
    bool isList = false;
    if (auto dense = dyn_cast<DenseI64ArrayAttr>(entry.getValue())) {
      isList = true;
      llvm::append_range(operands, dense.asArrayRef());
    } else if (auto list = dyn_cast<ArrayAttr>(entry.getValue())) {
      isList = llvm::all_of(list, llvm::IsaPred<IntegerAttr>);
      if (isList)
        for (Attribute number : list)
          operands.push_back(cast<IntegerAttr>(number).getInt());
    }
    llvm::SmallSet<int64_t, 8> seen;
    for (int64_t operand : operands)
      isList &= operand >= 0 && operand < int64_t(op->getNumOperands()) &&
                seen.insert(operand).second;
    if (!isList || operands.empty())
      return failOn(op, "D7", names::axes)
             << "for each axis of 'linear' distinct numbers of the "
             << op->getNumOperands() << " operands";
  }
  return success();
}

/// D5: `{data = ["b"], linear = {...}}`.
static LogicalResult verifyAxes(FactoredOp op, DictionaryAttr axes) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (NamedAttribute entry : axes) {
    if (entry.getName() == "linear") {
      auto linear = dyn_cast<DictionaryAttr>(entry.getValue());
      if (!linear)
        return failOn(op, "D7", names::axes) << "a dictionary after 'linear'";
      if (failed(verifyLinear(op, axes, linear)))
        return failure();
      continue;
    }
    auto list = dyn_cast<ArrayAttr>(entry.getValue());
    if (!list || list.size() != 1 || !isa<StringAttr>(list[0]))
      return failOn(op, "D5", names::axes)
             << "one factor for each axis, as in {data = [\"b\"]}";
    StringRef name = cast<StringAttr>(list[0]).getValue();
    if (llvm::none_of(factors, [&](FactorAttr factor) {
          return factor.getName() == name;
        }))
      return failOn(op, "D5", names::axes)
             << "factors of the op, which has no '" << name << "'";
    if (failed(verifyAxis(op, entry.getName())))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

LogicalResult colossal::verifyPlacement(Operation *op) {
  for (StringRef name : {names::group, names::forwardOf, names::gradientOf})
    if (Attribute found = op->getAttr(name); found && !isa<StringAttr>(found))
      return failOn(op, "D1", name) << "a string";
  for (StringRef name : {names::keep, names::noGradient})
    if (Attribute found = op->getAttr(name); found && !isa<UnitAttr>(found))
      return failOn(op, "D1", name) << "no value";
  if (Attribute pass = op->getAttr(names::pass);
      pass && !isOneOf(pass, {"forward", "backward", "update"}))
    return failOn(op, "D2", names::pass) << "'forward', 'backward' or 'update'";
  if (Attribute segment = op->getAttr(names::segment);
      segment &&
      !isOneOf(segment, {"prologue", "forward", "backward", "update"}))
    return failOn(op, "D3", names::segment)
           << "'prologue', 'forward', 'backward' or 'update'";
  if (Attribute stage = op->getAttr(names::stage)) {
    auto module = op->getParentOfType<ModuleOp>();
    Attribute stages = module ? module->getAttr(names::stages) : nullptr;
    int64_t count = stages && isCount(stages)
                        ? cast<IntegerAttr>(stages).getInt()
                        : kMaxCount;
    if (!isInteger(stage, 0, count - 1))
      return failOn(op, "D4", names::stage)
             << "an i64 from 0 to below " << count;
  }
  Attribute axes = op->getAttr(names::axes);
  auto factored = dyn_cast<FactoredOp>(op);
  if (!axes || !factored) // collectives have axes of their own (L4)
    return success();
  auto byAxis = dyn_cast<DictionaryAttr>(axes);
  if (!byAxis)
    return failOn(op, "D5", names::axes)
           << "a dictionary such as {data = [\"b\"]}";
  return verifyAxes(factored, byAxis);
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
    for (AxesAttr entry : dim.getSubDims())
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
