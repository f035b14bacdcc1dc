//===- Storage.cpp - Types and layouts of buffers -------------------------===//

#include "Storage.h"
#include "Colossal/IR/LayoutAttributes.h"
#include "Colossal/IR/UnsignedByte.h"

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
  if (type.isInteger(16))
    return rank::DType::I16;
  if (isUnsignedByte(type))
    return rank::DType::U8;
  if (type.isInteger(8))
    return rank::DType::I8;
  if (type.isInteger(1))
    return rank::DType::I1;
  return std::nullopt;
}

rank::DType schedule::dtypeOf(Value tensor) {
  return *dtypeOf(getElementTypeOrSelf(tensor.getType()));
}

int64_t schedule::bytesOf(Value value) {
  return bytesOf(cast<RankedTensorType>(value.getType()));
}

int64_t schedule::bytesOf(RankedTensorType type) {
  std::optional<rank::DType> dtype = dtypeOf(type.getElementType());
  return type.getNumElements() * (dtype ? rank::bytesOf(*dtype) : 0);
}

layout::Layout schedule::layoutOf(DictionaryAttr attributes,
                                  const layout::Mesh &mesh) {
  std::string error;
  FailureOr<layout::Layout> layout = readLayout(attributes, mesh, error);
  return succeeded(layout) ? *layout : layout::Layout();
}

rank::Layout schedule::toRank(const layout::Layout &layout,
                              const layout::Mesh &mesh) {
  rank::Layout result;
  auto sub = layout.subDims.begin();
  for (unsigned count : layout.counts) {
    std::vector<rank::SubDimension> &dimension =
        result.dimensions.emplace_back();
    for (unsigned i = 0; i < count; ++i, ++sub) {
      rank::SubDimension &cut = dimension.emplace_back();
      cut.extent = sub->size;
      cut.bound = sub->bound(mesh);
      for (unsigned axis : sub->axes)
        cut.axes.push_back(mesh.axes[axis].name);
    }
  }
  return result;
}
