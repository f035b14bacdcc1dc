//===- CheckpointFolder.cpp - The folder of a run's checkpoints -----------===//

#include "CheckpointFolder.h"

#include "RunError.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace colossal::rank {

namespace {

const std::string kPrefix = "step-";
/// Of folders that are not whole yet, or not any more.
const std::string kUnfinishedPrefix = ".step-";
/// Of a file by which the ranks of a run know its folder.
const std::string kMarkPrefix = ".run-";

/// The step of a name; -1 where it is not that of a checkpoint.
int64_t stepOf(const std::string &name) {
  if (name.compare(0, kPrefix.size(), kPrefix) != 0)
    return -1;
  std::string digits = name.substr(kPrefix.size());
  if (digits.empty() || digits.size() > 18 ||
      digits.find_first_not_of("0123456789") != std::string::npos)
    return -1;
  int64_t step = std::stoll(digits);
  return checkpointName(step) == name ? step : -1;
}

} // namespace

std::string checkpointName(int64_t step) {
  char name[40];
  snprintf(name, sizeof(name), "step-%08lld", static_cast<long long>(step));
  return name;
}

std::vector<int64_t> checkpointsIn(const std::string &folder) {
  std::vector<int64_t> steps;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code)) {
    int64_t step = stepOf(it->path().filename().string());
    if (step >= 0)
      steps.push_back(step);
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

void syncFolder(const std::string &path) {
  int folder = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // Some file systems have no such call for folders: there it is not needed.
  bool good = folder >= 0 && (fsync(folder) == 0 || errno == EINVAL);
  int reason = errno;
  if (folder >= 0)
    close(folder);
  if (!good)
    throw RunError(path + ": found " + std::strerror(reason) +
                   ", expected a disk that takes what was written");
}

CheckpointFolder::CheckpointFolder(const std::string &path,
                                   const std::string &token)
    : path(path), token(token) {
  std::error_code code;
  fs::create_directories(path, code);
  if (!fs::is_directory(path, code))
    fail("", code ? code.value() : ENOTDIR, "a folder");
  if (access(path.c_str(), W_OK | X_OK) != 0)
    fail("", errno, "a folder that can be written");
  lock = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0)
    fail("", errno, "a folder");
  // File systems without locks of folders trust their users.
  if (flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(lock);
    lock = -1;
    throw RunError("--checkpoint " + path +
                   ": found another run that writes there, expected a folder "
                   "of this run's own");
  }
  std::vector<std::string> left;
  for (fs::directory_iterator it(path, code), end; !code && it != end;
       it.increment(code)) {
    std::string name = it->path().filename().string();
    for (const std::string &prefix : {kUnfinishedPrefix, kMarkPrefix})
      if (name.compare(0, prefix.size(), prefix) == 0)
        left.push_back(name);
  }
  for (const std::string &name : left)
    fs::remove_all(path + "/" + name, code);
}

CheckpointFolder::~CheckpointFolder() {
  if (lock >= 0)
    close(lock);
}

void CheckpointFolder::fail(const std::string &place, int reason,
                            const char *expected) const {
  throw RunError("--checkpoint " + path + (place.empty() ? "" : "/" + place) +
                 ": found " + std::strerror(reason) + ", expected " + expected);
}

std::string CheckpointFolder::unfinished(const std::string &path, int64_t step,
                                         const std::string &token) {
  return path + "/." + checkpointName(step) + "." + token;
}

void CheckpointFolder::begin(int64_t step) {
  if (mkdir(unfinished(path, step, token).c_str(), 0777) != 0)
    fail("", errno, "a folder that can be written");
}

void CheckpointFolder::commit(int64_t step) {
  std::string name = checkpointName(step), from = unfinished(path, step, token);
  syncFolder(from);
  // An empty folder of that name would be replaced; nothing else is.
  if (rename(from.c_str(), (path + "/" + name).c_str()) != 0)
    fail(name, errno, "no such checkpoint yet");
  syncFolder(path);
}

void CheckpointFolder::abandon(int64_t step) noexcept {
  std::error_code code;
  fs::remove_all(unfinished(path, step, token), code);
}

void CheckpointFolder::remove(const std::string &name) {
  // First it loses its name, so that nobody takes a half for a whole.
  std::string hidden = path + "/." + name + ".removed." + token;
  if (rename((path + "/" + name).c_str(), hidden.c_str()) != 0)
    fail(name, errno, "a folder that can be removed (--keep)");
  std::error_code code;
  fs::remove_all(hidden, code);
  if (code)
    fail(name, code.value(), "a folder that can be removed (--keep)");
}

void CheckpointFolder::keep(int64_t count) {
  if (count == 0)
    return;
  std::vector<int64_t> steps = checkpointsIn(path);
  for (size_t i = 0; i + size_t(count) < steps.size(); ++i)
    remove(checkpointName(steps[i]));
}

} // namespace colossal::rank
