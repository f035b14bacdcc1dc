//===- CompileKernels.cpp - From kernels to a shared library --------------===//

#include "colossal/Emit/CompileKernels.h"
#include "KernelCache.h"
#include "OrderSums.h"
#include "colossal/Support/Files.h"

#include "colossal/Support/Cores.h"
#include "colossal/Support/CpuGeneration.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MathToLibm/MathToLibm.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"

#include "lld/Common/Driver.h"
#include "llvm/IR/DiagnosticHandler.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/thread.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/Transforms/Scalar/LoopPassManager.h"
#include "llvm/Transforms/Scalar/LoopRotation.h"
#include "llvm/Transforms/Vectorize/LoopVectorize.h"

#include <atomic>
#include <chrono>

LLD_HAS_DRIVER(elf)

using namespace mlir;
using namespace colossal;
using namespace colossal::emit;

void colossal::emit::buildKernelPipeline(OpPassManager &manager) {
  manager.addPass(createCSEPass());
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createConvertMathToLLVMPass());
  manager.addPass(createConvertMathToLibmPass()); // what LLVM has no form of
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
}

//===----------------------------------------------------------------------===//
// Target
//===----------------------------------------------------------------------===//

/// Features that x86-64 machines may lack and that change the code most.
static constexpr const char *kFeatures[] = {
    "sse4.2",     "avx",        "avx2",       "fma",
    "f16c",       "bmi",        "bmi2",       "avx512f",
    "avx512bw",   "avx512cd",   "avx512dq",   "avx512vl",
    "avx512vbmi", "avx512ifma", "avx512vnni", "avx512bf16"};

static std::unique_ptr<llvm::TargetMachine>
createMachine(const TargetOptions &options, std::string &error) {
  static bool once = [] {
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    return true;
  }();
  (void)once;
  llvm::Triple triple(llvm::sys::getDefaultTargetTriple());
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  std::string cpu = options.cpu, features;
  bool host = cpu == "host" || cpu == "native";
  if (host && isCpuLimited()) {
    cpu = nameOf(cpuGeneration());
  } else if (host) {
    cpu = llvm::sys::getHostCPUName().str();
    std::vector<std::string> list;
    for (const auto &feature : llvm::sys::getHostCPUFeatures())
      list.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(list);
    features = llvm::join(list, ",");
  }
  std::unique_ptr<llvm::MCSubtargetInfo> info(
      target->createMCSubtargetInfo(triple, "", ""));
  if (!info->isCPUStringValid(cpu)) {
    error = "--target-cpu: found \"" + options.cpu +
            "\", expected \"host\" or a CPU that LLVM knows, such as "
            "\"znver4\" or \"x86-64-v3\"";
    return nullptr;
  }
  llvm::TargetOptions targetOptions;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, cpu, features, targetOptions, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

namespace {
/// Drops remarks and warnings; errors go the usual way.
struct QuietHandler : llvm::DiagnosticHandler {
  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    return info.getSeverity() != llvm::DS_Error;
  }
};
} // namespace

static bool hasFusedMultiplyAdd(const llvm::TargetMachine &machine) {
  return machine.getMCSubtargetInfo()->checkFeatures("+fma");
}

static std::unique_ptr<llvm::Module> toLLVM(ModuleOp module,
                                            llvm::LLVMContext &context,
                                            llvm::TargetMachine &machine,
                                            std::string &error) {
  MLIRContext *mlirContext = module.getContext();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  mlirContext->appendDialectRegistry(registry);
  PassManager manager(mlirContext);
  manager.enableVerifier(false); // the emitter's output; LLVM verifies its own
  buildKernelPipeline(manager);
  if (failed(manager.run(module))) {
    error = "kernels: conversion to LLVM failed";
    return nullptr;
  }
  // The conversion of scf leaves loop annotations on the back edges under a
  // name that the translation does not read.
  module->walk([](LLVM::BrOp branch) {
    if (auto annotation = branch->getAttrOfType<LLVM::LoopAnnotationAttr>(
            "llvm.loop_annotation"))
      branch.setLoopAnnotationAttr(annotation);
  });
  std::unique_ptr<llvm::Module> result =
      translateModuleToLLVMIR(module, context, "kernels");
  if (!result) {
    error = "kernels: translation to LLVM IR failed";
    return nullptr;
  }
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  bool hasFma = hasFusedMultiplyAdd(machine);
  for (llvm::Function &function : *result) {
    if (function.isDeclaration())
      continue;
    // Without the instruction a fused multiply-add is a call for each element.
    if (!hasFma)
      for (llvm::Instruction &instruction : llvm::instructions(function))
        if (auto *call = llvm::dyn_cast<llvm::IntrinsicInst>(&instruction);
            call && call->getIntrinsicID() == llvm::Intrinsic::fma)
          call->setCalledFunction(llvm::Intrinsic::getOrInsertDeclaration(
              result.get(), llvm::Intrinsic::fmuladd, {call->getType()}));
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
  llvm::raw_string_ostream stream(error);
  if (llvm::verifyModule(*result, &stream))
    return nullptr;
  return result;
}

static void optimize(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::PipelineTuningOptions tuning;
  tuning.LoopVectorization = true;
  tuning.SLPVectorization = true;
  tuning.LoopInterleaving = true;
  llvm::PassBuilder builder(&machine, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager components;
  llvm::ModuleAnalysisManager modules;
  // The loop vectoriser runs once by itself, and then sums keep their order.
  bool hasFma = hasFusedMultiplyAdd(machine);
  builder.registerVectorizerStartEPCallback(
      [hasFma](llvm::FunctionPassManager &passes, llvm::OptimizationLevel) {
        passes.addPass(
            llvm::createFunctionToLoopPassAdaptor(llvm::LoopRotatePass()));
        passes.addPass(llvm::LoopVectorizePass());
        passes.addPass(OrderSums(hasFma));
      });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

/// The object file of a module; nothing where this LLVM has none.
static std::string emitObject(llvm::Module &module,
                              llvm::TargetMachine &machine) {
  llvm::SmallString<0> object;
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return {};
  passes.run(module);
  return object.str().str();
}

static bool linkLibrary(const std::vector<std::string> &objects,
                        const std::string &path, std::string &error) {
  std::vector<const char *> arguments = {
      "ld.lld",           "-shared", "--threads=1", "-O1",
      "--hash-style=gnu", "-o",      path.c_str()};
  for (const std::string &object : objects)
    arguments.push_back(object.c_str());
  // libm by its full name: no development package is needed.
  static constexpr const char *kMath[] = {"/lib/x86_64-linux-gnu/libm.so.6",
                                          "/lib64/libm.so.6"};
  for (const char *library : kMath)
    if (llvm::sys::fs::exists(library)) {
      arguments.push_back("--as-needed");
      arguments.push_back(library);
      break;
    }
  std::string output;
  llvm::raw_string_ostream stream(output);
  lld::Result result =
      lld::lldMain(arguments, stream, stream, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0) {
    error = "linking kernels: " + output;
    return false;
  }
  return true;
}

namespace {
/// A kernel on its way to an object file. They share nothing, so each can be on
/// another thread.
struct Part {
  std::string key; ///< in the cache
  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> code; ///< none where the cache has the object
  std::string file, error;

  void write(llvm::StringRef object) {
    writeTextFile(file, object.str(), error);
  }
};
} // namespace

std::optional<CompiledKernels>
colossal::emit::compileKernels(ModuleOp module, const TargetOptions &target,
                               const std::string &path, std::string &error) {
  auto start = std::chrono::steady_clock::now();
  std::unique_ptr<llvm::TargetMachine> machine = createMachine(target, error);
  if (!machine)
    return std::nullopt;
  KernelCache cache(*machine);
  std::vector<std::unique_ptr<Part>> parts;
  for (func::FuncOp kernel : module.getOps<func::FuncOp>()) {
    parts.push_back(std::make_unique<Part>());
    Part &part = *parts.back();
    part.file = path + "." + std::to_string(parts.size()) + ".o";
    part.key = cache.keyOf(kernel);
    std::optional<std::string> object;
    if (target.dumpIR.empty())
      object = cache.find(part.key);
    if (object) {
      part.write(*object);
      continue;
    }
    // A loop that does not vectorise is no message for the user.
    part.context.setDiagnosticHandler(std::make_unique<QuietHandler>());
    OwningOpRef<ModuleOp> alone = ModuleOp::create(module.getLoc());
    alone->push_back(kernel.clone());
    part.code = toLLVM(*alone, part.context, *machine, error);
    if (!part.code)
      return std::nullopt;
  }

  std::atomic<size_t> next{0};
  auto work = [&] {
    // A machine belongs to one thread.
    std::string none;
    std::unique_ptr<llvm::TargetMachine> own = createMachine(target, none);
    for (size_t i = next++; i < parts.size(); i = next++) {
      Part &part = *parts[i];
      if (!part.code)
        continue;
      optimize(*part.code, *own);
      std::string object = emitObject(*part.code, *own);
      if (object.empty()) {
        part.error = "this LLVM cannot write object files for the target";
        continue;
      }
      part.write(object);
      cache.keep(part.key, object);
    }
  };
  // Not std::thread: where none can be made it throws, LLVM's says so.
  std::vector<llvm::thread> threads;
  size_t count =
      std::max<size_t>(1, std::min<size_t>(allowedCores(), parts.size()));
  for (size_t i = 1; i < count; ++i)
    threads.emplace_back(work);
  work();
  for (llvm::thread &thread : threads)
    thread.join();

  std::vector<std::string> objects;
  std::string dump;
  llvm::raw_string_ostream dumped(dump);
  for (auto &part : parts) {
    objects.push_back(part->file);
    if (error.empty())
      error = part->error;
    if (!target.dumpIR.empty())
      part->code->print(dumped, nullptr);
  }
  bool ok =
      error.empty() &&
      (target.dumpIR.empty() || writeTextFile(target.dumpIR, dump, error)) &&
      linkLibrary(objects, path, error);
  for (const std::string &object : objects)
    llvm::sys::fs::remove(object);
  cache.prune();
  if (!ok)
    return std::nullopt;

  CompiledKernels result;
  const llvm::MCSubtargetInfo *info = machine->getMCSubtargetInfo();
  for (const char *feature : kFeatures)
    if (info->checkFeatures(std::string("+") + feature))
      result.cpuFeatures.push_back(feature);
  result.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  return result;
}
