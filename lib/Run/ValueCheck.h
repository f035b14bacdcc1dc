//===- ValueCheck.h - Which op made a value that is not finite --*- C++ -*-===//
//
// A step whose loss is NaN is run again up to its update, which has not changed
// anything yet; now the outputs of every op are looked at after it. The op that
// is named had no NaN among its inputs and has one among its outputs. An
// infinity may be meant (a mask), so it is named where it is what the NaN comes
// from, or where there is no NaN at all.
//
// An ordinary step pays for the values that its metrics are computed from in
// the update: scalars.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_VALUECHECK_H
#define COLOSSAL_LIB_RUN_VALUECHECK_H

#include "Engine.h"

#include <functional>
#include <string>

namespace colossal::rank {

/// A number as a person reads it: "nan", "-inf", "2.3026".
std::string readable(double value);

/// A value that is not finite; the worst of several is the largest.
enum class Badness { None, Infinite, Nan };

class ValueCheck {
public:
  ValueCheck(const Program &program, Engine &engine);

  /// The worst of what this rank knows of the metrics before the update.
  Badness ofMetrics() const;

  /// Collective over the world, between backward and update. `fillInputs`
  /// writes the inputs of the step again. On rank 0: what made the first NaN,
  /// or the first infinity where there is no NaN or `wanted` is one; or
  /// nothing.
  std::string findOrigin(Badness wanted,
                         const std::function<void()> &fillInputs);

private:
  void findRoots();

  const Program &program;
  Engine &engine;
  std::vector<int64_t> roots; ///< buffers
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_VALUECHECK_H
