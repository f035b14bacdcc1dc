//===- StopSignal.h - A run that is asked to end ----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_STOPSIGNAL_H
#define COLOSSAL_LIB_RUN_STOPSIGNAL_H

namespace colossal::rank {

/// From now on SIGTERM, SIGINT and SIGUSR1 (which colossal-run sends through
/// mpirun for the other two) do not end this process but are remembered.
void catchStopSignals();

bool isAskedToStop();

/// The exit code of a run that has ended so, as of a program that SIGTERM ends.
constexpr int kStoppedCode = 128 + 15;

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_STOPSIGNAL_H
