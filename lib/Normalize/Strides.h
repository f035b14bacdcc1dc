//===- Strides.h - Where PyTorch has a tensor's elements --------*- C++ -*-===//
//
// Whether `reshape` copies, and what `as_strided` reads, follows from strides.
// Those of a view follow from its maps and from its parent's strides; if there
// are none, PyTorch copies, and the copy is row-major. Functions of single
// elements keep the order that their operands have in memory.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_STRIDES_H
#define COLOSSAL_LIB_NORMALIZE_STRIDES_H

#include "Call.h"

namespace colossal::normalize {

Strides rowMajor(llvm::ArrayRef<int64_t> shape);

/// Dense, with the dimensions in this order, the outermost first.
Strides denseStrides(llvm::ArrayRef<int64_t> shape,
                     llvm::ArrayRef<unsigned> order);

/// Row-major without gaps.
bool isContiguous(const Alias &tensor);

/// The dimensions from the outermost to the innermost, if every element has a
/// place of its own and none is left free. Those of size 1 are the innermost.
std::optional<llvm::SmallVector<unsigned>> orderInMemory(const Alias &tensor);

/// Those of a view of a tensor of `shape`; none if its elements have none.
std::optional<Strides> stridesOfView(const View &view, const Strides &parent,
                                     llvm::ArrayRef<int64_t> shape);

/// Of the result, of `shape`, of a function of single elements: the order of
/// the operands, the first one deciding (ATen's TensorIterator). None if an
/// operand's are not known.
std::optional<Strides> stridesOfElementwise(llvm::ArrayRef<TensorRef> operands,
                                            llvm::ArrayRef<int64_t> shape);

/// Says of the results of an op that its row made anew what is known.
void settleStrides(Call &call);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_STRIDES_H
