//===- Tensor.cpp - Tensors of the interpreter ----------------------------===//

#include "colossal/Reference/Tensor.h"

using namespace mlir;
using namespace colossal::reference;

ElementKind colossal::reference::elementKindOf(Type elementType) {
  if (isa<FloatType>(elementType))
    return ElementKind::Float;
  return elementType.isInteger(1) ? ElementKind::Boolean : ElementKind::Integer;
}

int64_t colossal::reference::elementsOf(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

Tensor Tensor::zeros(ElementKind kind, ArrayRef<int64_t> shape) {
  Tensor result;
  result.kind = kind;
  result.shape.assign(shape.begin(), shape.end());
  int64_t count = elementsOf(shape);
  if (kind == ElementKind::Float)
    result.floats.resize(count);
  else if (kind == ElementKind::Integer)
    result.integers.resize(count);
  else
    result.booleans.resize(count);
  return result;
}

Tensor Tensor::zeros(RankedTensorType type) {
  return zeros(elementKindOf(type.getElementType()), type.getShape());
}

Tensor Tensor::scalar(double value) {
  Tensor result = zeros(ElementKind::Float, {});
  result.floats[0] = value;
  return result;
}

int64_t Tensor::size() const { return elementsOf(shape); }

double Tensor::number(int64_t i) const {
  if (kind == ElementKind::Float)
    return floats[i];
  return kind == ElementKind::Integer ? double(integers[i]) : booleans[i];
}

void Tensor::setNumber(int64_t i, double value) {
  if (kind == ElementKind::Float)
    floats[i] = value;
  else if (kind == ElementKind::Integer)
    integers[i] = int64_t(value);
  else
    booleans[i] = value != 0.0;
}

void Tensor::copyElement(int64_t i, const Tensor &source, int64_t j) {
  if (kind == ElementKind::Float)
    floats[i] = source.floats[j];
  else if (kind == ElementKind::Integer)
    integers[i] = source.integers[j];
  else
    booleans[i] = source.booleans[j];
}
