//===- Divisions.cpp - Meshes that the search tries -----------------------===//

#include "Divisions.h"

#include <algorithm>
#include <set>

using namespace colossal;
using namespace colossal::plan;

/// States of a value are products over the axes.
static constexpr size_t mostAxes = 4;

/// Of the label, behind the axes.
static void addStages(Division &division) {
  const Stages &stages = division.mesh.stages;
  if (stages.groups > 1)
    division.label += (division.label.empty() ? "pipeline=" : " pipeline=") +
                      std::to_string(stages.groups);
  if (stages.chunks > 1)
    division.label += " chunks=" + std::to_string(stages.chunks);
  if (division.label.empty())
    division.label = "one device";
}

namespace {
struct RuledAxis {
  int64_t size = 1;
  AxisRule rule = AxisRule::Free;
};
} // namespace

/// A division whose axes of size 1 are left out.
static Division makeDivision(int64_t groups,
                             const std::vector<RuledAxis> &axes) {
  Division division;
  division.mesh.stages.groups = groups;
  for (const RuledAxis &axis : axes) {
    if (axis.size == 1)
      continue;
    const char *name = axis.rule == AxisRule::Data     ? "data"
                       : axis.rule == AxisRule::Tensor ? "tensor"
                                                       : "axis";
    std::string unique = name;
    for (const Axis &other : division.mesh.axes)
      if (other.name == unique)
        unique += "1";
    bool isNext = axis.rule != AxisRule::Free && !division.rules.empty() &&
                  division.rules.back() == axis.rule;
    division.mesh.axes.push_back({unique, axis.size});
    division.rules.push_back(axis.rule);
    division.label += division.label.empty() ? "" : isNext ? "x" : " ";
    division.label +=
        (isNext ? "" : std::string(name) + "=") + std::to_string(axis.size);
  }
  addStages(division);
  return division;
}

/// Whether the order of the axes matters: devices next to each other are
/// joined by other links than devices further away.
static bool orderMatters(const machine::Cluster &cluster,
                         const std::vector<RuledAxis> &axes, int64_t groups) {
  std::vector<int64_t> sizes;
  for (const RuledAxis &axis : axes)
    if (axis.size > 1)
      sizes.push_back(axis.size);
  std::set<int> levels;
  for (size_t a = 0; a < sizes.size(); ++a)
    levels.insert(int(machine::spanOfAxes(cluster, sizes, {int64_t(a)}, groups)
                          .worstLevel()));
  return levels.size() > 1;
}

/// Axes for data and for tensor, each in its order; where that matters, in
/// every order of both.
static std::vector<std::vector<RuledAxis>>
ordersOf(const machine::Cluster &cluster, const std::vector<int64_t> &data,
         const std::vector<int64_t> &tensor, int64_t groups) {
  std::vector<std::vector<RuledAxis>> orders;
  std::vector<bool> isTensor(data.size() + tensor.size());
  std::fill(isTensor.begin() + data.size(), isTensor.end(), true);
  do {
    std::vector<RuledAxis> axes;
    size_t d = 0, t = 0;
    for (bool now : isTensor)
      axes.push_back(now ? RuledAxis{tensor[t++], AxisRule::Tensor}
                         : RuledAxis{data[d++], AxisRule::Data});
    orders.push_back(axes);
    if (!orderMatters(cluster, axes, groups))
      break;
  } while (std::next_permutation(isTensor.begin(), isTensor.end()));
  return orders;
}

std::vector<Division>
colossal::plan::divisionsOf(const machine::Cluster &cluster, const Pins &pins,
                            int64_t batch, std::string &error) {
  std::vector<Division> divisions;
  int64_t devices = cluster.devices;
  auto fail = [&](const std::string &text) {
    error = "pins " + pins.toString() + ": " + text;
    return std::vector<Division>();
  };
  int64_t fixed = pins.data.value_or(1) * pins.tensor.value_or(1) *
                  pins.pipeline.value_or(1);
  if (devices % fixed != 0)
    return fail("they need a multiple of " + std::to_string(fixed) +
                " devices, the cluster has " + std::to_string(devices));
  if (pins.data && pins.tensor && pins.pipeline && fixed != devices)
    return fail("they need " + std::to_string(fixed) +
                " devices, the cluster has " + std::to_string(devices));
  if (pins.data.value_or(1) > batch)
    return fail("found data=" + std::to_string(*pins.data) +
                ", expected at most " + std::to_string(batch) +
                ": the program lets the batch be cut into so many parts");
  size_t axes = std::max<size_t>(pins.dataAxes.size(), 1) +
                std::max<size_t>(pins.tensorAxes.size(), 1);
  if (axes > mostAxes)
    return fail("found " + std::to_string(axes) + " axes, expected at most " +
                std::to_string(mostAxes));
  bool pipelines = pins.chunks.value_or(1) > 1;
  if (pipelines && (pins.pipeline.value_or(2) == 1 || devices == 1))
    return fail("several stages on a device group need two groups or more");
  for (int64_t groups = pipelines ? 2 : 1; groups <= devices; ++groups) {
    if (devices % groups != 0 || (pins.pipeline && *pins.pipeline != groups))
      continue;
    int64_t size = devices / groups;
    for (int64_t data = size; data >= 1; --data) {
      int64_t tensor = size / data;
      if (size % data != 0 || (pins.data && *pins.data != data) ||
          (pins.tensor && *pins.tensor != tensor) || data > batch)
        continue;
      auto axesOf = [](const std::vector<int64_t> &pinned, int64_t size) {
        return pinned.empty() ? std::vector<int64_t>{size} : pinned;
      };
      for (const std::vector<RuledAxis> &axes :
           ordersOf(cluster, axesOf(pins.dataAxes, data),
                    axesOf(pins.tensorAxes, tensor), groups)) {
        divisions.push_back(makeDivision(groups, axes));
        divisions.back().zero = pins.zero;
      }
    }
    if (pins.data || pins.tensor || pins.zero || size == 1)
      continue;
    for (int64_t first = size; first >= 1; --first)
      if (size % first == 0 && (first == size || first > 1) &&
          (size / first > 1 || first == size))
        divisions.push_back(makeDivision(groups, {{first}, {size / first}}));
  }
  // The large problems last, when there is something to beat.
  std::vector<Division> ordered;
  for (size_t effort = 0; ordered.size() < divisions.size(); ++effort)
    for (const Division &division : divisions)
      if (division.mesh.axes.size() + division.isWide() == effort)
        ordered.push_back(division);
  divisions = std::move(ordered);
  if (divisions.empty())
    return fail("no mesh of " + std::to_string(devices) +
                " devices satisfies them");
  return divisions;
}

Division colossal::plan::divisionOfMesh(const Mesh &mesh) {
  Division division;
  division.mesh = mesh;
  division.isGiven = true;
  for (const Axis &axis : mesh.axes) {
    // Of several of one kind the others end in 1s.
    std::string name = axis.name.substr(0, axis.name.find_last_not_of('1') + 1);
    division.rules.push_back(name == "data"     ? AxisRule::Data
                             : name == "tensor" ? AxisRule::Tensor
                                                : AxisRule::Free);
    division.label += division.label.empty() ? "" : " ";
    division.label += axis.name + "=" + std::to_string(axis.size);
  }
  addStages(division);
  return division;
}

void colossal::plan::nameAxes(const std::vector<OpNode> &nodes,
                              const Formulation &formulation,
                              const Solution &solution, Division &division) {
  for (size_t a = 0; a < division.mesh.axes.size(); ++a) {
    if (division.rules[a] != AxisRule::Free || division.isGiven)
      continue;
    int with = 0, cut = 0;
    for (size_t n = 0; n < formulation.nodes.size(); ++n) {
      if (formulation.nodes[n].kind != FormulatedNode::Kind::Ops)
        continue;
      const OpNode &node = nodes[formulation.nodes[n].node];
      if (node.segment != Segment::Forward ||
          !std::count(node.isBatch.begin(), node.isBatch.end(), true))
        continue;
      const Choice &choice =
          formulation.strategies[n][solution.strategies[n]].choices[a];
      ++with;
      cut += choice.kind == Choice::Kind::Class && node.isBatch[choice.index];
    }
    std::string name = cut == with ? "data" : cut == 0 ? "tensor" : "mixed";
    for (bool again = true; again;) {
      again = false;
      for (size_t b = 0; b < division.mesh.axes.size(); ++b)
        if (b != a && division.mesh.axes[b].name == name) {
          name += "1";
          again = true;
        }
    }
    division.mesh.axes[a].name = name;
  }
}
