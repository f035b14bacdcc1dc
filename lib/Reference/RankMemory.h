//===- RankMemory.h - The bytes of one rank ---------------------*- C++ -*-===//
//
// A byte array that remembers, per cell of two bytes, the number that was
// written and by whom. Elements of one byte (i1, i8, ui8) are kept apart,
// owners are not.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_RANKMEMORY_H
#define COLOSSAL_LIB_REFERENCE_RANKMEMORY_H

#include "colossal/Reference/Tensor.h"
#include "colossal/Run/RankProgram.h"
#include <optional>

namespace colossal::reference {

class RankMemory {
public:
  explicit RankMemory(int64_t bytes)
      : numbers((bytes + kCell - 1) / kCell, 0),
        owners((bytes + kCell - 1) / kCell, 0), small(bytes) {}

  /// Writes `tensor` from `offset` on. Fails where it does not fit.
  bool write(int64_t offset, rank::DType type, const Tensor &tensor,
             const std::string &owner);
  /// Adds to what is there; fails where nothing was written.
  bool add(int64_t offset, rank::DType type, const Tensor &tensor,
           const std::string &owner);
  /// Copies bytes, also those that nobody wrote; fails outside of the memory.
  bool copy(int64_t from, int64_t to, int64_t bytes, const std::string &owner);

  /// A float; nothing where it was not written, or not as one element.
  std::optional<double> real(int64_t offset, rank::DType type) const;
  /// `count` elements from `offset` on; nothing where one was not written.
  std::optional<Tensor> read(int64_t offset, rank::DType type,
                             int64_t count) const;
  /// Writes `value` into every element.
  bool fill(int64_t offset, rank::DType type, int64_t count, double value,
            const std::string &owner);

  /// The first element that is not `expected`'s, or nothing. Numbers are
  /// compared bit by bit.
  std::optional<int64_t> compare(int64_t offset, rank::DType type,
                                 const Tensor &expected) const;
  /// Who wrote the bytes of an element last; "nobody" if no one did.
  const std::string &ownerOf(int64_t offset, rank::DType type,
                             int64_t element) const;

private:
  bool fits(int64_t offset, rank::DType type, int64_t elements) const;
  /// Whether the element has a writer, and one alone: of eight bytes no part
  /// was written over.
  bool isWhole(int64_t at, int64_t size) const;
  /// An element at a byte.
  uint64_t load(int64_t at, int64_t size) const;
  void store(int64_t at, int64_t size, uint64_t bits);
  void own(int64_t offset, int64_t bytes, const std::string &owner);

  /// Bytes of the smallest numbers. A larger one is in its first cell.
  static constexpr int64_t kCell = 2;

  std::vector<uint64_t> numbers; ///< per cell: bits of a double or int64_t
  std::vector<uint32_t> owners;  ///< per cell: index into `names`
  std::vector<uint8_t> small;    ///< per byte: elements of one byte
  std::vector<std::string> names = {"nobody"};
};

/// Where an operand lies.
struct MemoryPlace {
  RankMemory *memory = nullptr;
  int64_t offset = 0;
  rank::DType type = rank::DType::F32;
  std::string text; ///< for messages
};

/// Floats, integers or booleans.
ElementKind kindOf(rank::DType type);

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_RANKMEMORY_H
