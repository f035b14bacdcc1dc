//===- Lookup.h - Elements by number ----------------------------*- C++ -*-===//
//
// Ids are integer tensors; what they number is a dimension of another tensor.
// An id outside that dimension reads zero, or is added nowhere.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_LOOKUP_H
#define COLOSSAL_LIB_NORMALIZE_LOOKUP_H

#include "Shapes.h"

namespace colossal::normalize {

/// Whether indices of this type are a mask: truth values, or bytes, which
/// PyTorch takes for them.
bool isMask(mlir::Type element);

/// out[before.., ids.., after..] = x[before, ids[..], after], where the id
/// numbers dimension `dim` of x. `g` is empty.
mlir::Value lookUp(GenericBuilder g, mlir::Value x, int64_t dim,
                   mlir::Value ids);

/// out[i..] = x[i.. with the index in dimension `dim` replaced by ids[i..]]:
/// `ids` has the rank of x, and may be smaller. Null if it covers a part of a
/// merged dimension.
mlir::Value readElements(GenericBuilder g, mlir::Value x, int64_t dim,
                         mlir::Value ids);

/// The transpose of `lookUp`: out[before.., v, after..] = the sum of x[before,
/// i.., after] over the ids[i..] that are v, with v below `size`; the
/// dimensions of `ids` are those of x from `dim` on.
mlir::Value scatterSum(GenericBuilder g, mlir::Value x, int64_t dim,
                       mlir::Value ids, int64_t size);

/// [size], `type`: how often each number below `size` is among the ids.
mlir::Value occurrencesOf(Call &c, mlir::Value ids, int64_t size,
                          mlir::Type type, llvm::StringRef suffix);

/// The same with an id for each element: `ids` has the shape of x, and
/// numbers dimension `dim`.
mlir::Value scatterElements(GenericBuilder g, mlir::Value x, int64_t dim,
                            mlir::Value ids, int64_t size);

/// The factors of a scatter over dimensions `dim` to `dim + count` of a tensor
/// of `dims`: they combine by `kind`, and the result has the factor `v`, of
/// `size` places, instead.
struct ScatterFactors {
  int64_t v;
  DimFactors in, out;
};
ScatterFactors addScatterFactors(GenericBuilder &g, llvm::ArrayRef<Dim> dims,
                                 int64_t dim, int64_t count, int64_t size,
                                 FactorKind kind = FactorKind::Sum);

/// For each place v of the `size` in dimension `dim` the last of the ids along
/// that dimension that name it: its number from 1, 0 if none does, and from 0.
/// (Which one wins a place is not defined in PyTorch.) Without a derivative.
struct Winners {
  mlir::Value number, place;
};
Winners winnersOf(Call &c, mlir::Value ids, int64_t dim, int64_t size);

/// The order of `rank` dimensions in which those with an index (of x[list])
/// stand before the others, if they are not next to each other: then PyTorch
/// puts the dimensions of the indices first.
std::optional<llvm::SmallVector<int64_t>>
indexedFirst(llvm::ArrayRef<Item> list, int64_t rank);

/// x[.., index, ..] in dimension `dim`, which stays with size 1 (`keep`) or
/// goes. `g` is empty.
mlir::Value elementOf(GenericBuilder g, mlir::Value x, int64_t dim,
                      int64_t index, bool keep);

/// A mask of up to so many elements that follows from constants selects rows
/// by number.
constexpr int64_t kMaxKnownMask = 256;
/// The indices, with numbers instead of such masks.
std::vector<Item> withoutKnownMasks(Call &c, llvm::ArrayRef<Item> list);

/// Ids that are a function of indices: `body` gets those of the dimensions of
/// `sizes` (i64) and gives an i64.
mlir::Value idsOf(Call &c, llvm::ArrayRef<int64_t> sizes,
                  llvm::StringRef suffix, GenericBuilder::Body body);

/// x with dimension `dim` read at body(0), body(1) .. body(count - 1).
mlir::Value readAt(Call &c, mlir::Value x, int64_t dim, int64_t count,
                   llvm::StringRef suffix, GenericBuilder::Body body);

/// Pads by `mode`: "reflect", "replicate" or "circular". `widths`: before and
/// after, for the last dimension first.
void padWithBorder(Call &c, llvm::ArrayRef<int64_t> widths,
                   llvm::StringRef mode);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_LOOKUP_H
