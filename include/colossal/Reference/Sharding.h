//===- Sharding.h - Global tensors to shards and back -----------*- C++ -*-===//
//
// A layout says, per dimension, for each sub-dimension its global size and the
// axes that cut it, major first. With p parts a sub-dimension of size n has
// bound ceil(n / p); part r holds [r * bound, (r + 1) * bound) below n, what is
// beyond is padding and zero (docs/Architecture.md, section 4).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_SHARDING_H
#define COLOSSAL_REFERENCE_SHARDING_H

#include "colossal/Reference/Evaluate.h"

namespace colossal::reference {

struct Layout {
  struct SubDim {
    int64_t size = 1;  ///< global
    int64_t bound = 1; ///< local
    /// Axis and the distance, in elements, of neighbours on it.
    llvm::SmallVector<std::pair<std::string, int64_t>, 2> terms;
  };
  std::vector<std::vector<SubDim>> dims;

  /// From the attributes `colossal.sharding` and `colossal.global_shape`; both
  /// may be absent, then the value is whole. Nothing, with `error` set, where
  /// they do not describe a local tensor of `type`.
  static std::optional<Layout> get(mlir::DictionaryAttr attributes,
                                   mlir::RankedTensorType type,
                                   const Place &sizes, std::string &error);
  /// The layout of a result of a local factored op.
  static Layout ofResult(FactoredOp op, unsigned result);

  std::vector<int64_t> globalShape() const;
  std::vector<int64_t> localShape() const;
  bool isCutOver(llvm::StringRef axis) const;
  bool isCut() const;

  /// Calls visit(local position, global position or -1 for padding).
  void forEach(const Place &place,
               llvm::function_ref<void(int64_t, int64_t)> visit) const;
  /// The part of a global tensor that lives at `place`; the tensor itself where
  /// nothing is cut.
  TensorRef shard(const TensorRef &global, const Place &place) const;
};

/// Puts the shards of all ranks together.
class Gatherer {
public:
  Gatherer(Layout layout, ElementKind kind);
  /// Adds a shard. Elements that several shards hold must be equal, padding
  /// must be zero; otherwise `error` says what was found at which element.
  bool add(const TensorRef &shard, const Place &place, std::string &error);
  /// Null where no shard holds some element.
  TensorRef finish(std::string &error);

private:
  Layout layout;
  TensorRef whole; ///< where nothing is cut: the first shard
  Tensor global;   ///< otherwise
  std::vector<uint8_t> present;
};

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_SHARDING_H
