//===- ImportModel.cpp - Reads a model, archive or text -------------------===//

#include "ImportModel.h"
#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/NarrowFloat.h"
#include "colossal/Diagnostics/Messages.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Schedule/RankSchedule.h"
#include "colossal/Support/MemoryFile.h"
#include "colossal/Support/Message.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <unistd.h>

using namespace mlir;
using namespace colossal;

/// Limits of the child that runs LibTorch. It takes 0.2 GiB for itself and a
/// few times the archive, whose size bounds what an honest one can need.
static constexpr unsigned timeLimitSeconds = 300;
static constexpr uint64_t memoryLimitBase = uint64_t(1) << 30;
static constexpr uint64_t memoryLimitFactor = 16;

static constexpr llvm::StringLiteral translateError =
    "colossal-translate: error: ";
static constexpr llvm::StringLiteral translateWarning =
    "colossal-translate: warning: ";

/// Passes on what the child warns of.
static void printWarnings(StringRef log) {
  SmallVector<StringRef> lines;
  log.split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines)
    if (line.consume_front(translateWarning))
      say(Severity::Warning, line);
}

static OwningOpRef<ModuleOp> translate(MLIRContext &context,
                                       const std::string &model,
                                       const CompileOptions &options) {
  SmallString<128> tool(options.toolFolder);
  llvm::sys::path::append(tool, "colossal-translate");
  if (!llvm::sys::fs::can_execute(tool)) {
    (void)reportError("found no '" + tool +
                      "', which reads TorchScript archives; build with "
                      "LibTorch or give a .mlir file");
    return {};
  }
  // What the child writes stays in memory: nothing is left of it if this
  // process is killed, and then the child ends, too.
  MemoryFile text("colossal-import"), said("colossal-import-messages");
  if (!text.isOpen() || !said.isOpen()) {
    (void)reportError("found no memory for the imported program");
    return {};
  }
  uint64_t archiveBytes = 0;
  (void)llvm::sys::fs::file_size(model, archiveBytes);
  uint64_t memoryLimit =
      memoryLimitBase +
      memoryLimitFactor * std::min(archiveBytes, uint64_t(1) << 50);
  SmallVector<std::string> arguments = {tool.str().str(),
                                        "--import-torchscript",
                                        model,
                                        "-o",
                                        text.path(),
                                        "--memory-limit",
                                        std::to_string(memoryLimit),
                                        "--parent",
                                        std::to_string(getpid())};
  for (const std::string &input : options.inputs) {
    arguments.push_back("--input");
    arguments.push_back(input);
  }
  SmallVector<StringRef> references(arguments.begin(), arguments.end());
  // Libraries of the child may say more than the one line that counts.
  std::string place = said.path();
  std::optional<StringRef> redirects[] = {std::nullopt, std::nullopt,
                                          StringRef(place)};
  std::string message;
  int status = llvm::sys::ExecuteAndWait(
      tool, references, std::nullopt, redirects, timeLimitSeconds, 0, &message);
  std::string log = said.text();
  if (status == 0) {
    printWarnings(log);
    return parseSourceString<ModuleOp>(text.text(), &context, model);
  }
  auto [before, reason] = StringRef(log).split(translateError);
  if (!reason.empty()) {
    (void)reportError(reason.split('\n').first); // says which file
    return {};
  }
  if (StringRef said = before.trim(); !said.empty())
    message = said.split('\n').first.str();
  if (message.empty())
    message = "colossal-translate ended with exit code " +
              std::to_string(status) +
              " and could not say why: are files limited to a few bytes "
              "(ulimit -f)?";
  (void)reportError("reading '" + model + "': " + message);
  return {};
}

OwningOpRef<ModuleOp> colossal::importModel(MLIRContext &context,
                                            const std::string &model,
                                            const CompileOptions &options) {
  if (!llvm::sys::fs::exists(model)) {
    (void)reportError("found no file '" + model + "'");
    return {};
  }
  if (StringRef(model).ends_with(".mlir"))
    return parseSourceFile<ModuleOp>(model, &context);
  return translate(context, model, options);
}

LogicalResult colossal::markBatch(ModuleOp module,
                                  const std::vector<std::string> &batch,
                                  std::optional<LossOptions> &loss) {
  llvm::StringMap<int64_t> dims;
  for (StringRef entry : batch) {
    auto [name, text] = entry.split(':');
    int64_t dim = 0;
    if (!text.empty() && text.getAsInteger(10, dim))
      return module.emitError("--batch: found '")
             << entry << "', expected NAME or NAME:DIMENSION";
    if (!dims.try_emplace(name, dim).second)
      return module.emitError("--batch: found '")
             << name << "' twice, expected it once";
  }
  Builder builder(module.getContext());
  LogicalResult ok = success();
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!role || role.getValue() != ArgumentRole::Batch || !name || !type)
        continue;
      int64_t dim = 0;
      if (!batch.empty()) {
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
  if (auto labels = loss ? dims.find(loss->labels) : dims.end();
      labels != dims.end()) {
    if (labels->second < 0)
      ok = module.emitError("--batch: found dimension ")
           << labels->second << " of the labels";
    loss->labelsBatchDim = labels->second;
    dims.erase(labels);
  }
  for (auto &entry : dims)
    ok = module.emitError("--batch: the model has no input '")
         << entry.getKey() << "'";
  return ok;
}

LogicalResult colossal::checkTypes(ModuleOp module) {
  auto elementOf = [](Value value) -> Type {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    return type ? type.getElementType() : Type();
  };
  for (auto function : module.getOps<func::FuncOp>()) {
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      bool trained = role && role.getValue() == ArgumentRole::Parameter;
      Type type = elementOf(argument);
      // Files of data have no floats of 16 bits.
      bool isGiven = type && schedule::dtypeOf(type) && !isNarrowFloat(type);
      if (type && (trained ? type.isF32() : isGiven))
        continue;
      return emitError(argument.getLoc())
             << (role ? nameOf(role.getValue()) : "argument") << " '"
             << (name ? name.getValue() : StringRef("?")) << "' has type "
             << argument.getType() << ", expected elements of type "
             << (trained ? "f32: the engine trains in f32, call .float() on "
                           "the model before tracing"
                         : "f32, f64, i64, i32, i16, i8, ui8 or i1: convert it "
                           "before forward");
    }
    WalkResult walk = function.walk([&](FactoredOp op) {
      for (Value result : op->getResults())
        if (!schedule::dtypeOf(elementOf(result))) {
          emitError(op->getLoc())
              << "found a result of type " << result.getType()
              << ", expected elements of type " << schedule::kElementTypes
              << ", which the engine computes with";
          return WalkResult::interrupt();
        }
      return WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return failure();
  }
  return success();
}
