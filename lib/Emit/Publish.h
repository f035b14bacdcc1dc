//===- Publish.h - A bundle appears at once, complete -----------*- C++ -*-===//
//
// A bundle is made in a folder beside its place and moved there when it is
// whole: where nothing is, by a rename; where an older bundle is, by exchanging
// the two, so that at every moment one of them is there. What is not proved to
// be a bundle, all of it, is never touched (rank::whyNoBundle).
//
// A compiler that is killed leaves its folder; the next one with the same
// output removes it. Whether its maker lives is told by a lock on the folder,
// which the kernel releases.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_EMIT_PUBLISH_H
#define COLOSSAL_LIB_EMIT_PUBLISH_H

#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace colossal::emit {

class Publication {
public:
  /// Makes the folder, empty but for a mark. Nothing, with one line in `error`,
  /// where something else than a bundle is at `output` or no folder can be
  /// made there.
  static std::optional<Publication> begin(llvm::StringRef output,
                                          std::string &error);
  Publication(Publication &&other);
  Publication(const Publication &) = delete;
  ~Publication();

  /// Where the files of the bundle go.
  const std::string &folder() const { return partial; }

  /// Moves the folder to its place. After a failure the caller removes it.
  bool finish(std::string &error);

private:
  Publication() = default;
  bool create(std::string &error);

  std::string output;  ///< as it was given
  std::string target;  ///< through links
  std::string partial; ///< "<target>.partial-<number>"
  int lock = -1;
};

} // namespace colossal::emit

#endif // COLOSSAL_LIB_EMIT_PUBLISH_H
