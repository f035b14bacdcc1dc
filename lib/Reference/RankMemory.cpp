//===- RankMemory.cpp - The bytes of one rank -----------------------------===//

#include "RankMemory.h"
#include <cstring>

using namespace colossal;
using namespace colossal::reference;

/// Bits of an element as memory holds them; -0 and 0 are the same.
static uint64_t bitsOf(const Tensor &tensor, int64_t i) {
  uint64_t bits = 0;
  if (tensor.kind == ElementKind::Float) {
    double value = tensor.floats[i] + 0.0;
    std::memcpy(&bits, &value, sizeof bits);
  } else {
    bits = uint64_t(tensor.integers[i]);
  }
  return bits;
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
  for (int64_t cell = offset / kCell;
       cell < (offset + bytes + kCell - 1) / kCell; ++cell)
    owners[cell] = names.size() - 1;
}

bool RankMemory::write(int64_t offset, rank::DType type, const Tensor &tensor,
                       const std::string &owner) {
  int64_t count = tensor.size(), size = rank::bytesOf(type);
  if (!fits(offset, type, count))
    return false;
  own(offset, count * size, owner);
  for (int64_t i = 0; i < count; ++i) {
    if (tensor.kind == ElementKind::Boolean)
      small[offset + i] = tensor.booleans[i];
    else
      numbers[(offset + i * size) / kCell] = bitsOf(tensor, i);
  }
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
    uint64_t bits = numbers[(offset + i * size) / kCell];
    double old = 0.0;
    std::memcpy(&old, &bits, sizeof old);
    if (tensor.kind == ElementKind::Float)
      sum.floats[i] = old + tensor.floats[i];
    else
      sum.integers[i] = int64_t(bits) + tensor.integers[i];
  }
  return write(offset, type, sum, owner);
}

void RankMemory::fillZero(int64_t offset, int64_t bytes,
                          const std::string &owner) {
  own(offset, bytes, owner);
  std::fill_n(numbers.begin() + offset / kCell, (bytes + kCell - 1) / kCell, 0);
  std::fill_n(small.begin() + offset, bytes, 0);
}

void RankMemory::copy(int64_t from, int64_t to, int64_t bytes,
                      const std::string &owner) {
  own(to, bytes, owner);
  std::vector<uint64_t> moved(numbers.begin() + from / kCell,
                              numbers.begin() +
                                  (from + bytes + kCell - 1) / kCell);
  std::copy(moved.begin(), moved.end(), numbers.begin() + to / kCell);
  std::vector<uint8_t> bits(small.begin() + from, small.begin() + from + bytes);
  std::copy(bits.begin(), bits.end(), small.begin() + to);
}

std::optional<int64_t> RankMemory::compare(int64_t offset, rank::DType type,
                                           const Tensor &expected) const {
  int64_t size = rank::bytesOf(type);
  if (!fits(offset, type, expected.size()))
    return 0;
  for (int64_t i = 0, e = expected.size(); i < e; ++i) {
    int64_t at = offset + i * size;
    // An element of eight bytes has one writer.
    bool whole = owners[at / kCell] != 0 &&
                 owners[at / kCell] == owners[(at + size - 1) / kCell];
    bool same = expected.kind == ElementKind::Boolean
                    ? small[at] == expected.booleans[i]
                    : numbers[at / kCell] == bitsOf(expected, i);
    if (!whole || !same)
      return i;
  }
  return std::nullopt;
}

const std::string &RankMemory::ownerOf(int64_t offset, rank::DType type,
                                       int64_t element) const {
  size_t cell = (offset + element * rank::bytesOf(type)) / kCell;
  return cell < owners.size() ? names[owners[cell]] : names[0];
}
