//===- Products.h - Products that the runtime's library computes *- C++ -*-===//

#ifndef COLOSSAL_LIB_SCHEDULE_CPU_PRODUCTS_H
#define COLOSSAL_LIB_SCHEDULE_CPU_PRODUCTS_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::schedule::cpu {

/// True if the op is a product that the library computes, perhaps after
/// packing: a contraction of its types (Analysis/Contraction.h) that is large
/// enough for a call to pay (cost::isWorthALibraryCall).
bool isLibraryProduct(GenericOp op);

} // namespace colossal::schedule::cpu

#endif // COLOSSAL_LIB_SCHEDULE_CPU_PRODUCTS_H
