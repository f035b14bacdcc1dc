//===- Evaluation.h - A program over a whole data set -----------*- C++ -*-===//
//
// Runs the program "evaluate" of a bundle once over every sample of its data,
// in the order of the files, on the state as it is.
//
// The last samples need not fill a batch of B: those that are left are taken in
// parts of c samples, c a divisor of B and as large as possible, and a part is
// repeated B / c times. A mean over the batch is then that of the part, and
// each sample's outputs are its own. A metric of the data set is the mean over
// the parts, weighted by their samples: what Hugging Face's Trainer reports as
// eval_loss for batches of these sizes.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_EVALUATION_H
#define COLOSSAL_LIB_RUN_EVALUATION_H

#include "Metrics.h"
#include "colossal/Run/DataSet.h"

#include <functional>

namespace colossal::rank {

/// Samples [first, first + count) as one batch.
struct EvaluationPart {
  int64_t first = 0, count = 0;
};

/// Every sample once: full batches, then parts whose sizes divide `batch`.
std::vector<EvaluationPart> evaluationParts(int64_t samples, int64_t batch);

class Evaluation {
public:
  /// `number`: of the program in the engine. Opens the data; throws RunError.
  Evaluation(const Program &program, const ProgramSchema &schema, size_t number,
             const std::map<std::string, std::string> &files);

  /// Collective over the world, once the engine is connected.
  void connect(Engine &engine);
  /// Collective. `setControls` writes the engine's controls; `progress` is told
  /// how many samples are done (rank 0). With a folder the outputs are written
  /// to <folder>/<name>.npy, each complete or not at all. Afterwards the engine
  /// uses the program that it used before. Throws RunError.
  void run(Engine &engine, const std::function<void()> &setControls,
           const std::function<void(int64_t)> &progress,
           const std::string &folder);

  int64_t samples() const { return data.samples(); }
  const DataSet &dataSet() const { return data; }
  /// Of the data set, after `run`, on rank 0.
  std::vector<std::pair<std::string, double>> results() const;

private:
  const Program &program;
  size_t number;
  DataSet data;
  int64_t batch;
  Metrics metrics;
  std::vector<double> sums; ///< of metrics times samples
  std::vector<std::pair<int64_t, std::string>> outputs; ///< device group, name
  std::map<std::string, int64_t> batchDims;             ///< of outputs
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_EVALUATION_H
