//===- Pins.cpp - What the user fixes -------------------------------------===//

#include "colossal/Plan/Search.h"

#include <map>
#include <set>

using namespace colossal;
using namespace colossal::plan;

static std::optional<int64_t> parseCount(const std::string &text) {
  if (text.empty() || text.size() > 9 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(text);
}

/// "4" or "2x2": sizes of axes, and their product. False if it is neither.
static bool parseAxes(const std::string &text, std::optional<int64_t> &product,
                      std::vector<int64_t> &sizes) {
  product = 1;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = std::min(text.find('x', begin), text.size());
    std::optional<int64_t> size = parseCount(text.substr(begin, end - begin));
    if (!size || *size < 1 || *product * *size > 999999999)
      return false;
    sizes.push_back(*size);
    *product *= *size;
    begin = end + 1;
  }
  if (sizes.size() == 1)
    sizes.clear();
  return true;
}

std::optional<Pins> Pins::parse(const std::string &text, std::string &error) {
  Pins pins;
  auto fail = [&](const std::string &item, const std::string &expected) {
    error = "pin: found '" + item + "', expected " + expected;
    return std::nullopt;
  };
  std::set<std::string> seen;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string item = text.substr(begin, end - begin);
    begin = end + 1;
    size_t equals = item.find('=');
    std::string name = item.substr(0, equals);
    std::string value =
        equals == std::string::npos ? "" : item.substr(equals + 1);
    if (!seen.insert(name).second)
      return fail(item, name + "= once");
    if (name == "schedule") {
      pins.schedule = scheduleKindOf(value);
      if (!pins.schedule)
        return fail(item, "schedule=gpipe or schedule=1f1b");
      continue;
    }
    if (name == "recompute") {
      pins.recompute = value == "none"  ? 0
                       : value == "all" ? recomputeAll
                                        : parseCount(value);
      if (!pins.recompute)
        return fail(item, "recompute=none, recompute=all or recompute= and a "
                          "number of blocks");
      continue;
    }
    if (name == "data" || name == "tensor") {
      bool isData = name == "data";
      if (!parseAxes(value, isData ? pins.data : pins.tensor,
                     isData ? pins.dataAxes : pins.tensorAxes))
        return fail(item, name + "= and a positive number");
      continue;
    }
    std::optional<int64_t> *target = name == "pipeline" ? &pins.pipeline
                                     : name == "chunks" ? &pins.chunks
                                     : name == "microbatches"
                                         ? &pins.microbatches
                                     : name == "zero" ? &pins.zero
                                                      : nullptr;
    if (!target)
      return fail(item, "data=, tensor=, pipeline=, chunks=, microbatches=, "
                        "zero=, recompute= or schedule=");
    std::optional<int64_t> count = parseCount(value);
    if (!count || (name == "zero" ? *count > 3 : *count < 1))
      return fail(item, name == "zero" ? "zero=0, zero=1, zero=2 or zero=3"
                                       : name + "= and a positive number");
    if (*target && **target != *count)
      return fail(item, "'" + name + "' only once");
    *target = count;
  }
  return pins;
}

std::string Pins::toString() const {
  std::string text;
  auto add = [&](const char *name, const std::string &value) {
    text += (text.empty() ? "" : ",") + std::string(name) + "=" + value;
  };
  auto addCount = [&](const char *name, const std::optional<int64_t> &value) {
    if (value)
      add(name, std::to_string(*value));
  };
  auto addAxes = [&](const char *name, const std::optional<int64_t> &product,
                     const std::vector<int64_t> &sizes) {
    std::string text = sizes.empty() && product ? std::to_string(*product) : "";
    for (int64_t size : sizes)
      text += (text.empty() ? "" : "x") + std::to_string(size);
    if (product)
      add(name, text);
  };
  addAxes("data", data, dataAxes);
  addAxes("tensor", tensor, tensorAxes);
  addCount("pipeline", pipeline);
  addCount("chunks", chunks);
  addCount("microbatches", microbatches);
  addCount("zero", zero);
  if (recompute)
    add("recompute", *recompute == 0              ? "none"
                     : *recompute == recomputeAll ? "all"
                                                  : std::to_string(*recompute));
  if (schedule)
    add("schedule", nameOf(*schedule));
  return text;
}

namespace {
/// One kind of what a plan may cut over its data axes.
struct DataCuts {
  const char *name = "";
  int64_t zero = 0;       ///< the least pin that cuts it
  bool mayBeWhole = true; ///< and pins below leave it whole
  bool isCut = false, canBeCut = false;
};
} // namespace

static std::vector<DataCuts> cutsOverData(const Program &program,
                                          const Plan &plan,
                                          const std::vector<size_t> &dataAxes) {
  DataCuts parameters{"parameters", 3}, states{"optimizer state", 1},
      gradients{"gradients", 2, false};
  auto look = [&](DataCuts &kind, int index, const Placements &state) {
    for (size_t a : dataAxes) {
      kind.isCut |= state[a] >= 0;
      for (int64_t bound : program.values[index].subDims())
        kind.canBeCut |= bound >= plan.mesh.axes[a].size;
    }
  };
  for (const auto &[index, state] : plan.arguments)
    if (program.values[index].role == Role::Parameter)
      look(parameters, index, state);
    else if (program.values[index].role == Role::Optimizer)
      look(states, index, state);
  for (const auto &[value, state] : leftByBackward(program, plan))
    look(gradients, value, state);
  return {parameters, states, gradients};
}

std::string colossal::plan::contradictionOf(const Pins &pins,
                                            const Program &program,
                                            const Plan &plan) {
  Batching batching = analyzeBatching(program);
  // What the axes serve: data cuts the batch in every forward op that has it,
  // tensor in none.
  int64_t data = 1, tensor = 1;
  std::vector<size_t> dataAxes;
  std::vector<int64_t> dataSizes, tensorSizes;
  for (size_t a = 0; a < plan.mesh.axes.size(); ++a) {
    int64_t with = 0, cut = 0;
    for (size_t i = 0; i < program.ops.size(); ++i)
      if (program.ops[i].segment == Segment::Forward &&
          batching.factors[i] >= 0) {
        ++with;
        cut += plan.ops[i].axes[a].factor == batching.factors[i];
      }
    if (cut == with) {
      data *= plan.mesh.axes[a].size;
      dataAxes.push_back(a);
      dataSizes.push_back(plan.mesh.axes[a].size);
    } else if (cut == 0) {
      tensor *= plan.mesh.axes[a].size;
      tensorSizes.push_back(plan.mesh.axes[a].size);
    }
  }
  std::string text;
  auto check = [&](const char *name, const std::optional<int64_t> &pin,
                   int64_t found) {
    if (pin && *pin != found && text.empty())
      text = std::string("the plan has ") + name + "=" + std::to_string(found) +
             ", the pins say " + name + "=" + std::to_string(*pin);
  };
  check("data", pins.data, data);
  check("tensor", pins.tensor, tensor);
  auto checkAxes = [&](const char *name, const std::vector<int64_t> &pinned,
                       const std::vector<int64_t> &found) {
    if (!pinned.empty() && pinned != found && text.empty())
      text = std::string("the plan has other ") + name +
             " axes than the pins " + pins.toString();
  };
  checkAxes("data", pins.dataAxes, dataSizes);
  checkAxes("tensor", pins.tensorAxes, tensorSizes);
  check("pipeline", pins.pipeline, plan.mesh.stages.groups);
  check("chunks", pins.chunks, plan.mesh.stages.chunks);
  check("microbatches", pins.microbatches, plan.microbatches);
  if (pins.zero && text.empty())
    for (const DataCuts &kind : cutsOverData(program, plan, dataAxes)) {
      bool isWanted = *pins.zero >= kind.zero;
      if (isWanted ? kind.canBeCut && !kind.isCut
                   : kind.isCut && kind.mayBeWhole)
        text = std::string("the plan cuts ") + (kind.isCut ? "" : "no ") +
               kind.name + " over the data axes, the pins say zero=" +
               std::to_string(*pins.zero);
    }
  if (pins.recompute && text.empty() &&
      (*pins.recompute == 0) != plan.recomputed.empty())
    text =
        std::string("the plan computes ") +
        (plan.recomputed.empty() ? "nothing" : "activations") +
        " again, the pins say recompute=" +
        (*pins.recompute == 0              ? "none"
         : *pins.recompute == recomputeAll ? "all"
                                           : std::to_string(*pins.recompute));
  if (pins.schedule && *pins.schedule != plan.schedule && text.empty())
    text = std::string("the plan has schedule=") + nameOf(plan.schedule) +
           ", the pins say schedule=" + nameOf(*pins.schedule);
  return text;
}
