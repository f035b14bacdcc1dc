//===- Choices.cpp - The strategies of a node under the pins --------------===//

#include "Choices.h"

#include <algorithm>

using namespace colossal::plan;

/// Every combination of what the axes may do.
static std::vector<std::vector<Choice>>
choicesOf(const Program &program, const Mesh &mesh, const OpNode &node) {
  std::vector<Choice> single = {Choice()};
  for (int c = 0; c < node.classCount; ++c)
    if (node.shardable[c])
      single.push_back({Choice::Kind::Class, c});
  if (node.ops.size() == 1) {
    const Op &op = program.ops[node.ops[0]];
    for (size_t set = 0; set < op.linear.size(); ++set)
      single.push_back({Choice::Kind::Linear, int(set)});
  }
  std::vector<std::vector<Choice>> all = {{}};
  for (size_t a = 0; a < mesh.axes.size(); ++a) {
    std::vector<std::vector<Choice>> longer;
    for (const std::vector<Choice> &choices : all)
      for (const Choice &choice : single) {
        longer.push_back(choices);
        longer.back().push_back(choice);
      }
    all = std::move(longer);
  }
  return all;
}

/// Microbatches must be equal: they divide a device's share of the batch.
static bool batchIsEven(const Mesh &mesh, const FormulationOptions &options,
                        const OpNode &node,
                        const std::vector<Choice> &choices) {
  if (node.segment != Segment::Forward && node.segment != Segment::Backward)
    return true;
  for (int c = 0; c < node.classCount; ++c) {
    if (!node.isBatch[c])
      continue;
    int64_t parts = 1;
    for (size_t a = 0; a < choices.size(); ++a)
      if (choices[a].kind == Choice::Kind::Class && choices[a].index == c)
        parts *= mesh.axes[a].size;
    if ((node.bounds[c] + parts - 1) / parts % options.microbatches != 0)
      return false;
  }
  return true;
}

/// What data and tensor axes may and must do.
static bool obeysRules(const Program &program, const Mesh &mesh,
                       const FormulationOptions &options, const OpNode &node,
                       const NodeStrategy &strategy) {
  for (size_t a = 0; a < mesh.axes.size(); ++a) {
    const Choice &choice = strategy.choices[a];
    bool cutsBatch =
        choice.kind == Choice::Kind::Class && node.isBatch[choice.index];
    // Where samples are mixed, a node has several batch factors: one is cut.
    if (ruleOf(options, a) == AxisRule::Data && !cutsBatch &&
        std::count(node.isBatch.begin(), node.isBatch.end(), true))
      return false;
    if (ruleOf(options, a) != AxisRule::Tensor)
      continue;
    if (cutsBatch)
      return false;
    // Products cut the parameter that they use.
    if (node.segment != Segment::Forward)
      continue;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      const ProgramValue &value = program.values[node.inputs[i].value];
      std::vector<int64_t> bounds = value.subDims();
      bool fits = std::any_of(bounds.begin(), bounds.end(), [&](int64_t b) {
        return b >= mesh.axes[a].size;
      });
      if (value.role == Role::Parameter && fits &&
          program.ops[node.inputs[i].op].work.kind == Work::Kind::Product &&
          strategy.inputs[i][a] < 0)
        return false;
    }
  }
  return true;
}

std::vector<NodeStrategy> colossal::plan::legalStrategies(
    const Program &program, const Mesh &mesh, const FormulationOptions &options,
    const OpNode &node,
    const std::function<bool(const NodeStrategy &)> &isReachable,
    const std::function<int64_t(const NodeStrategy &)> &timeOf,
    std::string &fault) {
  std::vector<NodeStrategy> kept;
  std::map<std::pair<std::vector<Placements>, std::vector<Placements>>, size_t>
      interfaces;
  bool anyLegal = false;
  for (std::vector<Choice> &choices : choicesOf(program, mesh, node)) {
    std::optional<NodeStrategy> strategy =
        deriveStrategy(program, mesh, node, choices);
    if (!strategy || !obeysRules(program, mesh, options, node, *strategy))
      continue;
    anyLegal = true;
    if (!batchIsEven(mesh, options, node, strategy->choices) ||
        !isReachable(*strategy))
      continue;
    strategy->cost = timeOf(*strategy);
    auto key = std::make_pair(strategy->inputs, strategy->outputs);
    auto [it, isNew] = interfaces.emplace(key, kept.size());
    if (isNew)
      kept.push_back(std::move(*strategy));
    else if (strategy->cost < kept[it->second].cost)
      kept[it->second] = std::move(*strategy);
  }
  if (kept.empty())
    fault = "\"" + node.name + "\" has no strategy " +
            (anyLegal ? "with " + std::to_string(options.microbatches) +
                            " microbatches: they do not divide a device's "
                            "share of the batch"
                      : std::string("under the pins"));
  return kept;
}
