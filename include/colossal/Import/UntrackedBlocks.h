//===- UntrackedBlocks.h - no_grad blocks that a trace lost ----*- C++ -*-===//
//
// `with torch.no_grad():` leaves no mark in a trace: the archive's program has
// gradients where the Python program had none. Where the Python source is
// still there, its text says so.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_UNTRACKEDBLOCKS_H
#define COLOSSAL_IMPORT_UNTRACKEDBLOCKS_H

#include "colossal/Import/Graph.h"

namespace colossal::torchscript {

/// The line (from 1) of the innermost `with` statement or decorator around line
/// `line` of a Python source that switches gradients off (`no_grad`,
/// `inference_mode`, `set_grad_enabled(False)`), or 0. Goes by indentation;
/// does not look beyond the function that holds the line.
int64_t untrackedBlockAt(const std::vector<std::string> &source, int64_t line);

/// One warning for each such block through which a gradient of the loss will
/// now flow to a trained parameter. Sources that cannot be read say nothing.
std::vector<std::string> warnOfUntrackedBlocks(const Graph &graph);

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_UNTRACKEDBLOCKS_H
