//===- RandomPlan.h - Legal plans without any sense -------------*- C++ -*-===//
//
// A planner that draws instead of searching: strategy of every op, stored
// sharding of every state, stages, and where reshards are paid. Plans are
// legal (what a search may return), and cover what no sensible plan does.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H
#define COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H

#include "colossal/Partition/ShardState.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <random>

namespace colossal::partition::test {

/// Plans @train_step of `module` for `mesh`. Fails if the program does not
/// allow so many microbatches.
mlir::LogicalResult planRandomly(mlir::ModuleOp module, const Mesh &mesh,
                                 std::mt19937 &random);

} // namespace colossal::partition::test

#endif // COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H
