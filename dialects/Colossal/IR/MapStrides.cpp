//===- MapStrides.cpp - An index map as strides ---------------------------===//

#include "Colossal/IR/MapStrides.h"

using namespace mlir;
using namespace colossal;

MapStrides::MapStrides(IndexMapAttr map, size_t numFactors)
    : of(numFactors, 0) {
  int64_t stride = 1;
  for (DimAttr dim : llvm::reverse(map.getDims()))
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      offset += sub.getOffset() * stride;
      if (!sub.isConstant())
        of[sub.getFactor()] += stride;
      stride *= sub.getBound();
    }
}

SmallVector<NestedExtent> colossal::mergeNested(ArrayRef<unsigned> order,
                                                ArrayRef<FactorAttr> factors,
                                                ArrayRef<MapStrides> strides,
                                                ArrayRef<unsigned> tensors) {
  SmallVector<NestedExtent> list;
  for (unsigned f : order) {
    NestedExtent extent;
    extent.size = factors[f].getBound();
    for (const MapStrides &own : strides)
      extent.strides.push_back(own.of[f]);
    if (!list.empty()) {
      NestedExtent &major = list.back();
      bool nests = llvm::all_of(tensors, [&](unsigned t) {
        return major.strides[t] == extent.strides[t] * extent.size;
      });
      if (nests) {
        extent.size *= major.size;
        list.pop_back();
      }
    }
    list.push_back(std::move(extent));
  }
  return list;
}
