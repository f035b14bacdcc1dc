//===- MemoryFile.h - A file without a place on disk ------------*- C++ -*-===//
//
// For what a child process writes and we read: it needs no room on a disk and,
// whoever kills us, nothing of it is left.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_MEMORYFILE_H
#define COLOSSAL_SUPPORT_MEMORYFILE_H

#include <string>

namespace colossal {

class MemoryFile {
public:
  /// `name` is for /proc alone.
  explicit MemoryFile(const char *name);
  ~MemoryFile();
  MemoryFile(const MemoryFile &) = delete;

  /// False where the system gave none; errno says why.
  bool isOpen() const { return descriptor >= 0; }
  /// The file under a name that a child opens, too: it inherits the file.
  std::string path() const;
  /// All that was written.
  std::string text() const;

private:
  int descriptor;
};

} // namespace colossal

#endif // COLOSSAL_SUPPORT_MEMORYFILE_H
