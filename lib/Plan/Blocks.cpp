//===- Blocks.cpp - Runs that repeat --------------------------------------===//

#include "Blocks.h"

#include <algorithm>
#include <numeric>

using namespace colossal::plan;

/// Blocks of more elementary pieces than this are not looked for: the search
/// for them takes pieces times period.
static constexpr int longestPeriod = 4096;

namespace {
/// The run of copies that covers most of a range.
struct Run {
  int start = 0, period = 0, copies = 0;
  int end() const { return start + period * copies; }
};

class Joiner {
public:
  Joiner(const std::vector<uint64_t> &hashes, const std::vector<int64_t> &sizes)
      : hashes(hashes), before(sizes.size() + 1) {
    std::partial_sum(sizes.begin(), sizes.end(), before.begin() + 1);
  }

  std::vector<int> run() {
    join(0, int(hashes.size()), 0);
    return std::move(ends);
  }

private:
  int64_t sizeOf(int begin, int end) const {
    return before[end] - before[begin];
  }
  Run longestRun(int begin, int end) const;
  void join(int begin, int end, int64_t blockSize);

  const std::vector<uint64_t> &hashes;
  std::vector<int64_t> before; ///< sums of the sizes
  std::vector<int> ends;
};
} // namespace

Run Joiner::longestRun(int begin, int end) const {
  Run best;
  int longest = std::min(longestPeriod, (end - begin) / 2);
  for (int period = 1; period <= longest; ++period) {
    // How many elements in a row, up to here, equal those one period later.
    int equal = 0;
    for (int i = begin; i <= end - period; ++i) {
      if (i < end - period && hashes[i] == hashes[i + period]) {
        ++equal;
        continue;
      }
      int copies = equal / period + 1;
      if (copies > 1 && copies * period > best.copies * best.period)
        best = {i - equal, period, copies};
      equal = 0;
    }
  }
  return best;
}

/// `blockSize`: of the blocks beside the range; 0 where there are none.
void Joiner::join(int begin, int end, int64_t blockSize) {
  if (begin == end)
    return;
  Run run = longestRun(begin, end);
  if (run.copies == 0) {
    if (sizeOf(begin, end) > blockSize)
      for (int p = begin + 1; p < end; ++p)
        ends.push_back(p);
    ends.push_back(end);
    return;
  }
  int together = (run.copies + mostPieces - 1) / mostPieces;
  run.period *= together;
  run.copies /= together;
  int64_t size = std::max(blockSize, sizeOf(run.start, run.start + run.period));
  join(begin, run.start, size);
  for (int copy = 1; copy <= run.copies; ++copy)
    ends.push_back(run.start + copy * run.period);
  join(run.end(), end, size);
}

std::vector<int> colossal::plan::joinBlocks(const std::vector<uint64_t> &hashes,
                                            const std::vector<int64_t> &sizes) {
  return Joiner(hashes, sizes).run();
}
