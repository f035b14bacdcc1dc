//===- kernels.cpp - Bandwidth of every kernel of a program ---------------===//
//
//   colossal-compile model.pt ... --stop-after=partition -o program.mlir
//   colossal-kernel-benchmark program.mlir
//
// Compiles the kernels of all functions and calls each distinct one on one
// thread. Printed: CPU time, bytes of inputs and outputs, and the ratio to a
// loop that only reads the same inputs and fills the same outputs ("limit":
// what memory or cache allows), measured in turn with the kernel.
//
//===----------------------------------------------------------------------===//

#include "colossal/Emit/CompileKernels.h"
#include "colossal/Lower/LowerGroup.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"

#include <cstdlib>
#include <cstring>
#include <ctime>
#include <dlfcn.h>
#include <set>

using namespace mlir;
using namespace colossal;

/// Of this thread, so that other processes hardly disturb.
static double now() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

namespace {
struct Array {
  char *data = nullptr;
  int64_t bytes = 0;
};
} // namespace

static Array allocate(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  unsigned bits = type.getElementTypeBitWidth();
  Array array;
  array.bytes = type.getNumElements() * std::max(1u, bits / 8);
  int64_t size = (array.bytes + 4095) / 4096 * 4096;
  array.data = static_cast<char *>(std::aligned_alloc(4096, size));
  std::memset(array.data, 0, size);
  if (type.getElementType().isF32())
    for (int64_t i = 0; i < type.getNumElements(); ++i)
      reinterpret_cast<float *>(array.data)[i] =
          0.01f * float(i * 7919 % 101 + 1);
  return array;
}

static volatile uint32_t sink;

/// Reads all inputs once and writes all outputs once.
static void limitLoop(ArrayRef<Array> inputs, ArrayRef<Array> outputs) {
  uint32_t mixed = 0;
  for (const Array &array : inputs) {
    auto *words = reinterpret_cast<uint32_t *>(array.data);
    for (int64_t i = 0, e = array.bytes / 4; i < e; ++i)
      mixed ^= words[i];
  }
  sink = mixed;
  for (const Array &array : outputs) {
    auto *words = reinterpret_cast<uint32_t *>(array.data);
    for (int64_t i = 0, e = array.bytes / 4; i < e; ++i)
      words[i] = uint32_t(i & 1);
  }
}

static double median(std::vector<double> times) {
  llvm::sort(times);
  return times[times.size() / 2];
}

int main(int argc, char **argv) {
  if (argc != 2) {
    llvm::errs() << "usage: colossal-kernel-benchmark program.mlir\n";
    return 1;
  }
  MLIRContext context;
  context.loadDialect<ColossalDialect, func::FuncDialect>();
  auto module = parseSourceFile<ModuleOp>(argv[1], &context);
  if (!module)
    return 1;
  lower::Lowering lowering(&context);
  std::vector<std::pair<schedule::Group, lower::LoweredGroup>> kernels;
  std::map<std::string, int> calls;
  const schedule::KernelPlanner &planner = schedule::cpu::kernelPlanner();
  for (auto function : module->getOps<func::FuncOp>()) {
    schedule::prepareForGrouping(function, planner);
    for (const schedule::Group &group : schedule::groupOps(function, planner)) {
      if (group.kind != schedule::GroupKind::Kernel)
        continue;
      FailureOr<lower::LoweredGroup> op = lowering.lowerGroup(group);
      if (failed(op))
        return 1;
      if (++calls[op->op.symbol] == 1)
        kernels.push_back({group, *op});
    }
  }
  llvm::SmallString<64> path;
  std::string error;
  if (llvm::sys::fs::createTemporaryFile("kernels", "so", path))
    return 1;
  emit::TargetOptions options;
  if (const char *dump = std::getenv("COLOSSAL_DUMP"))
    options.dumpIR = dump;
  auto compiled =
      emit::compileKernels(lowering.module(), options, path.str().str(), error);
  void *library =
      compiled ? dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL) : nullptr;
  llvm::sys::fs::remove(path);
  if (!library) {
    llvm::errs() << "error: " << error << "\n";
    return 1;
  }
  llvm::outs() << kernels.size() << " kernels compiled in "
               << llvm::format("%.2f", compiled->seconds) << " s\n"
               << "      ms     MB   GB/s  limit calls  kernel\n";
  double total = 0, ideal = 0;
  for (auto &[group, lowered] : kernels) {
    std::vector<Array> inputs, outputs;
    std::vector<void *> pointers;
    int64_t bytes = 0;
    for (Value value : group.inputs)
      inputs.push_back(allocate(value));
    for (Value value : group.outputs)
      outputs.push_back(allocate(value));
    for (const Array &array : inputs)
      pointers.push_back(array.data), bytes += array.bytes;
    for (const Array &array : outputs)
      pointers.push_back(array.data), bytes += array.bytes;
    std::vector<int64_t> indices(lowered.op.indices.size(), 0);
    rank::ColossalArgs args{pointers.data(), indices.data()};
    auto function =
        (rank::KernelFunction)dlsym(library, lowered.op.symbol.c_str());
    std::vector<double> times, limits;
    double spent = 0;
    for (int round = 0; round < 31 && (spent < 0.5 || round < 3); ++round) {
      double begin = now();
      function(&args, 0, lowered.op.range);
      double middle = now();
      limitLoop(inputs, outputs);
      double end = now();
      if (round) {
        times.push_back(middle - begin);
        limits.push_back(end - middle);
      }
      spent += end - begin;
    }
    double time = median(times), limit = median(limits);
    int count = calls[lowered.op.symbol];
    total += time * count;
    ideal += limit * count;
    llvm::outs() << llvm::format("%8.3f %6.1f %6.1f %6.2f %5d  ", time * 1e3,
                                 double(bytes) / 1e6,
                                 double(bytes) / time / 1e9, limit / time,
                                 count)
                 << lowered.op.symbol << "\n";
    for (Array &array : inputs)
      std::free(array.data);
    for (Array &array : outputs)
      std::free(array.data);
  }
  llvm::outs() << llvm::format("%8.3f ms in all, limit %.3f ms\n", total * 1e3,
                               ideal * 1e3);
  return 0;
}
