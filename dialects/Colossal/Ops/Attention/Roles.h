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

  explicit Maps(FactoredOp op) : Maps(op.getFactorList(), mapsOf(op)) {}

  Maps(llvm::ArrayRef<FactorAttr> ofFactors,
       llvm::ArrayRef<IndexMapAttr> ofTensors)
      : factors(ofFactors), maps(ofTensors) {
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

private:
  static llvm::SmallVector<IndexMapAttr> mapsOf(FactoredOp op) {
    llvm::SmallVector<IndexMapAttr> maps;
    for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
      maps.push_back(op.getOperandMap(i));
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      maps.push_back(op.getResultMap(i));
    return maps;
  }
};

/// The extents of all roles, of which a call takes two for the batch and one
/// for each other role. Strides are those of the tensors that the call walks;
/// what the body alone reads is for its kernel.
struct Extents {
  /// Tensors by what they are indexed with.
  llvm::SmallVector<unsigned> withQuery, withKey, withQk, withV, all;
  llvm::SmallVector<NestedExtent> batch, query, key, qk, v;

  Extents(const Maps &maps, bool backward, unsigned inputs) {
    using Lists = std::initializer_list<llvm::SmallVector<unsigned> *>;
    auto add = [&](unsigned t, Lists to) {
      for (auto *list : to)
        list->push_back(t);
      all.push_back(t);
    };
    add(0, {&withQuery, &withQk});
    add(1, {&withKey, &withQk});
    add(2, {&withKey, &withV});
    if (backward) {
      add(3, {&withQuery, &withV});         // out
      add(4, {&withQuery});                 // lse
      add(5, {&withQuery, &withV});         // dout
      add(inputs, {&withQuery, &withQk});   // dq
      add(inputs + 1, {&withKey, &withQk}); // dk
      add(inputs + 2, {&withKey, &withV});  // dv
    } else {
      add(inputs, {&withQuery, &withV}); // out
      add(inputs + 1, {&withQuery});     // lse
    }
    batch = maps.extents(Role::Batch, all);
    query = maps.extents(Role::Query, withQuery);
    key = maps.extents(Role::Key, withKey);
    qk = maps.extents(Role::QkFeature, withQk);
    v = maps.extents(Role::VFeature, withV);
  }

  bool areFew() const {
    return batch.size() <= 2 && query.size() <= 1 && key.size() <= 1 &&
           qk.size() <= 1 && v.size() <= 1;
  }
};

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_ROLES_H
