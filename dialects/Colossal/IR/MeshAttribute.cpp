//===- MeshAttribute.cpp - What a module says of its devices --------------===//

#include "Colossal/IR/MeshAttribute.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace colossal;

/// An attribute of the module of `op`, or of `op` if it is one.
template <class AttrKind>
static AttrKind ofModule(Operation *op, StringRef name) {
  auto module = dyn_cast<ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<ModuleOp>();
  return module ? module->getAttrOfType<AttrKind>(name) : AttrKind();
}

static std::optional<int64_t> countOf(Operation *op, StringRef name) {
  auto count = ofModule<IntegerAttr>(op, name);
  return count ? std::optional<int64_t>(count.getInt()) : std::nullopt;
}

MeshAttr colossal::meshOf(Operation *op) {
  return ofModule<MeshAttr>(op, names::mesh);
}

std::optional<Stages> colossal::stagesOf(Operation *op) {
  std::optional<int64_t> count = countOf(op, names::stages);
  if (!count)
    return std::nullopt;
  int64_t groups =
      std::max<int64_t>(1, countOf(op, names::deviceGroups).value_or(*count));
  return Stages{groups, *count / groups};
}

std::optional<int64_t> colossal::microbatchesOf(Operation *op) {
  return countOf(op, names::microbatches);
}

ScheduleKind colossal::scheduleOf(Operation *op) {
  auto schedule = ofModule<ScheduleAttr>(op, names::schedule);
  return schedule ? schedule.getValue() : ScheduleKind::OneFOneB;
}

std::optional<int64_t> colossal::sizeOfAxis(Operation *op, StringRef name) {
  MeshAttr mesh = meshOf(op);
  if (!mesh)
    return std::nullopt;
  if (name == names::timeAxis)
    return microbatchesOf(op).value_or(1);
  for (MeshAxisAttr axis : mesh.getAxes())
    if (axis.getName() == name)
      return axis.getSize();
  return 0;
}
