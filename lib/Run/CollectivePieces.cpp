//===- CollectivePieces.cpp - What a member takes of another --------------===//

#include "CollectivePieces.h"

#include "colossal/Run/Elements.h"
#include "colossal/Support/Combiner.h"

#include <cstring>

namespace colossal::rank {

void combine(const Collective &collective, char *into, const char *from,
             int64_t count) {
  // The program has been checked: it names a combiner of the type.
  Combiner combiner =
      combinerNamed(collective.combiner).value_or(Combiner::Sum);
  withElement(collective.dtype, [&](auto zero) {
    using T = decltype(zero);
    using Number = std::conditional_t<isNarrowNumber<T>, float, T>;
    T *typed = reinterpret_cast<T *>(into);
    const T *other = reinterpret_cast<const T *>(from);
    withCombiner(combiner, [&](auto constant) {
      for (int64_t i = 0; i < count; ++i)
        typed[i] =
            colossal::combine<constant()>(Number(typed[i]), Number(other[i]));
    });
  });
}

int64_t validOf(const Collective::Cut &cut, int64_t part) {
  return std::clamp<int64_t>(cut.extent - part * cut.bound, 0, cut.bound);
}

void clearPadding(OpKind kind, const Collective &collective, int reader,
                  char *output) {
  bool scatters = kind == OpKind::ReduceScatter || kind == OpKind::AllToAll;
  if (!scatters ||
      validOf(collective.scatter, reader) == collective.scatter.bound)
    return;
  int64_t elements = collective.outer * collective.middle * collective.inner *
                     collective.scatter.bound *
                     (kind == OpKind::AllToAll ? collective.gather.extent : 1);
  memset(output, 0, size_t(elements * bytesOf(collective.dtype)));
}

Slice::Slice(int64_t count, int64_t members, int64_t member) {
  int64_t size = (count + members - 1) / members;
  size = (size + 63) / 64 * 64;
  begin = std::min(count, member * size);
  end = std::min(count, begin + size);
}

Pieces::Pieces(OpKind kind, const Collective &collective, int source,
               int reader)
    : kind(kind), collective(collective), source(source), reader(reader),
      gathered(validOf(collective.gather, source)),
      scattered(validOf(collective.scatter, reader)) {
  const Collective &c = collective;
  switch (kind) {
  case OpKind::AllGather:
    count = c.outer;
    length = gathered * c.inner;
    break;
  case OpKind::ReduceScatter:
    count = c.outer;
    length = scattered * c.inner;
    break;
  default:
    count = c.outer * c.middle * (c.scatterFirst ? scattered : gathered);
    length = c.inner * (c.scatterFirst ? gathered : scattered);
  }
  if (length == 0)
    count = 0;
}

Piece Pieces::at(int64_t i) const {
  const Collective &c = collective;
  if (kind == OpKind::AllGather)
    return {i * c.gather.bound * c.inner,
            (i * c.gather.extent + source * c.gather.bound) * c.inner, length};
  if (kind == OpKind::ReduceScatter)
    return {(i * c.scatter.extent + reader * c.scatter.bound) * c.inner,
            i * c.scatter.bound * c.inner, length};
  int64_t m = i % c.middle, rest = i / c.middle;
  if (c.scatterFirst) {
    int64_t s = rest % scattered, o = rest / scattered;
    int64_t in =
        (o * c.scatter.extent + reader * c.scatter.bound + s) * c.middle + m;
    int64_t out = (o * c.scatter.bound + s) * c.middle + m;
    return {in * c.gather.bound * c.inner,
            (out * c.gather.extent + source * c.gather.bound) * c.inner,
            length};
  }
  int64_t e = rest % gathered, o = rest / gathered;
  int64_t in = (o * c.gather.bound + e) * c.middle + m;
  int64_t out =
      (o * c.gather.extent + source * c.gather.bound + e) * c.middle + m;
  return {(in * c.scatter.extent + reader * c.scatter.bound) * c.inner,
          out * c.scatter.bound * c.inner, length};
}

} // namespace colossal::rank
