//===- Grouping.h - Which local ops become one kernel -----------*- C++ -*-===//
//
// Cuts a function after Partition (flat, local shapes) into groups: one group
// is one call of the runtime. Values that live inside a group get no buffer.
//
// Order of use:
//   if (failed(checkGroupable(function))) ... // not after Partition
//   prepareForGrouping(function, planner);   // rewrites, adds copies
//   std::vector<Group> groups = groupOps(function, planner);
//
// Groups begin as single ops. Two that a value joins are merged as long as
// nothing else lies between them and the device's planner says that the two are
// one kernel and that it pays: producers into consumers first, then readers of
// the same large input. A producer is never computed twice, except generics
// without operands (functions of indices: masks, iota), which are part of every
// group that uses them.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_GROUPING_H
#define COLOSSAL_SCHEDULE_GROUPING_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <string>
#include <vector>

namespace colossal::schedule {

class KernelPlanner;

enum class GroupKind {
  Kernel,     ///< generated code
  Gemm,       ///< a strided, batched matrix product of the device's library
  Library,    ///< a whole op, by a library or a kernel of its own
  Collective, ///< all_reduce, all_gather, reduce_scatter, all_to_all
  Send,
  Recv,
  Alias, ///< renames: outputs[0] is inputs[0]'s bytes from `aliasOffset` on
};

/// "kernel", "gemm", ...
llvm::StringRef nameOf(GroupKind kind);

struct Group {
  GroupKind kind = GroupKind::Kernel;
  /// In program order.
  std::vector<mlir::Operation *> ops;
  /// Distinct values read from memory: function arguments and outputs of
  /// other groups, in order of first use.
  std::vector<mlir::Value> inputs;
  /// Values of the group that need a buffer: used by another group or returned.
  std::vector<mlir::Value> outputs;
  /// accumulate[i]: outputs[i] is returned with `colossal.accumulate` only. The
  /// group then *adds* to the buffer, which Schedule fills with zero at the
  /// start of the step. Kernel and Gemm only.
  std::vector<bool> accumulate;
  /// Pairs (input, output), indices into the lists above: the output may have
  /// the input's buffer if the input is dead after this group. Every element of
  /// the input is read before, and by the same iteration as, the output's
  /// element in its place is written. Never listed for accumulated outputs.
  std::vector<std::pair<unsigned, unsigned>> inPlace;
  /// Alias: elements from the operand's first element to the result's.
  int64_t aliasOffset = 0;

  /// The name of the last op: for traces and errors.
  std::string name() const;
  mlir::Location loc() const { return ops.back()->getLoc(); }
};

/// Fails where the function is not what the two below expect: one block of
/// factored ops and collectives on tensors that the engine has a type for.
mlir::LogicalResult checkGroupable(mlir::func::FuncOp function);

/// Rewrites the function so that every op is something a group can do:
/// - what the planner wants to be otherwise (KernelPlanner::prepare),
/// - a function of indices that is read where a kernel cannot compute it is
///   stored,
/// - a result with `colossal.accumulate` that a kernel or a product does not
///   compute (an argument, a collective's result) passes through a copy,
/// - a returned value that is returned twice, or is an argument, does too,
///   unless it updates that very argument.
/// New ops carry the name of their user with a suffix, and its attributes.
void prepareForGrouping(mlir::func::FuncOp function,
                        const KernelPlanner &planner);

/// Groups in an executable order. Every op of the function but its terminator
/// is in exactly one group, generics without operands in one or more.
/// Deterministic.
std::vector<Group> groupOps(mlir::func::FuncOp function,
                            const KernelPlanner &planner);

/// One line a group, as in `kernel "h.0.ln_1" (%0, %arg3) -> (%5) { a; b; c }`.
void printGroups(llvm::ArrayRef<Group> groups, llvm::raw_ostream &stream);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_GROUPING_H
