//===- MatrixProduct.h - Sums of products of looked-up lines ----*- C++ -*-===//
//
// What contractions, and whole ops that are sums of products, are made of:
//
//     c[rows[r] + columns[n]] += sum over k of
//         a.data[a.lines[r] + a.depth[k]] * b.data[b.lines[n] + b.depth[k]]
//
// Each sum starts with what is in c and adds its products in the order of k,
// rounding each: it is what two nested loops give, bit for bit, whatever the
// tiles, the instructions and the number of threads.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_MATRIXPRODUCT_H
#define COLOSSAL_REFERENCE_MATRIXPRODUCT_H

#include "llvm/ADT/ArrayRef.h"

namespace colossal::reference {

/// Rows (or columns) of a matrix: where each begins, and how far from there its
/// elements are.
struct MatrixLines {
  const double *data;
  llvm::ArrayRef<int64_t> lines, depth;
};

void addProduct(MatrixLines a, MatrixLines b, double *c,
                llvm::ArrayRef<int64_t> rows, llvm::ArrayRef<int64_t> columns);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_MATRIXPRODUCT_H
