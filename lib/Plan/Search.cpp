//===- Search.cpp - The search for a plan ---------------------------------===//

#include "colossal/Plan/Search.h"
#include "colossal/Plan/Solvers.h"

using namespace colossal;
using namespace colossal::plan;

std::optional<SearchResult>
colossal::plan::searchPlan(const Program &program,
                           const machine::Cluster &cluster,
                           const SearchOptions &options, std::string &error) {
  SearchResult result;
  Batching batching = analyzeBatching(program);
  std::vector<OpNode> nodes = buildNodes(program, batching);
  Pieces pieces = wholeProgram(program, nodes);
  int64_t data = options.pins.data.value_or(1);
  int64_t tensor = options.pins.tensor.value_or(cluster.devices / data);
  Mesh mesh;
  FormulationOptions formulation;
  if (data > 1) {
    mesh.axes.push_back({"data", data});
    formulation.rules.push_back(AxisRule::Data);
  }
  if (tensor > 1) {
    mesh.axes.push_back({"tensor", tensor});
    formulation.rules.push_back(AxisRule::Tensor);
  }
  formulation.zero = options.pins.zero;
  formulation.microbatches = options.pins.microbatches.value_or(1);
  std::optional<Formulation> problem = formulate(
      program, batching, nodes, pieces, cluster, mesh, formulation, error);
  if (!problem)
    return std::nullopt;
  IntegerProgramReport report;
  std::optional<Solution> solution =
      solveIntegerProgram(problem->problem, {}, report, error);
  if (!solution)
    return std::nullopt;
  result.plan = assemble(program, nodes, pieces, *problem, *solution, {0});
  result.plan.stepNs = solution->time;
  result.problems = 1;
  return result;
}
