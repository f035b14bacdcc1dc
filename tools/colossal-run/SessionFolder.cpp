//===- SessionFolder.cpp - Where a job of Open MPI has its files ----------===//

#include "SessionFolder.h"

#include <cstdlib>
#include <filesystem>
#include <unistd.h>

/// Of Open MPI 4; of its successor's launcher.
static constexpr const char *kVariables[] = {"OMPI_MCA_orte_tmpdir_base",
                                             "PRTE_MCA_prte_tmpdir_base"};

SessionFolder::SessionFolder() {
  for (const char *variable : kVariables)
    if (getenv(variable))
      return;
  const char *given = getenv("TMPDIR");
  std::string name =
      std::string(given && *given ? given : "/tmp") + "/colossal-run-XXXXXX";
  if (!mkdtemp(name.data()))
    return;
  path = name;
  for (const char *variable : kVariables)
    setenv(variable, path.c_str(), 1);
}

SessionFolder::~SessionFolder() {
  std::error_code ignored;
  if (!path.empty())
    std::filesystem::remove_all(path, ignored);
}
