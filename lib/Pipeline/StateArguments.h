//===- StateArguments.h - Parameters and buffers of a program --*- C++ -*-===//

#ifndef COLOSSAL_LIB_PIPELINE_STATEARGUMENTS_H
#define COLOSSAL_LIB_PIPELINE_STATEARGUMENTS_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Pipeline/StartValues.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace colossal {

/// An argument of @forward that persists.
struct StateArgument {
  mlir::func::FuncOp function;
  unsigned number = 0;
  std::vector<std::string> names; ///< its own and those tied to it
  bool isParameter = false;
  mlir::RankedTensorType type;
  bool isGiven = false;

  /// Some op of the program uses it.
  bool isRead() { return !function.getArgument(number).use_empty(); }

  /// For messages.
  std::string quotedName() const { return "'" + names.front() + "'"; }

  mlir::Attribute source() {
    return function.getArgAttr(number, names::source);
  }
  bool hasSource() { return bool(source()); }
  /// Null: none.
  void setSource(mlir::Attribute source) {
    if (source)
      function.setArgAttr(number, names::source, source);
    else
      function.removeArgAttr(number, names::source);
  }
  void setSource(const mlir::NamedAttrList &source) {
    setSource(source.getDictionary(function.getContext()));
  }
};

/// Gives `states` the values of the files that `options` names, as far as
/// they have them; `said` is as of setStartValues. Errors are reported.
llvm::LogicalResult setGivenWeights(const StartOptions &options,
                                    std::vector<StateArgument> &states,
                                    std::string &said);

} // namespace colossal

#endif // COLOSSAL_LIB_PIPELINE_STATEARGUMENTS_H
