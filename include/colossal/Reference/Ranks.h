//===- Ranks.h - N ranks in one process -------------------------*- C++ -*-===//
//
// Executes a partitioned module (docs/Architecture.md, section 4). A rank is a
// list of (function, microbatch) that it walks op by op; ranks advance in a
// random order that the seed fixes. A collective waits until all ranks of its
// group have reached it; a send waits while the previous value of its tag has
// not been received, a receive until there is a value.
//
// State is updated when the rank has finished its step: the program sees old
// values throughout.
//
// Errors (in `error`, one message): a deadlock or a mismatch names what every
// rank waits at; replicas that differ name state, element and rank.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_RANKS_H
#define COLOSSAL_REFERENCE_RANKS_H

#include "colossal/Reference/Arguments.h"
#include "colossal/Reference/Sharding.h"
#include <memory>

namespace colossal::reference {

/// What a partitioned module says of its mesh.
struct Mesh {
  std::vector<std::pair<std::string, int64_t>> axes; ///< major first
  Stages stages;
  int64_t microbatches = 1;
  ScheduleKind schedule = ScheduleKind::OneFOneB;

  static std::optional<Mesh> get(mlir::ModuleOp module, std::string &error);
  int64_t devices() const; ///< of one device group
  /// Rank = group * devices + mesh coordinate, last axis fastest.
  Place placeOf(int64_t rank) const;
  int64_t ranks() const { return stages.groups * devices(); }
  /// The ranks of the device group of `rank` that differ from it in `axes`
  /// alone, by their coordinates on these, the first axis listed major.
  std::vector<int64_t> membersOf(int64_t rank,
                                 llvm::ArrayRef<std::string> axes) const;
  /// `place` during a microbatch, or with -1 outside of them.
  void setMicrobatch(Place &place, int64_t microbatch) const;
};

/// One function call of a rank.
struct RankStep {
  mlir::func::FuncOp function;
  int64_t microbatch = -1;
  /// The ops in the order of execution, without the terminator; an op without
  /// operands may occur twice. Null: the order of the function.
  std::shared_ptr<const std::vector<mlir::Operation *>> order;
};

/// The part of an argument that a rank at `place` holds, from the whole value;
/// null, with `error` set, where the value does not fit.
TensorRef shardArgument(mlir::func::FuncOp function, unsigned index,
                        const TensorRef &whole, const Place &place,
                        std::string &error);

/// What every rank does in one step, by the module's schedule.
std::optional<std::vector<std::vector<RankStep>>>
rankSteps(mlir::ModuleOp module, const Mesh &mesh, std::string &error);

/// Called with the results of every op of every rank; microbatch -1 outside
/// of forward and backward.
using RankObserver =
    std::function<void(int64_t rank, const Place &place, int64_t microbatch,
                       mlir::Operation *op, llvm::ArrayRef<TensorRef>)>;

/// What a rank gives back in one microbatch (-1: outside of them).
struct LocalOutput {
  std::string name;
  int64_t microbatch = -1;
  TensorRef value;
};

/// Follows every rank step by step, and may find fault.
class RankChecker {
public:
  virtual ~RankChecker() = default;
  /// Before the first op of a step.
  virtual bool entered(int64_t rank, const RankStep &step,
                       std::string &error) = 0;
  /// After op `number` of the step's order.
  virtual bool completed(int64_t rank, const RankStep &step, size_t number,
                         llvm::ArrayRef<TensorRef> operands,
                         llvm::ArrayRef<TensorRef> results,
                         std::string &error) = 0;
  /// After the last step: local state and metrics by name, and outputs.
  virtual bool finished(int64_t rank, const NamedTensors &state,
                        const NamedTensors &metrics,
                        const std::vector<LocalOutput> &outputs,
                        std::string &error) = 0;
};

struct RankOptions {
  Options evaluation;
  uint64_t seed = 1; ///< of the order in which ranks advance
  RankObserver observer;
  RankChecker *checker = nullptr;
};

struct StepResult {
  NamedTensors state;   ///< updated state, whole
  NamedTensors metrics; ///< equal on all ranks that have them
  NamedTensors outputs; ///< of the whole batch
};

/// One step. `values` holds state, batch and controls, whole, by name.
std::optional<StepResult>
runStep(const Mesh &mesh, const std::vector<std::vector<RankStep>> &steps,
        const NamedTensors &values, const RankOptions &options,
        std::string &error);
std::optional<StepResult> runStep(mlir::ModuleOp module,
                                  const NamedTensors &values,
                                  const RankOptions &options,
                                  std::string &error);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_RANKS_H
