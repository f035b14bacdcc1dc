//===- RankMemory.cpp - The bytes of one rank -----------------------------===//

#include "RankMemory.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace colossal;
using namespace colossal::reference;

/// What an element is as memory holds it; -0 and 0 are the same.
static uint64_t bitsOf(const Tensor &tensor, int64_t i) {
  if (tensor.kind == ElementKind::Boolean)
    return tensor.booleans[i];
  if (tensor.kind == ElementKind::Integer)
    return uint64_t(tensor.integers[i]);
  return llvm::bit_cast<uint64_t>(tensor.floats[i] + 0.0);
}

ElementKind colossal::reference::kindOf(rank::DType type) {
  switch (type) {
  case rank::DType::F32:
  case rank::DType::F64:
  case rank::DType::BF16:
  case rank::DType::F16:
    return ElementKind::Float;
  case rank::DType::I1:
    return ElementKind::Boolean;
  default:
    return ElementKind::Integer;
  }
}

uint64_t RankMemory::load(int64_t at, int64_t size) const {
  return size == 1 ? small[at] : numbers[at / kCell];
}

void RankMemory::store(int64_t at, int64_t size, uint64_t bits) {
  if (size == 1)
    small[at] = uint8_t(bits);
  else
    numbers[at / kCell] = bits;
}

bool RankMemory::fits(int64_t offset, rank::DType type,
                      int64_t elements) const {
  int64_t size = rank::bytesOf(type);
  return offset >= 0 && offset + elements * size <= int64_t(small.size()) &&
         offset % size == 0;
}

void RankMemory::own(int64_t offset, int64_t bytes, const std::string &owner) {
  if (names.back() != owner)
    names.push_back(owner);
  uint32_t number = owner == names[0] ? 0 : names.size() - 1;
  for (int64_t cell = offset / kCell;
       cell < (offset + bytes + kCell - 1) / kCell; ++cell)
    owners[cell] = number;
}

bool RankMemory::write(int64_t offset, rank::DType type, const Tensor &tensor,
                       const std::string &owner) {
  int64_t count = tensor.size(), size = rank::bytesOf(type);
  if (!fits(offset, type, count))
    return false;
  own(offset, count * size, owner);
  for (int64_t i = 0; i < count; ++i)
    store(offset + i * size, size, bitsOf(tensor, i));
  return true;
}

bool RankMemory::add(int64_t offset, rank::DType type, const Tensor &tensor,
                     const std::string &owner) {
  if (!fits(offset, type, tensor.size()) || tensor.kind == ElementKind::Boolean)
    return false;
  Tensor sum = tensor;
  int64_t size = rank::bytesOf(type);
  for (int64_t i = 0, e = tensor.size(); i < e; ++i) {
    if (owners[(offset + i * size) / kCell] == 0)
      return false;
    uint64_t bits = load(offset + i * size, size);
    if (tensor.kind == ElementKind::Float)
      sum.floats[i] = llvm::bit_cast<double>(bits) + tensor.floats[i];
    else
      sum.integers[i] = llvm::SignExtend64(bits + uint64_t(tensor.integers[i]),
                                           unsigned(size) * 8);
  }
  return write(offset, type, sum, owner);
}

bool RankMemory::isWhole(int64_t at, int64_t size) const {
  return owners[at / kCell] != 0 &&
         owners[at / kCell] == owners[(at + size - 1) / kCell];
}

std::optional<Tensor> RankMemory::read(int64_t offset, rank::DType type,
                                       int64_t count) const {
  int64_t size = rank::bytesOf(type);
  if (!fits(offset, type, count))
    return std::nullopt;
  Tensor tensor = Tensor::zeros(kindOf(type), {count});
  for (int64_t i = 0; i < count; ++i) {
    int64_t at = offset + i * size;
    if (!isWhole(at, size))
      return std::nullopt;
    uint64_t bits = load(at, size);
    if (tensor.kind == ElementKind::Float)
      tensor.floats[i] = llvm::bit_cast<double>(bits);
    else if (tensor.kind == ElementKind::Boolean)
      tensor.booleans[i] = uint8_t(bits);
    else if (type == rank::DType::I8)
      tensor.integers[i] = int8_t(bits);
    else
      tensor.integers[i] = int64_t(bits);
  }
  return tensor;
}

std::optional<double> RankMemory::real(int64_t offset, rank::DType type) const {
  int64_t size = rank::bytesOf(type);
  if (kindOf(type) != ElementKind::Float || !fits(offset, type, 1) ||
      !isWhole(offset, size))
    return std::nullopt;
  return llvm::bit_cast<double>(load(offset, size));
}

bool RankMemory::fill(int64_t offset, rank::DType type, int64_t count,
                      double value, const std::string &owner) {
  Tensor tensor = Tensor::zeros(kindOf(type), {count});
  for (int64_t i = 0; i < count; ++i)
    tensor.setNumber(i, value);
  return write(offset, type, tensor, owner);
}

bool RankMemory::copy(int64_t from, int64_t to, int64_t bytes,
                      const std::string &owner) {
  if (!fits(from, rank::DType::I8, bytes) || !fits(to, rank::DType::I8, bytes))
    return false;
  bool wasWritten = true;
  for (int64_t at = from; at < from + bytes; at += kCell)
    wasWritten &= owners[at / kCell] != 0;
  own(to, bytes, wasWritten ? owner : names[0]);
  std::vector<uint64_t> moved(numbers.begin() + from / kCell,
                              numbers.begin() +
                                  (from + bytes + kCell - 1) / kCell);
  std::copy(moved.begin(), moved.end(), numbers.begin() + to / kCell);
  std::vector<uint8_t> bits(small.begin() + from, small.begin() + from + bytes);
  std::copy(bits.begin(), bits.end(), small.begin() + to);
  return true;
}

std::optional<int64_t> RankMemory::compare(int64_t offset, rank::DType type,
                                           const Tensor &expected) const {
  int64_t size = rank::bytesOf(type);
  if (!fits(offset, type, expected.size()))
    return 0;
  for (int64_t i = 0, e = expected.size(); i < e; ++i) {
    int64_t at = offset + i * size;
    uint64_t bits = bitsOf(expected, i);
    bool same = load(at, size) == (size == 1 ? uint8_t(bits) : bits);
    if (!isWhole(at, size) || !same)
      return i;
  }
  return std::nullopt;
}

const std::string &RankMemory::ownerOf(int64_t offset, rank::DType type,
                                       int64_t element) const {
  size_t cell = (offset + element * rank::bytesOf(type)) / kCell;
  return cell < owners.size() ? names[owners[cell]] : names[0];
}
