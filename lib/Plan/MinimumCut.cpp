//===- MinimumCut.cpp - Minimum cuts of small graphs ----------------------===//

#include "MinimumCut.h"

#include <algorithm>

using namespace colossal::plan;

int MinimumCut::addNode() {
  edgesOf.emplace_back();
  return int(edgesOf.size()) - 1;
}

void MinimumCut::addEdge(int from, int to, int64_t capacity) {
  edgesOf[from].push_back(int(edges.size()));
  edges.push_back({to, std::min(capacity, unlimited)});
  edgesOf[to].push_back(int(edges.size()));
  edges.push_back({from, 0});
}

/// Distances from the source over edges with room; false if the target is not
/// reached.
bool MinimumCut::level(int source, int target) {
  levels.assign(edgesOf.size(), -1);
  levels[source] = 0;
  std::vector<int> queue = {source};
  for (size_t i = 0; i < queue.size(); ++i)
    for (int edge : edgesOf[queue[i]])
      if (edges[edge].room > 0 && levels[edges[edge].to] < 0) {
        levels[edges[edge].to] = levels[queue[i]] + 1;
        queue.push_back(edges[edge].to);
      }
  return levels[target] >= 0;
}

/// Sends what it can along one path of rising levels, and returns how much; 0
/// if there is none. `next` remembers, per node, which edges lead nowhere.
int64_t MinimumCut::augment(int source, int target) {
  std::vector<int> path; // edges
  for (int node = source; node != target;) {
    int &i = next[node];
    if (i == int(edgesOf[node].size())) {
      if (path.empty())
        return 0;
      node = edges[path.back() ^ 1].to;
      path.pop_back();
      ++next[node];
      continue;
    }
    const Edge &edge = edges[edgesOf[node][i]];
    if (edge.room <= 0 || levels[edge.to] != levels[node] + 1) {
      ++i;
      continue;
    }
    path.push_back(edgesOf[node][i]);
    node = edge.to;
  }
  int64_t sent = unlimited;
  for (int edge : path)
    sent = std::min(sent, edges[edge].room);
  for (int edge : path) {
    edges[edge].room -= sent;
    edges[edge ^ 1].room += sent;
  }
  return sent;
}

std::vector<bool> MinimumCut::targetSide(int source, int target) {
  while (level(source, target)) {
    next.assign(edgesOf.size(), 0);
    while (int64_t sent = augment(source, target))
      if (sent == unlimited)
        return {};
  }
  // Whatever reaches the target over edges with room.
  std::vector<bool> reaches(edgesOf.size());
  reaches[target] = true;
  std::vector<int> queue = {target};
  for (size_t i = 0; i < queue.size(); ++i)
    for (int edge : edgesOf[queue[i]])
      if (int from = edges[edge].to;
          edges[edge ^ 1].room > 0 && !reaches[from]) {
        reaches[from] = true;
        queue.push_back(from);
      }
  return reaches;
}
