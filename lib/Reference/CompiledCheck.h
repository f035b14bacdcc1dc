//===- CompiledCheck.h - Compiled code against the interpreter --*- C++ -*-===//
//
// Calls the code of an op (a kernel, a product, a library function) on operands
// that the interpreter has computed, rounded to the types of their buffers, and
// compares with what the op's group makes of the same operands.
//
// Both start from the same numbers, so only the rounding inside the op is
// between them. How much that may be is asked of the interpreter: it differs
// from itself by some distance where every op is rounded to f32, and where the
// operands are moved by a unit in the last place, and code that computes in
// another order may be `kDraws` times as far off, but at least some units in
// the last place of the result's norm; a single element, more. Integers and
// booleans are equal, but where the interpreter itself decides otherwise then.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_COMPILEDCHECK_H
#define COLOSSAL_LIB_REFERENCE_COMPILEDCHECK_H

#include "PairedOps.h"
#include "RankMemory.h"
#include "colossal/Reference/Evaluate.h"
#include "colossal/Run/CompiledOps.h"

namespace colossal::reference {

class CompiledCheck {
public:
  explicit CompiledCheck(rank::CompiledOps &ops) : ops(ops) {}

  /// An operand: where the program puts it, its value (of an output: what is
  /// added to, if anything), and where the op's view of it begins.
  struct Operand {
    int64_t offset = 0; ///< byte of the value in arena or window
    bool inWindow = false;
    rank::DType type = rank::DType::F32;
    mlir::Value value;
    TensorRef before;
    int64_t viewOffset = 0; ///< bytes
  };

  /// Runs the op at `place`. `operands`: those of `paired`, in order. False,
  /// with `error` set, where an output is not what the group computes.
  bool run(const PairedOp &paired, const std::vector<Operand> &operands,
           const std::vector<int64_t> &indices, const Place &place,
           std::string &error);

private:
  char *address(const Operand &operand);
  bool compare(const Tensor &found, const Tensor &expected,
               llvm::ArrayRef<Tensor> draws, rank::DType type, size_t output,
               std::string &error) const;

  rank::CompiledOps &ops;
  /// Arena and window of whatever rank is at hand; grown as needed.
  std::vector<char> images[2];
  std::vector<char> scratch;
};

/// The tensor with its floats rounded to what a buffer of `type` holds.
Tensor roundedTo(rank::DType type, Tensor tensor);

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_COMPILEDCHECK_H
