//===- StartValues.cpp - What parameters and buffers begin with -----------===//

#include "colossal/Pipeline/StartValues.h"
#include "StateArguments.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Support/Message.h"

#include <cfloat>

using namespace mlir;
using namespace colossal;

llvm::Expected<InitOptions> InitOptions::parse(StringRef text) {
  auto invalid = [](const Twine &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                   "--init: " + message);
  };
  InitOptions options;
  auto [kind, rest] = text.split(':');
  if (kind != "normal")
    return invalid("found '" + kind +
                   "', expected 'normal:STD', such as "
                   "normal:0.02");
  auto [deviation, more] = rest.split(',');
  // NaN compares false with everything.
  if (deviation.getAsDouble(options.deviation) ||
      !(options.deviation >= 0.0 && options.deviation <= double(FLT_MAX)))
    return invalid("found '" + text +
                   "', expected normal:STD with a finite "
                   "number of at least 0, such as normal:0.02");
  if (rest.contains(',') &&
      (!more.consume_front("seed=") || more.getAsInteger(10, options.seed)))
    return invalid("found '" + rest.split(',').second +
                   "', expected seed= with an integer");
  return options;
}

static std::vector<StateArgument> statesOf(ModuleOp module) {
  std::vector<StateArgument> states;
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (!role || !name || !type ||
          (role.getValue() != ArgumentRole::Parameter &&
           role.getValue() != ArgumentRole::Buffer))
        continue;
      StateArgument state{
          function,     number,
          {name.str()}, role.getValue() == ArgumentRole::Parameter,
          type,         false};
      if (auto aliases =
              function.getArgAttrOfType<ArrayAttr>(number, names::aliases))
        for (auto alias : aliases.getAsRange<StringAttr>())
          state.names.push_back(alias.str());
      states.push_back(std::move(state));
    }
  return states;
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

namespace {
enum class Start { Zero, One, Normal };
} // namespace

static Start startOf(const StateArgument &state) {
  std::string lower = StringRef(state.names.front()).lower();
  auto [path, last] = StringRef(lower).rsplit('.');
  if (last.empty())
    std::swap(path, last); // a name without a module
  StringRef module = path.rsplit('.').second;
  if (module.empty())
    module = path;
  if (last.starts_with("bias") || last.ends_with("bias") || last == "beta")
    return Start::Zero;
  bool scales = last == "weight" || last == "gamma" || last == "g" ||
                last.contains("scale") || last.contains("norm");
  if (scales && (state.type.getRank() < 2 || module.contains("norm")))
    return Start::One;
  return Start::Normal;
}

static void setRandom(StateArgument &state, const InitOptions &init) {
  Builder builder(state.function.getContext());
  NamedAttrList source;
  Start start = startOf(state);
  if (start == Start::Normal) {
    source.append("normal", builder.getF64FloatAttr(init.deviation));
    source.append("seed", builder.getI64IntegerAttr(init.seed));
    source.append("stream", builder.getStringAttr(state.names.front()));
  } else {
    source.append("fill",
                  builder.getF64FloatAttr(start == Start::One ? 1.0 : 0.0));
  }
  state.setSource(source);
}

//===----------------------------------------------------------------------===//
// Both
//===----------------------------------------------------------------------===//

/// Sets the sources of the states that `training` has, and removes them from
/// `states`.
static void shareSources(ModuleOp training,
                         std::vector<StateArgument> &states) {
  llvm::StringMap<Attribute> sources;
  for (StateArgument &state : statesOf(training))
    sources[state.names.front()] = state.source();
  llvm::erase_if(states, [&](StateArgument &state) {
    auto known = sources.find(state.names.front());
    if (known == sources.end())
      return false;
    state.setSource(known->second);
    return true;
  });
}

LogicalResult colossal::setStartValues(ModuleOp module,
                                       const StartOptions &options,
                                       std::string &said, ModuleOp training) {
  std::vector<StateArgument> states = statesOf(module);
  if (training)
    shareSources(training, states);
  if (!options.weights.empty() && !states.empty() &&
      failed(setGivenWeights(options, states, said)))
    return failure();
  if (!options.init)
    return success();
  size_t counts[3] = {};
  for (StateArgument &state : states) {
    if (!state.isParameter || state.isGiven)
      continue;
    setRandom(state, *options.init);
    ++counts[size_t(startOf(state))];
  }
  said += (said.empty() ? "" : "; ") + std::to_string(counts[2]) +
          " parameters random, " + std::to_string(counts[1]) + " ones, " +
          std::to_string(counts[0]) + " zeros";
  return success();
}

LogicalResult colossal::checkStartValues(ModuleOp module) {
  std::vector<std::string> parameters, buffers;
  std::vector<StateArgument> states = statesOf(module);
  for (StateArgument &state : states)
    if (!state.hasSource())
      (state.isParameter ? parameters : buffers).push_back(state.quotedName());
  if (parameters.empty() && buffers.empty())
    return success();
  std::string text = "found no values of ";
  if (!parameters.empty())
    text += std::to_string(parameters.size()) + " parameters (" +
            firstFew(parameters) + ")";
  if (!buffers.empty())
    text += (parameters.empty() ? "" : " and ") +
            std::to_string(buffers.size()) + " buffers (" + firstFew(buffers) +
            ")";
  text += ", as of a model on the meta device: ";
  if (!parameters.empty())
    text += "give --weights FILE.safetensors, or --init normal:0.02 for the "
            "parameters";
  if (!buffers.empty())
    text += (parameters.empty() ? std::string() : std::string("; ")) +
            "buffers are read from --weights or from the archive "
            "(examples/export.py keeps them)";
  return reportError(text);
}
