//===- Publish.cpp - A bundle appears at once, complete -------------------===//

#include "Publish.h"
#include "colossal/Emit/Bundle.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Support/Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace colossal;
using llvm::StringRef;

namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;

/// In the file rank::kUnfinishedMark, which says whose a folder is.
static constexpr const char *kMarkText = "colossal-bundle\n";

static bool fail(std::string &error, StringRef place, StringRef what) {
  error = ("'" + place + "' " + what).str();
  return false;
}

/// Whether anything has this name; a link to nothing, too.
static bool exists(const std::string &name) {
  struct stat status;
  return lstat(name.c_str(), &status) == 0;
}

static bool check(StringRef output, const std::string &target,
                  std::string &error) {
  std::string reason = rank::whyNoBundle(target);
  return reason.empty() ||
         fail(error, output,
              "exists and is no bundle: it " + reason +
                  "; it is left as it is, give another -o or remove it");
}

/// The place that `output` names, through links; empty after an error.
static std::string resolve(StringRef output, std::string &error) {
  std::string name = output.str();
  while (name.size() > 1 && name.back() == '/')
    name.pop_back();
  struct stat status;
  if (lstat(name.c_str(), &status) != 0) {
    if (errno == ENOENT)
      return name;
    fail(error, output, std::string("cannot be made: ") + strerror(errno));
    return "";
  }
  char real[PATH_MAX];
  if (!realpath(name.c_str(), real)) {
    fail(error, output,
         std::string("exists and is no bundle: ") + strerror(errno) +
             "; it is left as it is");
    return "";
  }
  return check(output, real, error) ? real : "";
}

bool emit::checkOutput(StringRef output, std::string &error) {
  return !resolve(output, error).empty();
}

/// A file of the folder with our text: it is being made, or was.
static bool isMarked(const std::string &folder) {
  std::string error;
  std::optional<std::string> text =
      rank::readRegularFile(folder + "/" + rank::kUnfinishedMark, error);
  return text && *text == kMarkText;
}

/// Opens a folder and locks it; -1 where its maker lives or it is no folder.
static int lockFolder(const std::string &folder) {
  int file =
      open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (file >= 0 && flock(file, LOCK_EX | LOCK_NB) == 0)
    return file;
  if (file >= 0)
    close(file);
  return -1;
}

/// Makes the mark appear with its text, where the file system can: with half of
/// it, or with another file beside it, a folder is nobody's, and whoever is
/// killed at that moment would leave it for ever.
static bool writeMark(const std::string &folder, std::string &error) {
  std::string mark = folder + "/" + rank::kUnfinishedMark;
  size_t length = std::strlen(kMarkText);
  int file = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
  if (file < 0)
    return writeTextFile(mark, kMarkText, error);
  std::string unnamed = "/proc/self/fd/" + std::to_string(file);
  bool done = write(file, kMarkText, length) == ssize_t(length) &&
              linkat(AT_FDCWD, unnamed.c_str(), AT_FDCWD, mark.c_str(),
                     AT_SYMLINK_FOLLOW) == 0;
  close(file);
  return done || writeTextFile(mark, kMarkText, error);
}

/// Removes a folder that is ours, the mark last: whoever is killed in between
/// leaves one that the next compiler knows.
static void removeOwn(const std::string &folder) {
  std::string mark = folder + "/" + rank::kUnfinishedMark, ignored;
  if (!isMarked(folder))
    (void)writeMark(folder, ignored);
  std::error_code code;
  for (fs::directory_iterator it(folder, code, false), end; it != end && !code;
       it.increment(code))
    if (it->path() != mark)
      (void)fs::remove_directories(it->path());
  (void)fs::remove_directories(folder);
}

/// What killed compilers have left beside `target`.
static void removeLeftovers(const std::string &target) {
  std::string parent = path::parent_path(target).str();
  StringRef name = path::filename(target);
  std::error_code code;
  for (fs::directory_iterator it(parent.empty() ? "." : parent, code, false),
       end;
       it != end && !code; it.increment(code)) {
    StringRef rest = path::filename(it->path());
    bool isOld = false;
    if (!rest.consume_front(name) ||
        !(rest.consume_front(".partial-") ||
          (isOld = rest.consume_front(".replaced-"))) ||
        rest.empty() || !llvm::all_of(rest, llvm::isDigit))
      continue;
    std::string folder = it->path();
    int lock = lockFolder(folder);
    if (lock < 0)
      continue;
    if (rmdir(folder.c_str()) == 0) {
      // Killed before the mark.
    } else if (isOld && !exists(target) && rank::whyNoBundle(folder).empty()) {
      // Killed between two renames: what was there goes back.
      (void)!rename(folder.c_str(), target.c_str());
    } else if (isMarked(folder) || rank::whyNoBundle(folder).empty()) {
      removeOwn(folder);
    }
    close(lock);
  }
}

emit::Publication::Publication(Publication &&other)
    : output(std::move(other.output)), target(std::move(other.target)),
      partial(std::move(other.partial)), lock(other.lock) {
  other.lock = -1;
}

emit::Publication::~Publication() {
  if (lock >= 0)
    close(lock);
}

bool emit::Publication::create(std::string &error) {
  // Numbers of processes repeat, in containers for example: the first that is
  // free.
  for (int64_t number = getpid(), tries = 0; tries < 1000; ++number, ++tries) {
    partial = target + ".partial-" + std::to_string(number);
    if (mkdir(partial.c_str(), 0777) != 0) {
      if (errno == EEXIST)
        continue;
      return fail(error, partial,
                  std::string("cannot be created: ") + strerror(errno));
    }
    lock = lockFolder(partial);
    // Another compiler may have taken it for a leftover in between.
    if (lock >= 0 && exists(partial))
      return writeMark(partial, error);
    if (lock >= 0)
      close(lock);
    lock = -1;
    if (exists(partial)) // a file system without locks
      return writeMark(partial, error);
  }
  return fail(error, target + ".partial-*", "are there a thousand times");
}

std::optional<emit::Publication> emit::Publication::begin(StringRef output,
                                                          std::string &error) {
  Publication made;
  made.output = output.str();
  made.target = resolve(output, error);
  if (made.target.empty())
    return std::nullopt;
  StringRef parent = path::parent_path(made.target);
  if (!parent.empty())
    if (std::error_code code =
            fs::create_directories(parent, true, fs::all_all)) {
      fail(error, parent, "cannot be created: " + code.message());
      return std::nullopt;
    }
  removeLeftovers(made.target);
  if (!made.create(error)) {
    if (!made.partial.empty())
      (void)rmdir(made.partial.c_str());
    return std::nullopt;
  }
  return made;
}

bool emit::Publication::finish(std::string &error) {
  auto failed = [&] {
    return fail(error, output,
                std::string("cannot be replaced: ") + strerror(errno));
  };
  if (unlink((partial + "/" + rank::kUnfinishedMark).c_str()) != 0)
    return failed();
  const char *from = partial.c_str(), *to = target.c_str();
  // A few times: another compiler may have been there in between.
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (!exists(target)) {
      if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return true;
      if (errno == EEXIST)
        continue;
      // A file system that knows plain renames alone.
      if ((errno == EINVAL || errno == ENOSYS) && rename(from, to) == 0)
        return true;
      return failed();
    }
    if (!check(output, target, error))
      return false;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE) == 0) {
      // Now the old one has the temporary name.
      removeOwn(partial);
      return true;
    }
    if (errno == ENOENT)
      continue;
    if (errno != EINVAL && errno != ENOSYS)
      return failed();
    std::string old = target + ".replaced-" + std::to_string(getpid());
    if (rename(to, old.c_str()) != 0)
      return failed();
    if (rename(from, to) != 0) {
      int reason = errno;
      (void)!rename(old.c_str(), to);
      errno = reason;
      return failed();
    }
    removeOwn(old);
    return true;
  }
  errno = EBUSY;
  return failed();
}
