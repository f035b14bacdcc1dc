//===- StartWeights.h - Parameters from files of weights --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_STARTWEIGHTS_H
#define COLOSSAL_LIB_RUN_STARTWEIGHTS_H

#include "Checkpoint.h"

#include <set>

namespace colossal::rank {

/// What --weights gives to the parameters and buffers of a run that starts, by
/// the rules of colossal-compile --weights: names may lack or have a first
/// module, a tied tensor stands under any of its names, floats of another type
/// are converted, parameters must be there and buffers need not.
class StartWeights {
public:
  /// Reads headers. Throws RunError where the files do not fit.
  StartWeights(const std::string &path, const std::vector<StateSchema> &states);

  /// The states that have a value there.
  const std::set<std::string> &names() const { return given; }
  /// "12 tensors of 'model.safetensors', ...".
  const std::string &said() const { return text; }
  /// Fills their shards. Collective; false: a rank has said why.
  bool load(const RankState &rank) const;

private:
  void compareTied(const std::vector<const safetensors::Tensors::value_type *>
                       &entries) const;

  std::string path, text;
  safetensors::Tensors tensors;
  std::set<std::string> given;
  std::map<std::string, const safetensors::Tensor *> sources;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_STARTWEIGHTS_H
