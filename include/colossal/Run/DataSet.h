//===- DataSet.h - The batches of a run -------------------------*- C++ -*-===//
//
// Which samples a step sees depends on the files, the batch size, the seed and
// the step alone, never on the plan:
//
//   N samples, batch size B, P = floor(N / B) steps per epoch (the rest of an
//   epoch is dropped). Step s (1-based) has epoch e = (s - 1) / P and takes
//   samples order_e[((s - 1) mod P) * B + i] for i in [0, B).
//   Without shuffling order_e is 0, 1, 2, ... With it, up to 2^22 samples,
//   order_e is that list after Fisher and Yates' exchange: for i = N - 1 down
//   to 1, exchange entry i with entry floor(r * (i + 1) / 2^64), r the next
//   number of splitmix64 with the state seed * 0x9e3779b97f4a7c15 + e.
//   Of more samples no list is kept: entry i is where a permutation of 0 ...
//   2^(2h) - 1 >= N - 1 leads i, again and again until it is below N. It is a
//   Feistel network of six rounds: the halves of h bits (l, r) become (r, l ^
//   (mix(r + k) mod 2^h)), k the next number of that splitmix64 in each round,
//   mix its output function.
//
// A run that goes on after a checkpoint starts at a cursor instead of at the
// beginning: its steps take the samples behind it, the rest of that epoch
// first. With the same batch size that is the order above.
//
// A rank reads only the elements that its layout gives it. What it reads is
// checked: integers against the values that the program can take, files against
// being changed since they were opened.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_DATASET_H
#define COLOSSAL_RUN_DATASET_H

#include "colossal/Run/Layout.h"
#include "colossal/Run/Manifest.h"
#include "colossal/Run/Npy.h"

#include <map>

namespace colossal::rank {

/// The order of the samples, in at most 16 MiB however many there are.
class SampleOrder {
public:
  /// With more samples no list is kept.
  static constexpr int64_t kListed = int64_t(1) << 22;

  SampleOrder() = default;
  SampleOrder(int64_t samples, bool shuffle, uint64_t seed);
  void setEpoch(int64_t epoch);
  /// The sample at a position of the epoch.
  int64_t at(int64_t position) const;

private:
  static constexpr int kRounds = 6;
  int64_t samples = 0, epoch = -1;
  bool shuffle = true;
  uint64_t seed = 0;
  std::vector<uint32_t> list;
  uint64_t keys[kRounds] = {};
  unsigned halfBits = 0;
};

/// The order of the samples in an epoch, as a list.
void orderOfEpoch(std::vector<int64_t> &order, int64_t samples, bool shuffle,
                  uint64_t seed, int64_t epoch);

/// A place in the order of all epochs: `position` samples of `epoch` have been
/// taken.
struct DataCursor {
  int64_t epoch = 0;
  int64_t position = 0;
};

class DataSet {
public:
  /// Opens and checks the files: one per input of the program, right shape
  /// and type, equal numbers of samples, one batch at least. On failure one
  /// line in `error`. Files of unused inputs are not opened. `isWhole`: batches
  /// will be chosen, so that one sample is enough.
  static std::optional<DataSet>
  open(const ProgramSchema &program,
       const std::map<std::string, std::string> &files, bool shuffle,
       uint64_t seed, std::string &error, bool isWhole = false);

  int64_t samples() const { return sampleCount; }
  int64_t samplesPerBatch() const { return batchSize; }
  int64_t stepsPerEpoch() const { return sampleCount / batchSize; }

  /// A 1-based step, the first of the run, takes the samples behind `next`.
  void startAt(int64_t step, const DataCursor &next);
  /// Where the samples of a step begin.
  DataCursor cursorOf(int64_t step) const;
  /// Global sample numbers of a 1-based step.
  const int64_t *batch(int64_t step);
  /// The samples of `kChosen` in place of a step: as many as a batch has.
  void choose(std::vector<int64_t> samples);
  static constexpr int64_t kChosen = -1;
  /// Looks for values that the program cannot take, in part `part` of `parts`
  /// of every file: what ranks share at load. Large files are looked at up to
  /// kCheckedAtLoad bytes a part; `fill` checks all the same.
  bool check(int64_t part, int64_t parts, std::string &error) const;
  static constexpr int64_t kCheckedAtLoad = int64_t(1) << 30;

  /// Writes the shard of an input at `coordinate` for a step. Padding is not
  /// touched. False, with one line in `error`: the file could not be read, has
  /// changed, or holds a value that the program cannot take.
  bool fill(const Input &input, const Coordinate &coordinate, DType dtype,
            int64_t step, char *to, std::string &error);

private:
  struct Source {
    NpyFile file;
    InputSchema schema;
    int64_t sampleSize = 1; ///< elements
  };
  /// Reads elements of the file and checks them.
  static bool read(const Source &source, int64_t first, int64_t count,
                   DType dtype, char *to, std::string &error);

  std::map<std::string, Source> sources;
  int64_t sampleCount = 0, batchSize = 0;
  SampleOrder order;
  std::vector<int64_t> batchSamples; ///< of step `batchStep`
  int64_t batchStep = 0;
  int64_t firstStep = 1;
  DataCursor first;
};

} // namespace colossal::rank

#endif // COLOSSAL_RUN_DATASET_H
