//===- Arguments.h - What a program's arguments hold ------------*- C++ -*-===//
//
// Arguments by name (`colossal.name`): given ones first, then
// `colossal.source`, a file's bytes (checked against size and CRC-32) or a
// fill. Errors: one line that names the argument, what was found and what was
// expected.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_ARGUMENTS_H
#define COLOSSAL_REFERENCE_ARGUMENTS_H

#include "colossal/Reference/Evaluate.h"
#include "llvm/ADT/StringMap.h"

namespace colossal::reference {

/// Values by the name of an argument or result.
using NamedTensors = std::map<std::string, TensorRef>;

/// Reads what `source` describes as a tensor of `type`; relative files are
/// looked for in `folders`, in order. Empty strings mean the current folder.
std::optional<Tensor> readSource(mlir::DictionaryAttr source,
                                 mlir::RankedTensorType type,
                                 llvm::ArrayRef<std::string> folders,
                                 std::string &error);

/// Checks shape and kind of a given tensor; a scalar is accepted for a control
/// of any kind.
bool fits(const Tensor &tensor, mlir::RankedTensorType type,
          std::string &error);

/// The arguments of `function`, in order. `given` must not hold names that no
/// argument has.
std::optional<Tensors> bindArguments(mlir::func::FuncOp function,
                                     const NamedTensors &given,
                                     llvm::ArrayRef<std::string> folders,
                                     std::string &error);

/// Whether the interpreter can enter the function: one block, and ranked
/// tensors of static shape everywhere in its signature.
bool isExecutable(mlir::func::FuncOp function, std::string &error);

/// `colossal.name` of an argument, or "argN".
std::string argumentName(mlir::func::FuncOp function, unsigned index);
/// `colossal.role`; nothing if there is none.
std::optional<ArgumentRole> argumentRole(mlir::func::FuncOp function,
                                         unsigned index);
/// The metric, the name, or the name of the argument that the result updates;
/// "resultN" without these.
std::string resultName(mlir::func::FuncOp function, unsigned index);

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_ARGUMENTS_H
