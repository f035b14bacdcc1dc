//===- MapStrides.h - An index map as strides -------------------*- C++ -*-===//

#ifndef COLOSSAL_IR_MAPSTRIDES_H
#define COLOSSAL_IR_MAPSTRIDES_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// Where a map puts an element of a row-major tensor, in elements: offset +
/// sum(index[f] * of[f]). Clips are not seen.
struct MapStrides {
  llvm::SmallVector<int64_t> of; ///< per factor; 0 where the map lacks one
  int64_t offset = 0;

  MapStrides(IndexMapAttr map, size_t numFactors);
};

/// One factor, or several that every tensor walks as one.
struct NestedExtent {
  int64_t size = 1;
  llvm::SmallVector<int64_t> strides; ///< per tensor
};

/// Factors in this order, major first, merged where all of `tensors` nest them.
llvm::SmallVector<NestedExtent> mergeNested(llvm::ArrayRef<unsigned> order,
                                            llvm::ArrayRef<FactorAttr> factors,
                                            llvm::ArrayRef<MapStrides> strides,
                                            llvm::ArrayRef<unsigned> tensors);

} // namespace colossal

#endif // COLOSSAL_IR_MAPSTRIDES_H
