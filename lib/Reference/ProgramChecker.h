//===- ProgramChecker.h - Follows rank programs in memory -------*- C++ -*-===//
//
// See colossal/Reference/RankPrograms.h. The interpreter of the module goes
// through the ops in the order of the programs; after each, the op of the
// program is executed on the memories of the ranks and compared.
//
// ProgramChecker.cpp: programs, memory, the ends of a step; ProgramOps.cpp:
// ops.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_PROGRAMCHECKER_H
#define COLOSSAL_LIB_REFERENCE_PROGRAMCHECKER_H

#include "CompiledCheck.h"
#include "RankMemory.h"
#include "colossal/Reference/Ranks.h"
#include <deque>

namespace colossal::reference {

/// A segment's ops in the order of its program.
struct ProgramWalk {
  const PairedSegment *segment;
  std::shared_ptr<std::vector<mlir::Operation *>> order;
  /// Per op of the order: the position in segment->ops; none: it renames.
  std::vector<std::optional<size_t>> paired;
};

class ProgramChecker : public RankChecker {
public:
  ProgramChecker(const Mesh &mesh, llvm::ArrayRef<rank::Program> programs,
                 double tolerance, rank::CompiledOps *compiled);

  /// Pairs the programs with the groups of the schedules.
  bool pair(mlir::MLIRContext *context,
            llvm::ArrayRef<schedule::RankSchedule> schedules,
            std::string &error);
  bool initialise(const NamedTensors &values, std::string &error);
  std::vector<std::vector<RankStep>> steps();

  bool entered(int64_t rank, const RankStep &step, std::string &error) override;
  bool completed(int64_t rank, const RankStep &step, size_t number,
                 llvm::ArrayRef<TensorRef> operands,
                 llvm::ArrayRef<TensorRef> results,
                 std::string &error) override;
  bool finished(int64_t rank, const NamedTensors &state,
                const NamedTensors &metrics,
                const std::vector<LocalOutput> &outputs,
                std::string &error) override;

private:
  const rank::Program &programOf(int64_t rank) const {
    return programs[rank / mesh.devices()];
  }
  MemoryPlace locate(int64_t rank, const rank::Operand &operand,
                     int64_t microbatch);
  /// Operand `i` of an op, as the value that it stands for.
  MemoryPlace locate(int64_t rank, const PairedOp &paired, size_t i,
                     int64_t microbatch);
  /// Writes a value that the runtime has before the step; no layout: a scalar.
  bool place(int64_t rank, int64_t buffer, const std::string &name,
             const rank::Layout *layout, const NamedTensors &values,
             std::string &error);
  bool check(const MemoryPlace &place, const TensorRef &expected,
             const std::string &what, std::string &error);
  /// Equal but for rounding; `scale`: sums of terms of this size may cancel.
  bool agrees(Tensor found, const Tensor &expected, double scale) const;

  bool checkInputs(int64_t rank, const RankStep &step, const PairedOp &paired,
                   mlir::Operation *op, llvm::ArrayRef<TensorRef> operands,
                   std::string &error);
  /// Whether an output lies over no operand that is still read.
  bool checkOverlap(int64_t rank, int64_t microbatch, const PairedOp &paired,
                    size_t output, std::string &error);
  bool finishOp(int64_t rank, const RankStep &step, const PairedOp &paired,
                std::string &error);
  /// Calls the op's compiled code.
  bool call(int64_t rank, int64_t microbatch, const PairedOp &paired,
            std::string &error);
  bool multiply(int64_t rank, int64_t microbatch, const PairedOp &paired,
                const Tensor &expected, std::string &error);
  bool meet(int64_t rank, int64_t microbatch, const PairedOp &paired,
            const Tensor &expected, std::string &error);
  bool send(int64_t rank, int64_t microbatch, const PairedOp &paired,
            std::string &error);
  bool receive(int64_t rank, const PairedOp &paired, const Tensor &expected,
               std::string &error);
  /// Puts a collective under way: its result is nowhere until the wait.
  bool begin(int64_t rank, int64_t microbatch, const PairedOp &paired,
             const TensorRef &result, std::string &error);
  /// Ends what was started with this token.
  bool wait(int64_t rank, int64_t token, std::string &error);
  /// Fills, copies and waits from position `first` on, until an op that
  /// computes.
  bool runOwn(int64_t rank, const PairedSegment &segment, size_t first,
              int64_t microbatch, std::string &error);
  bool runOwn(int64_t rank, const PairedOp &op, int64_t microbatch,
              std::string &error);

  const Mesh &mesh;
  llvm::ArrayRef<rank::Program> programs;
  double tolerance;
  std::optional<CompiledCheck> compiled;
  std::vector<std::vector<PairedSegment>> segments; ///< per device group
  std::vector<RankMemory> arenas, windows;          ///< per rank
  std::map<mlir::Operation *, ProgramWalk> walks;   ///< by function
  /// Entries of the schedule whose segments have no function, by the number of
  /// the step of the rank before which they come.
  using Silent = std::pair<const PairedSegment *, int64_t>;
  std::vector<std::map<size_t, std::vector<Silent>>> silent;
  std::vector<size_t> numEntered; ///< per rank
  /// Operands and results of the group at hand, per rank, until its last op.
  std::vector<llvm::DenseMap<mlir::Value, TensorRef>> pending;
  /// A started collective. Whenever the engine does it, it reads what is in
  /// its input from the start to the wait, and its output is not there before:
  /// so all orders are tried at once.
  struct UnderWay {
    int64_t token;
    std::string place;
    MemoryPlace from, to;
    TensorRef input, result;
  };
  std::vector<std::vector<UnderWay>> underWay; ///< per rank
  /// What a collective gives to members that have not come to it yet.
  std::vector<std::deque<Tensor>> collected;
  /// Values on their way: sender, receiver, tag.
  std::map<std::tuple<int64_t, int64_t, int64_t>, std::deque<Tensor>> messages;
};

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_PROGRAMCHECKER_H
