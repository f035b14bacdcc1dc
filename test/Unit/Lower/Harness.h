//===- Harness.h - Compiled groups against the interpreter ------*- C++ -*-===//
//
// Groups a program, lowers and compiles it into a library, runs it on random
// f32 data and compares with the interpreter in f64. Of 16 bits, what it gives
// is rounded first: it rounds nothing itself.
//
// Every kernel runs several times, with its range cut differently: the bits
// must agree. Pairs that may share a buffer do share one in one of these runs.
// Library calls are replaced by plain loops over the rank program's numbers.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_LOWER_HARNESS_H
#define COLOSSAL_TEST_LOWER_HARNESS_H

#include "colossal/Reference/Evaluate.h"
#include "colossal/Run/RankProgram.h"
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace colossal::lower::test {

struct Conditions {
  reference::Place place;
  /// Integers are drawn from [low, high].
  int64_t low = 0, high = 9;
  /// Largest relative error (Euclidean norms) of a result.
  double tolerance = 2e-6;
  double deviation = 1.0; ///< of random floats
  bool positive = false;  ///< absolute values
  /// The first argument, a matrix of floats, gets a NaN in row 0, infinities in
  /// rows 1, 2 and 4, zeros of both signs in row 3. Results are compared
  /// element by element, with `tolerance` relative to each; signs of zeros are
  /// compared too.
  bool special = false;
  /// The elements of the first argument, in the place of random ones.
  std::vector<double> numbers;
};

struct Outcome {
  std::vector<std::string> kinds; ///< of the groups, in order
  unsigned kernels = 0;           ///< distinct ones
  double compileSeconds = 0;
};

/// Compares every result of the program's first function.
Outcome compare(const std::string &program, const Conditions &setup = {});

} // namespace colossal::lower::test

#endif // COLOSSAL_TEST_LOWER_HARNESS_H
