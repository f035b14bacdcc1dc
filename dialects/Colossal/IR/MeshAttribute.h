//===- MeshAttribute.h - The mesh of a module -------------------*- C++ -*-===//
//
// The one reading of `colossal.mesh = [["data", 2], ["tensor", 4]]`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_MESHATTRIBUTE_H
#define COLOSSAL_IR_MESHATTRIBUTE_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// A mesh axis of devices, and how many coordinates it has.
struct DeviceAxis {
  llvm::StringRef name;
  int64_t size = 1;
};

/// Major axis first; nothing if the attribute is no mesh (M1 of
/// ColossalDialect.td).
std::optional<llvm::SmallVector<DeviceAxis>> readMesh(mlir::Attribute mesh);

/// The mesh of the module of `op`; nothing if it has none.
std::optional<llvm::SmallVector<DeviceAxis>> meshOf(mlir::Operation *op);

/// Coordinates on an axis of the mesh of the module of `op`; on `time`, of
/// microbatches. Nothing if there is no mesh, 0 if it has no such axis.
std::optional<int64_t> sizeOfAxis(mlir::Operation *op, llvm::StringRef axis);

} // namespace colossal

#endif // COLOSSAL_IR_MESHATTRIBUTE_H
