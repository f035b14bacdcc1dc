//===- Complex.h - Complex numbers as pairs of real tensors -----*- C++ -*-===//
//
// A complex tensor is an item of two: the tensors of its real and imaginary
// parts, each with its own aliases. Gradients are those of the parts, dL/d re
// and dL/d im, which is PyTorch's convention (dL/d re + i dL/d im).
//
// What moves elements or is linear in them does so with each part (`isPartwise`
// in Complex.cpp); products and functions have rows of their own, which get
// complex operands beside real ones (ComplexRows.cpp).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_COMPLEX_H
#define COLOSSAL_LIB_NORMALIZE_COMPLEX_H

#include "Rows.h"

namespace colossal::normalize {

/// Whether the op takes or makes complex numbers.
bool isComplexCall(const Call &call);

/// Interprets such an op.
void interpretComplex(Call &call);

/// The rows that get complex operands, by functional names.
const Table &complexRows();

/// The item of a tensor [.., 2] of pairs; views, if the tensor has aliases.
Item pairsToComplex(Interpreter &state, const TensorRef &pairs,
                    llvm::StringRef name, mlir::Location loc);
/// [.., 2]: the parts side by side.
mlir::Value complexToPairs(Call &c, const Item &item, llvm::StringRef suffix);

/// The parts; of a real item, 0 is the imaginary one.
struct Parts {
  Item re, im;
};
Parts partsOf(Call &c, const Item &item);

/// What the op makes of real arguments; c fails if that does.
std::vector<Item> resultsOf(Call &c, std::vector<Item> arguments);

void addComplexRows(Table &table);
void addFourierRows(Table &table);
void addFunctionsOfComplex(Table &table);
void addSignalsOfComplex(Table &table);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_COMPLEX_H
