//===- RankTask.h - One rank as a cooperative task --------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_REFERENCE_RANKTASK_H
#define COLOSSAL_LIB_REFERENCE_RANKTASK_H

#include "colossal/Reference/Ranks.h"

namespace colossal::reference {

/// Where a rank is, and what it holds.
class RankTask {
public:
  RankTask(int64_t rank, const Mesh &mesh, const std::vector<RankStep> &steps,
           const NamedTensors &values, const RankOptions &options);

  bool isFinished() const { return step == steps.size(); }
  /// The op to be executed next; null when finished. Enters the next function
  /// as needed, which may fail.
  mlir::Operation *current(std::string &error);
  int64_t microbatch() const { return steps[step].microbatch; }
  const Place &place() const { return where; }
  TensorRef operand(unsigned i) const {
    return live.lookup(order[at]->getOperand(i));
  }

  /// Executes the current op, which needs no other rank.
  bool executeLocal(std::string &error);
  /// Ends the current op with these results.
  bool complete(llvm::ArrayRef<TensorRef> results, std::string &error);

  /// "rank 1 (device group 0, data = 1) in @stage0.forward[0] at
  /// colossal.all_reduce "x" over ["data"]".
  std::string describe() const;

  /// State results and their layouts, metrics.
  struct Update {
    TensorRef value;
    Layout layout;
  };
  std::map<std::string, Update> updates;
  NamedTensors metrics;
  /// What each microbatch gives back, and where it belongs.
  struct Returned {
    LocalOutput output;
    Layout layout;
    Place place;
  };
  std::vector<Returned> outputs;

private:
  mlir::Operation *op() const;
  bool enter(std::string &error);
  bool bind(mlir::func::FuncOp function, unsigned index, std::string &error);
  bool leave(std::string &error);

  int64_t rank;
  const Mesh &mesh;
  const std::vector<RankStep> &steps;
  const NamedTensors &values;
  const RankOptions &options;
  Place where;
  size_t step = 0;
  /// The order of the current step, the terminator last, and where we are in
  /// it; empty before the step is entered.
  std::vector<mlir::Operation *> order;
  size_t at = 0;
  llvm::DenseMap<mlir::Value, unsigned> usesLeft;
  llvm::DenseMap<mlir::Value, TensorRef> live;
  /// Linked values: name, and microbatch or -1.
  using Link = std::pair<std::string, int64_t>;
  static std::optional<Link> linkOf(mlir::DictionaryAttr attributes,
                                    int64_t microbatch);
  std::map<Link, TensorRef> links;
  std::map<Link, size_t> lastUses; ///< the last step that has it as argument
};

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_RANKTASK_H
