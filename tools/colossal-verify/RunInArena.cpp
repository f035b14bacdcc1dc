//===- RunInArena.cpp - Rank programs of a bundle, executed ---------------===//

#include "RunInArena.h"
#include "colossal/Lower/BuildProgram.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

std::optional<BundleContents> colossal::readContents(
    const std::string &bundle, const rank::Manifest &manifest,
    const rank::ProgramSchema &schema, bool callsKernels, std::string &error) {
  BundleContents contents;
  contents.callsKernels = callsKernels;
  if (callsKernels && !manifest.kernels.empty()) {
    contents.kernels = rank::KernelFile::open(bundle, manifest, error);
    if (!contents.kernels)
      return std::nullopt;
  }
  for (const std::string &file : schema.files) {
    std::string path = bundle + "/" + file;
    std::optional<std::string> text = rank::readRegularFile(path, error);
    std::optional<rank::Program> program;
    if (text)
      program = rank::readProgram(*text, path, error);
    if (!program)
      return std::nullopt;
    contents.programs.push_back(std::move(*program));
  }
  return contents;
}

std::optional<StepResult>
colossal::runInArena(ModuleOp module, const BundleContents &bundle,
                     const NamedTensors &values, const RankOptions &options,
                     int64_t &arenas, std::string &error) {
  auto schedules =
      schedule::scheduleRanks(module, schedule::cpu::kernelPlanner());
  std::optional<Mesh> mesh = Mesh::get(module, error);
  if (failed(schedules) || !mesh) {
    error = error.empty() ? "the program was not scheduled" : error;
    return std::nullopt;
  }
  std::vector<rank::Program> lowered;
  if (bundle.programs.empty()) {
    FailureOr<lower::LoweredRanks> ranks =
        lower::lowerRanks(module, *schedules);
    if (failed(ranks)) {
      error = "the program was not lowered";
      return std::nullopt;
    }
    lowered = std::move(ranks->programs);
  }
  const auto &programs = bundle.programs.empty() ? lowered : bundle.programs;
  arenas = arenaBytes(programs, *mesh);
  if (arenas > kLargestArenas)
    return std::nullopt;
  rank::CompiledOps compiled(
      rank::Threads::alone(),
      [&](const std::string &symbol) -> rank::KernelFunction {
        return bundle.kernels ? bundle.kernels->find(symbol) : nullptr;
      });
  return runPrograms(module, *schedules, programs, values, options, error,
                     bundle.callsKernels ? &compiled : nullptr);
}
