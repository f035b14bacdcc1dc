//===- Storage.cpp - Types and layouts of buffers -------------------------===//

#include "Storage.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

std::optional<rank::DType> schedule::dtypeOf(Type type) {
  if (type.isF32())
    return rank::DType::F32;
  if (type.isF64())
    return rank::DType::F64;
  if (type.isBF16())
    return rank::DType::BF16;
  if (type.isF16())
    return rank::DType::F16;
  if (type.isInteger(64))
    return rank::DType::I64;
  if (type.isInteger(32))
    return rank::DType::I32;
  if (type.isInteger(1))
    return rank::DType::I1;
  return std::nullopt;
}

int64_t schedule::bytesOf(Value value) {
  return bytesOf(cast<RankedTensorType>(value.getType()));
}

int64_t schedule::bytesOf(RankedTensorType type) {
  std::optional<rank::DType> dtype = dtypeOf(type.getElementType());
  return type.getNumElements() * (dtype ? rank::bytesOf(*dtype) : 0);
}

rank::Layout schedule::layoutOf(DictionaryAttr attributes,
                                ArrayRef<rank::Axis> meshWithTime) {
  rank::Layout layout;
  auto sizes = attributes.getAs<ArrayAttr>(names::globalShape);
  auto sharding = attributes.getAs<ShardingAttr>(names::sharding);
  if (!sizes)
    return layout;
  for (auto [dim, list] : llvm::enumerate(sizes)) {
    std::vector<rank::SubDimension> subs;
    for (auto [position, size] : llvm::enumerate(cast<ArrayAttr>(list))) {
      rank::SubDimension sub;
      sub.extent = cast<IntegerAttr>(size).getInt();
      int64_t parts = 1;
      if (sharding)
        for (StringAttr axis : sharding.getAxes(dim, position)) {
          sub.axes.push_back(axis.getValue().str());
          for (const rank::Axis &meshAxis : meshWithTime)
            if (meshAxis.name == axis.getValue())
              parts *= meshAxis.size;
        }
      sub.bound = (sub.extent + parts - 1) / parts;
      subs.push_back(sub);
    }
    layout.dimensions.push_back(subs);
  }
  return layout;
}

std::vector<int64_t> schedule::globalShapeOf(const rank::Layout &layout) {
  std::vector<int64_t> shape;
  for (const auto &dimension : layout.dimensions) {
    int64_t size = 1;
    for (const rank::SubDimension &sub : dimension)
      size *= sub.extent;
    shape.push_back(size);
  }
  return shape;
}

bool schedule::isCutOverTime(const rank::Layout &layout) {
  for (const auto &dimension : layout.dimensions)
    for (const rank::SubDimension &sub : dimension)
      if (llvm::is_contained(sub.axes, names::timeAxis.str()))
        return true;
  return false;
}
