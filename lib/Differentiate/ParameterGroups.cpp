//===- ParameterGroups.cpp - Which parameter is trained how ---------------===//

#include "Update.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/GlobPattern.h"

using namespace mlir;
using namespace colossal;

namespace {

class Assignment {
public:
  Assignment(func::FuncOp function, const OptimizerOptions &options)
      : function(function), options(options) {}

  void assign(Trained &trained);
  /// Patterns that no parameter has: what was meant?
  LogicalResult check(ArrayRef<Trained> trained);

private:
  /// The name, and those of tied parameters.
  SmallVector<StringRef> namesOf(const Trained &trained);
  bool matches(const ParameterGroup &group, const Trained &trained);

  func::FuncOp function;
  const OptimizerOptions &options;
};

} // namespace

static bool matches(StringRef pattern, StringRef name) {
  // The options were parsed: the pattern is one.
  return llvm::cantFail(llvm::GlobPattern::create(pattern, 1024)).match(name);
}

SmallVector<StringRef> Assignment::namesOf(const Trained &trained) {
  SmallVector<StringRef> all = {trained.name};
  unsigned number = cast<BlockArgument>(trained.parameter).getArgNumber();
  if (auto aliases =
          function.getArgAttrOfType<ArrayAttr>(number, names::aliases))
    for (Attribute alias : aliases)
      if (auto name = dyn_cast<StringAttr>(alias))
        all.push_back(name.getValue());
  return all;
}

bool Assignment::matches(const ParameterGroup &group, const Trained &trained) {
  if (group.belowRank)
    return cast<RankedTensorType>(trained.parameter.getType()).getRank() <
           *group.belowRank;
  SmallVector<StringRef> all = namesOf(trained);
  return llvm::any_of(group.patterns, [&](StringRef pattern) {
    return llvm::any_of(
        all, [&](StringRef name) { return ::matches(pattern, name); });
  });
}

void Assignment::assign(Trained &trained) {
  trained.settings = &options.settings;
  trained.rate = "lr";
  bool hasOwnDecay = false;
  for (auto [number, group] : llvm::enumerate(options.groups)) {
    if (!matches(group, trained))
      continue;
    trained.settings = &group.settings;
    if (group.hasOwnRate)
      trained.rate = rateOfGroup(number);
    hasOwnDecay = group.hasOwnDecay;
    break;
  }
  int64_t rank = cast<RankedTensorType>(trained.parameter.getType()).getRank();
  bool isDecayed = hasOwnDecay || rank >= options.noDecayRank;
  trained.weightDecay = isDecayed ? (*trained.settings)["weight-decay"] : 0.0;
}

/// How far a pattern is from a name: from the modules of its path that are
/// nearest to it.
static unsigned distance(StringRef pattern, StringRef name) {
  StringRef wanted = pattern.trim("*.");
  SmallVector<StringRef> parts;
  name.split(parts, '.');
  unsigned nearest = wanted.edit_distance(name);
  for (size_t begin = 0; begin < parts.size(); ++begin)
    for (size_t end = begin + 1; end <= parts.size(); ++end) {
      StringRef window(parts[begin].begin(),
                       parts[end - 1].end() - parts[begin].begin());
      nearest = std::min(nearest, wanted.edit_distance(window));
    }
  return nearest;
}

static std::string nearNames(StringRef pattern, ArrayRef<StringRef> all) {
  constexpr size_t most = 3;
  SmallVector<std::pair<unsigned, StringRef>> ordered;
  for (StringRef name : all)
    ordered.push_back({distance(pattern, name), name});
  llvm::sort(ordered);
  std::string text;
  for (auto [far, name] : ArrayRef(ordered).take_front(most))
    text += (text.empty() ? "'" : ", '") + name.str() + "'";
  return text;
}

LogicalResult Assignment::check(ArrayRef<Trained> trained) {
  SmallVector<StringRef> all;
  for (const Trained &entry : trained)
    llvm::append_range(all, namesOf(entry));
  if (all.empty())
    return success();
  for (const ParameterGroup &group : options.groups)
    for (StringRef pattern : group.patterns) {
      if (llvm::any_of(
              all, [&](StringRef name) { return ::matches(pattern, name); }))
        continue;
      return function.emitError("--group: found the pattern '")
             << pattern
             << "', which no trained parameter matches, expected one such as "
             << nearNames(pattern, all);
    }
  return success();
}

LogicalResult colossal::assignGroups(func::FuncOp function,
                                     MutableArrayRef<Trained> trained,
                                     const OptimizerOptions &options) {
  Assignment assignment(function, options);
  for (Trained &entry : trained)
    assignment.assign(entry);
  return assignment.check(trained);
}
