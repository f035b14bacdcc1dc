//===- RankMemory.cpp - The bytes of one rank -----------------------------===//

#include "RankMemory.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace colossal;
using namespace colossal::reference;

/// What an element of `size` bytes is as memory holds it: the bits of a double
/// or int64_t, or a byte. -0 and 0 are the same.
static uint64_t bitsOf(const Tensor *tensor, int64_t i, int64_t size) {
  if (!tensor)
    return 0;
  uint64_t bits = tensor->kind == ElementKind::Boolean ? tensor->booleans[i]
                  : tensor->kind == ElementKind::Integer
                      ? uint64_t(tensor->integers[i])
                      : llvm::bit_cast<uint64_t>(tensor->floats[i] + 0.0);
  return size == 1 ? uint8_t(bits) : bits;
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

bool RankMemory::fits(int64_t offset, rank::DType type,
                      int64_t elements) const {
  int64_t size = rank::bytesOf(type);
  return offset >= 0 && offset + elements * size <= bytes && offset % size == 0;
}

unsigned RankMemory::ownerNumber(const std::string &owner) {
  if (names.back() != owner)
    names.push_back(owner);
  return names.size() - 1;
}

void RankMemory::split(int64_t at) {
  auto next = pieces.upper_bound(at);
  if (next == pieces.begin())
    return;
  auto piece = std::prev(next);
  if (piece->first == at || piece->second.end <= at)
    return;
  pieces.emplace_hint(next, at, piece->second);
  piece->second.end = at;
}

void RankMemory::erase(int64_t begin, int64_t end) {
  split(begin);
  split(end);
  pieces.erase(pieces.lower_bound(begin), pieces.lower_bound(end));
}

bool RankMemory::write(int64_t offset, rank::DType type,
                       const TensorRef &tensor, const std::string &owner) {
  int64_t count = tensor->size(), size = rank::bytesOf(type);
  if (!fits(offset, type, count))
    return false;
  if (count == 0)
    return true;
  erase(offset, offset + count * size);
  pieces[offset] = {offset + count * size, tensor, offset, size,
                    ownerNumber(owner)};
  return true;
}

std::optional<int64_t>
RankMemory::forEachRun(int64_t offset, int64_t size, int64_t count,
                       llvm::function_ref<bool(const Run &)> visit) const {
  auto piece = pieces.upper_bound(offset);
  if (piece != pieces.begin())
    --piece;
  for (int64_t first = 0; first < count; ++piece) {
    int64_t at = offset + first * size;
    if (piece == pieces.end() || piece->first > at)
      return first;
    const Piece &own = piece->second;
    int64_t number = std::min(count - first, (own.end - at) / size);
    int64_t before = at - own.origin;
    bool fitsElements = !own.tensor || (own.size == size && before % size == 0);
    if (number <= 0 || !fitsElements ||
        !visit({first, number, &own, before / size}))
      return first;
    first += number;
  }
  return std::nullopt;
}

bool RankMemory::add(int64_t offset, rank::DType type, const TensorRef &tensor,
                     const std::string &owner) {
  int64_t size = rank::bytesOf(type), count = tensor->size();
  if (!fits(offset, type, count) || tensor->kind == ElementKind::Boolean)
    return false;
  Tensor sum = *tensor;
  auto addRun = [&](const Run &run) {
    const Tensor *old = run.piece->tensor.get();
    for (int64_t i = 0; i < run.count; ++i) {
      uint64_t bits = bitsOf(old, run.index + i, size);
      int64_t at = run.first + i;
      if (sum.kind == ElementKind::Float)
        sum.floats[at] = llvm::bit_cast<double>(bits) + tensor->floats[at];
      else
        sum.integers[at] = llvm::SignExtend64(
            bits + uint64_t(tensor->integers[at]), unsigned(size) * 8);
    }
    return true;
  };
  return !forEachRun(offset, size, count, addRun) &&
         write(offset, type, share(std::move(sum)), owner);
}

bool RankMemory::fill(int64_t offset, rank::DType type, int64_t count,
                      double value, const std::string &owner) {
  if (!fits(offset, type, count))
    return false;
  if (value != 0.0) {
    Tensor tensor = Tensor::zeros(kindOf(type), {count});
    for (int64_t i = 0; i < count; ++i)
      tensor.setNumber(i, value);
    return write(offset, type, share(std::move(tensor)), owner);
  }
  // Zero is zero in every type.
  int64_t end = offset + count * rank::bytesOf(type);
  erase(offset, end);
  if (count > 0)
    pieces[offset] = {end, nullptr, offset, 1, ownerNumber(owner)};
  return true;
}

bool RankMemory::forget(int64_t offset, int64_t size) {
  if (offset < 0 || size < 0 || offset > bytes - size)
    return false;
  erase(offset, offset + size);
  return true;
}

bool RankMemory::isForgotten(int64_t offset, int64_t size) const {
  auto it = pieces.upper_bound(offset);
  if (it != pieces.begin() && std::prev(it)->second.end > offset)
    return size == 0;
  return it == pieces.end() || it->first >= offset + size;
}

std::optional<Tensor> RankMemory::read(int64_t offset, rank::DType type,
                                       int64_t count) const {
  int64_t size = rank::bytesOf(type);
  if (!fits(offset, type, count))
    return std::nullopt;
  Tensor result = Tensor::zeros(kindOf(type), {count});
  auto take = [&](const Run &run) {
    const Tensor *from = run.piece->tensor.get();
    if (!from)
      return true;
    if (from->kind != result.kind)
      return false;
    for (int64_t i = 0; i < run.count; ++i)
      result.copyElement(run.first + i, *from, run.index + i);
    return true;
  };
  if (forEachRun(offset, size, count, take))
    return std::nullopt;
  return result;
}

bool RankMemory::copy(int64_t from, int64_t to, int64_t size,
                      const std::string &owner) {
  if (!fits(from, rank::DType::I8, size) || !fits(to, rank::DType::I8, size))
    return false;
  split(from);
  split(from + size);
  std::map<int64_t, Piece> moved;
  unsigned number = ownerNumber(owner);
  for (auto it = pieces.lower_bound(from),
            end = pieces.lower_bound(from + size);
       it != end; ++it) {
    Piece piece = it->second;
    piece.end += to - from;
    piece.origin += to - from;
    piece.owner = number;
    moved[it->first + to - from] = piece;
  }
  erase(to, to + size);
  pieces.merge(moved);
  return true;
}

std::optional<int64_t> RankMemory::compare(int64_t offset, rank::DType type,
                                           const TensorRef &expected) const {
  int64_t size = rank::bytesOf(type), count = expected->size();
  if (!fits(offset, type, count))
    return 0;
  int64_t different = 0;
  auto isSame = [&](const Run &run) {
    const Tensor *found = run.piece->tensor.get();
    if (found == expected.get() && run.index == run.first)
      return true;
    for (int64_t i = 0; i < run.count; ++i)
      if (bitsOf(found, run.index + i, size) !=
          bitsOf(expected.get(), run.first + i, size)) {
        different = i;
        return false;
      }
    return true;
  };
  std::optional<int64_t> first = forEachRun(offset, size, count, isSame);
  return first ? std::optional(*first + different) : std::nullopt;
}

const std::string &RankMemory::ownerOf(int64_t offset, rank::DType type,
                                       int64_t element) const {
  int64_t at = offset + element * rank::bytesOf(type);
  auto piece = pieces.upper_bound(at);
  if (piece == pieces.begin())
    return names[0];
  --piece;
  return names[piece->second.end > at ? piece->second.owner : 0];
}
