//===- Layout.h - How a value lies on a mesh --------------------*- C++ -*-===//
//
// The one model of a sharded value. Per sub-dimension its global size and the
// axes that cut it, major first, and the axes over which the value is partial.
// Plan, Partition, Schedule and Run take from here what a rank holds; the
// interpreter (Reference/Sharding.h) has its own reading of the same rules,
// and a test compares the two on random layouts.
//
// Local bounds. A sub-dimension of size n cut over axes of sizes p1, p2, ...
// has bound ceil(n / (p1 p2 ...)) on every rank; the rank with coordinates c1,
// c2, ... holds [r * bound, (r + 1) * bound) with r = (c1 * p2 + c2) * ...;
// what is beyond n is padding, and padding elements are zero.
//
// Axes of size 1 are never stored: they cut nothing and reduce nothing.
//
// Units: elements.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LAYOUT_LAYOUT_H
#define COLOSSAL_LAYOUT_LAYOUT_H

#include "colossal/Layout/Mesh.h"
#include "colossal/Support/Combiner.h"

namespace colossal::layout {

/// ceil(size / parts): what each of so many equal parts holds.
constexpr int64_t boundOf(int64_t size, int64_t parts) {
  return (size + parts - 1) / parts;
}

struct SubDim {
  int64_t size = 1;
  Axes axes; ///< major first
  int64_t bound(const Mesh &mesh) const;
  bool operator==(const SubDim &other) const {
    return size == other.size && axes == other.axes;
  }
  bool operator!=(const SubDim &other) const { return !(*this == other); }
};

/// Whether `minor` may join (or leave) as the minor-most axes of a
/// sub-dimension of `size` that `major` cuts: parts must fit into parts.
bool nests(int64_t size, const Axes &major, const Axes &minor,
           const Mesh &mesh);

struct Layout {
  /// Sub-dimensions of all dimensions, major to minor.
  std::vector<SubDim> subDims;
  /// How many of them each dimension has.
  std::vector<unsigned> counts;
  /// Axis and combiner, axes rising.
  std::vector<std::pair<unsigned, Combiner>> partial;

  /// Sizes alone, uncut: one list of sub-dimension sizes per dimension.
  static Layout whole(const std::vector<std::vector<int64_t>> &structure);
  /// The same sizes, uncut.
  Layout whole() const;

  /// `<[time * a0], [_, a1], partial {a2 = sum}>`, for messages.
  std::string toString(const Mesh &mesh) const;

  std::vector<int64_t> localShape(const Mesh &mesh) const;
  std::vector<int64_t> globalShape() const;
  int64_t localElements(const Mesh &mesh) const;
  /// Local elements above (below) a sub-dimension.
  int64_t outer(unsigned subDim, const Mesh &mesh) const;
  int64_t innermost(unsigned subDim, const Mesh &mesh) const;

  std::optional<Combiner> partialOver(unsigned axis) const;
  void setPartial(unsigned axis, std::optional<Combiner> combiner);
  /// The sub-dimension that `axis` cuts, or -1.
  int cutBy(unsigned axis) const;
  /// Cuts a sub-dimension by one more axis: time as major-most, any other as
  /// minor-most. Nothing happens where the axis has size 1.
  void cut(unsigned subDim, unsigned axis, const Mesh &mesh);
  bool isReplicated() const;
  /// Whether every rank of each of these axes has the same.
  bool isReplicatedOver(const Axes &axes) const;
  /// The layout without one axis.
  Layout without(unsigned axis) const;
  /// True if both put the same elements in the same places: dimensions that
  /// neither cuts may be divided into sub-dimensions differently.
  bool agreesWith(const Layout &other) const;
};

} // namespace colossal::layout

#endif // COLOSSAL_LAYOUT_LAYOUT_H
