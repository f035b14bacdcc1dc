//===- Placements.cpp - A layout, told by mesh axis -----------------------===//

#include "colossal/Layout/Placements.h"

using namespace colossal;
using namespace colossal::layout;

bool colossal::layout::mixesCombiners(const Placements &placements) {
  int first = replicated;
  for (int axis : placements) {
    if (!isPartial(axis))
      continue;
    if (isPartial(first) && axis != first)
      return true;
    first = axis;
  }
  return false;
}

std::string colossal::layout::nameOf(const Placements &placements) {
  if (placements.empty())
    return "R";
  std::string text;
  for (int axis : placements) {
    if (!text.empty())
      text += '.';
    if (axis == replicated)
      text += "R";
    else if (!isPartial(axis))
      text += "S" + std::to_string(axis);
    else if (axis == partialSum)
      text += "P";
    else
      text += std::string("P") + factsOf(combinerOf(axis)).name;
  }
  return text;
}

Layout colossal::layout::layoutOf(const Layout &whole,
                                  const Placements &placements,
                                  const Mesh &mesh) {
  Layout layout = whole;
  for (unsigned axis = 0; axis < placements.size(); ++axis)
    if (int placement = placements[axis]; placement >= 0)
      layout.cut(unsigned(placement), axis, mesh);
    else if (isPartial(placement) && mesh.axes[axis].size > 1)
      layout.setPartial(axis, combinerOf(placement));
  return layout;
}

int64_t colossal::layout::partsOf(int sub, const Placements &placements,
                                  const Mesh &mesh) {
  int64_t parts = 1;
  for (size_t axis = 0; axis < placements.size(); ++axis)
    if (placements[axis] == sub)
      parts *= mesh.axes[axis].size;
  return parts;
}

bool colossal::layout::isLegal(const std::vector<int64_t> &sizes,
                               const Placements &placements, const Mesh &mesh) {
  for (size_t sub = 0; sub < sizes.size(); ++sub)
    if (int64_t parts = partsOf(int(sub), placements, mesh);
        parts > 1 && sizes[sub] < parts)
      return false;
  return true;
}

std::vector<Placements> colossal::layout::legalPlacements(
    const std::vector<int64_t> &sizes, const Mesh &mesh,
    const std::vector<bool> &cuttable, const std::set<Combiner> &partials) {
  std::vector<int> choices = {replicated};
  for (size_t k = 0; k < cuttable.size(); ++k)
    if (cuttable[k])
      choices.push_back(int(k));
  for (Combiner combiner : partials)
    choices.push_back(partialOf(combiner));
  std::vector<Placements> all = {{}};
  for (size_t a = 0; a < mesh.axes.size(); ++a) {
    std::vector<Placements> longer;
    for (const Placements &placements : all)
      for (int choice : choices) {
        longer.push_back(placements);
        longer.back().push_back(choice);
      }
    all = std::move(longer);
  }
  std::vector<Placements> legal;
  for (Placements &placements : all)
    if (isLegal(sizes, placements, mesh) && !mixesCombiners(placements))
      legal.push_back(std::move(placements));
  return legal;
}

std::optional<AxisStep> colossal::layout::stepBetween(const Placements &from,
                                                      const Placements &to) {
  std::optional<unsigned> changed;
  for (unsigned a = 0; a < from.size(); ++a)
    if (from[a] != to[a]) {
      if (changed)
        return std::nullopt;
      changed = a;
    }
  if (!changed)
    return std::nullopt;
  int source = from[*changed], target = to[*changed];
  // Minor-most: no later axis on the sub-dimension that is left or joined.
  for (size_t a = *changed + 1; a < from.size(); ++a)
    if (from[a] >= 0 && (from[a] == source || from[a] == target))
      return std::nullopt;
  if (isPartial(source) && target == replicated)
    return AxisStep{*changed, StepKind::AllReduce};
  if (isPartial(source) && target >= 0)
    return AxisStep{*changed, StepKind::ReduceScatter};
  if (source >= 0 && target == replicated)
    return AxisStep{*changed, StepKind::AllGather};
  if (source >= 0 && target >= 0)
    return AxisStep{*changed, StepKind::AllToAll};
  if (source == replicated && target >= 0)
    return AxisStep{*changed, StepKind::Slice};
  if (source == replicated && mayBecomePartial(combinerOf(target)))
    return AxisStep{*changed, StepKind::Mask};
  return std::nullopt;
}
