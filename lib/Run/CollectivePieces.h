//===- CollectivePieces.h - What a member takes of another ------*- C++ -*-===//
//
// The data movement of AllGather, ReduceScatter and AllToAll (RankProgram.h) as
// contiguous pieces, and the arithmetic of a reduction. Every transport uses
// these, so that all compute the same.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_COLLECTIVEPIECES_H
#define COLOSSAL_LIB_RUN_COLLECTIVEPIECES_H

#include "colossal/Run/RankProgram.h"

#include <algorithm>

namespace colossal::rank {

/// One contiguous piece that a reader takes from a source, in elements.
struct Piece {
  int64_t in, out, length;
};

/// The pieces that `reader` takes from `source`, numbered in the order of the
/// source's elements.
class Pieces {
public:
  Pieces(OpKind kind, const Collective &collective, int source, int reader);
  Piece at(int64_t i) const;
  int64_t count = 0;
  int64_t length = 0; ///< of each piece

private:
  OpKind kind;
  const Collective &collective;
  int64_t source, reader, gathered, scattered;
};

/// A walk over pieces that can stop inside one.
struct Cursor {
  int64_t piece = 0, offset = 0;
};

/// Visits pieces from the cursor on. `limit` is an input position (pieces that
/// begin before it, cut there), or with `packed` a number of elements.
template <class F>
void advance(const Pieces &pieces, Cursor &cursor, int64_t limit, bool packed,
             F &&visit) {
  while (cursor.piece < pieces.count) {
    Piece piece = pieces.at(cursor.piece);
    int64_t room = packed ? limit : limit - (piece.in + cursor.offset);
    int64_t length = std::min(piece.length - cursor.offset, room);
    if (length <= 0)
      return;
    visit(Piece{piece.in + cursor.offset, piece.out + cursor.offset, length});
    if (packed)
      limit -= length;
    cursor.offset += length;
    if (cursor.offset == piece.length) {
      ++cursor.piece;
      cursor.offset = 0;
    }
  }
}

/// into[i] = combine(into[i], from[i]).
void combine(const Collective &collective, char *into, const char *from,
             int64_t count);

/// Elements of a cut that a member has; the rest of its bound is padding.
int64_t validOf(const Collective::Cut &cut, int64_t part);

/// Zero for the padding of what `reader` is given.
void clearPadding(OpKind kind, const Collective &collective, int reader,
                  char *output);

/// Of an AllReduce of `count` elements, those that a member combines:
/// [begin, end). Cut on cache lines, so that no two write the same one.
struct Slice {
  Slice(int64_t count, int64_t members, int64_t member);
  int64_t begin, end;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_COLLECTIVEPIECES_H
