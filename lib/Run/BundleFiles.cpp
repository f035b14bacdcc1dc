//===- BundleFiles.cpp - The files of a bundle are those compiled ---------===//

#include "colossal/Run/BundleFiles.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <set>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace colossal::rank {

const char *const kAllowEditedAdvice =
    ", or say --allow-edited where the change is meant";

const char *const kUnfinishedMark = "unfinished";

namespace {

std::string textOf(XXH128_hash_t hash) {
  char text[40];
  snprintf(text, sizeof(text), "%016llx%016llx",
           static_cast<unsigned long long>(hash.high64),
           static_cast<unsigned long long>(hash.low64));
  return text;
}

/// Passes a regular file in pieces.
bool stream(const std::string &path, std::string &error,
            const std::function<void(const char *, size_t)> &use) {
  auto fail = [&](const std::string &found) {
    error = path + ": found " + found + ", expected a readable file";
    return false;
  };
  // Not to wait for the writer of a pipe.
  int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    return fail(std::strerror(errno));
  struct stat status;
  if (fstat(file, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(file);
    return fail("no regular file");
  }
  std::vector<char> piece(1 << 20);
  ssize_t got = 0;
  do {
    got = read(file, piece.data(), piece.size());
    if (got > 0)
      use(piece.data(), size_t(got));
  } while (got > 0 || (got < 0 && errno == EINTR));
  int reason = errno;
  close(file);
  return got == 0 || fail(std::strerror(reason));
}

bool describe(const std::string &path, FileEntry &entry, std::string &error) {
  // 64-byte aligned, as the state needs; XXH3_createState does that.
  XXH3_state_t *state = XXH3_createState();
  XXH3_128bits_reset(state);
  bool good = stream(path, error, [&](const char *data, size_t bytes) {
    XXH3_128bits_update(state, data, bytes);
    entry.bytes += int64_t(bytes);
  });
  entry.hash = textOf(XXH3_128bits_digest(state));
  XXH3_freeState(state);
  return good;
}

bool checkFile(const std::string &bundle, const FileEntry &expected,
               std::string &error) {
  std::string path = bundle + "/" + expected.name;
  FileEntry found;
  if (!describe(path, found, error)) {
    error += "; is this a whole bundle?";
    return false;
  }
  if (found.bytes == expected.bytes && found.hash == expected.hash)
    return true;
  error = path + ": found " + std::to_string(found.bytes) +
          " bytes with hash " + found.hash + ", expected " +
          std::to_string(expected.bytes) + " with " + expected.hash +
          ": the file is damaged or edited; compile again" + kAllowEditedAdvice;
  return false;
}

bool checkListed(const std::string &bundle, const Manifest &manifest,
                 const std::string &name, std::string &error) {
  for (const FileEntry &entry : manifest.files)
    if (entry.name == name)
      return true;
  error = bundle + "/manifest.json: files: found no '" + name +
          "', expected the hash of every file";
  return false;
}

} // namespace

std::string hashOf(const std::string &bytes) {
  return textOf(XXH3_128bits(bytes.data(), bytes.size()));
}

std::optional<std::string> readRegularFile(const std::string &path,
                                           std::string &error) {
  std::string text;
  if (!stream(path, error, [&](const char *data, size_t bytes) {
        text.append(data, bytes);
      }))
    return std::nullopt;
  return text;
}

std::string whyNoBundle(const std::string &folder) {
  namespace fs = std::filesystem;
  std::error_code code;
  if (fs::symlink_status(folder, code).type() != fs::file_type::directory)
    return "is no folder";
  std::string path = folder + "/manifest.json", error;
  fs::file_status manifest = fs::symlink_status(path, code);
  if (manifest.type() != fs::file_type::regular)
    return manifest.type() == fs::file_type::not_found
               ? "has no manifest.json"
               : "has a manifest.json that is no regular file";
  // Those of the largest models have some hundred kilobytes.
  constexpr uintmax_t kLargest = 256 << 20;
  std::optional<std::string> text;
  if (fs::file_size(path, code) <= kLargest)
    text = readRegularFile(path, error);
  std::optional<std::vector<std::string>> names;
  if (text)
    names = filesOfManifest(*text);
  if (!names)
    return "has a manifest.json without the mark of a bundle";
  std::set<std::string> known(names->begin(), names->end());
  known.insert("manifest.json");
  for (const std::string &name : *names)
    for (size_t at = 0; (at = name.find('/', at)) != std::string::npos; ++at)
      known.insert(name.substr(0, at));
  for (fs::recursive_directory_iterator it(folder, code), end;
       !code && it != end; it.increment(code)) {
    std::string name = it->path().string().substr(folder.size() + 1);
    if (!known.count(name))
      return "holds '" + name + "', which is no file of the bundle";
  }
  return code ? "cannot be read: " + code.message() : "";
}

bool listBundleFiles(const std::string &bundle, Manifest &manifest,
                     std::string &error) {
  namespace fs = std::filesystem;
  std::error_code code;
  manifest.files.clear();
  std::vector<std::string> names;
  for (fs::recursive_directory_iterator it(bundle, code), end;
       !code && it != end; it.increment(code))
    if (it->is_regular_file(code))
      names.push_back(fs::relative(it->path(), bundle, code).string());
  if (code) {
    error = bundle + ": found " + code.message() + ", expected a folder";
    return false;
  }
  std::sort(names.begin(), names.end());
  for (const std::string &name : names) {
    if (name == "manifest.json" || name == kUnfinishedMark)
      continue;
    FileEntry entry;
    entry.name = name;
    if (!describe(bundle + "/" + name, entry, error))
      return false;
    manifest.files.push_back(entry);
  }
  return true;
}

bool checkBundleFiles(const std::string &bundle, const Manifest &manifest,
                      std::string &error) {
  for (const ProgramSchema &program : manifest.programs)
    for (const std::string &file : program.files)
      if (!checkListed(bundle, manifest, file, error))
        return false;
  if (!manifest.kernels.empty() &&
      !checkListed(bundle, manifest, manifest.kernels, error))
    return false;
  return std::all_of(
      manifest.files.begin(), manifest.files.end(),
      [&](const FileEntry &entry) { return checkFile(bundle, entry, error); });
}

bool checkGroupFiles(const std::string &bundle, const Manifest &manifest,
                     int64_t group, std::string &error) {
  std::vector<std::string> names;
  if (!manifest.kernels.empty())
    names.push_back(manifest.kernels);
  for (const ProgramSchema &program : manifest.programs)
    if (group >= 0 && group < int64_t(program.files.size()))
      names.push_back(program.files[size_t(group)]);
  for (const std::string &name : names) {
    if (!checkListed(bundle, manifest, name, error))
      return false;
    for (const FileEntry &entry : manifest.files)
      if (entry.name == name && !checkFile(bundle, entry, error))
        return false;
  }
  return true;
}

} // namespace colossal::rank
