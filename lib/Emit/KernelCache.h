//===- KernelCache.h - Objects of kernels compiled before -------*- C++ -*-===//
//
// A model that is compiled again, with other pins or a layer more, has mostly
// kernels that were compiled before. The folder that COLOSSAL_KERNEL_CACHE
// names keeps the object of each; where it is not set, nothing is kept.
//
// A key is a hash of all that the object depends on: the kernel's text, the
// CPU and its features, LLVM and this program. So an entry never changes, and
// processes share a folder without locks: an entry appears as a whole, and
// carries the hash of its bytes. One that is damaged, or a folder that cannot
// be used, costs the compilation of a kernel and is no error. What was not used
// for a week is removed.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_EMIT_KERNELCACHE_H
#define COLOSSAL_EMIT_KERNELCACHE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Target/TargetMachine.h"

#include <optional>
#include <string>

namespace colossal::emit {

class KernelCache {
public:
  explicit KernelCache(const llvm::TargetMachine &machine);

  /// The key of a kernel; empty without a cache.
  std::string keyOf(mlir::func::FuncOp kernel) const;

  std::optional<std::string> find(const std::string &key) const;
  void keep(const std::string &key, llvm::StringRef object) const;
  /// Removes what was not used for long; looks at most every 20 minutes.
  void prune() const;

private:
  std::string pathOf(const std::string &key) const;

  std::string folder; ///< empty: no cache
  std::string compiler;
};

} // namespace colossal::emit

#endif // COLOSSAL_EMIT_KERNELCACHE_H
