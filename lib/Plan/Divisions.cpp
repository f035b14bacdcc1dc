//===- Divisions.cpp - Meshes that the search tries -----------------------===//

#include "Divisions.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::plan;

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

/// A division whose axes of size 1 are left out.
static Division makeDivision(int64_t groups, int64_t first, AxisRule firstRule,
                             int64_t second, AxisRule secondRule) {
  Division division;
  division.mesh.stages.groups = groups;
  auto add = [&](int64_t size, AxisRule rule) {
    if (size == 1)
      return;
    const char *name = rule == AxisRule::Data     ? "data"
                       : rule == AxisRule::Tensor ? "tensor"
                                                  : "axis";
    std::string unique = name;
    for (const Axis &axis : division.mesh.axes)
      if (axis.name == unique)
        unique += "1";
    division.mesh.axes.push_back({unique, size});
    division.rules.push_back(rule);
    division.label += division.label.empty() ? "" : " ";
    division.label += std::string(name) + "=" + std::to_string(size);
  };
  add(first, firstRule);
  add(second, secondRule);
  addStages(division);
  return division;
}

/// Whether the order of the axes matters: devices next to each other are
/// joined by other links than devices further away.
static bool orderMatters(const machine::Cluster &cluster, int64_t first,
                         int64_t second, int64_t groups) {
  machine::Span outer =
      machine::spanOfAxes(cluster, {first, second}, {0}, groups);
  machine::Span inner =
      machine::spanOfAxes(cluster, {first, second}, {1}, groups);
  return first > 1 && second > 1 && (outer.worstLevel() != inner.worstLevel());
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
      Division division =
          makeDivision(groups, data, AxisRule::Data, tensor, AxisRule::Tensor);
      division.zero = pins.zero;
      divisions.push_back(division);
      if (orderMatters(cluster, data, tensor, groups)) {
        division = makeDivision(groups, tensor, AxisRule::Tensor, data,
                                AxisRule::Data);
        division.zero = pins.zero;
        divisions.push_back(division);
      }
    }
    if (pins.data || pins.tensor || pins.zero || size == 1)
      continue;
    for (int64_t first = size; first >= 1; --first)
      if (size % first == 0 && (first == size || first > 1) &&
          (size / first > 1 || first == size))
        divisions.push_back(makeDivision(groups, first, AxisRule::Free,
                                         size / first, AxisRule::Free));
  }
  // The large problems last, when there is something to beat.
  std::vector<Division> ordered;
  for (size_t effort : {0, 1, 2, 3})
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
    division.rules.push_back(axis.name == "data"     ? AxisRule::Data
                             : axis.name == "tensor" ? AxisRule::Tensor
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
