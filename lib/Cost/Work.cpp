//===- Work.cpp - What an op costs, from the bounds of its factors --------===//

#include "colossal/Cost/Work.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::cost;

bool cost::isWorthALibraryCall(int64_t batch, int64_t m, int64_t n, int64_t k) {
  return k >= 4 && std::max(m, n) >= 4 &&
         double(batch) * double(m) * double(n) * double(k) >= 4096;
}

double cost::libraryFlops(const Work &work, const std::vector<int64_t> &local,
                          const std::vector<int64_t> &global) {
  double flops = 0;
  for (const FlopTerm &term : work.terms) {
    double points = term.perPoint;
    for (unsigned factor : term.factors)
      points *= double(local[factor]);
    flops += points;
  }
  bool isCut = std::any_of(work.uncut.begin(), work.uncut.end(),
                           [&](unsigned f) { return local[f] < global[f]; });
  return isCut ? flops : flops * work.neededShare;
}
