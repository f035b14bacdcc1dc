//===- RandomOps.h - Random factored ops ------------------------*- C++ -*-===//

#ifndef COLOSSAL_TEST_REFERENCE_RANDOMOPS_H
#define COLOSSAL_TEST_REFERENCE_RANDOMOPS_H

#include "Programs.h"

namespace colossal::reference {

/// A function with one random generic: two to five factors, one to three
/// operands with merged, constant and clipped sub-dimensions, a body of
/// arithmetic and index predicates, sums or maxima, one or two results.
/// `positive`: every contribution is at least 1, so that faults show.
std::string randomGeneric(Random &random, bool positive);

/// A sum that is linear in its operands (products and selects).
std::string randomLinear(Random &random);

/// Attention, or its derivative, with random batch, query, key and feature
/// factors, a causal or index-free mask and sometimes an extra operand.
std::string randomAttention(Random &random, bool backward);

/// `pass` 0: convolution, 1 and 2: its derivatives by x and w. One to three
/// spatial dimensions with strides, padding and dilation, some of which leave
/// positions that nothing reaches; roles with no factor and with two; channels
/// first or last.
std::string randomConvolution(Random &random, int pass);

/// A pool over one to three spatial dimensions, any layout; windows that
/// overlap, leave gaps, reach into padding, or are adaptive.
std::string randomPool(Random &random, bool max, bool backward);

} // namespace colossal::reference

#endif // COLOSSAL_TEST_REFERENCE_RANDOMOPS_H
