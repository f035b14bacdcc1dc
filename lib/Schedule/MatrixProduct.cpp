//===- MatrixProduct.cpp - Generics that are GEMMs ------------------------===//

#include "colossal/Schedule/MatrixProduct.h"
#include "Colossal/Analysis/Contraction.h"
#include "Colossal/IR/MapStrides.h"
#include "colossal/Schedule/RankSchedule.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;
using Role = cost::FactorRole;

namespace {

/// An extent of merged factors, with its strides in a, b and c.
struct Extent {
  int64_t size = 1;
  int64_t a = 0, b = 0, c = 0;
};

/// A contraction by strides.
struct StridedContraction {
  SmallVector<FactorAttr> factors;
  std::vector<Role> roles;
  MapStrides a, b, c;

  StridedContraction(FactoredOp factored, std::vector<Role> roles)
      : factors(factored.getFactorList()), roles(std::move(roles)),
        a(factored.getOperandMap(0), factors.size()),
        b(factored.getOperandMap(1), factors.size()),
        c(factored.getResultMap(0), factors.size()) {}

  /// Extents of a role, merged as far as strides nest, largest stride of c (of
  /// a, for k) first.
  SmallVector<Extent> extents(Role role) const {
    SmallVector<Extent> list;
    for (unsigned f = 0, e = factors.size(); f < e; ++f)
      if (roles[f] == role && factors[f].getBound() != 1)
        list.push_back({factors[f].getBound(), a.of[f], b.of[f], c.of[f]});
    llvm::sort(list, [&](const Extent &x, const Extent &y) {
      auto key = [&](const Extent &e) {
        return std::make_tuple(role == Role::Inner ? e.a : e.c, e.b, e.size);
      };
      return key(x) > key(y);
    });
    for (unsigned i = 0; i + 1 < list.size();) {
      Extent &major = list[i], &minor = list[i + 1];
      if (major.a == minor.a * minor.size && major.b == minor.b * minor.size &&
          major.c == minor.c * minor.size) {
        minor.size *= major.size;
        list.erase(list.begin() + i);
        i = 0;
      } else {
        ++i;
      }
    }
    return list;
  }
};

} // namespace

/// Nothing if the engine has no such product.
static std::optional<StridedContraction> analyze(GenericOp op) {
  FactoredOp factored(op.getOperation());
  std::optional<Contraction> contraction = analyzeContraction(op);
  if (!contraction || !hasLibraryTypes(op))
    return std::nullopt;
  return StridedContraction(factored, std::move(contraction->roles));
}

std::optional<MatrixProduct>
colossal::schedule::matchMatrixProduct(GenericOp op) {
  std::optional<StridedContraction> contraction = analyze(op);
  if (!contraction)
    return std::nullopt;
  SmallVector<Extent> batch = contraction->extents(Role::Batch);
  SmallVector<Extent> ms = contraction->extents(Role::Rows);
  SmallVector<Extent> ns = contraction->extents(Role::Columns);
  SmallVector<Extent> ks = contraction->extents(Role::Inner);
  if (ks.size() > 1)
    return std::nullopt;
  Extent k = ks.empty() ? Extent() : ks[0];

  // The largest extent becomes m; where one of a product's two strides is 1,
  // the library needs no copy of its own.
  auto takeBest = [&](SmallVector<Extent> &list, auto strideOf) {
    if (list.empty())
      return Extent();
    auto key = [&](const Extent &e) {
      return std::make_pair(e.c == 1 || strideOf(e) == 1, e.size);
    };
    unsigned best = 0;
    for (unsigned i = 1; i < list.size(); ++i)
      if (key(list[i]) > key(list[best]))
        best = i;
    Extent chosen = list[best];
    list.erase(list.begin() + best);
    llvm::append_range(batch, list);
    return chosen;
  };
  Extent m = takeBest(ms, [](const Extent &e) { return e.a; });
  Extent n = takeBest(ns, [](const Extent &e) { return e.b; });

  // A library works by rows or by columns.
  auto hasUnit = [](int64_t x, int64_t xSize, int64_t y, int64_t ySize) {
    return x == 1 || y == 1 || xSize == 1 || ySize == 1;
  };
  if (!hasUnit(m.a, m.size, k.a, k.size) ||
      !hasUnit(k.b, k.size, n.b, n.size) || !hasUnit(m.c, m.size, n.c, n.size))
    return std::nullopt;

  MatrixProduct product;
  product.aOffset = contraction->a.offset;
  product.bOffset = contraction->b.offset;
  bool swap = n.c != 1 && m.c == 1;
  rank::Gemm &gemm = product.gemm;
  gemm.dtype = *dtypeOf(getElementTypeOrSelf(op->getOperand(0)));
  gemm.result = *dtypeOf(getElementTypeOrSelf(op->getResult(0)));
  llvm::sort(batch, [](const Extent &x, const Extent &y) {
    return std::tie(x.c, x.size) > std::tie(y.c, y.size);
  });
  for (const Extent &e : batch) {
    gemm.batch.push_back(e.size);
    gemm.aBatch.push_back(swap ? e.b : e.a);
    gemm.bBatch.push_back(swap ? e.a : e.b);
    gemm.cBatch.push_back(e.c);
  }
  // A stride over an extent of 1 is never used; it gets the value that a dense
  // matrix would have.
  gemm.k = k.size;
  if (swap) {
    product.a = 1;
    std::swap(product.aOffset, product.bOffset);
    gemm.m = n.size, gemm.n = m.size;
    gemm.aM = n.b, gemm.aK = k.b, gemm.bK = k.a, gemm.bN = m.a;
    gemm.cM = n.c, gemm.cN = m.c;
  } else {
    gemm.m = m.size, gemm.n = n.size;
    gemm.aM = m.a, gemm.aK = k.a, gemm.bK = k.b, gemm.bN = n.b;
    gemm.cM = m.c, gemm.cN = n.c;
  }
  auto fill = [](int64_t &x, int64_t xSize, int64_t &y, int64_t ySize) {
    if (xSize == 1)
      x = ySize == 1 ? 1 : y * ySize;
    if (ySize == 1)
      y = xSize == 1 ? 1 : x == 1 ? xSize : 1;
  };
  fill(gemm.aM, gemm.m, gemm.aK, gemm.k);
  fill(gemm.bK, gemm.k, gemm.bN, gemm.n);
  fill(gemm.cM, gemm.m, gemm.cN, gemm.n);
  return product;
}

SmallVector<unsigned> colossal::schedule::packedOrder(GenericOp op,
                                                      unsigned operand) {
  std::optional<StridedContraction> contraction = analyze(op);
  const MapStrides &own = operand == 0 ? contraction->a : contraction->b;
  const MapStrides &other = operand == 0 ? contraction->b : contraction->a;
  SmallVector<unsigned> order;
  for (unsigned f = 0, e = contraction->factors.size(); f < e; ++f)
    if (own.of[f])
      order.push_back(f);
  auto rank = [&](unsigned f) {
    Role role = contraction->roles[f];
    return role == Role::Batch ? 0 : role == Role::Inner ? 2 : 1;
  };
  llvm::sort(order, [&](unsigned x, unsigned y) {
    if (rank(x) != rank(y))
      return rank(x) < rank(y);
    const MapStrides &leader = rank(x) == 2 ? other : contraction->c;
    return std::make_pair(leader.of[x], y) > std::make_pair(leader.of[y], x);
  });
  return order;
}
