//===- ImportModel.h - Reads a model, archive or text ----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PIPELINE_IMPORTMODEL_H
#define COLOSSAL_LIB_PIPELINE_IMPORTMODEL_H

#include "colossal/Pipeline/Compile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace colossal {

/// The module of a text file, or of an archive through colossal-translate,
/// which runs as a child with limits on memory and time: an archive is
/// untrusted. Errors have been printed where it returns null.
mlir::OwningOpRef<mlir::ModuleOp> importModel(mlir::MLIRContext &context,
                                              const std::string &model,
                                              const CompileOptions &options);

/// Sets `colossal.batch_dim` of the inputs as `batch` (--batch) says; that of
/// `loss`'s labels, which are not there yet, in `loss`.
mlir::LogicalResult markBatch(mlir::ModuleOp module,
                              const std::vector<std::string> &batch,
                              std::optional<LossOptions> &loss);

/// Every phase up to Schedule takes more types than the engine computes with:
/// fails at the first value of another one.
mlir::LogicalResult checkTypes(mlir::ModuleOp module);

} // namespace colossal

#endif // COLOSSAL_LIB_PIPELINE_IMPORTMODEL_H
