//===- Roles.h - Tensors and roles of factors of convolution ----*- C++ -*-===//
//
// The three ops have the same three tensors, of which one is the result
// (Convolution.td).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_ROLES_H
#define COLOSSAL_OPS_CONVOLUTION_ROLES_H

#include "Colossal/IR/ColossalDialect.h"
#include <array>

namespace colossal::convolution {

enum class Tensor { Input, Weights, Output };

enum class Role {
  Sample,
  Group,
  OutputChannel,
  InputChannel,
  InputPosition,
  Tap, ///< a position of the weights
  OutputPosition
};

/// Of operand 0, operand 1 and the result.
std::array<Tensor, 3> tensorsOf(mlir::Operation *op);

/// The attribute of an op whose x and y have their channels last in memory,
/// behind the positions. Maps alone do not tell where sizes are 1.
inline constexpr llvm::StringLiteral channelsLastName = "channels_last";

struct Roles {
  explicit Roles(FactoredOp op);

  llvm::SmallVector<FactorAttr> factors;
  std::array<Tensor, 3> tensors;    ///< of operand 0, operand 1 and the result
  std::array<IndexMapAttr, 3> maps; ///< by Tensor
  llvm::SmallVector<Role> roles;    ///< by factor
  bool channelsLast;

  IndexMapAttr map(Tensor tensor) const { return maps[unsigned(tensor)]; }
  /// Factors of a role, in order.
  llvm::SmallVector<unsigned> of(Role role) const;
  /// Product of their bounds.
  int64_t size(Role role) const;
  /// The dimensions of the tensor that are positions: [begin, begin + spatial).
  unsigned positionsBegin(Tensor tensor) const;
  /// Its dimension of channels (of the weights: of those that are summed over).
  unsigned channelDim(Tensor tensor) const;
  /// Sizes of the positions of a tensor, one a spatial dimension.
  llvm::SmallVector<int64_t> positions(Tensor tensor) const;
};

} // namespace colossal::convolution

#endif // COLOSSAL_OPS_CONVOLUTION_ROLES_H
