//===- ProgramArithmetic.h - What ops of rank programs compute --*- C++ -*-===//
//
// Products and collectives by the fields that rank::Op has (the formulas of
// RankProgram.h). Nothing is looked up in a module.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_REFERENCE_PROGRAMARITHMETIC_H
#define COLOSSAL_LIB_REFERENCE_PROGRAMARITHMETIC_H

#include "RankMemory.h"

namespace colossal::reference {

/// An operand: a value, and the element at which the op's view of it begins.
struct ProductOperand {
  const Tensor &value;
  int64_t first = 0;
};

/// A B by strides, as the elements of C from its operand on: `elements` of
/// them. Nothing, with `error` set, where A or B is read outside of its value,
/// or an element of C is computed never, twice, or outside.
std::optional<Tensor> evaluateGemm(const rank::Gemm &gemm, ProductOperand a,
                                   ProductOperand b, int64_t elements,
                                   std::string &error);

/// The results of all members from the inputs of all. `element`: the type of
/// the elements, for integers that wrap around.
std::optional<std::vector<Tensor>>
evaluateCollective(const rank::Op &op, mlir::Type element,
                   llvm::ArrayRef<Tensor> inputs, std::string &error);

} // namespace colossal::reference

#endif // COLOSSAL_LIB_REFERENCE_PROGRAMARITHMETIC_H
