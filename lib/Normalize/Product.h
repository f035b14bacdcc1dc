//===- Product.h - Matrix products ------------------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_PRODUCT_H
#define COLOSSAL_LIB_NORMALIZE_PRODUCT_H

#include "Call.h"

namespace colossal::normalize {

/// sum_k a[batch.., m, k] b[batch.., k, n]. Matrices may lack m or n (vectors)
/// and b may be given transposed, as [n, k]. Batch dimensions broadcast.
struct Product {
  mlir::Value a, b;
  bool aIsVector = false, bIsVector = false, bTransposed = false;
};

mlir::Value contract(Call &c, const Product &p, llvm::StringRef suffix = "");

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_PRODUCT_H
