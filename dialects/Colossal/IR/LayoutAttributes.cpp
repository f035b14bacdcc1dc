//===- LayoutAttributes.cpp - Layouts in attributes -----------------------===//

#include "Colossal/IR/LayoutAttributes.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/MeshAttribute.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace colossal;
using layout::Layout;
using layout::Mesh;

static_assert(std::string_view(names::timeAxis.data(),
                               names::timeAxis.size()) == layout::timeName);

FailureOr<Mesh> colossal::readMesh(ModuleOp module) {
  MeshAttr devices = meshOf(module);
  if (!devices)
    return module.emitError("found no '")
           << names::mesh << "'; a planned module has it";
  std::vector<layout::Axis> axes;
  for (MeshAxisAttr axis : devices.getAxes())
    axes.push_back({axis.getName().str(), axis.getSize()});
  Mesh mesh =
      Mesh::withTime(std::move(axes), microbatchesOf(module).value_or(1),
                     stagesOf(module).value_or(Stages()));
  mesh.schedule = scheduleOf(module);
  return mesh;
}

Layout colossal::wholeOf(Value value) {
  std::vector<std::vector<int64_t>> structure;
  for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
    structure.push_back({size});
  return Layout::whole(structure);
}

FailureOr<Layout> colossal::readSharding(const Layout &sizes,
                                         ShardingAttr sharding,
                                         const Mesh &mesh, std::string &error) {
  Layout result = sizes;
  std::vector<bool> seen(mesh.axes.size(), false);
  auto findAxis = [&](StringAttr name) -> std::optional<unsigned> {
    std::optional<unsigned> axis = mesh.find(name.getValue());
    if (!axis)
      error = "found axis '" + name.getValue().str() +
              "', expected an axis of the mesh or 'time'";
    else if (seen[*axis])
      error = "found axis '" + name.getValue().str() +
              "' twice, expected at most once";
    else {
      seen[*axis] = true;
      return axis;
    }
    return std::nullopt;
  };
  if (sharding.getDims().size() != sizes.counts.size()) {
    error = "found " + std::to_string(sharding.getDims().size()) +
            " dimensions in the sharding, expected " +
            std::to_string(sizes.counts.size());
    return failure();
  }
  unsigned flat = 0;
  for (auto [dim, entry] : llvm::enumerate(sharding.getDims())) {
    unsigned count = sizes.counts[dim];
    bool cut = llvm::any_of(entry.getSubDims(), [](CutAttr axes) {
      return !axes.getAxes().empty();
    });
    if (cut && entry.getSubDims().size() != count) {
      error = "found " + std::to_string(entry.getSubDims().size()) +
              " sub-dimensions in dimension " + std::to_string(dim) +
              " of the sharding, expected " + std::to_string(count);
      return failure();
    }
    for (unsigned sub = 0; cut && sub < count; ++sub)
      for (StringAttr name : entry.getSubDims()[sub].getAxes()) {
        std::optional<unsigned> axis = findAxis(name);
        if (!axis)
          return failure();
        result.cut(flat + sub, *axis, mesh);
      }
    flat += count;
  }
  for (PartialAttr partial : sharding.getPartial()) {
    std::optional<unsigned> axis = findAxis(partial.getAxis());
    if (!axis)
      return failure();
    if (mesh.axes[*axis].size != 1)
      result.setPartial(*axis, combinerOf(partial.getCombiner()));
  }
  return result;
}

FailureOr<Layout> colossal::readLayout(DictionaryAttr attributes,
                                       const Mesh &mesh, std::string &error) {
  auto sharding = attributes.getAs<ShardingAttr>(names::sharding);
  auto sizes = attributes.getAs<ArrayAttr>(names::globalShape);
  if (!sharding || !sizes) {
    error = "found no '" + names::sharding.str() + "' with '" +
            names::globalShape.str() + "'";
    return failure();
  }
  std::vector<std::vector<int64_t>> structure;
  for (Attribute dim : sizes) {
    auto list = dyn_cast<ArrayAttr>(dim);
    std::vector<int64_t> &subs = structure.emplace_back();
    for (Attribute size : list ? list.getValue() : ArrayRef<Attribute>()) {
      auto number = dyn_cast<IntegerAttr>(size);
      if (!number || number.getInt() < 0) {
        error = "found no sizes in '" + names::globalShape.str() + "'";
        return failure();
      }
      subs.push_back(number.getInt());
    }
  }
  return readSharding(Layout::whole(structure), sharding, mesh, error);
}

ShardingAttr colossal::toAttribute(MLIRContext *context, const Layout &layout,
                                   const Mesh &mesh) {
  auto nameOf = [&](unsigned axis) {
    return StringAttr::get(context, mesh.axes[axis].name);
  };
  SmallVector<DimShardingAttr> dims;
  unsigned flat = 0;
  for (unsigned count : layout.counts) {
    SmallVector<CutAttr> subs;
    for (unsigned i = 0; i < count; ++i, ++flat)
      subs.push_back(CutAttr::get(
          context, llvm::map_to_vector(layout.subDims[flat].axes, nameOf)));
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partials;
  for (auto [axis, combiner] : layout.partial)
    partials.push_back(
        PartialAttr::get(context, nameOf(axis), kindOf(combiner)));
  return ShardingAttr::get(context, dims, partials);
}

SmallVector<NamedAttribute> colossal::layoutAttributes(MLIRContext *context,
                                                       const Layout &layout,
                                                       const Mesh &mesh) {
  Builder builder(context);
  SmallVector<Attribute> dims;
  unsigned flat = 0;
  for (unsigned count : layout.counts) {
    SmallVector<Attribute> sizes;
    for (unsigned i = 0; i < count; ++i, ++flat)
      sizes.push_back(builder.getI64IntegerAttr(layout.subDims[flat].size));
    dims.push_back(builder.getArrayAttr(sizes));
  }
  return {
      builder.getNamedAttr(names::sharding, toAttribute(context, layout, mesh)),
      builder.getNamedAttr(names::globalShape, builder.getArrayAttr(dims))};
}
