//===- Npy.h - NumPy's array files ------------------------------*- C++ -*-===//
//
// Reads .npy files of formats 1.0 to 3.0 with little-endian elements: f2 (no),
// f4, f8, i1 to i8, u1 to u4, b1, in C or Fortran order. Writes format 1.0:
// floats as f8, integers as i8, booleans as b1, C order.
// Errors: one line "<path>: <reason>" in `error`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_NPY_H
#define COLOSSAL_REFERENCE_NPY_H

#include "colossal/Reference/Tensor.h"
#include <optional>
#include <string>

namespace colossal::reference {

std::optional<Tensor> readNpy(const std::string &path, std::string &error);
bool writeNpy(const std::string &path, const Tensor &tensor,
              std::string &error);

/// Elements stored as bytes of `descr` ("<f4", "|b1"): `count` of them.
std::optional<Tensor> decodeElements(llvm::StringRef descr,
                                     llvm::StringRef bytes,
                                     llvm::ArrayRef<int64_t> shape);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_NPY_H
