//===- Tensor.h - Tensors of the interpreter --------------------*- C++ -*-===//
//
// Dense, row-major. Floats of every width are held as double, integers of
// every width as int64_t, i1 as one byte (0 or 1): the interpreter evaluates
// in f64 whatever the program's types are.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_TENSOR_H
#define COLOSSAL_REFERENCE_TENSOR_H

#include "mlir/IR/BuiltinTypes.h"
#include <cstdint>
#include <memory>
#include <vector>

namespace colossal::reference {

enum class ElementKind { Float, Integer, Boolean };

/// Float for floats, Boolean for i1, Integer for other integers.
ElementKind elementKindOf(mlir::Type elementType);

struct Tensor {
  ElementKind kind = ElementKind::Float;
  std::vector<int64_t> shape;
  /// Exactly the one that `kind` selects has size() elements.
  std::vector<double> floats;
  std::vector<int64_t> integers;
  std::vector<uint8_t> booleans;

  static Tensor zeros(ElementKind kind, llvm::ArrayRef<int64_t> shape);
  static Tensor zeros(mlir::RankedTensorType type);
  static Tensor scalar(double value);

  int64_t size() const;
  /// Element `i` as a number, of any kind.
  double number(int64_t i) const;
  /// Sets element `i`; truncated toward zero for integers.
  void setNumber(int64_t i, double value);
  /// this[i] := source[j]; both of the same kind.
  void copyElement(int64_t i, const Tensor &source, int64_t j);
};

/// Values are shared, never changed once they are one.
using TensorRef = std::shared_ptr<const Tensor>;

inline TensorRef share(Tensor tensor) {
  return std::make_shared<const Tensor>(std::move(tensor));
}

/// Product of a shape.
int64_t elementsOf(llvm::ArrayRef<int64_t> shape);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_TENSOR_H
