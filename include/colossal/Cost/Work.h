//===- Work.h - What an op costs, from the bounds of its factors *- C++ -*-===//
//
// Every op says what it computes as one of three kinds of work over its
// factors, so that the planner knows no ops: a generated loop, a matrix product
// of the library, or another call of the library with its own rate. Plain data:
// the dialect fills it, Plan reads it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_COST_WORK_H
#define COLOSSAL_COST_WORK_H

#include <cstdint>
#include <string>
#include <vector>

namespace colossal::cost {

/// How flops of elementwise bodies are counted: additions, multiplications,
/// comparisons, selects and conversions count 1; the following count more.
inline constexpr int64_t flopsOfDivision = 4;     ///< also square root
inline constexpr int64_t flopsOfExponential = 12; ///< also logarithm
inline constexpr int64_t flopsOfTanh = 16;        ///< also erf, sine, power
inline constexpr int64_t flopsOfRandom = 20;      ///< integer operations

/// What a factor is in a loop or in a product. `Free` factors of a loop are not
/// iterated: the summed index of a look-up is read, that of a placement solved
/// for.
enum class FactorRole {
  Loop,
  Free,
  Batch,   ///< of both operands and the result
  Rows,    ///< of the left operand and the result
  Columns, ///< of the right operand and the result
  Inner    ///< the sum
};

/// `perPoint` flops at each point of some factors.
struct FlopTerm {
  double perPoint = 0;
  std::vector<unsigned> factors;
};

struct Work {
  enum class Kind {
    Loop,    ///< a generated loop: flops per point, bytes of accesses
    Product, ///< a matrix product: the library's if isWorthALibraryCall
    Library, ///< another library call: flops by terms, bytes of accesses
  };
  Kind kind = Kind::Loop;
  /// Loop and Product: per factor; empty: all Loop.
  std::vector<FactorRole> roles;
  int64_t flopsPerPoint = 0; ///< Loop and Product
  /// Library: the flops, and what the cluster calls their rate.
  std::vector<FlopTerm> terms;
  std::string rate;
  /// Library: the part of the flops that is needed as long as none of the
  /// factors `uncut` is cut (a causal mask hides keys); else all are: the mask
  /// hides nothing from some rank.
  double neededShare = 1;
  std::vector<unsigned> uncut;
};

/// Whether a product of these sizes is a library call: a smaller one, a vector
/// times a vector or an outer product (which move as much as they compute) is a
/// loop of ours. Schedule and Plan both ask this.
bool isWorthALibraryCall(int64_t batch, int64_t m, int64_t n, int64_t k);

/// Library: flops that are needed where the factors have these local bounds,
/// `global` without any cut.
double libraryFlops(const Work &work, const std::vector<int64_t> &local,
                    const std::vector<int64_t> &global);

} // namespace colossal::cost

#endif // COLOSSAL_COST_WORK_H
