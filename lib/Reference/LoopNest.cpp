//===- LoopNest.cpp - Factors as loops, maps as strides -------------------===//

#include "GenericEvaluation.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

int64_t Place::coordinate(StringRef axis) const {
  auto found = coordinates.find(axis.str());
  return found == coordinates.end() ? 0 : found->second;
}

int64_t Place::offsetOf(FactorAttr factor) const {
  int64_t offset = 0;
  for (AxisTermAttr term : factor.getTerms())
    offset += coordinate(term.getAxis()) * term.getStride();
  return offset;
}

int64_t Place::validBound(FactorAttr factor) const {
  return std::clamp<int64_t>(factor.getExtent() - offsetOf(factor), 0,
                             factor.getBound());
}

LoopNest::LoopNest(FactoredOp op, const Place &place)
    : factors(op.getFactorList()) {
  for (FactorAttr factor : factors) {
    offset.push_back(place.offsetOf(factor));
    valid.push_back(place.validBound(factor));
  }
}

int64_t LoopNest::find(StringRef name) const {
  for (auto [number, factor] : llvm::enumerate(factors))
    if (factor.getName() == name)
      return number;
  return -1;
}

Access::Access(IndexMapAttr map, unsigned numFactors)
    : strides(numFactors, 0), uses(numFactors, false) {
  int64_t stride = 1;
  for (DimAttr dim : llvm::reverse(map.getDims()))
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      base += sub.getOffset() * stride;
      if (!sub.isConstant()) {
        strides[sub.getFactor()] += stride;
        uses[sub.getFactor()] = true;
        if (sub.getClipped())
          checks.push_back(
              {unsigned(sub.getFactor()), sub.getOffset(), sub.getBound()});
      }
      stride *= sub.getBound();
    }
}

int64_t Access::at(ArrayRef<int64_t> indices) const {
  int64_t position = base;
  for (auto [index, stride] : llvm::zip(indices, strides))
    position += index * stride;
  return position;
}

bool Access::inside(ArrayRef<int64_t> indices, int64_t except) const {
  return llvm::all_of(checks, [&](const Check &check) {
    int64_t index = indices[check.factor] + check.offset;
    return int64_t(check.factor) == except ||
           (index >= 0 && index < check.bound);
  });
}

void Access::clip(unsigned f, int64_t &begin, int64_t &end) const {
  for (const Check &check : checks)
    if (check.factor == f) {
      begin = std::max(begin, -check.offset);
      end = std::min(end, check.bound - check.offset);
    }
  end = std::max(begin, end);
}

bool colossal::reference::advance(MutableArrayRef<int64_t> indices,
                                  ArrayRef<unsigned> factors,
                                  ArrayRef<int64_t> valid) {
  for (unsigned factor : llvm::reverse(factors)) {
    if (++indices[factor] < valid[factor])
      return true;
    indices[factor] = 0;
  }
  return false;
}

std::vector<int64_t> colossal::reference::positions(const Access &access,
                                                    ArrayRef<unsigned> factors,
                                                    ArrayRef<int64_t> valid) {
  std::vector<int64_t> result;
  SmallVector<int64_t> indices(valid.size(), 0);
  for (unsigned factor : factors)
    if (valid[factor] <= 0)
      return result;
  do {
    int64_t position = 0;
    for (unsigned factor : factors)
      position += indices[factor] * access.strides[factor];
    result.push_back(position);
  } while (advance(indices, factors, valid));
  return result;
}

/// Whether the accesses see the two factors as one that has the iterations of
/// both, those of `inner` the faster ones, and side by side: a long loop over
/// elements that are apart leaves the cache before their neighbours are met.
static bool areOneLoop(const LoopNest &nest, ArrayRef<Access> accesses,
                       unsigned outer, unsigned inner) {
  return llvm::all_of(accesses, [&](const Access &access) {
    bool isChecked = llvm::any_of(access.checks, [&](Access::Check check) {
      return check.factor == outer || check.factor == inner;
    });
    return !isChecked && access.strides[inner] <= 1 &&
           access.strides[outer] == access.strides[inner] * nest.valid[inner];
  });
}

/// Parallel iterations have no order; terms of a reduction have.
static bool keepsOrder(const LoopNest &nest, unsigned outer, unsigned inner) {
  bool isParallel = nest.factors[outer].isParallel();
  if (isParallel || nest.factors[inner].isParallel())
    return isParallel == nest.factors[inner].isParallel();
  for (unsigned f = outer + 1; f < inner; ++f)
    if (!nest.factors[f].isParallel() && nest.valid[f] > 1)
      return false;
  return outer < inner;
}

void colossal::reference::mergeLoops(LoopNest &nest, ArrayRef<Access> reads,
                                     ArrayRef<Access> writes,
                                     const llvm::SmallBitVector &asked) {
  unsigned count = nest.factors.size();
  auto isFree = [&](unsigned f) { return !asked.test(f) && nest.valid[f] > 1; };
  for (unsigned inner = count; inner-- > 0;)
    for (unsigned outer = count; outer-- > 0;) {
      if (outer == inner || !isFree(outer) || !isFree(inner) ||
          !keepsOrder(nest, outer, inner) ||
          !areOneLoop(nest, reads, outer, inner) ||
          !areOneLoop(nest, writes, outer, inner))
        continue;
      nest.valid[inner] *= nest.valid[outer];
      nest.valid[outer] = 1;
      outer = count; // another may now be the outer one
    }
}
