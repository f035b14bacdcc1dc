//===- Manifest.h - What a bundle is and what it needs ----------*- C++ -*-===//
//
// manifest.json is the first file that is read of a bundle. It holds what must
// be known before any rank program is opened: how many ranks, which MPI and
// which CPU the code was built for, the schema of state and batch (the data
// files are checked against it), and the controls that the runtime computes.
//
// Emit writes it, colossal-run and the engine read it. Units: bytes, seconds.
// Errors: the reader returns one line "<file>: <field>: ..."; it never throws.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_MANIFEST_H
#define COLOSSAL_RUN_MANIFEST_H

#include "colossal/Run/LearningRate.h"
#include "colossal/Run/RankProgram.h"

#include <limits>

namespace colossal::rank {

/// What every manifest.json begins with: the proof that the folder around it is
/// a bundle, and not another program's with a manifest of its own.
constexpr const char *kFormatName = "colossal-bundle";

/// The format that this source reads and writes. Another version is refused.
constexpr int64_t kFormatVersion = 9;

/// The MPI that the engine of this build is linked with, as the name of the
/// library's ABI, such as "libmpi.so.40". A bundle carries it; the engine
/// refuses a bundle with another one.
std::string mpiAbi();

/// An input of the step as the user gives it: a file NAME.npy whose first
/// dimension counts samples. With batchDim >= 0 a sample has `globalShape`
/// without that dimension, and a step takes globalShape[batchDim] samples.
/// With batchDim = -1 the file has `globalShape` and every step sees all of it.
struct InputSchema {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> globalShape;
  int64_t batchDim = -1;
  /// Integers: the values that the program can take are `lowest` to `highest`
  /// and `otherValues` (ignored labels). `lookup` is the op that needs it, with
  /// its place, for messages.
  int64_t lowest = std::numeric_limits<int64_t>::min();
  int64_t highest = std::numeric_limits<int64_t>::max();
  std::vector<int64_t> otherValues;
  std::string lookup;

  bool isBounded() const {
    return lowest != std::numeric_limits<int64_t>::min() ||
           highest != std::numeric_limits<int64_t>::max();
  }
};

/// A tensor that a program gives back (see Output of RankProgram.h).
struct OutputSchema {
  std::string name;
  DType dtype = DType::F32;
  std::vector<int64_t> globalShape;
  int64_t batchDim = -1;
};

/// When a device group is at an entry of its schedule, as the plan has it;
/// seconds from the beginning of the step.
struct PredictedEntry {
  int64_t group = 0;
  std::string segment;
  int64_t microbatch = -1;
  double beginSeconds = 0.0, endSeconds = 0.0;
};

/// One of the programs of a bundle: training, or evaluation.
struct ProgramSchema {
  std::string name; ///< "train", "evaluate"
  /// Of each device group: "train/group-0.json".
  std::vector<std::string> files;
  int64_t microbatches = 1;
  std::vector<InputSchema> inputs;
  /// Inputs of the model that no result depends on: data for them is accepted
  /// and not read.
  std::vector<std::string> unusedInputs;
  std::vector<OutputSchema> outputs;
  /// Tokens of a step: elements of the first integer input, or the batch size
  /// where there is none.
  int64_t tokensPerStep = 0;
  double predictedStepSeconds = 0.0;
  /// Empty where there is no plan, or for very many microbatches.
  std::vector<PredictedEntry> predicted;
};

/// A file of the bundle as it was written: XXH3's 128 bits, hexadecimal.
struct FileEntry {
  std::string name; ///< relative to the bundle
  int64_t bytes = 0;
  std::string hash;
};

/// How the programs call one kernel of `kernels.so`, which checks nothing: an
/// op with fewer operands or larger indices would make it leave its buffers.
/// Of all ops with this kernel the smallest buffers and the widest ranges.
struct KernelCall {
  std::string symbol;
  std::string function; ///< the library function that calls it; empty: an op
  /// Per operand, scratch included: bytes from its offset to the end of the
  /// buffer. Of a library function: of all its operands.
  std::vector<int64_t> operandBytes;
  /// Per index: lowest and highest value on any rank and microbatch.
  std::vector<std::pair<int64_t, int64_t>> indices;
  int64_t range = 0; ///< iterations

  bool operator==(const KernelCall &other) const {
    return symbol == other.symbol && function == other.function &&
           operandBytes == other.operandBytes && indices == other.indices &&
           range == other.range;
  }
};

/// A state tensor, unsharded. `aliases`: the other names of a tied parameter.
/// `isRead`: some op of some program touches it; files of weights may lack what
/// none does.
struct StateSchema {
  std::string name;
  std::string role; ///< "parameter", "optimizer", "buffer"
  DType dtype = DType::F32;
  std::vector<int64_t> globalShape;
  std::vector<std::string> aliases;
  bool isRead = true;
};

/// A control that is the same in every step unless the user changes it
/// (--control NAME=VALUE). Learning rates and "step" are not listed here.
struct ControlValue {
  std::string name;
  double value = 0.0;
};

struct Manifest {
  int64_t formatVersion = kFormatVersion;
  std::string model; ///< for messages; the source's file name
  int64_t worldSize = 1;
  std::vector<Axis> mesh; ///< of one device group; last axis fastest
  int64_t groups = 1;
  /// The first one is "train". All have the states below.
  std::vector<ProgramSchema> programs;
  std::string kernels; ///< "kernels.so"; empty: no kernel
  std::string mpi;     ///< see mpiAbi()
  /// Names of LLVM's x86 features ("avx512f"), compared with /proc/cpuinfo
  /// without regard to underscores.
  std::vector<std::string> cpuFeatures;
  int64_t threadsPerRank = 1;
  std::vector<StateSchema> states;
  LearningRate learningRate;
  std::vector<ControlValue> controls;
  /// Per device group and rank: arena, window, library scratch and staging.
  std::vector<int64_t> predictedPeakBytes;
  std::vector<KernelCall> kernelCalls; ///< by symbol
  /// Every file of the bundle but this one (BundleFiles.h).
  std::vector<FileEntry> files;

  /// The program of this name; null if there is none.
  const ProgramSchema *find(const std::string &program) const;
};

/// The text holds its own hash ("checksum": that of the text with zeros in its
/// place), which readManifest compares unless edits are allowed.
std::string writeManifest(const Manifest &manifest);
std::optional<Manifest> readManifest(const std::string &text,
                                     const std::string &file,
                                     std::string &error,
                                     bool allowEdited = false);

/// The kernels that programs call; of ops that are not sound (checkProgram)
/// what is sound.
std::vector<KernelCall> kernelCallsOf(const std::vector<Program> &programs);

/// What the text form cannot say: world size = device groups * mesh, programs
/// of distinct names with one file per device group, one prediction per device
/// group, known kinds. Returns one message per fault.
std::vector<std::string> checkManifest(const Manifest &manifest);

/// The manifest against one of its rank programs: name, mesh, device groups,
/// microbatches, and inputs and states of the same name, shape and dtype; no
/// call of a kernel with other operands, indices or iterations than
/// `kernelCalls` says.
std::vector<std::string> checkManifest(const Manifest &manifest,
                                       const Program &program);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_MANIFEST_H
