//===- LowerGroup.h - From a group to one op of the rank program *- C++ -*-===//
//
// A Lowering collects the kernels of all segments of a program.
// Groups that compute the same (up to names, locations and the addresses of
// their buffers) get one symbol. Emit compiles the module.
//
//   lower::Lowering lowering(context);
//   for (const Group &group : groups)
//     FailureOr<LoweredGroup> op = lowering.lowerGroup(group);
//   lowering.take();       // the kernels, for Emit
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LOWER_LOWERGROUP_H
#define COLOSSAL_LOWER_LOWERGROUP_H

#include "colossal/Lower/StructureHash.h"
#include "colossal/Run/RankProgram.h"
#include "colossal/Schedule/Grouping.h"
#include "mlir/IR/BuiltinOps.h"

#include <map>

namespace colossal::lower {

class KernelFrame;

/// The rank op of a Kernel, Gemm or Library group.
struct LoweredGroup {
  /// All but the operands, which the caller places.
  rank::Op op;
  /// Operands in the order that the op wants them: inputs, then outputs.
  /// An input may occur more than once; outputs occur once, at the end.
  std::vector<mlir::Value> operands;
  /// Bytes from each operand's start to the first element the op sees.
  std::vector<int64_t> offsets;
};

class Lowering {
public:
  explicit Lowering(mlir::MLIRContext *context);

  /// \pre the group's kind is Kernel, Gemm or Library
  /// Failure: an op of the body has no lowering; the error is emitted there.
  mlir::FailureOr<LoweredGroup> lowerGroup(const schedule::Group &group);

  /// For a library call: adds the kernel that `emit` writes, sets the call's
  /// indices to those that the kernel reads, and returns its symbol.
  mlir::FailureOr<std::string>
  addKernel(mlir::Location loc, llvm::StringRef name, LoweredGroup &lowered,
            llvm::function_ref<mlir::LogicalResult(KernelFrame &)> emit);

  /// All kernels so far: functions (!llvm.ptr, i64, i64) on scf, arith, math
  /// and llvm ops.
  mlir::ModuleOp module() { return *theModule; }
  /// The same for who keeps it; nothing can be lowered any more.
  mlir::OwningOpRef<mlir::ModuleOp> take() { return std::move(theModule); }

  /// Takes in the kernels of another program, each structure once: their
  /// symbols, by those that they had.
  std::map<std::string, std::string> adopt(mlir::ModuleOp kernels);

private:
  mlir::LogicalResult lowerKernel(const schedule::Group &group,
                                  LoweredGroup &lowered);
  mlir::LogicalResult lowerLibrary(const schedule::Group &group,
                                   LoweredGroup &lowered);
  /// The symbol of the function that was just built: its own, or that of an
  /// equal one built before (and then the new one is erased).
  std::string unify(mlir::func::FuncOp function, llvm::StringRef name);

  mlir::OwningOpRef<mlir::ModuleOp> theModule;
  StructureHash structure;
  std::map<StructureHash::Bits, std::string> symbols;
};

} // namespace colossal::lower

#endif // COLOSSAL_LOWER_LOWERGROUP_H
