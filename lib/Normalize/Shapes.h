//===- Shapes.h - Sub-dimensions, broadcasting, regrouping ------*- C++ -*-===//
//
// A dimension of a value is a list of sub-dimensions, major to minor: those
// of the op that defines it. Later ops keep them (and their names), so that a
// merged (batch, sequence) dimension stays two factors everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_SHAPES_H
#define COLOSSAL_LIB_NORMALIZE_SHAPES_H

#include "Call.h"

namespace colossal::normalize {

struct SubDim {
  std::string name;
  int64_t size = 1;
};
/// Without sub-dimensions of size 1: a dimension of size 1 is empty.
using Dim = llvm::SmallVector<SubDim>;
using Dims = llvm::SmallVector<Dim>;

int64_t sizeOf(const Dim &dim);

/// `[4 x 16, 8]`, `[64, 8]`: for messages.
std::string shapeText(llvm::ArrayRef<Dim> dims);
std::string shapeText(llvm::ArrayRef<int64_t> shape);

/// The sub-dimensions with which `value` is defined. Dimensions of function
/// arguments are single: `b` for the batch dimension, `s` for the one after.
Dims dimsOf(mlir::Value value);

/// One sub-dimension for each size, `d0`, `d1`...: of a tensor that is made.
Dims plainDims(llvm::ArrayRef<int64_t> sizes);

/// The numbers of new factors, one a sub-dimension.
using DimFactors = llvm::SmallVector<llvm::SmallVector<int64_t>>;
DimFactors addFactors(GenericBuilder &g, llvm::ArrayRef<Dim> dims,
                      FactorKind kind = FactorKind::Parallel);
llvm::SmallVector<int64_t> addFactors(GenericBuilder &g, const Dim &dim,
                                      FactorKind kind = FactorKind::Parallel);

/// In a body, the number whose digits are the indices of these factors, major
/// first: the index in a dimension that is made of them. 0 of none. i64.
mlir::Value mixedRadix(GenericBuilder &g, ScalarBuilder &s,
                       llvm::ArrayRef<int64_t> factors);

/// In a body, `value` where the number that these factors make is the id (an
/// integer), else zero: a look-up if they are sums.
mlir::Value whereId(GenericBuilder &g, ScalarBuilder &s, mlir::Value value,
                    llvm::ArrayRef<int64_t> factors, mlir::Value id);

/// Sub-dimensions of a map that are these factors; `0 of 1` if there are none.
llvm::SmallVector<SubDimAttr> plain(GenericBuilder &g,
                                    llvm::ArrayRef<int64_t> factors);
IndexMapAttr plainMap(GenericBuilder &g,
                      llvm::ArrayRef<llvm::SmallVector<int64_t>> dims);

/// Splits the flattened `from` so that each of `sizes` is a product of
/// consecutive sub-dimensions; fails if a sub-dimension would have to be cut
/// at a point that does not divide it (2 x 3 as 3 x 2). `finer` is `from` with
/// the same cuts.
mlir::LogicalResult regroup(llvm::ArrayRef<Dim> from,
                            llvm::ArrayRef<int64_t> sizes, Dims &finer,
                            Dims &to);

/// Broadcasts shapes by NumPy's rules; reports an error if they do not agree.
llvm::SmallVector<int64_t>
broadcast(Call &c, llvm::ArrayRef<llvm::ArrayRef<int64_t>> shapes);

/// The map with which an operand of `shape` is read when the last dimensions
/// of the result are indexed by `dims`.
IndexMapAttr broadcastMap(GenericBuilder &g, llvm::ArrayRef<int64_t> shape,
                          llvm::ArrayRef<llvm::SmallVector<int64_t>> dims);

/// Dimensions of a broadcast result: sub-dimensions of the first operand that
/// has the dimension in full.
Dims broadcastDims(llvm::ArrayRef<int64_t> shape,
                   llvm::ArrayRef<mlir::Value> operands);

/// `value` in full, if it has not that shape.
mlir::Value broadcastTo(Call &c, mlir::Value value,
                        llvm::ArrayRef<int64_t> shape, llvm::StringRef suffix);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SHAPES_H
