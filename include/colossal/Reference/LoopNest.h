//===- LoopNest.h - Factors as loops, maps as strides -----------*- C++ -*-===//
//
// What all factored ops need to iterate: how many iterations of a factor are
// real, and where an index map puts an element. An element's position is
// sum(index[f] * stride[f]) + base; clipped sub-dimensions add a range check.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_LOOPNEST_H
#define COLOSSAL_REFERENCE_LOOPNEST_H

#include "colossal/Reference/Evaluate.h"
#include "llvm/ADT/SmallBitVector.h"

namespace colossal::reference {

/// The factors of an op at a place.
struct LoopNest {
  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<int64_t> valid;  ///< iterations that are not padding
  llvm::SmallVector<int64_t> offset; ///< global index of iteration 0

  LoopNest(FactoredOp op, const Place &place);
  int64_t find(llvm::StringRef name) const;
};

/// An index map as strides.
struct Access {
  struct Check {
    unsigned factor;
    int64_t offset, bound; ///< 0 <= index + offset < bound
  };
  int64_t base = 0;
  llvm::SmallVector<int64_t> strides; ///< per factor; 0: not used
  llvm::SmallVector<Check, 1> checks;
  llvm::SmallVector<bool> uses; ///< per factor

  Access(IndexMapAttr map, unsigned numFactors);
  int64_t at(llvm::ArrayRef<int64_t> indices) const;
  /// Whether the checks hold, leaving out those of factor `except`.
  bool inside(llvm::ArrayRef<int64_t> indices, int64_t except = -1) const;
  /// Narrows [begin, end) of factor `f` to where its checks hold.
  void clip(unsigned f, int64_t &begin, int64_t &end) const;
};

/// Advances `indices` over the listed factors, the last one fastest; false
/// after the last point. Every bound in `valid` is positive.
bool advance(llvm::MutableArrayRef<int64_t> indices,
             llvm::ArrayRef<unsigned> factors, llvm::ArrayRef<int64_t> valid);

/// Positions of all points of the listed factors, the last one fastest.
std::vector<int64_t> positions(const Access &access,
                               llvm::ArrayRef<unsigned> factors,
                               llvm::ArrayRef<int64_t> valid);

/// Gives factors the iterations of others where no access sees a difference and
/// terms of reductions keep their order: dimensions of 512, 7 and 7 that lie
/// side by side become one loop, and two factors of one iteration. Those of
/// `asked` keep theirs, since their indices are needed.
void mergeLoops(LoopNest &nest, llvm::ArrayRef<Access> reads,
                llvm::ArrayRef<Access> writes,
                const llvm::SmallBitVector &asked);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_LOOPNEST_H
