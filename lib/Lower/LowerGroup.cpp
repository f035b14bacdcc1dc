//===- LowerGroup.cpp - From a group to one op of the rank program --------===//

#include "colossal/Lower/LowerGroup.h"
#include "Colossal/IR/Locations.h"
#include "KernelEmitter.h"
#include "ShardKernels.h"
#include "colossal/Lower/LibraryOp.h"
#include "colossal/Schedule/MatrixProduct.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

#include "colossal/Lower/LibraryOp.cpp.inc"

/// No thread gets less work than this, in scalar operations: starting it costs
/// some microseconds.
static constexpr int64_t kGrainWork = 65536;

Lowering::Lowering(MLIRContext *context) {
  context->loadDialect<func::FuncDialect, scf::SCFDialect, arith::ArithDialect,
                       math::MathDialect, LLVM::LLVMDialect>();
  theModule = ModuleOp::create(UnknownLoc::get(context));
}

/// Letters, digits and underscores, at most 48.
static std::string identifier(StringRef name) {
  std::string text;
  for (char c : name.take_back(48))
    text += llvm::isAlnum(c) ? c : '_';
  return text;
}

std::string Lowering::unify(func::FuncOp function, StringRef name) {
  StructureHash::Bits hash = structure.of(function);
  auto [it, isNew] = symbols.try_emplace(hash, "");
  if (!isNew) {
    function.erase();
    return it->second;
  }
  // By what it is, not by which it is: the same kernel has the same symbol in
  // every program, and its object can be used again.
  it->second = llvm::formatv("k{0:x-16}_{1}", hash[0], identifier(name));
  function.setName(it->second);
  return it->second;
}

std::map<std::string, std::string> Lowering::adopt(ModuleOp kernels) {
  std::map<std::string, std::string> renamed;
  for (auto kernel : kernels.getOps<func::FuncOp>()) {
    std::string name = kernel.getName().str();
    func::FuncOp copy = kernel.clone();
    theModule->push_back(copy);
    renamed[name] = unify(copy, StringRef(name).split('_').second);
  }
  return renamed;
}

LogicalResult Lowering::lowerKernel(const Group &group, LoweredGroup &lowered) {
  KernelFrame frame(*theModule, "k", group.loc());
  Operation *first = group.ops[0];
  bool accumulate = group.accumulate[0];
  FailureOr<int64_t> range = failure();
  int64_t work = 0;
  if (auto slice = dyn_cast<ShardSliceOp>(first)) {
    range = emitShardSlice(frame, slice, accumulate);
    work = cast<RankedTensorType>(slice.getResult().getType()).getNumElements();
  } else if (auto mask = dyn_cast<ShardMaskOp>(first)) {
    range = emitShardMask(frame, mask, accumulate);
    work = cast<RankedTensorType>(mask.getResult().getType()).getNumElements();
  } else {
    std::string reason;
    std::optional<KernelPlan> plan =
        planKernel(group.ops, group.outputs, reason);
    if (!plan) {
      frame.function.erase();
      return group.ops.back()->emitError("no kernel for this group: ")
             << reason;
    }
    KernelEmitter emitter(frame, group, *plan);
    if (succeeded(emitter.emit()))
      range = emitter.range();
    work = plan->work();
  }
  if (failed(range)) {
    frame.function.erase();
    return failure();
  }
  rank::Op &op = lowered.op;
  op.kind = rank::OpKind::Kernel;
  op.range = std::max<int64_t>(1, *range);
  int64_t perUnit = std::max<int64_t>(1, work / op.range);
  op.grain = std::clamp<int64_t>(kGrainWork / perUnit, 1, op.range);
  op.indices = frame.offsets;
  op.symbol = unify(frame.function, group.name());
  lowered.operands.insert(lowered.operands.end(), group.inputs.begin(),
                          group.inputs.end());
  lowered.operands.insert(lowered.operands.end(), group.outputs.begin(),
                          group.outputs.end());
  lowered.offsets.assign(lowered.operands.size(), 0);
  return success();
}

static LogicalResult lowerGemm(const Group &group, LoweredGroup &lowered) {
  auto op = cast<GenericOp>(group.ops[0]);
  std::optional<MatrixProduct> product = matchMatrixProduct(op);
  if (!product)
    return op.emitError("expected a matrix product by strides");
  lowered.op.kind = rank::OpKind::Gemm;
  lowered.op.gemm = product->gemm;
  lowered.op.gemm.accumulate = group.accumulate[0];
  lowered.operands = {op->getOperand(product->a),
                      op->getOperand(1 - product->a), op->getResult(0)};
  int64_t bytes = rank::bytesOf(product->gemm.dtype);
  lowered.offsets = {bytes * product->aOffset, bytes * product->bOffset, 0};
  return success();
}

FailureOr<std::string>
Lowering::addKernel(Location loc, StringRef name, LoweredGroup &lowered,
                    function_ref<LogicalResult(KernelFrame &)> emit) {
  KernelFrame frame(*theModule, "k", loc);
  if (failed(emit(frame))) {
    frame.function.erase();
    return failure();
  }
  lowered.op.indices = frame.offsets;
  return unify(frame.function, name);
}

LogicalResult Lowering::lowerLibrary(const Group &group,
                                     LoweredGroup &lowered) {
  auto op = dyn_cast<LibraryOp>(group.ops[0]);
  if (!op)
    return group.ops[0]->emitError("is no op that the runtime can call");
  lowered.op.kind = rank::OpKind::Library;
  lowered.op.numOutputs = op->getNumResults();
  return op.lowerToCall(*this, lowered);
}

FailureOr<LoweredGroup> Lowering::lowerGroup(const Group &group) {
  LoweredGroup lowered;
  lowered.op.name = group.name();
  lowered.op.source = sourceLineOf(group.loc());
  lowered.op.numOutputs = group.outputs.size();
  LogicalResult status = failure();
  switch (group.kind) {
  case GroupKind::Kernel:
    status = lowerKernel(group, lowered);
    break;
  case GroupKind::Gemm:
    status = lowerGemm(group, lowered);
    break;
  case GroupKind::Library:
    status = lowerLibrary(group, lowered);
    break;
  default:
    return group.ops.back()->emitError("a group of kind ")
           << nameOf(group.kind) << " has no kernel";
  }
  if (failed(status))
    return failure();
  return lowered;
}
