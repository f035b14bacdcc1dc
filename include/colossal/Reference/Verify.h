//===- Verify.h - Sharded equals unsharded ----------------------*- C++ -*-===//
//
// Runs one step of the unsharded and of the partitioned program on the same
// random state and batch and compares metrics, outputs, every gradient (the ops
// with `gradient_of`, and what updates read) and the updated state. Where
// something differs, both run again and the first op of the unsharded program
// whose value differs is named.
//
// A tensor agrees if |found - expected| <= tolerance * |expected|, by norm, or
// below a hundredth of the tolerance times the largest norm of its kind: some
// gradients are zero but for rounding. A value that is NaN in both programs, or
// a report without anything to compare, is no agreement.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_VERIFY_H
#define COLOSSAL_REFERENCE_VERIFY_H

#include "colossal/Reference/Ranks.h"
#include "llvm/Support/raw_ostream.h"

namespace colossal::reference {

struct VerifyOptions {
  uint64_t seed = 1;
  double tolerance = 1e-10;
  Options evaluation;
  /// Do not run the partitioned program where the unsharded one is not finite:
  /// the caller has other values to try.
  bool skipsMeaningless = false;
  /// Runs the partitioned program, as `runStep` does, and proves more; nothing
  /// where it cannot. Then, and where its values differ, `runStep` does.
  std::function<std::optional<StepResult>(const RankOptions &)> run;
};

enum class ValueKind { Metric, Output, Gradient, State };

struct Comparison {
  ValueKind kind;
  std::string name;
  double norm = 0.0;       ///< of the expected value
  double difference = 0.0; ///< norm; infinite where shapes differ
  bool agrees = true;
  /// The expected value has NaN (or, where it is no state, an infinity): equal
  /// or not, it proves nothing.
  bool meaningless = false;
};

struct VerifyReport {
  std::vector<Comparison> comparisons;
  int64_t ranks = 1;
  StepResult sharded; ///< what the partitioned program computed
  bool ran = false;   ///< by `VerifyOptions::run`, and that agrees
  /// The first op that differs: "name" at location; empty if none was found.
  std::string firstDivergence;
  /// The first op of the unsharded program with a NaN, or where there is none
  /// with an infinity; for `whyMeaningless`.
  std::string firstNotFinite;

  bool agrees() const;
  /// Why agreement would prove nothing: a value that is NaN in both programs,
  /// nothing to compare, or a backward pass of which no gradient is known.
  /// Empty where it proves something.
  std::string whyMeaningless() const;
  /// Whether the unsharded program has a backward pass.
  bool trains = false;

  /// A table, one line per kind, then every tensor that differs.
  void print(llvm::raw_ostream &out) const;
  /// One line: "sharded equals unsharded: ...".
  void printVerdict(llvm::raw_ostream &out, const VerifyOptions &options) const;
};

/// Compares two runs; "" or one line that names what differs.
std::string compareSteps(const StepResult &found, const StepResult &expected,
                         double tolerance);

/// Nothing, with `error` set, where a program cannot be executed. `values`:
/// state, batch and controls of the unsharded function, by name.
std::optional<VerifyReport> verify(mlir::func::FuncOp unsharded,
                                   mlir::ModuleOp partitioned,
                                   const NamedTensors &values,
                                   const VerifyOptions &options,
                                   std::string &error);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_VERIFY_H
