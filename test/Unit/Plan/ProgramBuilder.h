//===- ProgramBuilder.h - Programs by hand, for tests -----------*- C++ -*-===//
//
// Ops are written like einsum: "b k, k n -> b n". Words are factors, whose
// bounds `bounds` gives; a factor that no result has is a sum. "#3" is a
// constant index into three.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_PLAN_PROGRAMBUILDER_H
#define COLOSSAL_TEST_PLAN_PROGRAMBUILDER_H

#include "colossal/Plan/Program.h"

#include <map>

namespace colossal::plan {

class ProgramBuilder {
public:
  std::map<std::string, int64_t> bounds;
  Program program;
  std::string group;     ///< of the ops that follow
  std::string forwardOf; ///< of the ops that follow

  int argument(const std::string &name, Role role, const std::string &dims,
               int batchSubDim = -1);
  /// Options of an op, after the specification.
  struct Options {
    std::vector<std::vector<int>> linear;
    Work work;
    std::vector<std::string> unshardable;
    std::string max; ///< a factor that is a maximum instead of a sum
  };
  std::vector<int> op(const std::string &name, Segment segment,
                      const std::string &spec, const std::vector<int> &inputs,
                      const Options &options);
  /// An op with one result.
  int one(const std::string &name, Segment segment, const std::string &spec,
          const std::vector<int> &inputs, const Options &options = {}) {
    return op(name, segment, spec, inputs, options)[0];
  }
  /// A matrix product; roles follow from where the factors occur.
  int product(const std::string &name, Segment segment, const std::string &spec,
              const std::vector<int> &inputs);
};

/// A perceptron of `layers` matrices of `width`, mean squared loss, with
/// backward and an optimizer with one state per parameter.
struct PerceptronSize {
  int64_t batch = 64, width = 256, layers = 2;
};
Program perceptron(const PerceptronSize &size);

/// A GPT-2: token and position embeddings, blocks, tied head, token loss over
/// labels of which some are ignored; AdamW.
struct TransformerSize {
  int64_t batch = 8, sequence = 256, vocabulary = 50257, heads = 12,
          features = 64, layers = 2;
  bool tied = true;
  /// Names of everything are replaced, and weights are stored transposed.
  bool disguised = false;
};
Program transformer(const TransformerSize &size);

} // namespace colossal::plan

#endif // COLOSSAL_TEST_PLAN_PROGRAMBUILDER_H
