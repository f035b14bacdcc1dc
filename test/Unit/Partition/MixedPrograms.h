//===- MixedPrograms.h - Batch, parameters and constants, mixed -*- C++ -*-===//
//
// Random forward programs whose values come from the batch, from parameters,
// from constants of the batch's shape and from each other, under sums, means
// and maxima over samples or features, products, roots and outer products. Most
// of what makes a loss no mean over samples is in some of them.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_PARTITION_MIXEDPROGRAMS_H
#define COLOSSAL_TEST_UNIT_PARTITION_MIXEDPROGRAMS_H

#include <random>
#include <string>

namespace colossal::partition::test {

/// A module with @forward, its result a scalar. A sample has 6 numbers.
std::string mixedProgram(std::mt19937 &random, int batch);

} // namespace colossal::partition::test

#endif // COLOSSAL_TEST_UNIT_PARTITION_MIXEDPROGRAMS_H
