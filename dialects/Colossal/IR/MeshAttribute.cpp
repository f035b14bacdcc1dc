//===- MeshAttribute.cpp - The mesh of a module ---------------------------===//

#include "Colossal/IR/MeshAttribute.h"
#include "Colossal/IR/FactoredChecks.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace colossal;

std::optional<SmallVector<DeviceAxis>> colossal::readMesh(Attribute mesh) {
  auto list = dyn_cast_or_null<ArrayAttr>(mesh);
  if (!list)
    return std::nullopt;
  SmallVector<DeviceAxis> axes;
  int64_t devices = 1;
  for (Attribute entry : list) {
    auto pair = dyn_cast<ArrayAttr>(entry);
    if (!pair || pair.size() != 2)
      return std::nullopt;
    auto name = dyn_cast<StringAttr>(pair[0]);
    if (!name || name.getValue().empty() ||
        name.getValue() == names::timeAxis || !isCount(pair[1]))
      return std::nullopt;
    DeviceAxis axis{name.getValue(), cast<IntegerAttr>(pair[1]).getInt()};
    devices *= axis.size;
    if (devices > kMaxCount || llvm::any_of(axes, [&](const DeviceAxis &other) {
          return other.name == axis.name;
        }))
      return std::nullopt;
    axes.push_back(axis);
  }
  return axes;
}

std::optional<SmallVector<DeviceAxis>> colossal::meshOf(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  return module ? readMesh(module->getAttr(names::mesh)) : std::nullopt;
}

std::optional<int64_t> colossal::sizeOfAxis(Operation *op, StringRef name) {
  std::optional<SmallVector<DeviceAxis>> mesh = meshOf(op);
  if (!mesh)
    return std::nullopt;
  if (name == names::timeAxis) {
    auto module = op->getParentOfType<ModuleOp>();
    auto count = module->getAttrOfType<IntegerAttr>(names::microbatches);
    return count && isCount(count) ? count.getInt() : 1;
  }
  for (const DeviceAxis &axis : *mesh)
    if (axis.name == name)
      return axis.size;
  return 0;
}
