//===- EngineMain.cpp - The launcher `run` of a bundle --------------------===//

#include "colossal/Run/Session.h"
#include "colossal/Run/Threads.h"

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

/// Threads that wait look a while, then sleep: a core that another thread or
/// process could use is worth more than a microsecond of waking up. The thread
/// library reads this once, when it is loaded, hence the second start (unless
/// colossal-run has said so already).
void sleepWhenIdle(char **argv) {
  if (getenv("OMP_WAIT_POLICY") || getenv(kSpinVariable))
    return;
  setenv(kSpinVariable, kSpins, 1);
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
  sleepWhenIdle(argv);
  return runBundle(options);
}
