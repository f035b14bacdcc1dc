//===- Programs.h - The program of a module ---------------------*- C++ -*-===//
//
// A module holds one program: until Partition one function (@train_step,
// @evaluate), afterwards one function per stage and segment. A bundle is made
// of several such modules, which share their state.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_PROGRAMS_H
#define COLOSSAL_IR_PROGRAMS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace colossal {

/// The program of a module that is not partitioned: the training step, or the
/// only function; null if there are several others or none.
inline mlir::func::FuncOp programOf(mlir::ModuleOp module) {
  if (auto step = module.lookupSymbol<mlir::func::FuncOp>("train_step"))
    return step;
  auto functions = module.getOps<mlir::func::FuncOp>();
  return llvm::hasSingleElement(functions) ? *functions.begin()
                                           : mlir::func::FuncOp();
}

} // namespace colossal

#endif // COLOSSAL_IR_PROGRAMS_H
