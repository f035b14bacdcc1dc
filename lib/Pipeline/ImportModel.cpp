//===- ImportModel.cpp - Reads a model, archive or text -------------------===//

#include "ImportModel.h"
#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace colossal;

/// Limits of the child that runs LibTorch.
static constexpr unsigned timeLimitSeconds = 300;

static OwningOpRef<ModuleOp> translate(MLIRContext &context,
                                       const CompileOptions &options) {
  SmallString<128> tool(options.toolFolder), text;
  llvm::sys::path::append(tool, "colossal-translate");
  if (!llvm::sys::fs::can_execute(tool)) {
    llvm::errs() << "error: found no '" << tool
                 << "', which reads TorchScript archives; build with LibTorch "
                    "or give a .mlir file\n";
    return {};
  }
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("colossal-import", "mlir", text)) {
    llvm::errs() << "error: cannot create a temporary file: " << error.message()
                 << "\n";
    return {};
  }
  llvm::scope_exit remove([&] { llvm::sys::fs::remove(text); });
  SmallVector<std::string> arguments = {tool.str().str(),
                                        "--import-torchscript", options.model,
                                        "-o", text.str().str()};
  for (const std::string &input : options.inputs) {
    arguments.push_back("--input");
    arguments.push_back(input);
  }
  SmallVector<StringRef> references(arguments.begin(), arguments.end());
  std::string message;
  int status = llvm::sys::ExecuteAndWait(tool, references, std::nullopt, {},
                                         timeLimitSeconds, 0, &message);
  if (status != 0) {
    if (!message.empty())
      llvm::errs() << "error: reading '" << options.model << "': " << message
                   << "\n";
    return {};
  }
  return parseSourceFile<ModuleOp>(text, &context);
}

OwningOpRef<ModuleOp> colossal::importModel(MLIRContext &context,
                                            const CompileOptions &options) {
  if (!llvm::sys::fs::exists(options.model)) {
    llvm::errs() << "error: found no file '" << options.model << "'\n";
    return {};
  }
  if (StringRef(options.model).ends_with(".mlir"))
    return parseSourceFile<ModuleOp>(options.model, &context);
  return translate(context, options);
}

LogicalResult colossal::markBatch(ModuleOp module,
                                  const CompileOptions &options) {
  llvm::StringMap<int64_t> dims;
  for (StringRef entry : options.batch) {
    auto [name, text] = entry.split(':');
    int64_t dim = 0;
    if (!text.empty() && text.getAsInteger(10, dim))
      return module.emitError("--batch: found '")
             << entry << "', expected NAME or NAME:DIMENSION";
    dims[name] = dim;
  }
  Builder builder(module.getContext());
  LogicalResult ok = success();
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<StringAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!role || role.getValue() != "batch" || !name || !type)
        continue;
      int64_t dim = 0;
      if (!options.batch.empty()) {
        auto found = dims.find(name.getValue());
        if (found == dims.end()) {
          function.removeArgAttr(number, names::batchDim);
          continue;
        }
        dim = found->second;
        dims.erase(found);
      } else if (type.getRank() == 0) {
        continue;
      }
      if (dim < 0 || dim >= type.getRank())
        ok = function.emitError("--batch: input '")
             << name.getValue() << "' has " << type.getRank()
             << " dimensions, found dimension " << dim;
      else
        function.setArgAttr(number, names::batchDim,
                            builder.getI64IntegerAttr(dim));
    }
  for (auto &entry : dims)
    ok = module.emitError("--batch: the model has no input '")
         << entry.getKey() << "'";
  return ok;
}
