//===- Bundle.cpp - Writes the folder that the runtime executes -----------===//

#include "colossal/Emit/Bundle.h"
#include "Publish.h"
#include "Weights.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Emit/CompileKernels.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Run/Elements.h"
#include "colossal/Run/Scratch.h"
#include "colossal/Support/Files.h"
#include "colossal/Support/MemoryFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

#include <map>

using namespace colossal;
using llvm::ErrorOr;
using llvm::failed;
using llvm::failure;
using llvm::formatv;
using llvm::LogicalResult;
using llvm::SmallString;
using llvm::SmallVector;
using llvm::StringRef;
using llvm::StringSet;
using llvm::success;
using llvm::Twine;

namespace sys = llvm::sys;

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

namespace {

/// One bundle in the making.
class BundleWriter {
public:
  explicit BundleWriter(const emit::BundleInput &input) : input(input) {}
  LogicalResult run();

private:
  LogicalResult fail(const Twine &message) { return reportError(message); }
  std::string inside(const Twine &name) const {
    SmallString<128> file(folder);
    path::append(file, name);
    return file.str().str();
  }
  LogicalResult write(const Twine &name, const std::string &text);
  LogicalResult createFolder(const Twine &name);
  LogicalResult compile(rank::Manifest &manifest);
  LogicalResult copyEngine();

  const emit::BundleInput &input;
  std::string folder; ///< temporary, beside the output
};

} // namespace

//===----------------------------------------------------------------------===//
// Manifest
//===----------------------------------------------------------------------===//

static rank::ProgramSchema makeSchema(const emit::ProgramInput &input) {
  rank::ProgramSchema schema;
  schema.name = input.name;
  schema.microbatches = input.groups.front().microbatches;
  schema.predictedStepSeconds = input.predictedStepSeconds;
  schema.predicted = input.predicted;
  StringSet<> inputs, outputs;
  int64_t samples = 0;
  for (const rank::Program &program : input.groups) {
    schema.files.push_back(
        formatv("{0}/group-{1}.json", input.name, program.group).str());
    for (const rank::Input &entry : program.inputs) {
      if (!inputs.insert(entry.name).second)
        continue;
      rank::DType dtype = program.buffers[entry.buffer].dtype;
      rank::InputSchema described;
      for (const rank::InputSchema &known : input.inputs)
        if (known.name == entry.name)
          described = known;
      described.name = entry.name;
      described.dtype = dtype;
      described.globalShape = entry.globalShape;
      described.batchDim = entry.batchDim;
      schema.inputs.push_back(described);
      int64_t elements = 1;
      for (int64_t size : entry.globalShape)
        elements *= size;
      if (rank::isInteger(dtype) && schema.tokensPerStep == 0)
        schema.tokensPerStep = elements;
      if (entry.batchDim >= 0)
        samples = entry.globalShape[entry.batchDim];
    }
    for (const rank::Output &entry : program.outputs)
      if (outputs.insert(entry.name).second)
        schema.outputs.push_back({entry.name,
                                  program.buffers[entry.buffer].dtype,
                                  entry.globalShape, entry.batchDim});
  }
  for (const rank::InputSchema &known : input.inputs)
    if (!inputs.contains(known.name))
      schema.unusedInputs.push_back(known.name);
  if (schema.tokensPerStep == 0)
    schema.tokensPerStep = samples;
  return schema;
}

/// The rank programs of all programs, one after the other.
static std::vector<rank::Program> allPrograms(const emit::BundleInput &input) {
  std::vector<rank::Program> all;
  for (const emit::ProgramInput &program : input.programs)
    all.insert(all.end(), program.groups.begin(), program.groups.end());
  return all;
}

namespace {
/// The bytes of a program's buffers that its ops have as operands.
class TouchedBytes {
public:
  explicit TouchedBytes(const rank::Program &program) {
    llvm::BitVector used(program.buffers.size());
    for (const rank::Segment &segment : program.segments)
      for (const rank::Op &op : segment.ops)
        for (const rank::Operand &operand : op.operands)
          used.set(operand.buffer);
    for (unsigned number : used.set_bits()) {
      const rank::Buffer &buffer = program.buffers[number];
      ends[buffer.space].push_back(
          {buffer.offset, buffer.offset +
                              (buffer.slots - 1) * buffer.slotStride +
                              buffer.bytes});
    }
    for (auto &[space, ranges] : ends) {
      llvm::sort(ranges);
      for (size_t i = 1; i < ranges.size(); ++i)
        ranges[i].second = std::max(ranges[i].second, ranges[i - 1].second);
    }
  }

  bool overlap(const rank::Buffer &buffer) const {
    auto of = ends.find(buffer.space);
    if (of == ends.end())
      return false;
    auto behind = llvm::partition_point(of->second, [&](const auto &range) {
      return range.first < buffer.offset + buffer.bytes;
    });
    return behind != of->second.begin() &&
           std::prev(behind)->second > buffer.offset;
  }

private:
  /// Per space, by rising beginning: where a range begins, and the last end of
  /// it and those before.
  std::map<rank::Space, std::vector<std::pair<int64_t, int64_t>>> ends;
};
} // namespace

/// Names of the states that some program reads or writes.
static StringSet<> touchedStates(const emit::BundleInput &input) {
  StringSet<> names;
  for (const emit::ProgramInput &program : input.programs)
    for (const rank::Program &group : program.groups) {
      TouchedBytes touched(group);
      for (const rank::State &state : group.states)
        if (touched.overlap(group.buffers[state.buffer]))
          names.insert(state.name);
    }
  return names;
}

/// What a rank of each group reserves, bytes; on failure a line in `error`.
static std::vector<int64_t> peakBytes(const emit::BundleInput &input,
                                      std::string &error) {
  std::vector<int64_t> bytes;
  for (size_t group = 0; group < input.programs.front().groups.size();
       ++group) {
    std::vector<const rank::Program *> shared;
    for (const emit::ProgramInput &program : input.programs)
      shared.push_back(&program.groups[group]);
    bytes.push_back(
        rank::reservedBytes(shared, int(input.threadsPerRank), error));
  }
  return bytes;
}

std::optional<rank::Manifest> emit::makeManifest(const BundleInput &input,
                                                 std::string &error) {
  rank::Manifest manifest;
  manifest.predictedPeakBytes = peakBytes(input, error);
  if (!error.empty())
    return std::nullopt;
  const rank::Program &first = input.programs.front().groups.front();
  manifest.model = input.model;
  manifest.mesh = first.mesh;
  manifest.groups = first.groups;
  manifest.worldSize = first.groups;
  for (const rank::Axis &axis : first.mesh)
    manifest.worldSize *= axis.size;
  manifest.kernels = "kernels.so";
  manifest.kernelCalls = rank::kernelCallsOf(allPrograms(input));
  manifest.mpi = rank::mpiAbi();
  manifest.threadsPerRank = input.threadsPerRank;
  manifest.learningRate = input.learningRate;
  manifest.controls = input.controls;
  for (const ProgramInput &program : input.programs)
    manifest.programs.push_back(makeSchema(program));
  StringSet<> states, touched = touchedStates(input);
  for (const rank::Program &program : input.programs.front().groups)
    for (const rank::State &entry : program.states)
      if (states.insert(entry.name).second)
        manifest.states.push_back(
            {entry.name, entry.role, program.buffers[entry.buffer].dtype,
             entry.globalShape, entry.aliases, touched.contains(entry.name)});
  return manifest;
}

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

LogicalResult BundleWriter::write(const Twine &name, const std::string &text) {
  std::string error;
  if (writeTextFile(inside(name), text, error))
    return success();
  return fail(error);
}

LogicalResult BundleWriter::createFolder(const Twine &name) {
  if (std::error_code code =
          fs::create_directory(inside(name), false, fs::all_all))
    return fail("cannot create '" + name + "': " + code.message());
  return success();
}

LogicalResult BundleWriter::compile(rank::Manifest &manifest) {
  mlir::ModuleOp kernels = input.kernels;
  if (kernels.getBody()->empty()) {
    manifest.kernels.clear();
    return success();
  }
  emit::TargetOptions target;
  if (!input.targetCpu.empty())
    target.cpu = input.targetCpu;
  std::string error;
  std::optional<emit::CompiledKernels> compiled =
      emit::compileKernels(input.kernels, target, inside("kernels.so"), error);
  if (!compiled)
    return fail(error);
  manifest.cpuFeatures = compiled->cpuFeatures;
  return success();
}

/// Libraries that every machine with this MPI has; all others are copied.
static bool isSystemLibrary(StringRef name) {
  for (StringRef prefix :
       {"libc.so",    "libm.so",    "libdl.so",   "librt.so", "libpthread.so",
        "ld-linux",   "linux-vdso", "libmpi",     "libopen-", "libhwloc",
        "libevent",   "libz.so",    "libutil.so", "libudev",  "libpciaccess",
        "libXNVCtrl", "libXext",    "libX11",     "libxcb",   "libXau",
        "libXdmcp",   "libbsd",     "libmd",      "libcap",   "libnl-",
        "libfabric",  "libucx",     "libpmix",    "libmunge"})
    if (name.starts_with(prefix))
      return true;
  return false;
}

LogicalResult BundleWriter::copyEngine() {
  SmallString<128> engine(input.toolFolder);
  path::append(engine, "colossal-engine");
  if (!fs::exists(engine))
    return fail("found no '" + engine + "', the runtime of a bundle");
  if (std::error_code error = fs::copy_file(engine, inside("run")))
    return fail("cannot copy '" + engine + "': " + error.message());
  if (std::error_code error = fs::setPermissions(
          inside("run"),
          fs::perms((fs::all_read | fs::all_exe | fs::owner_write) &
                    ~fs::getUmask())))
    return fail("cannot make the launcher executable: " + error.message());
  if (std::error_code error =
          fs::create_directory(inside("lib"), false, fs::all_all))
    return fail("cannot create 'lib': " + error.message());
  ErrorOr<std::string> ldd = sys::findProgramByName("ldd");
  if (!ldd)
    return fail("found no 'ldd', which tells the libraries of the runtime");
  MemoryFile list("libraries");
  if (!list.isOpen())
    return fail("found no memory for what ldd prints");
  std::string place = list.path();
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(place),
                                          std::nullopt};
  if (sys::ExecuteAndWait(*ldd, {*ldd, engine}, std::nullopt, redirects) != 0)
    return fail("'ldd " + engine + "' failed");
  std::string text = list.text();
  SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n', -1, false);
  for (StringRef line : lines) {
    auto [name, rest] = line.trim().split(" => ");
    StringRef file = rest.split(" (").first.trim();
    if (file.empty() || isSystemLibrary(name) || !fs::exists(file))
      continue;
    if (std::error_code error = fs::copy_file(file, inside("lib/" + name)))
      return fail("cannot copy '" + file + "': " + error.message());
  }
  return success();
}

LogicalResult BundleWriter::run() {
  std::string error;
  std::optional<emit::Publication> publication =
      emit::Publication::begin(input.output, error);
  if (!publication)
    return fail(error);
  folder = publication->folder();
  Unfinished unfinished(folder);

  std::optional<rank::Manifest> manifest = emit::makeManifest(input, error);
  if (!manifest)
    return fail(error);
  std::vector<rank::Program> programs = allPrograms(input);
  if (failed(compile(*manifest)))
    return failure();
  if (!emit::writeWeights(programs, inside("weights.bin"), "weights.bin",
                          error))
    return fail(error);
  if (failed(createFolder("ir")))
    return failure();
  for (const emit::ProgramInput &program : input.programs) {
    if (failed(createFolder(program.name)) ||
        failed(createFolder("ir/" + program.name)))
      return failure();
    for (auto &[name, text] : program.texts)
      if (failed(write("ir/" + program.name + "/" + name, text)))
        return failure();
  }
  for (rank::Program &program : programs) {
    // The manifest has them.
    for (rank::State &state : program.states)
      state.aliases.clear();
    if (failed(write(
            formatv("{0}/group-{1}.json", program.name, program.group).str(),
            rank::writeProgram(program))))
      return failure();
    for (const std::string &fault : rank::checkManifest(*manifest, program))
      return fail("manifest: " + fault);
  }
  if (failed(copyEngine()))
    return failure();
  if (!rank::listBundleFiles(folder, *manifest, error))
    return fail(error);
  if (failed(write("manifest.json", rank::writeManifest(*manifest))))
    return failure();
  if (!publication->finish(error))
    return fail(error);
  unfinished.keep();
  return success();
}

LogicalResult emit::writeBundle(const BundleInput &input) {
  return BundleWriter(input).run();
}
