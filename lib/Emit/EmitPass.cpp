//===- EmitPass.cpp - A lowered module becomes a bundle -------------------===//

#include "colossal/Emit/Bundle.h"
#include "colossal/Emit/LinkPrograms.h"
#include "colossal/Emit/Passes.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_EMITPASS
#include "colossal/Emit/Passes.h.inc"
} // namespace colossal

namespace {
struct EmitPass : colossal::impl::EmitPassBase<EmitPass> {
  using EmitPassBase::EmitPassBase;

  void runOnOperation() override {
    if (failed(write()))
      signalPassFailure();
  }

private:
  LogicalResult readRates(rank::LearningRate &learningRate) {
    SmallVector<std::string> given(rates.begin(), rates.end());
    if (given.empty())
      given.push_back("lr=0.001");
    for (StringRef entry : given) {
      auto [control, value] = entry.split('=');
      if (value.getAsDouble(learningRate.rates[control.str()]))
        return getOperation().emitError("rates: found '")
               << entry << "', expected CONTROL=RATE";
    }
    return success();
  }

  LogicalResult write() {
    std::string error;
    if (output.empty() || !emit::checkOutput(output, error))
      return getOperation().emitError(
          output.empty() ? "found no output, expected output=FOLDER" : error);
    FailureOr<emit::LinkedPrograms> linked =
        emit::linkPrograms(getOperation(), {"train"});
    if (failed(linked))
      return failure();
    SmallString<128> tools(toolFolder.getValue());
    if (tools.empty()) {
      static char anchor;
      tools = llvm::sys::fs::getMainExecutable(nullptr, &anchor);
      llvm::sys::path::remove_filename(tools);
    }
    emit::BundleInput input;
    input.output = output;
    input.model = "a lowered module";
    input.programs.push_back({"train", std::move(linked->programs.front())});
    input.kernels = *linked->kernels;
    input.targetCpu = targetCpu;
    input.threadsPerRank = threads;
    input.toolFolder = tools.str().str();
    if (failed(readRates(input.learningRate)))
      return failure();
    return emit::writeBundle(input);
  }
};
} // namespace
