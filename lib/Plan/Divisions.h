//===- Divisions.h - Meshes that the search tries ---------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_DIVISIONS_H
#define COLOSSAL_LIB_PLAN_DIVISIONS_H

#include "colossal/Plan/Search.h"

namespace colossal::plan {

/// A mesh and what its axes may serve.
struct Division {
  Mesh mesh;
  std::vector<AxisRule> rules;
  std::optional<int64_t> zero;
  std::string label;
  bool isGiven = false; ///< by another program's plan, with its names

  /// Two axes, both free: the largest integer programs.
  bool isWide() const { return rules.size() > 1 && rules[0] == AxisRule::Free; }
};

/// All meshes of at most two axes, or as many as are pinned, for every number
/// of stages that the pins allow: the axes free, and also each division into
/// data and tensor, which is what the pins name; so no pinned plan is faster
/// than the search's. Those of more axes come after the others, and the wide
/// ones last. Sets `error` where the pins do not fit the devices.
std::vector<Division> divisionsOf(const machine::Cluster &cluster,
                                  const Pins &pins, int64_t batch,
                                  std::string &error);

/// The mesh of another program's plan: axes serve what their names say.
Division divisionOfMesh(const Mesh &mesh);

/// Names the free axes of the winner by what they do: "data" cuts the batch in
/// every forward node that has it, "tensor" in none.
void nameAxes(const std::vector<OpNode> &nodes, const Formulation &formulation,
              const Solution &solution, Division &division);

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_DIVISIONS_H
