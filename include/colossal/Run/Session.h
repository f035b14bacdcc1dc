//===- Session.h - A run of a bundle from start to end ----------*- C++ -*-===//
//
// What the launcher `run` of a bundle does: checks the bundle against this
// machine and the data against the bundle, loads state, runs steps, reports.
// Every rank calls runBundle with the same options.
//
// Outputs: a progress line on stderr (rank 0), metrics as one JSON object a
// line, a report, state as .npy files. Errors: one line on stderr by the first
// rank that has one; the result is the exit code.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_SESSION_H
#define COLOSSAL_RUN_SESSION_H

#include "colossal/Run/Manifest.h"
#include "colossal/Run/RunOptions.h"

namespace colossal::rank {

/// Initialises and finalises MPI.
int runBundle(const RunOptions &options);

/// Ends all ranks with one message: they meet first, so that none is ended by
/// the launcher before the message is out. Returns the exit code.
int failTogether(const std::string &message);

/// Reads and checks the manifest of a bundle; on failure one line in `error`.
std::optional<Manifest> readBundleManifest(const std::string &bundle,
                                           std::string &error,
                                           bool allowEdited = false);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_SESSION_H
