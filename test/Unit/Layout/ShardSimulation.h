//===- ShardSimulation.h - All ranks' shards of one value -------*- C++ -*-===//
//
// A value of integers on every rank of a mesh, and the collectives of
// CollectiveOps.td written down element by element, from their formulas and
// not from the code under test.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_LAYOUT_SHARDSIMULATION_H
#define COLOSSAL_TEST_UNIT_LAYOUT_SHARDSIMULATION_H

#include "colossal/Layout/Reshard.h"

#include <random>

namespace colossal::layout::test {

using Shard = std::vector<int64_t>;

class ShardSimulation {
public:
  /// All ranks' shards of a random value in `state`.
  ShardSimulation(const Layout &state, const Mesh &mesh, std::mt19937 &random);

  void apply(const ReshardStep &step);
  /// What is wrong with the shards as shards of the value in `state`; empty if
  /// nothing.
  std::string compare(const Layout &state) const;

private:
  /// Mixed-radix number of the rank on `axes`.
  int64_t coordinate(int64_t rank, const Axes &axes) const;
  std::vector<int64_t> groupOf(int64_t rank, const Axes &axes) const;
  /// The global element behind each local one; -1 for padding.
  std::vector<int64_t> elementsOf(const Layout &state, int64_t rank) const;

  const Mesh &mesh;
  std::vector<int64_t> value; ///< global elements, by sub-dimensions
  std::vector<Shard> shards;  ///< per rank; time counts as an axis
};

} // namespace colossal::layout::test

#endif // COLOSSAL_TEST_UNIT_LAYOUT_SHARDSIMULATION_H
