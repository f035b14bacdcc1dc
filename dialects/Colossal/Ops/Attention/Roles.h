//===- Roles.h - Roles and strides of attention's factors -------*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_ROLES_H
#define COLOSSAL_OPS_ATTENTION_ROLES_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::attention {

enum class Role { Batch, Query, Key, QkFeature, VFeature };

/// One factor or several that are indexed as one.
struct Extent {
  int64_t size = 1;
  llvm::SmallVector<int64_t> strides; ///< per operand and result
};

/// Maps and roles of an attention op. `maps`: operands, then results.
struct Maps {
  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<IndexMapAttr> maps;
  llvm::SmallVector<llvm::SmallVector<int64_t>> strides; ///< [tensor][factor]
  llvm::SmallVector<int64_t> offsets;
  llvm::SmallVector<Role> roles;

  explicit Maps(FactoredOp op) : factors(op.getFactorList()) {
    for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
      maps.push_back(op.getOperandMap(i));
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      maps.push_back(op.getResultMap(i));
    for (IndexMapAttr map : maps) {
      llvm::SmallVector<int64_t> own(factors.size(), 0);
      int64_t stride = 1, offset = 0;
      for (DimAttr dim : llvm::reverse(map.getDims()))
        for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
          offset += sub.getOffset() * stride;
          if (!sub.isConstant())
            own[sub.getFactor()] += stride;
          stride *= sub.getBound();
        }
      strides.push_back(own);
      offsets.push_back(offset);
    }
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
  llvm::SmallVector<Extent> extents(Role role,
                                    llvm::ArrayRef<unsigned> tensors) const {
    llvm::SmallVector<unsigned> order;
    for (unsigned f = 0, e = factors.size(); f < e; ++f)
      if (roles[f] == role && factors[f].getBound() != 1)
        order.push_back(f);
    // By the strides of the first tensor that has them.
    llvm::sort(order, [&](unsigned x, unsigned y) {
      for (unsigned t : tensors)
        if (strides[t][x] != strides[t][y])
          return strides[t][x] > strides[t][y];
      return x < y;
    });
    llvm::SmallVector<Extent> list;
    for (unsigned f : order) {
      Extent extent;
      extent.size = factors[f].getBound();
      for (const auto &own : strides)
        extent.strides.push_back(own[f]);
      if (!list.empty()) {
        Extent &major = list.back();
        bool nests = llvm::all_of(tensors, [&](unsigned t) {
          return major.strides[t] == extent.strides[t] * extent.size;
        });
        if (nests) {
          extent.size *= major.size;
          list.pop_back();
        }
      }
      list.push_back(extent);
    }
    return list;
  }
};

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_ROLES_H
