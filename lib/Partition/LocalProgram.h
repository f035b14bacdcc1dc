//===- LocalProgram.h - The functions of all segments -----------*- C++ -*-===//
//
// Builds one function per segment of each device group while ops are added in
// the order of execution. `require` makes a value available in a function,
// wherever it comes from; that is where links, transfers and arguments arise:
//
//   batch, control     an argument, on every group that asks, in the state
//                      that it asks for as far as time is concerned
//   state              an argument on its owner; other groups receive it in
//                      the prologue
//   same group         a link from the segment that produces it
//   another group      a transfer (see transferSegment), inside the loop from
//                      neighbour to neighbour, then a link; what depends on
//                      the batch or on constants alone is computed on every
//                      group that needs it
//   prologue, but cut  computed again, from the batch, for the microbatch
//   over time
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PARTITION_LOCALPROGRAM_H
#define COLOSSAL_LIB_PARTITION_LOCALPROGRAM_H

#include "PlannedProgram.h"
#include "llvm/ADT/StringMap.h"

#include <map>

namespace colossal::partition {

class LocalProgram {
public:
  explicit LocalProgram(const PlannedProgram &program);
  ~LocalProgram();

  /// Adds an op to the function of its segment.
  mlir::LogicalResult add(const PlannedOp &op);
  /// Adds the results of the program: updated state and metrics.
  mlir::LogicalResult addResults();
  /// Puts the functions into `module`, group by group.
  void finish(mlir::ModuleOp module);

private:
  struct Function {
    PlacedSegment segment;
    mlir::func::FuncOp op;
    /// By value of the planned program and the text of a state.
    std::map<std::pair<const void *, std::string>, mlir::Value> values;
    llvm::SmallVector<mlir::DictionaryAttr> argumentAttributes;
    llvm::SmallVector<mlir::Value> results;
    llvm::SmallVector<mlir::DictionaryAttr> resultAttributes;
    llvm::StringMap<bool> links; ///< name of a linked result; per microbatch?

    mlir::Block &block() { return op.getBody().front(); }
    bool isPerMicrobatch() const {
      return colossal::isPerMicrobatch(segment.kind);
    }
  };

  Function &functionOf(const PlacedSegment &segment);
  Function &functionOf(Segment kind, int64_t stage) {
    return functionOf(segmentOf(kind, stage, mesh.stages));
  }
  int64_t groupOf(const Function &function) const {
    return mesh.stages.groupOf(function.segment.place);
  }
  mlir::Value lookUp(Function &function, mlir::Value value,
                     const Layout &state);
  void define(Function &function, mlir::Value value, const Layout &state,
              mlir::Value local);

  /// `value` in `function`, in the state `need`. `user` is the op that asks,
  /// for errors.
  mlir::FailureOr<mlir::Value> require(mlir::Value value, Function &function,
                                       const Layout &need,
                                       mlir::Operation *user);
  mlir::Value addArgument(Function &function, mlir::Value value,
                          const Layout &state,
                          llvm::ArrayRef<mlir::NamedAttribute> attributes);
  mlir::LogicalResult checkAccumulates(mlir::Value value, Combiner combiner);
  mlir::FailureOr<mlir::Value> link(mlir::Value value, Function &from,
                                    Function &to, const Layout &state);
  /// From the function of the same kind that works for `fromStage`.
  mlir::FailureOr<mlir::Value> receive(mlir::Value value, int64_t fromStage,
                                       Function &to, const Layout &state,
                                       mlir::Operation *user);
  mlir::FailureOr<mlir::Value>
  receiveOrLink(mlir::Value value, const PlannedOp &producer,
                Function &function, const Layout &have, mlir::Operation *user);
  mlir::LogicalResult addFactored(const PlannedOp &op, Function &function,
                                  int extraTime);
  Axes axesOfTuples(const PlannedOp &planned) const;
  /// For `local`, whose tuples are of this rank's part of the iterations: the
  /// same op that keeps the parts of the ranks apart, their gather and their
  /// combination, which gives the results of `planned`. `axes`: over which the
  /// iterations are cut. Erases `local`.
  mlir::FailureOr<GenericOp> combineParts(const PlannedOp &planned,
                                          GenericOp local, const Axes &axes,
                                          int extraTime);
  /// `extraTime`: the sub-dimension that is cut over time in addition, or -1.
  mlir::LogicalResult addReshard(const PlannedOp &op, Function &function,
                                 int extraTime);
  mlir::FailureOr<mlir::Value> cutOverTime(mlir::Value value,
                                           Function &function,
                                           const Layout &have,
                                           const Layout &need);
  bool isOfEveryGroup(mlir::Value value);
  void orderReceives();

  mlir::RankedTensorType localType(mlir::Value value, const Layout &state);

  const PlannedProgram &program;
  const Mesh &mesh;
  mlir::MLIRContext *context;
  mlir::OpBuilder builder;
  std::map<PlacedSegment, Function> functions;
  /// The segment that returns a link: by group and name.
  std::map<std::pair<int64_t, std::string>, Function *> linkOwners;
  /// The last send that was put behind an op (or at the start: null).
  std::map<std::pair<Function *, mlir::Operation *>, mlir::Operation *> sends;
  int64_t nextTag = 0;
  /// Per op what its results depend on (isOfEveryGroup).
  llvm::DenseMap<mlir::Operation *, unsigned> everyGroup;
};

/// The segment in which a value of `produced` goes to another stage that uses
/// it in `used`: as soon as it exists; but a value that goes to an earlier
/// stage for its backward waits for the backward of its own, so that no stage
/// runs ahead into a full buffer; and what the update uses goes in the update.
Segment transferSegment(Segment produced, Segment used, int64_t fromStage,
                        int64_t toStage);

/// Adds the steps that turn `input`, in state `from`, into state `to`; fails
/// with an error that names `name` if there are none.
mlir::FailureOr<mlir::Value> emitReshard(mlir::OpBuilder &builder,
                                         mlir::Location loc,
                                         llvm::StringRef name,
                                         mlir::Value input, const Layout &from,
                                         const Layout &to, const Mesh &mesh);

} // namespace colossal::partition

#endif // COLOSSAL_LIB_PARTITION_LOCALPROGRAM_H
