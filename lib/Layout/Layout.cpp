//===- Layout.cpp - How a value lies on a mesh ----------------------------===//

#include "colossal/Layout/Layout.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::layout;

int64_t SubDim::bound(const Mesh &mesh) const {
  return boundOf(size, mesh.sizeOf(axes));
}

bool colossal::layout::nests(int64_t size, const Axes &major, const Axes &minor,
                             const Mesh &mesh) {
  if (major.empty())
    return true;
  int64_t outer = boundOf(size, mesh.sizeOf(major)), inner = mesh.sizeOf(minor);
  return boundOf(size, mesh.sizeOf(major) * inner) * inner == outer;
}

Layout Layout::whole(const std::vector<std::vector<int64_t>> &structure) {
  Layout layout;
  for (const std::vector<int64_t> &dim : structure) {
    layout.counts.push_back(unsigned(dim.size()));
    for (int64_t size : dim)
      layout.subDims.push_back({size, {}});
  }
  return layout;
}

Layout Layout::whole() const {
  Layout layout = *this;
  for (SubDim &sub : layout.subDims)
    sub.axes.clear();
  layout.partial.clear();
  return layout;
}

std::string Layout::toString(const Mesh &mesh) const {
  std::string text = "<";
  unsigned flat = 0;
  for (size_t dim = 0; dim < counts.size(); ++dim) {
    text += dim ? ", [" : "[";
    for (unsigned i = 0; i < counts[dim]; ++i, ++flat) {
      const Axes &axes = subDims[flat].axes;
      text += i ? ", " : "";
      text += axes.empty() ? "_" : "";
      for (size_t a = 0; a < axes.size(); ++a)
        text += (a ? " * " : "") + mesh.axes[axes[a]].name;
    }
    text += ']';
  }
  if (!partial.empty()) {
    text += counts.empty() ? "partial {" : ", partial {";
    for (size_t i = 0; i < partial.size(); ++i)
      text += (i ? ", " : "") + mesh.axes[partial[i].first].name + " = " +
              factsOf(partial[i].second).name;
    text += '}';
  }
  return text + ">";
}

template <class Size>
static std::vector<int64_t> shapeOf(const Layout &layout, Size sizeOf) {
  std::vector<int64_t> shape;
  unsigned flat = 0;
  for (unsigned count : layout.counts) {
    int64_t size = 1;
    for (unsigned i = 0; i < count; ++i, ++flat)
      size *= sizeOf(layout.subDims[flat]);
    shape.push_back(size);
  }
  return shape;
}

std::vector<int64_t> Layout::localShape(const Mesh &mesh) const {
  return shapeOf(*this, [&](const SubDim &sub) { return sub.bound(mesh); });
}

std::vector<int64_t> Layout::globalShape() const {
  return shapeOf(*this, [](const SubDim &sub) { return sub.size; });
}

int64_t Layout::localElements(const Mesh &mesh) const {
  return outer(unsigned(subDims.size()), mesh);
}

int64_t Layout::outer(unsigned subDim, const Mesh &mesh) const {
  int64_t elements = 1;
  for (unsigned i = 0; i < subDim; ++i)
    elements *= subDims[i].bound(mesh);
  return elements;
}

int64_t Layout::innermost(unsigned subDim, const Mesh &mesh) const {
  int64_t elements = 1;
  for (unsigned i = subDim + 1; i < subDims.size(); ++i)
    elements *= subDims[i].bound(mesh);
  return elements;
}

std::optional<Combiner> Layout::partialOver(unsigned axis) const {
  for (auto [other, combiner] : partial)
    if (other == axis)
      return combiner;
  return std::nullopt;
}

void Layout::setPartial(unsigned axis, std::optional<Combiner> combiner) {
  auto isOfAxis = [&](const auto &entry) { return entry.first == axis; };
  partial.erase(std::remove_if(partial.begin(), partial.end(), isOfAxis),
                partial.end());
  if (combiner) {
    partial.push_back({axis, *combiner});
    std::sort(partial.begin(), partial.end());
  }
}

int Layout::cutBy(unsigned axis) const {
  for (size_t i = 0; i < subDims.size(); ++i)
    if (std::count(subDims[i].axes.begin(), subDims[i].axes.end(), axis))
      return int(i);
  return -1;
}

void Layout::cut(unsigned subDim, unsigned axis, const Mesh &mesh) {
  if (mesh.axes[axis].size == 1)
    return;
  Axes &axes = subDims[subDim].axes;
  axes.insert(axis == mesh.timeAxis() ? axes.begin() : axes.end(), axis);
}

bool Layout::isReplicated() const {
  return partial.empty() &&
         std::all_of(subDims.begin(), subDims.end(),
                     [](const SubDim &sub) { return sub.axes.empty(); });
}

bool Layout::isReplicatedOver(const Axes &axes) const {
  return std::all_of(axes.begin(), axes.end(), [&](unsigned axis) {
    return !partialOver(axis) && cutBy(axis) < 0;
  });
}

Layout Layout::without(unsigned axis) const {
  Layout layout = *this;
  layout.setPartial(axis, std::nullopt);
  for (SubDim &sub : layout.subDims)
    sub.axes.erase(std::remove(sub.axes.begin(), sub.axes.end(), axis),
                   sub.axes.end());
  return layout;
}

bool Layout::agreesWith(const Layout &other) const {
  if (partial != other.partial || counts.size() != other.counts.size() ||
      globalShape() != other.globalShape())
    return false;
  auto isCut = [](const SubDim &sub) { return !sub.axes.empty(); };
  auto mine = subDims.begin(), theirs = other.subDims.begin();
  for (size_t dim = 0; dim < counts.size(); ++dim) {
    auto mineEnd = mine + counts[dim], theirsEnd = theirs + other.counts[dim];
    if ((std::any_of(mine, mineEnd, isCut) ||
         std::any_of(theirs, theirsEnd, isCut)) &&
        !std::equal(mine, mineEnd, theirs, theirsEnd))
      return false;
    mine = mineEnd;
    theirs = theirsEnd;
  }
  return true;
}
