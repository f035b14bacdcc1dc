//===- LaunchJob.h - Runs mpirun and says how it ended ----------*- C++ -*-===//

#ifndef COLOSSAL_TOOLS_RUN_LAUNCHJOB_H
#define COLOSSAL_TOOLS_RUN_LAUNCHJOB_H

#include <string>
#include <vector>

/// Runs `command` as a child and waits. Its standard error passes through, but
/// for the launcher's own paragraphs, which become one line where no rank has
/// said why the job ends; of the ranks' errors the first is printed. Signals
/// that end a program end the job, whatever the shell ignores; the child ends
/// when this process is killed. Returns the exit code.
///
/// `stopsCleanly`: the ranks end after their step when they get SIGUSR1, which
/// is what the first SIGINT, SIGTERM or SIGHUP becomes; the second ends the job
/// at once. The exit code is then 128 and the signal's number.
int launchJob(const std::vector<std::string> &command, bool stopsCleanly);

#endif // COLOSSAL_TOOLS_RUN_LAUNCHJOB_H
