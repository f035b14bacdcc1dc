//===- Shrink.h - The same plan on smaller sizes ----------------*- C++ -*-===//
//
// Makes a planned step small enough to be interpreted. Sizes that must stay
// equal form a class (the factors and sub-dimensions that index each other). A
// class of size n that axes with L parts in all cut gets the smallest size
// that is n modulo L, leaves no rank empty that was not, and is at least 4:
// what divided still divides, what was padded still is, for each of the axes.
// Classes with a constant index (`1 of 3`), and those that attributes of an op
// repeat (positions of a pool), keep their size. Bodies, axes,
// shardings and reshards are untouched.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_SHRINK_H
#define COLOSSAL_REFERENCE_SHRINK_H

#include "colossal/Reference/Ranks.h"

namespace colossal::reference {

/// The size for a class: see above.
int64_t shrunkSize(int64_t size, int64_t parts);

/// Changes sizes of `function`, a planned program on global values. Returns
/// the sizes that changed, old and new, in rising order.
std::vector<std::pair<int64_t, int64_t>> shrink(mlir::func::FuncOp function,
                                                const Mesh &mesh);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_SHRINK_H
