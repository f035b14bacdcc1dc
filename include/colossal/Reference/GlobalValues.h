//===- GlobalValues.h - Intermediate values of sharded programs -*- C++ -*-===//
//
// Puts together what the ranks compute for one op: the local factors say which
// part a rank holds, and over which axes its result is partial. So the value
// of any factored op can be compared with the unsharded program's op of the
// same name.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_GLOBALVALUES_H
#define COLOSSAL_REFERENCE_GLOBALVALUES_H

#include "colossal/Reference/Ranks.h"
#include "colossal/Reference/Sharding.h"

namespace colossal::reference {

class GlobalValues {
public:
  /// Keeps ops for whose name `wanted` says yes.
  explicit GlobalValues(std::function<bool(llvm::StringRef)> wanted)
      : wanted(std::move(wanted)) {}

  /// To be called with every op of every rank (a RankObserver).
  void observe(const Place &place, mlir::Operation *op,
               llvm::ArrayRef<TensorRef> results);

  /// The whole value of a result, null if no rank computed the op.
  const Tensor *find(llvm::StringRef name, unsigned result) const;

private:
  std::function<bool(llvm::StringRef)> wanted;
  struct Global {
    TensorRef whole; ///< of a value that no axis cuts or combines
    Tensor parts;    ///< of another
  };
  std::map<std::pair<std::string, unsigned>, Global> values;
};

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_GLOBALVALUES_H
