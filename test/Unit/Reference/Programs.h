//===- Programs.h - Programs from text, for tests ---------------*- C++ -*-===//

#ifndef COLOSSAL_TEST_REFERENCE_PROGRAMS_H
#define COLOSSAL_TEST_REFERENCE_PROGRAMS_H

#include "colossal/Reference/Compare.h"
#include "colossal/Reference/Evaluate.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "gtest/gtest.h"

namespace colossal::reference {

mlir::MLIRContext &testContext();

/// A module from text; the test fails where it does not parse.
mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text);

/// The only function.
mlir::func::FuncOp functionOf(mlir::ModuleOp module);

/// Evaluates the only function; empty (and a failure) on an error.
Tensors run(mlir::ModuleOp module, llvm::ArrayRef<TensorRef> arguments,
            const Options &options = {});

/// Random arguments; integers in [low, high].
Tensors randomArguments(mlir::func::FuncOp function, Random &random,
                        int64_t low = 0, int64_t high = 9);

TensorRef reals(llvm::ArrayRef<int64_t> shape, std::vector<double> values);
TensorRef integers(llvm::ArrayRef<int64_t> shape, std::vector<int64_t> values);

/// y = sum over the batch of x w, on two ranks and two microbatches; the
/// batch of 7 is cut over time, then data: bounds 2, one element of padding.
extern const char *const kDataParallel;

} // namespace colossal::reference

#endif // COLOSSAL_TEST_REFERENCE_PROGRAMS_H
