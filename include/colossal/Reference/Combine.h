//===- Combine.h - Combiners on tensors -------------------------*- C++ -*-===//
//
// The combiners of colossal/Support/Combiner.h, element by element. Integers
// of fewer than 64 bits wrap around at the width of `element`, the type of the
// program.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_COMBINE_H
#define COLOSSAL_REFERENCE_COMBINE_H

#include "Colossal/IR/Combiner.h"
#include "colossal/Reference/ScalarProgram.h"
#include "colossal/Reference/Tensor.h"

namespace colossal::reference {

/// into[i] := combine(into[i], from[j]); both of the same kind.
void combineElement(Combiner combiner, mlir::Type element, Tensor &into,
                    int64_t i, const Tensor &from, int64_t j);

/// Element by element; both of the same shape.
void combineTensor(Combiner combiner, mlir::Type element, Tensor &into,
                   const Tensor &from);

/// into := combine(into, from) of tuples, one word a component; numbers are
/// `ofFloats` or integers.
void combineWords(Combiner combiner, bool ofFloats,
                  llvm::MutableArrayRef<Word> into, llvm::ArrayRef<Word> from);

/// element[i] := the neutral element; of a tuple, this component of it.
void setNeutral(Combiner combiner, mlir::Type element, Tensor &tensor,
                int64_t i, unsigned component = 0);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_COMBINE_H
