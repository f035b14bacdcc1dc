//===- ImportGraph.h - Graph to the colossal dialect -----------*- C++ -*-===//
//
// The second half of Import: plain data in, a module with one function
// `@forward` out. One `colossal.aten` per node, one `colossal.aten_constant`
// per constant; arguments are the model's state, then its inputs, with the
// attributes of docs/Architecture.md section 1. What TorchScript does not
// store (the type of intermediate values) is `!colossal.any`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_IMPORTGRAPH_H
#define COLOSSAL_IMPORT_IMPORTGRAPH_H

#include "colossal/Import/Graph.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"

namespace colossal::torchscript {

/// Batch dimension by input name; -1: the input has none. Inputs that are not
/// named have dimension 0.
using BatchDimensions = llvm::StringMap<int64_t>;

/// Parses "NAME", "NAME:DIM" or "NAME:none" into `dimensions`. On failure
/// returns false and sets `error`.
bool parseBatch(llvm::StringRef text, BatchDimensions &dimensions,
                std::string &error);

/// Returns null and sets `error` if `dimensions` does not fit the inputs.
mlir::OwningOpRef<mlir::ModuleOp> importGraph(const Graph &graph,
                                              const BatchDimensions &dimensions,
                                              mlir::MLIRContext *context,
                                              std::string &error);

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_IMPORTGRAPH_H
