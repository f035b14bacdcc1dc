//===- ShardState.cpp - How a value lies on a mesh, as plain data ---------===//

#include "colossal/Partition/ShardState.h"
#include "Colossal/IR/MeshAttribute.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

//===----------------------------------------------------------------------===//
// Mesh
//===----------------------------------------------------------------------===//

Mesh Mesh::get(std::vector<MeshAxis> deviceAxes, int64_t microbatches,
               int64_t stages) {
  Mesh mesh;
  mesh.axes = std::move(deviceAxes);
  mesh.axes.push_back({names::timeAxis.str(), microbatches});
  mesh.stages = stages;
  return mesh;
}

FailureOr<Mesh> Mesh::of(ModuleOp module) {
  MeshAttr devices = meshOf(module);
  if (!devices)
    return module.emitError("found no '")
           << names::mesh << "'; a planned module has it";
  std::vector<MeshAxis> axes;
  for (MeshAxisAttr axis : devices.getAxes())
    axes.push_back({axis.getName().str(), axis.getSize()});
  Mesh mesh = Mesh::get(std::move(axes), microbatchesOf(module).value_or(1),
                        stagesOf(module).value_or(1));
  mesh.schedule = scheduleOf(module);
  return mesh;
}

int64_t Mesh::devices() const {
  int64_t count = 1;
  for (const MeshAxis &axis : llvm::drop_end(axes))
    count *= axis.size;
  return count;
}

int64_t Mesh::sizeOf(ArrayRef<unsigned> group) const {
  int64_t size = 1;
  for (unsigned axis : group)
    size *= axes[axis].size;
  return size;
}

std::optional<unsigned> Mesh::find(StringRef name) const {
  for (unsigned i = 0; i < axes.size(); ++i)
    if (axes[i].name == name)
      return i;
  return std::nullopt;
}

SmallVector<unsigned> Mesh::majorToMinor() const {
  SmallVector<unsigned> order = {timeAxis()};
  for (unsigned i = 0; i < timeAxis(); ++i)
    order.push_back(i);
  return order;
}

//===----------------------------------------------------------------------===//
// ShardState
//===----------------------------------------------------------------------===//

int64_t SubDim::bound(const Mesh &mesh) const {
  int64_t parts = mesh.sizeOf(axes);
  return (size + parts - 1) / parts;
}

ShardState ShardState::whole(ArrayRef<SmallVector<int64_t>> structure) {
  ShardState state;
  for (const SmallVector<int64_t> &dim : structure) {
    state.counts.push_back(dim.size());
    for (int64_t size : dim)
      state.subDims.push_back({size, {}});
  }
  return state;
}

FailureOr<ShardState> ShardState::get(const ShardState &sizes,
                                      ShardingAttr sharding, const Mesh &mesh,
                                      std::string &error) {
  ShardState state = sizes;
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
        if (mesh.axes[*axis].size == 1)
          continue;
        SmallVector<unsigned, 2> &axes = state.subDims[flat + sub].axes;
        axes.insert(*axis == mesh.timeAxis() ? axes.begin() : axes.end(),
                    *axis);
      }
    flat += count;
  }
  for (PartialAttr partial : sharding.getPartial()) {
    std::optional<unsigned> axis = findAxis(partial.getAxis());
    if (!axis)
      return failure();
    if (mesh.axes[*axis].size != 1)
      state.setPartial(*axis, partial.getCombiner());
  }
  return state;
}

ShardingAttr ShardState::toAttr(MLIRContext *context, const Mesh &mesh) const {
  SmallVector<DimShardingAttr> dims;
  unsigned flat = 0;
  for (unsigned count : counts) {
    SmallVector<CutAttr> subs;
    for (unsigned i = 0; i < count; ++i, ++flat)
      subs.push_back(CutAttr::get(
          context, llvm::map_to_vector(subDims[flat].axes, [&](unsigned axis) {
            return StringAttr::get(context, mesh.axes[axis].name);
          })));
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partials;
  for (auto [axis, combiner] : partial)
    partials.push_back(PartialAttr::get(
        context, StringAttr::get(context, mesh.axes[axis].name), combiner));
  return ShardingAttr::get(context, dims, partials);
}

std::string ShardState::toString(const Mesh &mesh) const {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << '<';
  unsigned flat = 0;
  llvm::interleaveComma(counts, out, [&](unsigned count) {
    out << '[';
    for (unsigned i = 0; i < count; ++i, ++flat) {
      out << (i ? ", " : "") << (subDims[flat].axes.empty() ? "_" : "");
      llvm::interleave(
          subDims[flat].axes, out,
          [&](unsigned axis) { out << mesh.axes[axis].name; }, " * ");
    }
    out << ']';
  });
  if (!partial.empty()) {
    out << (counts.empty() ? "" : ", ") << "partial {";
    llvm::interleaveComma(partial, out, [&](auto entry) {
      out << mesh.axes[entry.first].name << " = "
          << stringifyFactorKind(entry.second);
    });
    out << '}';
  }
  out << '>';
  return text;
}

static SmallVector<int64_t>
shapeOf(const ShardState &state,
        llvm::function_ref<int64_t(const SubDim &)> sizeOf) {
  SmallVector<int64_t> shape;
  unsigned flat = 0;
  for (unsigned count : state.counts) {
    int64_t size = 1;
    for (unsigned i = 0; i < count; ++i, ++flat)
      size *= sizeOf(state.subDims[flat]);
    shape.push_back(size);
  }
  return shape;
}

SmallVector<int64_t> ShardState::localShape(const Mesh &mesh) const {
  return shapeOf(*this, [&](const SubDim &sub) { return sub.bound(mesh); });
}

SmallVector<int64_t> ShardState::globalShape() const {
  return shapeOf(*this, [](const SubDim &sub) { return sub.size; });
}

int64_t ShardState::localElements(const Mesh &mesh) const {
  return outer(subDims.size(), mesh);
}

int64_t ShardState::outer(unsigned subDim, const Mesh &mesh) const {
  int64_t elements = 1;
  for (unsigned i = 0; i < subDim; ++i)
    elements *= subDims[i].bound(mesh);
  return elements;
}

int64_t ShardState::innermost(unsigned subDim, const Mesh &mesh) const {
  int64_t elements = 1;
  for (unsigned i = subDim + 1; i < subDims.size(); ++i)
    elements *= subDims[i].bound(mesh);
  return elements;
}

std::optional<FactorKind> ShardState::partialOver(unsigned axis) const {
  for (auto [other, combiner] : partial)
    if (other == axis)
      return combiner;
  return std::nullopt;
}

void ShardState::setPartial(unsigned axis, std::optional<FactorKind> combiner) {
  llvm::erase_if(partial, [&](auto entry) { return entry.first == axis; });
  if (combiner) {
    partial.push_back({axis, *combiner});
    llvm::sort(partial);
  }
}

int ShardState::cutBy(unsigned axis) const {
  for (unsigned i = 0; i < subDims.size(); ++i)
    if (llvm::is_contained(subDims[i].axes, axis))
      return i;
  return -1;
}

bool ShardState::isReplicated() const {
  return partial.empty() && llvm::all_of(subDims, [](const SubDim &sub) {
           return sub.axes.empty();
         });
}

ShardState ShardState::without(unsigned axis) const {
  ShardState state = *this;
  state.setPartial(axis, std::nullopt);
  for (SubDim &sub : state.subDims)
    llvm::erase(sub.axes, axis);
  return state;
}

bool ShardState::agreesWith(const ShardState &other) const {
  if (partial != other.partial || counts.size() != other.counts.size() ||
      globalShape() != other.globalShape())
    return false;
  unsigned mine = 0, theirs = 0;
  for (auto [count, otherCount] : llvm::zip(counts, other.counts)) {
    auto a = ArrayRef<SubDim>(subDims).slice(mine, count);
    auto b = ArrayRef<SubDim>(other.subDims).slice(theirs, otherCount);
    mine += count;
    theirs += otherCount;
    auto isCut = [](const SubDim &sub) { return !sub.axes.empty(); };
    if ((llvm::any_of(a, isCut) || llvm::any_of(b, isCut)) && a != b)
      return false;
  }
  return true;
}
