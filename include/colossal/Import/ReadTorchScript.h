//===- ReadTorchScript.h - TorchScript archive to Graph --------*- C++ -*-===//
//
// The only door to LibTorch. Everything behind it (types, exceptions) stays
// behind it: the result is plain data, an error is one line of text.
//
// The reader is deliberately dumb: it walks the graph of `forward` through all
// submodules, resolves modules to attribute paths, and records every other
// node as it stands. It knows no operator; recovering types and meaning is
// the business of Normalize.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IMPORT_READTORCHSCRIPT_H
#define COLOSSAL_IMPORT_READTORCHSCRIPT_H

#include "colossal/Import/Graph.h"

namespace colossal::torchscript {

struct ReadOptions {
  std::string path;
  /// Shapes given by the user; they replace the archive's example inputs.
  std::vector<Input> inputs;
};

/// Reads, checks and inlines the archive. On failure returns nothing and sets
/// `error` to one message that starts with the path.
std::optional<Graph> readTorchScript(const ReadOptions &options,
                                     std::string &error);

/// Parses "NAME=8x512xi64" ("NAME=f32" is a scalar tensor).
std::optional<Input> parseInput(const std::string &text, std::string &error);

} // namespace colossal::torchscript

#endif // COLOSSAL_IMPORT_READTORCHSCRIPT_H
