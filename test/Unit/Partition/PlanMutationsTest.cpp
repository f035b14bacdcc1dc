//===- PlanMutationsTest.cpp - Edited plans are right or refused ----------===//
//
// Plan files of the search, edited at random: entries dropped, doubled,
// exchanged, numbers and names replaced by others of the same file. Whatever
// Plan, Partition and its checker accept must compute the unsharded step; all
// else is refused without a crash.
//
// COLOSSAL_PLAN_MUTATIONS=<n> tries n edits, COLOSSAL_RANDOM_SEED=<s> one.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "Colossal/Transforms/Passes.h"
#include "MixedPrograms.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Machine/Cluster.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Reference/RandomInputs.h"
#include "colossal/Reference/Verify.h"
#include "colossal/Support/Files.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include <cstdlib>
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;

namespace {
/// Edits a value of a plan file somewhere below.
class Mutator {
public:
  explicit Mutator(std::mt19937 &random) : random(random) {}
  /// What was done, in words; empty if nothing.
  std::string mutate(llvm::json::Value &root);

private:
  unsigned pick(size_t count) { return random() % unsigned(count); }
  std::string editArray(llvm::json::Array &array);
  std::string editObject(llvm::json::Object &object);
  std::string editScalar(llvm::json::Value &value);

  std::mt19937 &random;
  std::vector<llvm::json::Value> scalars; ///< of the file, to be put elsewhere
};
} // namespace

static void collectScalars(const llvm::json::Value &value,
                           std::vector<llvm::json::Value> &scalars) {
  if (auto *array = value.getAsArray())
    for (const llvm::json::Value &element : *array)
      collectScalars(element, scalars);
  else if (auto *object = value.getAsObject())
    for (auto &entry : *object)
      collectScalars(entry.second, scalars);
  else
    scalars.push_back(value);
}

static std::string textOf(const llvm::json::Value &value) {
  return llvm::formatv("{0}", value).str();
}

std::string Mutator::editArray(llvm::json::Array &array) {
  unsigned at = pick(array.size()), other = pick(array.size());
  switch (pick(3)) {
  case 0: {
    std::string what = "dropped " + textOf(array[at]);
    array.erase(array.begin() + at);
    return what;
  }
  case 1:
    array.insert(array.begin() + other, llvm::json::Value(array[at]));
    return "doubled " + textOf(array[other]);
  default:
    std::swap(array[at], array[other]);
    return "exchanged " + textOf(array[at]) + " and " + textOf(array[other]);
  }
}

std::string Mutator::editObject(llvm::json::Object &object) {
  std::vector<std::string> keys;
  for (auto &entry : object)
    keys.push_back(entry.first.str());
  llvm::sort(keys);
  const std::string &key = keys[pick(keys.size())];
  const std::string &other = keys[pick(keys.size())];
  if (pick(2)) {
    std::string what = "dropped " + key + ": " + textOf(object[key]);
    object.erase(key);
    return what;
  }
  std::swap(object[key], object[other]);
  return "exchanged " + key + " and " + other;
}

std::string Mutator::editScalar(llvm::json::Value &value) {
  std::string before = textOf(value);
  if (std::optional<int64_t> number = value.getAsInteger(); number && pick(2)) {
    static const int64_t numbers[] = {0, 1, 2, 3, 4, 6, 1 << 24, -1};
    value = pick(2) ? *number + (pick(2) ? 1 : -1) : numbers[pick(8)];
  } else {
    for (int tries = 0; tries < 50; ++tries) {
      const llvm::json::Value &found = scalars[pick(scalars.size())];
      if (found.kind() == value.kind()) {
        value = llvm::json::Value(found);
        break;
      }
    }
  }
  return before + " became " + textOf(value);
}

std::string Mutator::mutate(llvm::json::Value &root) {
  scalars.clear();
  collectScalars(root, scalars);
  static const char *const fields[] = {
      "mesh",      "stages",   "microbatches", "schedule", "ops",
      "arguments", "reshards", "uses",         "results",  "reshards",
      "uses",      "ops",      "reshards",     "uses",     "ops"};
  const char *field = fields[pick(std::size(fields))];
  std::string path = field;
  llvm::json::Value *at = root.getAsObject()->get(field);
  while (true) {
    auto *array = at->getAsArray();
    auto *object = at->getAsObject();
    if ((array && array->empty()) || (object && object->empty()))
      return "";
    // Here, or further down.
    bool here = path.size() > 8 && pick(3) == 0;
    if (array && (here || pick(5) == 0))
      return path + ": " + editArray(*array);
    if (object && here)
      return path + ": " + editObject(*object);
    if (!array && !object)
      return path + ": " + editScalar(*at);
    if (array) {
      unsigned index = pick(array->size());
      path += "/" + std::to_string(index);
      at = &(*array)[index];
      continue;
    }
    std::vector<std::string> keys;
    for (auto &entry : *object)
      keys.push_back(entry.first.str());
    llvm::sort(keys);
    std::string key = keys[pick(keys.size())];
    path += "/" + key;
    at = object->get(key);
  }
}

namespace {
/// A step, its plan file and what an edited one must compute.
class Subject {
public:
  Subject(MLIRContext &context, unsigned seed);
  /// 1: accepted and right; 0: refused; -1: wrong.
  int tryPlan(const std::string &text, std::string &message);

  std::string planText;
  std::string name;

private:
  MLIRContext &context;
  OwningOpRef<ModuleOp> step;
  plan::PlanRequest request;
};
} // namespace

Subject::Subject(MLIRContext &context, unsigned seed) : context(context) {
  std::mt19937 random(seed);
  PassManager passes(&context);
  if (seed % 3) {
    step = parseSourceString<ModuleOp>(mixedProgram(random, 8), &context);
    passes.addNestedPass<func::FuncOp>(createRefineFactorsPass());
  } else {
    step = parseSourceFile<ModuleOp>(
        std::string(COLOSSAL_SOURCE_DIR) +
            "/test/Unit/Partition/Inputs/mlp-forward.mlir",
        &context);
  }
  OptimizerOptions optimizer;
  EXPECT_TRUE(succeeded(passes.run(*step)));
  EXPECT_TRUE(succeeded(differentiate(*step, optimizer)));
  std::string error;
  request.cluster = *machine::readClusterFile(
      std::string(COLOSSAL_SOURCE_DIR) + "/examples/clusters/fast-links-4.json",
      error);
  static const char *const pins[] = {
      "data=2,tensor=2", "data=4",         "pipeline=2,microbatches=2,data=2",
      "pipeline=2",      "microbatches=2", ""};
  request.search.leanest = seed % 2;
  ScopedDiagnosticHandler quiet(&context,
                                [](Diagnostic &) { return success(); });
  for (size_t i = seed % std::size(pins); planText.empty();
       i = std::size(pins) - 1) {
    request.search.pins = *plan::Pins::parse(pins[i], error);
    OwningOpRef<ModuleOp> planned = step->clone();
    FailureOr<plan::PlanReport> report = plan::planModule(*planned, request);
    if (succeeded(report))
      planText = report->planText;
    name = "program " + std::to_string(seed) + " " + pins[i];
  }
  request.search.pins = {};
}

int Subject::tryPlan(const std::string &text, std::string &message) {
  llvm::SmallString<128> file;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("plan", "json", file));
  request.planFile = file.str().str();
  EXPECT_TRUE(writeTextFile(request.planFile, text, message));
  ScopedDiagnosticHandler keep(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
    return success();
  });
  OwningOpRef<ModuleOp> sharded = step->clone();
  bool accepted = succeeded(plan::planModule(*sharded, request)) &&
                  succeeded(partitionModule(*sharded)) &&
                  succeeded(checkPartition(*sharded));
  llvm::sys::fs::remove(file);
  if (!accepted)
    return 0;
  auto function = step->lookupSymbol<func::FuncOp>("train_step");
  reference::VerifyOptions options;
  std::optional<reference::VerifyReport> report =
      reference::verify(function, *sharded,
                        reference::randomInputs(function, 1), options, message);
  if (!report || !report->agrees()) {
    if (report)
      message = report->firstDivergence;
    return -1;
  }
  return 1;
}

TEST(PlanMutations, AcceptedOnesAreRight) {
  MLIRContext context;
  loadDialects(context);
  unsigned count = 600;
  if (const char *number = std::getenv("COLOSSAL_PLAN_MUTATIONS"))
    count = unsigned(std::atoi(number));
  const char *only = std::getenv("COLOSSAL_RANDOM_SEED");
  unsigned perProgram = 60, accepted = 0, refused = 0;
  for (unsigned first = 0; first < count; first += perProgram) {
    if (only && unsigned(std::atoi(only)) / perProgram != first / perProgram)
      continue;
    Subject subject(context, first / perProgram + 1);
    std::string message;
    ASSERT_EQ(subject.tryPlan(subject.planText, message), 1)
        << subject.name << ": " << message;
    for (unsigned seed = first; seed < first + perProgram; ++seed) {
      if (only && unsigned(std::atoi(only)) != seed)
        continue;
      std::mt19937 random(seed);
      llvm::Expected<llvm::json::Value> root =
          llvm::json::parse(subject.planText);
      ASSERT_TRUE(bool(root));
      std::string edit = Mutator(random).mutate(*root);
      if (edit.empty())
        continue;
      message.clear();
      int result =
          subject.tryPlan(llvm::formatv("{0:2}", *root).str(), message);
      EXPECT_GE(result, 0) << "seed " << seed << ", " << subject.name << ": "
                           << edit << ": " << message;
      if (only)
        llvm::errs() << edit << ": " << result << " " << message << "\n";
      (result > 0 ? accepted : refused) += 1;
    }
  }
  RecordProperty("accepted", int(accepted));
  RecordProperty("refused", int(refused));
  if (!only)
    EXPECT_GT(refused, count / 2);
}
