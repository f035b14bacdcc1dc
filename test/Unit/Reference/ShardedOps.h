//===- ShardedOps.h - One op, sharded by hand -------------------*- C++ -*-===//
//
// From a function with one factored op and an assignment of mesh axes to its
// factors, a partitioned program of one segment: operands are state in the
// sharding that the assignment implies, partial results are completed by an
// all_reduce, results update state "r0", "r1", ... Faults can be planted.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_REFERENCE_SHARDEDOPS_H
#define COLOSSAL_TEST_REFERENCE_SHARDEDOPS_H

#include "Programs.h"
#include "colossal/Reference/Ranks.h"

namespace colossal::reference {

enum class Fault {
  None,
  WrongCombiner, ///< sum for max and the reverse in the all_reduce
  MissingMask,   ///< padded factors forget their extent
  SwappedAxes,   ///< the result is said to be cut by the axes the other way
  MissingReduce, ///< partial results are taken for complete
};

/// What becomes of each mesh axis: it cuts a factor, or the op is computed on
/// operands that are partial over it, or it does nothing.
struct Assignment {
  std::vector<std::pair<std::string, int64_t>> mesh; ///< major first
  std::vector<int64_t> factors;                      ///< -1: none
  std::vector<llvm::SmallVector<unsigned>> linear;   ///< operands; empty: none
  std::string describe(FactoredOp op) const;
};

/// A random legal assignment on a mesh of two axes of one to three ranks.
Assignment randomAssignment(FactoredOp op, Random &random);

/// The op of a function.
FactoredOp opOf(mlir::func::FuncOp function);

mlir::OwningOpRef<mlir::ModuleOp> shardOp(mlir::func::FuncOp function,
                                          const Assignment &assignment,
                                          Fault fault = Fault::None);

/// Runs both on `arguments`; "" if they agree, else what differs.
std::string compareSharded(mlir::func::FuncOp function,
                           const Assignment &assignment, Tensors arguments,
                           Fault fault = Fault::None, uint64_t seed = 1);

/// Whether a planted fault changes the program at all: some result is partial
/// over two or more ranks, some factor has padding, two axes cut different
/// places.
bool applies(FactoredOp op, const Assignment &assignment, Fault fault);

} // namespace colossal::reference

#endif // COLOSSAL_TEST_REFERENCE_SHARDEDOPS_H
