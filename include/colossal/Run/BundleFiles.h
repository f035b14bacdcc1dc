//===- BundleFiles.h - The files of a bundle are those compiled -*- C++ -*-===//
//
// The manifest lists every other file of its bundle with its size and XXH3's
// 128 bits: what is between the compiler's proofs and the run is not changed
// by a bad disk, a copy that was cut off or a hand. Launcher, engine and
// colossal-verify compare them before anything is read or executed.
//
// Errors: one line in `error`; nothing throws.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_BUNDLEFILES_H
#define COLOSSAL_RUN_BUNDLEFILES_H

#include "colossal/Run/Manifest.h"

namespace colossal::rank {

/// What a message about a changed file ends with.
extern const char *const kAllowEditedAdvice;

/// XXH3, 128 bits, as 32 hexadecimal digits.
std::string hashOf(const std::string &bytes);

/// The whole of a regular file; a pipe, a device or a folder is an error (to
/// open some of them would wait for ever).
std::optional<std::string> readRegularFile(const std::string &path,
                                           std::string &error);

/// Why a folder is no bundle, or not a bundle alone, so that it may not be
/// replaced: "has no manifest.json", "holds 'notes.txt', which is no file of
/// the bundle". Empty where it is one, of whatever version, damaged or not.
std::string whyNoBundle(const std::string &folder);

/// The names of files that the text of a manifest.json lists; nothing where it
/// is the manifest of something else.
std::optional<std::vector<std::string>>
filesOfManifest(const std::string &text);

/// A file that is in a bundle only while it is made.
extern const char *const kUnfinishedMark;

/// Fills `manifest.files` with all files of the folder but manifest.json and
/// the mark.
bool listBundleFiles(const std::string &bundle, Manifest &manifest,
                     std::string &error);

/// Compares files with the manifest's list: all, or those that the run of one
/// device group reads (its program and the kernels; -1: no program). False,
/// with the first that differs in `error`. Programs and kernels must be listed.
bool checkBundleFiles(const std::string &bundle, const Manifest &manifest,
                      std::string &error);
bool checkGroupFiles(const std::string &bundle, const Manifest &manifest,
                     int64_t group, std::string &error);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_BUNDLEFILES_H
