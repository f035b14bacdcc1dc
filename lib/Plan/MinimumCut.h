//===- MinimumCut.h - Minimum cuts of small graphs --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_MINIMUMCUT_H
#define COLOSSAL_LIB_PLAN_MINIMUMCUT_H

#include <cstdint>
#include <limits>
#include <vector>

namespace colossal::plan {

/// A directed graph with capacities. Maximum flow by Dinic's algorithm (E. A.
/// Dinic, 1970): shortest augmenting paths, level by level.
class MinimumCut {
public:
  /// An edge of this capacity is never cut.
  static constexpr int64_t unlimited = std::numeric_limits<int64_t>::max() / 4;

  int addNode();
  /// \pre capacity >= 0
  void addEdge(int from, int to, int64_t capacity);

  /// Per node whether it is on the target's side of a cut of least capacity;
  /// of all such cuts the one whose target side is smallest. Nothing (an empty
  /// list) if only unlimited edges could be cut.
  std::vector<bool> targetSide(int source, int target);

private:
  struct Edge {
    int to = 0;
    int64_t room = 0;
  };
  bool level(int source, int target);
  int64_t augment(int source, int target);

  std::vector<Edge> edges; ///< edge i ^ 1 leads back
  std::vector<std::vector<int>> edgesOf;
  std::vector<int> levels, next;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_MINIMUMCUT_H
