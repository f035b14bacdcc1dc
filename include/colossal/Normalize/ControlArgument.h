//===- ControlArgument.h - What the runtime sets before a step --*- C++ -*-===//

#ifndef COLOSSAL_NORMALIZE_CONTROLARGUMENT_H
#define COLOSSAL_NORMALIZE_CONTROLARGUMENT_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

#include <optional>

namespace colossal {

/// The control `name` of a program, a scalar of f64: the argument that has it,
/// or a new last one. `fill`: its value where nobody gives one; the runtime
/// always gives "lr" and "step".
mlir::Value controlArgument(mlir::func::FuncOp function, llvm::StringRef name,
                            std::optional<double> fill = std::nullopt);

} // namespace colossal

#endif // COLOSSAL_NORMALIZE_CONTROLARGUMENT_H
