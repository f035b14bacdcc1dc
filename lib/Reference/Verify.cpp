//===- Verify.cpp - Sharded equals unsharded ------------------------------===//

#include "colossal/Reference/Verify.h"
#include "colossal/Diagnostics/OneLine.h"
#include "colossal/Reference/Compare.h"
#include "colossal/Reference/GlobalValues.h"
#include "llvm/Support/Format.h"
#include <cmath>
#include <limits>
#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// See Comparison; numbers of other kinds than floats are finite.
static bool isMeaningless(ValueKind kind, const Tensor &expected) {
  return llvm::any_of(expected.floats, [&](double value) {
    return std::isnan(value) || (std::isinf(value) && kind != ValueKind::State);
  });
}

static Comparison compare(ValueKind kind, const std::string &name,
                          const Tensor *found, const Tensor &expected) {
  Comparison result;
  result.kind = kind;
  result.name = name;
  result.norm = normOf(expected);
  double relative = found ? relativeError(*found, expected) : kInfinity;
  result.difference = result.norm > 0.0 ? relative * result.norm : relative;
  result.meaningless = isMeaningless(kind, expected);
  return result;
}

/// Sets `agrees`: by the own norm, or by the largest of the kind.
static void judge(std::vector<Comparison> &comparisons, double tolerance) {
  double largest[4] = {0.0, 0.0, 0.0, 0.0};
  for (const Comparison &c : comparisons)
    largest[int(c.kind)] = std::max(largest[int(c.kind)], c.norm);
  for (Comparison &c : comparisons)
    c.agrees = c.difference <=
               tolerance * std::max(c.norm, 0.01 * largest[int(c.kind)]);
}

std::string colossal::reference::compareSteps(const StepResult &found,
                                              const StepResult &expected,
                                              double tolerance) {
  std::vector<Comparison> comparisons;
  auto add = [&](ValueKind kind, const NamedTensors &all,
                 const NamedTensors &others) {
    for (const auto &[name, value] : others) {
      auto it = all.find(name);
      comparisons.push_back(compare(
          kind, name, it == all.end() ? nullptr : it->second.get(), *value));
    }
  };
  add(ValueKind::Metric, found.metrics, expected.metrics);
  add(ValueKind::Output, found.outputs, expected.outputs);
  add(ValueKind::State, found.state, expected.state);
  judge(comparisons, tolerance);
  for (const Comparison &c : comparisons)
    if (!c.agrees)
      return (c.kind == ValueKind::State    ? "state '"
              : c.kind == ValueKind::Output ? "output '"
                                            : "metric '") +
             c.name + "' differs by " + std::to_string(c.difference) +
             " of norm " + std::to_string(c.norm);
  return "";
}

using RunRanks = decltype(VerifyOptions::run);

/// Runs the partitioned program, by `run` where it is given, and keeps the
/// wanted intermediate values.
static std::optional<StepResult>
runSharded(ModuleOp module, const NamedTensors &values,
           const VerifyOptions &options, GlobalValues &kept, std::string &error,
           const RunRanks &run = {}) {
  RankOptions rankOptions;
  rankOptions.evaluation = options.evaluation;
  rankOptions.seed = options.seed;
  // An op without operands may be executed more than once.
  std::set<std::tuple<int64_t, int64_t, Operation *>> seen;
  rankOptions.observer = [&](int64_t rank, const Place &place,
                             int64_t microbatch, Operation *op,
                             ArrayRef<TensorRef> results) {
    if (op->getNumOperands() > 0 || seen.insert({rank, microbatch, op}).second)
      kept.observe(place, op, results);
  };
  if (!run)
    return runStep(module, values, rankOptions, error);
  return run(rankOptions);
}

static std::string describe(Operation *op) {
  std::string text;
  llvm::raw_string_ostream out(text);
  out << op->getName() << " \"" << cast<FactoredOp>(op).getFactoredName()
      << "\"";
  if (!isa<UnknownLoc>(op->getLoc()))
    out << " at " << op->getLoc();
  return text;
}

namespace {
/// Watches an evaluation for the first op whose value is not finite.
class NotFinite {
public:
  void observe(Operation *op, ArrayRef<TensorRef> results) {
    if (!isa<FactoredOp>(op) || firstNan)
      return;
    for (const TensorRef &result : results)
      for (double value : result->floats) {
        if (std::isfinite(value))
          continue;
        if (std::isnan(value)) {
          firstNan = op;
          return;
        }
        // Masks have infinities, too, on the way to finite values.
        firstInfinite = firstInfinite ? firstInfinite : op;
      }
  }
  std::string describe() const {
    Operation *op = firstNan ? firstNan : firstInfinite;
    if (!op)
      return "";
    // With a name of the model's op, or of text without one.
    std::string place = placeOf(op->getLoc());
    if (StringRef(place).starts_with("'"))
      return place;
    return "op '" + cast<FactoredOp>(op).getFactoredName().str() + "'" +
           (place.empty() ? "" : " (" + place + ")");
  }

private:
  Operation *firstNan = nullptr, *firstInfinite = nullptr;
};
} // namespace

/// Compares every op that both programs have, in program order.
static std::string findDivergence(func::FuncOp unsharded, ModuleOp partitioned,
                                  const Tensors &arguments,
                                  const NamedTensors &values,
                                  const VerifyOptions &options) {
  GlobalValues kept([](StringRef) { return true; });
  std::string error, first;
  if (!runSharded(partitioned, values, options, kept, error))
    return first;
  Observer observer = [&](Operation *op, ArrayRef<TensorRef> results) {
    auto factored = dyn_cast<FactoredOp>(op);
    if (!factored || !first.empty())
      return;
    for (auto [number, expected] : llvm::enumerate(results)) {
      const Tensor *found = kept.find(factored.getFactoredName(), number);
      if (!found)
        continue;
      // Rounding noise around zero is not a divergence.
      double allowed = std::max(10 * options.tolerance * normOf(*expected),
                                1e-12 * std::sqrt(double(expected->size())));
      Comparison c = compare(ValueKind::State, "", found, *expected);
      if (c.difference > allowed) {
        first = describe(op);
        return;
      }
    }
  };
  (void)evaluate(unsharded, arguments, options.evaluation, observer);
  return first;
}

/// Names of ops that compute gradients, and of their parameters: those marked
/// `gradient_of`, and what an update reads of the backward pass (a gradient
/// whose last reshape was fused into the update has lost its mark).
static llvm::StringMap<std::string> findGradients(func::FuncOp function) {
  llvm::StringMap<std::string> gradients;
  for (auto op : function.getBody().front().getOps<FactoredOp>()) {
    if (StringAttr of = op.getGradientOfAttr())
      gradients[op.getFactoredName()] = of.str();
    StringAttr parameter = op.getForwardOfAttr();
    if (!parameter || op.getPass() != Segment::Update)
      continue;
    for (Value operand : op->getOperands()) {
      auto producer = operand.getDefiningOp<FactoredOp>();
      if (producer && producer.getPass() == Segment::Backward)
        gradients.try_emplace(producer.getFactoredName(), parameter.str());
    }
  }
  return gradients;
}

std::optional<VerifyReport>
colossal::reference::verify(func::FuncOp unsharded, ModuleOp partitioned,
                            const NamedTensors &values,
                            const VerifyOptions &options, std::string &error) {
  std::optional<Mesh> mesh = Mesh::get(partitioned, error);
  if (!mesh)
    return std::nullopt;
  std::optional<Tensors> arguments =
      bindArguments(unsharded, values, {}, error);
  if (!arguments)
    return std::nullopt;
  VerifyReport report;
  report.ranks = mesh->ranks();
  unsharded.walk([&](FactoredOp op) {
    report.trains |= op.getPass() == Segment::Backward;
  });

  llvm::StringMap<std::string> gradients = findGradients(unsharded);
  std::vector<std::pair<std::string, TensorRef>> expectedGradients;
  NotFinite notFinite;
  Observer observer = [&](Operation *op, ArrayRef<TensorRef> results) {
    notFinite.observe(op, results);
    auto factored = dyn_cast<FactoredOp>(op);
    if (factored && gradients.contains(factored.getFactoredName()))
      expectedGradients.push_back(
          {factored.getFactoredName().str(), results[0]});
  };
  FailureOr<Tensors> expected =
      evaluate(unsharded, *arguments, options.evaluation, observer);
  if (failed(expected)) {
    error = "the unsharded program was not evaluated";
    return std::nullopt;
  }
  auto kindOf = [&](unsigned result) {
    return unsharded.getResultAttr(result, names::metric)   ? ValueKind::Metric
           : unsharded.getResultAttr(result, names::output) ? ValueKind::Output
                                                            : ValueKind::State;
  };
  bool meaningless =
      llvm::any_of(llvm::seq<unsigned>(0, expected->size()), [&](unsigned i) {
        return isMeaningless(kindOf(i), *(*expected)[i]);
      });
  for (auto &[name, value] : expectedGradients)
    meaningless |= isMeaningless(ValueKind::Gradient, *value);
  if (meaningless)
    report.firstNotFinite = notFinite.describe();
  if (meaningless && options.skipsMeaningless) {
    for (unsigned i = 0; i < expected->size(); ++i)
      report.comparisons.push_back(compare(kindOf(i), resultName(unsharded, i),
                                           (*expected)[i].get(),
                                           *(*expected)[i]));
    for (auto &[name, value] : expectedGradients)
      report.comparisons.push_back(
          compare(ValueKind::Gradient, gradients[name], value.get(), *value));
    return report;
  }

  auto isGradient = [&](StringRef name) { return gradients.contains(name); };
  auto compareAll = [&](const StepResult &found, const GlobalValues &kept) {
    report.comparisons.clear();
    for (unsigned i = 0; i < expected->size(); ++i) {
      std::string name = resultName(unsharded, i);
      ValueKind kind = kindOf(i);
      const NamedTensors &all = kind == ValueKind::Metric   ? found.metrics
                                : kind == ValueKind::Output ? found.outputs
                                                            : found.state;
      auto it = all.find(name);
      // State that the program does not change is where it was.
      const Tensor *value = it == all.end() ? nullptr : it->second.get();
      if (!value && kind == ValueKind::State && values.count(name) &&
          isa<BlockArgument>(
              unsharded.getBody().front().getTerminator()->getOperand(i)))
        value = values.at(name).get();
      report.comparisons.push_back(
          compare(kindOf(i), name, value, *(*expected)[i]));
    }
    for (auto &[name, value] : expectedGradients)
      report.comparisons.push_back(compare(ValueKind::Gradient, gradients[name],
                                           kept.find(name, 0), *value));
    judge(report.comparisons, options.tolerance);
  };
  std::optional<StepResult> found;
  if (options.run) {
    GlobalValues kept(isGradient);
    found = runSharded(partitioned, values, options, kept, error, options.run);
    if (found)
      compareAll(*found, kept);
    report.ran = found && report.agrees();
  }
  // By itself, too, where something differs: `run` may have taken the op apart
  // that a gradient is the result of.
  if (!report.ran) {
    GlobalValues kept(isGradient);
    found = runSharded(partitioned, values, options, kept, error);
    if (!found)
      return std::nullopt;
    compareAll(*found, kept);
  }
  report.sharded = *found;
  if (!report.agrees())
    report.firstDivergence =
        findDivergence(unsharded, partitioned, *arguments, values, options);
  return report;
}

std::string VerifyReport::whyMeaningless() const {
  bool hasGradient = false;
  for (const Comparison &c : comparisons) {
    hasGradient |= c.kind == ValueKind::Gradient;
    if (c.meaningless)
      return "'" + c.name + "' is not finite in the unsharded program" +
             (firstNotFinite.empty() ? "" : ", first in " + firstNotFinite);
  }
  if (comparisons.empty())
    return "there is nothing to compare";
  return trains && !hasGradient ? "no gradient of the backward pass is known"
                                : "";
}

bool VerifyReport::agrees() const {
  return llvm::all_of(comparisons,
                      [](const Comparison &c) { return c.agrees; });
}

void VerifyReport::print(llvm::raw_ostream &out) const {
  const char *titles[] = {"metrics", "outputs", "gradients", "updated state"};
  // Of what this program has nothing at all, nothing is said.
  auto isUsual = [&](ValueKind kind) {
    return trains ? kind != ValueKind::Output
                  : kind == ValueKind::Metric || kind == ValueKind::Output;
  };
  for (ValueKind kind : {ValueKind::Metric, ValueKind::Output,
                         ValueKind::Gradient, ValueKind::State}) {
    int64_t count = 0, good = 0;
    const Comparison *worst = nullptr;
    auto relative = [](const Comparison &c) {
      return c.norm > 0.0 ? c.difference / c.norm : c.difference;
    };
    for (const Comparison &c : comparisons) {
      if (c.kind != kind)
        continue;
      ++count;
      good += c.agrees;
      if (!worst || c.difference > worst->difference)
        worst = &c;
    }
    if (count == 0 && !isUsual(kind))
      continue;
    out << llvm::format("%-14s %4d of %4d agree", titles[int(kind)], int(good),
                        int(count));
    if (worst)
      out << "; largest difference " << llvm::format("%.1e", worst->difference)
          << " (relative " << llvm::format("%.1e", relative(*worst)) << ") in "
          << worst->name;
    out << "\n";
  }
  for (const Comparison &c : comparisons)
    if (!c.agrees)
      out << "  differs: " << c.name << " ("
          << (c.kind == ValueKind::Gradient ? "gradient" : titles[int(c.kind)])
          << "): " << llvm::format("%.3e", c.difference) << " of norm "
          << llvm::format("%.3e", c.norm) << "\n";
  if (!firstDivergence.empty())
    out << "first op that differs: " << firstDivergence << "\n";
}

void VerifyReport::printVerdict(llvm::raw_ostream &out,
                                const VerifyOptions &options) const {
  const char *verdict = !agrees()                  ? "sharded differs"
                        : whyMeaningless().empty() ? "sharded equals unsharded"
                                                   : "nothing is proved";
  out << verdict << ": " << ranks << " ranks, seed " << options.seed
      << ", tolerance " << llvm::format("%.0e", options.tolerance) << "\n";
}
