//===- KernelCache.cpp - Objects of kernels compiled before ---------------===//

#include "KernelCache.h"
#include "colossal/Support/Files.h"

#include "llvm-c/Core.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CachePruning.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Support/xxhash.h"

#include <cstdlib>

using namespace mlir;
using namespace colossal;
using namespace colossal::emit;

static std::string hashOf(llvm::StringRef bytes) {
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits(llvm::arrayRefFromStringRef(bytes));
  return llvm::formatv("{0:x-16}{1:x-16}", hash.high64, hash.low64);
}

/// What makes objects of kernels: this program, as its file tells, and LLVM.
static std::string identityOfCompiler(const llvm::TargetMachine &machine) {
  unsigned major, minor, patch;
  LLVMGetVersion(&major, &minor, &patch);
  llvm::sys::fs::file_status status;
  // Where the file cannot be seen its time is 0, and its size.
  (void)llvm::sys::fs::status("/proc/self/exe", status);
  return llvm::formatv(
      "{0}.{1}.{2} {3} {4} {5} {6} {7}", major, minor, patch, status.getSize(),
      status.getLastModificationTime().time_since_epoch().count(),
      machine.getTargetTriple().str(), machine.getTargetCPU(),
      machine.getTargetFeatureString());
}

KernelCache::KernelCache(const llvm::TargetMachine &machine) {
  const char *given = std::getenv("COLOSSAL_KERNEL_CACHE");
  if (!given || !*given || llvm::sys::fs::create_directories(given))
    return;
  folder = given;
  compiler = identityOfCompiler(machine);
}

std::string KernelCache::keyOf(func::FuncOp kernel) const {
  if (folder.empty())
    return {};
  std::string text = compiler;
  llvm::raw_string_ostream stream(text);
  kernel->print(stream, OpPrintingFlags().useLocalScope());
  return hashOf(text);
}

/// The prefix is the one of the files that pruneCache removes.
std::string KernelCache::pathOf(const std::string &key) const {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, "llvmcache-" + key);
  return path.str().str();
}

std::optional<std::string> KernelCache::find(const std::string &key) const {
  if (folder.empty())
    return std::nullopt;
  std::string error;
  std::optional<std::string> entry = readTextFile(pathOf(key), error);
  if (!entry)
    return std::nullopt;
  auto [hash, object] = llvm::StringRef(*entry).split('\n');
  if (hash != hashOf(object))
    return std::nullopt;
  return object.str();
}

void KernelCache::keep(const std::string &key, llvm::StringRef object) const {
  std::string error;
  if (!folder.empty())
    (void)writeTextFile(pathOf(key), hashOf(object) + "\n" + object.str(),
                        error);
}

void KernelCache::prune() const {
  if (!folder.empty())
    llvm::pruneCache(folder, llvm::CachePruningPolicy());
}
