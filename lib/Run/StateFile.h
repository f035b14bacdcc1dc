//===- StateFile.h - State from the bundle, state to files ------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_STATEFILE_H
#define COLOSSAL_LIB_RUN_STATEFILE_H

#include "Engine.h"

#include <set>

namespace colossal::rank {

/// Fills the state buffers of this rank: by their layout from the files that
/// the program names (relative to `bundle`), padding zero. The checksum of
/// every tensor is compared. States of `others` are left out: their values come
/// from elsewhere. Throws RunError.
void loadState(const Program &program, Engine &engine,
               const std::string &bundle, const std::set<std::string> &others);

/// Writes every state tensor, unsharded, to `folder`/<name>.npy. Collective
/// over the world; rank 0 writes. A device group contributes the states it
/// owns, one of the replicas sends.
void dumpState(const Program &program, Engine &engine,
               const std::string &folder);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_STATEFILE_H
