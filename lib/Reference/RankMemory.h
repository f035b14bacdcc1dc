//===- RankMemory.h - The bytes of one rank ---------------------*- C++ -*-===//
//
// An array of bytes that remembers what was written where, and by whom. It
// holds the values themselves, which are shared, so nothing is copied, and a
// value that is found where it was written is compared by its address.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_RANKMEMORY_H
#define COLOSSAL_LIB_REFERENCE_RANKMEMORY_H

#include "colossal/Reference/Tensor.h"
#include "colossal/Run/RankProgram.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <map>
#include <optional>
#include <string>

namespace colossal::reference {

class RankMemory {
public:
  explicit RankMemory(int64_t bytes) : bytes(bytes) {}

  /// Writes `tensor` from `offset` on. Fails where it does not fit.
  bool write(int64_t offset, rank::DType type, const TensorRef &tensor,
             const std::string &owner);
  /// Adds to what is there; fails where nothing was written.
  bool add(int64_t offset, rank::DType type, const TensorRef &tensor,
           const std::string &owner);
  /// Writes `value` into `count` elements; fails where they do not fit.
  bool fill(int64_t offset, rank::DType type, int64_t count, double value,
            const std::string &owner);
  /// Copies bytes, also those that nobody wrote; fails outside of the memory.
  bool copy(int64_t from, int64_t to, int64_t size, const std::string &owner);

  /// Forgets what was written into bytes: they are on their way.
  bool forget(int64_t offset, int64_t size);
  /// Whether nobody has written a byte of these.
  bool isForgotten(int64_t offset, int64_t size) const;

  /// `count` elements from `offset` on; nothing where one was not written as
  /// such an element.
  std::optional<Tensor> read(int64_t offset, rank::DType type,
                             int64_t count) const;

  /// The first element that is not `expected`'s, or nothing. Numbers are
  /// compared bit by bit; -0 and 0 are the same.
  std::optional<int64_t> compare(int64_t offset, rank::DType type,
                                 const TensorRef &expected) const;
  /// Who wrote the first byte of an element last; "nobody" if no one did.
  const std::string &ownerOf(int64_t offset, rank::DType type,
                             int64_t element) const;

private:
  /// Bytes of one writer, up to `end`: of the elements of a value, the first of
  /// which is (or was) at `origin`, or zero.
  struct Piece {
    int64_t end;
    TensorRef tensor; ///< null: zero
    int64_t origin;
    int64_t size; ///< bytes of an element
    unsigned owner;
  };
  bool fits(int64_t offset, rank::DType type, int64_t elements) const;
  unsigned ownerNumber(const std::string &owner);
  /// Lets a piece begin here, where one lies across.
  void split(int64_t at);
  void erase(int64_t begin, int64_t end);
  /// Elements [first, first + count) of what is asked for lie in one piece.
  struct Run {
    int64_t first, count;
    const Piece *piece;
    int64_t index; ///< of the first in the piece's value
  };
  /// Calls `visit` with the runs of `count` elements in order, until it says
  /// no. The first element that no piece has whole, or at which `visit` has
  /// said no.
  std::optional<int64_t>
  forEachRun(int64_t offset, int64_t size, int64_t count,
             llvm::function_ref<bool(const Run &)> visit) const;

  int64_t bytes;
  std::map<int64_t, Piece> pieces; ///< by the first byte, apart
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
