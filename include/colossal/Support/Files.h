//===- Files.h - Whole files as text ----------------------------*- C++ -*-===//
//
// Errors: one line "<path>: <reason>" in `error`.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_FILES_H
#define COLOSSAL_SUPPORT_FILES_H

#include <optional>
#include <string>

namespace colossal {

std::optional<std::string> readTextFile(const std::string &path,
                                        std::string &error);

/// Replaces the file as a whole: writes a temporary file beside it, then
/// renames, so that nobody sees half of it. What is no regular file (a device,
/// a pipe) is written as it is.
bool writeTextFile(const std::string &path, const std::string &text,
                   std::string &error);

} // namespace colossal

#endif // COLOSSAL_SUPPORT_FILES_H
