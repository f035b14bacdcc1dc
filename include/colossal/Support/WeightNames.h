//===- WeightNames.h - Which tensor of a file is a state's ------*- C++ -*-===//
//
// A file's names are the program's, or differ by the first module of a path:
// files of a base model lack that of the model with a head ("h.0.w" for
// "transformer.h.0.w"), or have one that the program lacks. A tied tensor may
// stand under any of its names.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_WEIGHTNAMES_H
#define COLOSSAL_SUPPORT_WEIGHTNAMES_H

#include "colossal/Support/SafeTensors.h"

#include <set>

namespace colossal {

class WeightNames {
public:
  /// `states`: of each its name and those of what is tied to it. Takes the
  /// prefix by which most are found; none, if it makes no difference. `tensors`
  /// must outlive this.
  WeightNames(const safetensors::Tensors &tensors,
              const std::vector<std::vector<std::string>> &states);

  /// The file's tensors that have one of the names, each once, in the order of
  /// the names: one tensor, if all is well.
  std::vector<const safetensors::Tensors::value_type *>
  entriesOf(const std::vector<std::string> &names);

  /// What is to be said of the file: " (names there without 'transformer.'),
  /// which has 2 that the program does not use: ...". What `entriesOf` has not
  /// given is not used.
  std::string remarks() const;

private:
  const safetensors::Tensors::value_type *find(const std::string &name) const;
  size_t countFound(const std::vector<std::vector<std::string>> &states) const;
  void choosePrefix(const std::vector<std::vector<std::string>> &states);

  const safetensors::Tensors &tensors;
  /// A module's path with its point that one side has and the other lacks.
  std::string dropped, added;
  std::set<std::string> used;
};

} // namespace colossal

#endif // COLOSSAL_SUPPORT_WEIGHTNAMES_H
