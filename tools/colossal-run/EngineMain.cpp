//===- EngineMain.cpp - The launcher `run` of a bundle --------------------===//

#include "colossal/Run/Session.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

using namespace colossal::rank;

namespace {

std::string folderOfThisProgram() {
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (length <= 0)
    return ".";
  std::string text(path, size_t(length));
  return text.substr(0, text.rfind('/'));
}

/// More threads than cores: threads that wait must give their core away. The
/// thread library reads this once, when it is loaded, hence the second start.
void yieldWhenCrowded(const RunOptions &options, char **argv) {
  const char *local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
  if (getenv("OMP_WAIT_POLICY"))
    return;
  std::string error;
  int64_t threads = options.threads;
  if (threads == 0)
    if (auto manifest =
            readBundleManifest(options.bundle, error, options.allowEdited))
      threads = manifest->threadsPerRank;
  long ranks = local ? atol(local) : 1;
  if (threads < 2 || ranks * threads <= sysconf(_SC_NPROCESSORS_ONLN))
    return;
  setenv("OMP_WAIT_POLICY", "passive", 1);
  execv("/proc/self/exe", argv);
}

} // namespace

int main(int argc, char **argv) {
  RunOptions options;
  options.bundle = folderOfThisProgram();
  std::string message;
  bool help = false;
  if (!parseRunOptions(argc, argv, options, message, help)) {
    if (!help)
      return failTogether(message);
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    if (!rank || strcmp(rank, "0") == 0)
      fputs(message.c_str(), stdout);
    return 0;
  }
  yieldWhenCrowded(options, argv);
  return runBundle(options);
}
