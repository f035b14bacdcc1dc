//===- Roles.h - Roles and strides of attention's factors -------*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_ROLES_H
#define COLOSSAL_OPS_ATTENTION_ROLES_H

#include "Colossal/IR/MapStrides.h"

namespace colossal::attention {

enum class Role { Batch, Query, Key, QkFeature, VFeature };

/// Maps and roles of an attention op. `maps`: operands, then results.
struct Maps {
  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<IndexMapAttr> maps;
  llvm::SmallVector<MapStrides> strides; ///< per map
  llvm::SmallVector<Role> roles;

  explicit Maps(FactoredOp op) : factors(op.getFactorList()) {
    for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
      maps.push_back(op.getOperandMap(i));
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      maps.push_back(op.getResultMap(i));
    for (IndexMapAttr map : maps)
      strides.emplace_back(map, factors.size());
    for (unsigned f = 0, e = factors.size(); f < e; ++f) {
      bool q = maps[0].uses(f), k = maps[1].uses(f), v = maps[2].uses(f);
      roles.push_back(q && k && v ? Role::Batch
                      : q && !k   ? Role::Query
                      : k && v    ? Role::Key
                      : q && k    ? Role::QkFeature
                                  : Role::VFeature);
    }
  }

  /// The factors of a role, merged where every tensor of `tensors` nests them.
  llvm::SmallVector<NestedExtent>
  extents(Role role, llvm::ArrayRef<unsigned> tensors) const {
    llvm::SmallVector<unsigned> order;
    for (unsigned f = 0, e = factors.size(); f < e; ++f)
      if (roles[f] == role && factors[f].getBound() != 1)
        order.push_back(f);
    // By the strides of the first tensor that has them.
    llvm::sort(order, [&](unsigned x, unsigned y) {
      for (unsigned t : tensors)
        if (strides[t].of[x] != strides[t].of[y])
          return strides[t].of[x] > strides[t].of[y];
      return x < y;
    });
    return mergeNested(order, factors, strides, tensors);
  }
};

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_ROLES_H
