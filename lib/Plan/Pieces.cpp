//===- Pieces.cpp - Repeated blocks of a program --------------------------===//

#include "colossal/Plan/Pieces.h"

#include <algorithm>
#include <numeric>

using namespace colossal::plan;

int64_t Pieces::weight(int piece) const {
  return std::count(representatives.begin(), representatives.end(), piece);
}

int Pieces::counterpart(int piece, int value) const {
  auto it = counterparts[piece].find(value);
  return it == counterparts[piece].end() ? value : it->second;
}

Pieces colossal::plan::wholeProgram(const Program &program,
                                    const std::vector<OpNode> &nodes) {
  Pieces pieces;
  pieces.ofNode.assign(nodes.size(), 0);
  pieces.nodes.emplace_back(nodes.size());
  std::iota(pieces.nodes[0].begin(), pieces.nodes[0].end(), 0);
  pieces.representatives = {0};
  pieces.counterparts.emplace_back();
  return pieces;
}
