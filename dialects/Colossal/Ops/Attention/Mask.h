//===- Mask.h - What the body of attention hides ----------------*- C++ -*-===//

#ifndef COLOSSAL_OPS_ATTENTION_MASK_H
#define COLOSSAL_OPS_ATTENTION_MASK_H

#include "Roles.h"

#include <optional>

namespace colossal::attention {

/// Read off the body, in this one place: the work that Plan prices and the call
/// that Lower makes follow from it.
struct Mask {
  /// Keys above query + offset never contribute. Nothing where queries or keys
  /// are cut over ranks.
  std::optional<int64_t> causalOffset;
  /// The body does more than that.
  bool hasMore = false;

  /// The part of all (query, key) pairs that is visible; 1 without a causal
  /// mask.
  double visibleShare(int64_t queries, int64_t keys) const;
};

Mask readMask(FactoredOp op, const Maps &maps);

} // namespace colossal::attention

#endif // COLOSSAL_OPS_ATTENTION_MASK_H
