//===- WholeOps.cpp - Attaches the parts of all whole ops -----------------===//

#include "WholeOps.h"
#include "Attention/Models.h"
#include "Convolution/Models.h"
#include "Pooling/Models.h"

#include "Rank/RankDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace colossal;

void colossal::registerDialects(DialectRegistry &registry) {
  registry.insert<ColossalDialect, rank::RankDialect, func::FuncDialect,
                  arith::ArithDialect, math::MathDialect>();
  // Of lowered kernels.
  registry.insert<scf::SCFDialect, LLVM::LLVMDialect>();
  registry.addExtension(+[](MLIRContext *context, ColossalDialect *) {
    attention::attachAccess(context);
    attention::attachDerivative(context);
    attention::attachEvaluation(context);
    attention::attachLowering(context);
    attention::attachPrecision(context);
    convolution::attachDerivative(context);
    convolution::attachEvaluation(context);
    convolution::attachLayout(context);
    convolution::attachLowering(context);
    convolution::attachPrecision(context);
    pooling::attachDerivative(context);
    pooling::attachEvaluation(context);
    pooling::attachLayout(context);
    pooling::attachLowering(context);
  });
}

void colossal::loadDialects(MLIRContext &context) {
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}
