//===- Refusals.cpp - Ops that a program of fixed sizes cannot have -------===//

#include "Rows.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static const llvm::StringMap<StringRef> &reasons() {
  static constexpr StringRef size =
      "gives as many elements as data say, expected a number of elements that "
      "is known (bincount or one_hot count those of a known range)";
  static constexpr StringRef iteration =
      "needs an iteration whose length depends on data, which has no form here "
      "(cholesky, lu, solve, inv and det have one)";
  static const llvm::StringMap<StringRef> map = {
      {"aten::_unique2", size},
      {"aten::unique_consecutive", size},
      {"aten::unique_dim", size},
      {"aten::linalg_svd", iteration},
      {"aten::svd", iteration},
      {"aten::linalg_svdvals", iteration},
      {"aten::linalg_eigh", iteration},
      {"aten::linalg_eigvalsh", iteration},
      {"aten::linalg_pinv.atol_rtol_tensor", iteration},
      {"aten::linalg_pinv.atol_rtol_float", iteration},
      {"aten::pinverse", iteration},
      {"aten::poisson",
       "draws as many numbers for one as data say, expected another "
       "distribution"},
      {"aten::embedding_renorm",
       "scales rows of a table that training changes, too, expected rows that "
       "are scaled where they are read (embedding without max_norm, then "
       "renorm)"}};
  return map;
}

static void refused(Call &c) { c.error(reasons().lookup(c.key())); }

/// The op in place comes here by its own name.
static void refusedInPlace(Call &c) {
  c.error(reasons().lookup(functionalKey(c.key())));
}

void normalize::addRefusedRows(Table &table) {
  for (const auto &entry : reasons())
    if (entry.getKey() != "aten::embedding_renorm")
      table.add(entry.getKey(), refused);
  table.add("aten::embedding_renorm_", refusedInPlace);
}
