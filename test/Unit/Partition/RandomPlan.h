//===- RandomPlan.h - Legal plans without any sense -------------*- C++ -*-===//
//
// A planner that draws instead of searching: strategy of every op, stored
// sharding of every state, stages, and where reshards are paid. Plans are
// legal (what a search may return), and cover what no sensible plan does. And
// what they are drawn for: models and meshes.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H
#define COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H

#include "Colossal/IR/LayoutAttributes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <random>

namespace colossal::partition::test {

using layout::Mesh;

/// Plans @train_step of `module` for `mesh`. Fails if the program does not
/// allow so many microbatches.
mlir::LogicalResult planRandomly(mlir::ModuleOp module, const Mesh &mesh,
                                 std::mt19937 &random);

/// A file of Inputs, differentiated, with AdamW and clipping.
mlir::OwningOpRef<mlir::ModuleOp> readModel(const std::string &file,
                                            mlir::MLIRContext &context);

/// One or two axes of 2 or 3, 1 to 3 device groups of one or two stages, 1, 2
/// or 4 microbatches.
Mesh drawMesh(std::mt19937 &random);

} // namespace colossal::partition::test

#endif // COLOSSAL_TEST_UNIT_PARTITION_RANDOMPLAN_H
