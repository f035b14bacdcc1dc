//===- BundleTest.cpp - Bundles run by colossal-run -----------------------===//
//
// Writes small bundles, starts them as a user does and looks at the files and
// messages they leave. Paths of the programs come from CMake.
//
//===----------------------------------------------------------------------===//

#include "TrainingProgram.h"
#include "colossal/Run/Checksum.h"
#include "colossal/Run/DataSet.h"
#include "colossal/Run/Manifest.h"
#include "colossal/Run/Npy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/wait.h>

using namespace colossal::rank;
using namespace colossal::rank::test;
namespace fs = std::filesystem;

namespace {

constexpr int64_t kSamples = 60; // two batches of 24 and a rest

float sample(int64_t i) { return float(std::sin(0.7 * double(i) + 0.3)); }

std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void writeText(const fs::path &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

void writeNpy(const fs::path &path, const std::vector<int64_t> &shape,
              const std::vector<float> &values) {
  writeText(path, npyHeader(shape, DType::F32) +
                      std::string(reinterpret_cast<const char *>(values.data()),
                                  values.size() * 4));
}

struct Outcome {
  int code;
  std::string output; ///< of both streams
};

class Bundle : public testing::Test {
protected:
  void SetUp() override {
    folder = fs::temp_directory_path() /
             ("colossal-bundle-" + std::to_string(getpid()));
    fs::remove_all(folder);
    fs::create_directories(folder);
    std::vector<float> x, t;
    for (int64_t i = 0; i < kSamples * kIn; ++i)
      x.push_back(sample(i));
    for (int64_t i = 0; i < kSamples * kOut; ++i)
      t.push_back(sample(i + 999));
    writeNpy(folder / "x.npy", {kSamples, kIn}, x);
    writeNpy(folder / "t.npy", {kSamples, kOut}, t);
  }
  void TearDown() override { fs::remove_all(folder); }

  /// Writes model.colossal for data x stages ranks.
  void writeBundle(int64_t data, int64_t microbatches, int64_t stages,
                   const std::function<void(Program &)> &change = nullptr) {
    fs::path bundle = folder / "model.colossal";
    fs::remove_all(bundle);
    fs::create_directories(bundle);
    fs::copy(COLOSSAL_ENGINE, bundle / "run");
    fs::copy(COLOSSAL_TEST_KERNELS, bundle / "kernels.so");
    manifest = Manifest();
    manifest.worldSize = data * stages;
    manifest.mesh = {{"data", data}};
    manifest.stages = stages;
    manifest.microbatches = microbatches;
    manifest.kernels = "kernels.so";
    manifest.mpi = mpiAbi();
    manifest.cpuFeatures = {"sse2"};
    manifest.inputs = {{"x", DType::F32, {kBatch, kIn}, 0},
                       {"t", DType::F32, {kBatch, kOut}, 0}};
    manifest.states = {{"w0", "parameter", DType::F32, {kIn, kHidden}},
                       {"w1", "parameter", DType::F32, {kHidden, kOut}}};
    manifest.learningRate = {"linear", 0.1, 2, 0, 0.5};
    manifest.tokensPerStep = kBatch;
    std::string weights;
    auto add = [&](int64_t elements, int64_t first) {
      std::vector<float> values;
      for (int64_t i = 0; i < elements; ++i)
        values.push_back(sample(i + first) * 0.5f);
      Initial initial;
      initial.file = "weights.bin";
      initial.offset = int64_t(weights.size());
      initial.bytes = elements * 4;
      auto *bytes = reinterpret_cast<const char *>(values.data());
      initial.crc = crc32(0, bytes, initial.bytes);
      weights.append(bytes, size_t(initial.bytes));
      return initial;
    };
    Initial w0 = add(kIn * kHidden, 0), w1 = add(kHidden * kOut, 100);
    writeText(bundle / "weights.bin", weights);
    for (int64_t stage = 0; stage < stages; ++stage) {
      Program program = makeProgram(data, microbatches, stages, stage);
      for (State &state : program.states)
        state.initial = state.name == "w0" ? w0 : w1;
      if (change)
        change(program);
      std::string name = "stage-" + std::to_string(stage) + ".json";
      manifest.programs.push_back(name);
      writeText(bundle / name, writeProgram(program));
    }
    writeManifestFile();
  }
  void writeManifestFile() {
    writeText(folder / "model.colossal/manifest.json", writeManifest(manifest));
  }

  Outcome run(const std::string &arguments, bool data = true) {
    std::string files = data ? " --data x=x.npy --data t=t.npy" : std::string();
    std::string command = "cd " + folder.string() +
                          " && " COLOSSAL_RUN " model.colossal" + files + " " +
                          arguments + " > output 2>&1";
    int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            readText(folder / "output")};
  }

  /// Fails with exactly one line of ours that has all the words.
  void expectError(const std::string &arguments,
                   const std::vector<std::string> &words, bool data = true) {
    Outcome outcome = run(arguments, data);
    EXPECT_EQ(outcome.code, 1) << outcome.output;
    std::istringstream lines(outcome.output);
    std::string line, error;
    int errors = 0;
    while (std::getline(lines, line))
      if (line.find("error:") != std::string::npos) {
        error = line;
        ++errors;
      }
    EXPECT_EQ(errors, 1) << outcome.output;
    for (const std::string &word : words)
      EXPECT_NE(error.find(word), std::string::npos)
          << "no '" << word << "' in: " << outcome.output;
  }

  std::vector<float> dumped(const std::string &file) {
    std::string error;
    std::optional<NpyFile> npy = NpyFile::open((folder / file).string(), error);
    if (!npy) {
      ADD_FAILURE() << error;
      return {};
    }
    std::vector<float> values(size_t(elementsOf(npy->shape)));
    EXPECT_TRUE(npy->read(0, int64_t(values.size()), DType::F32,
                          reinterpret_cast<char *>(values.data())));
    return values;
  }

  std::vector<nlohmann::json> metrics(const std::string &file) {
    std::vector<nlohmann::json> steps;
    std::ifstream lines(folder / file);
    std::string line;
    while (std::getline(lines, line))
      steps.push_back(nlohmann::json::parse(line));
    return steps;
  }

  /// The run in double: data order, learning rate and all.
  Reference reference(int64_t steps, uint64_t seed) {
    Reference result;
    for (int64_t i = 0; i < kIn * kHidden; ++i)
      result.w0.push_back(sample(i) * 0.5f);
    for (int64_t i = 0; i < kHidden * kOut; ++i)
      result.w1.push_back(sample(i + 100) * 0.5f);
    std::vector<int64_t> order;
    for (int64_t step = 1; step <= steps; ++step) {
      int64_t perEpoch = kSamples / kBatch, epoch = (step - 1) / perEpoch;
      orderOfEpoch(order, kSamples, true, seed, epoch);
      const int64_t *batch = order.data() + (step - 1) % perEpoch * kBatch;
      result.step(
          [&](int64_t row, int64_t i) {
            return double(sample(batch[row] * kIn + i));
          },
          [&](int64_t row, int64_t o) {
            return double(sample(batch[row] * kOut + o + 999));
          },
          double(float(learningRate(manifest.learningRate, step, steps))));
    }
    return result;
  }

  fs::path folder;
  Manifest manifest;
};

TEST_F(Bundle, TrainsAsTheReferenceUnderEveryPlan) {
  struct Plan {
    int64_t data, microbatches, stages;
    const char *options;
  };
  const Plan plans[] = {{1, 1, 1, ""},
                        {2, 2, 1, "--transport window"},
                        {2, 2, 1, "--transport=p2p"},
                        {1, 4, 2, "--threads 2"}};
  std::vector<std::vector<float>> found;
  for (const Plan &plan : plans) {
    writeBundle(plan.data, plan.microbatches, plan.stages);
    Outcome outcome =
        run("--steps 5 --seed 3 --metrics m.jsonl --report r.json "
            "--dump-state dump " +
            std::string(plan.options));
    ASSERT_EQ(outcome.code, 0) << outcome.output;
    EXPECT_NE(outcome.output.find("step 5/5  loss "), std::string::npos)
        << outcome.output;
    Reference want = reference(5, 3);
    std::vector<float> w0 = dumped("dump/w0.npy"), w1 = dumped("dump/w1.npy");
    for (size_t i = 0; i < w0.size(); ++i)
      EXPECT_NEAR(w0[i], want.w0[i], 2e-6);
    for (size_t i = 0; i < w1.size(); ++i)
      EXPECT_NEAR(w1[i], want.w1[i], 2e-6);
    found.push_back(w0);
    std::vector<nlohmann::json> steps = metrics("m.jsonl");
    ASSERT_EQ(steps.size(), 5u);
    for (size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(steps[i]["step"], i + 1);
      EXPECT_NEAR(steps[i]["loss"], want.losses[i], 2e-6);
      EXPECT_GT(steps[i]["seconds"], 0);
      EXPECT_GT(steps[i]["tokens_per_second"], 0);
      EXPECT_NEAR(steps[i]["lr"],
                  learningRate(manifest.learningRate, int64_t(i) + 1, 5), 1e-9);
    }
    nlohmann::json report = nlohmann::json::parse(readText(folder / "r.json"));
    ASSERT_EQ(int64_t(report["ranks"].size()), manifest.worldSize);
    for (const auto &rank : report["ranks"]) {
      EXPECT_GT(rank["baseline_pss_bytes"], 1 << 20);
      EXPECT_GE(rank["measured_bytes"], 0);
      EXPECT_GT(rank["arena_bytes"], 0);
    }
    EXPECT_GT(report["measured_step_seconds_median"], 0);
  }
  EXPECT_EQ(found[1], found[2]) << "window and messages differ";
}

TEST_F(Bundle, SameRunTwiceIsBitwiseEqual) {
  writeBundle(2, 1, 1);
  ASSERT_EQ(run("--steps 4 --dump-state a --quiet").code, 0);
  ASSERT_EQ(run("--steps 4 --dump-state b --quiet").code, 0);
  EXPECT_EQ(dumped("a/w0.npy"), dumped("b/w0.npy"));
  EXPECT_EQ(dumped("a/w1.npy"), dumped("b/w1.npy"));
  ASSERT_EQ(run("--steps 4 --dump-state c --seed 1 --quiet").code, 0);
  EXPECT_NE(dumped("a/w0.npy"), dumped("c/w0.npy"));
}

TEST_F(Bundle, ErrorsAreOneLine) {
  writeBundle(2, 1, 1);
  expectError("-n 3", {"-n 3", "2 ranks", "-n 2"});
  expectError("--stpes 3", {"--stpes", "--help"});
  expectError("--steps 0", {"--steps", "'0'"});
  expectError("--data y=x.npy", {"--data y", "x, t"});
  expectError("--control beta=1", {"--control", "'beta'"});
  expectError("--dump-state /proc/no", {"--dump-state", "/proc/no"});
  expectError("--data x=x.npy", {"input 't'", "--data t=FILE.npy"}, false);
  expectError("--data x=x.npy --data t=x.npy",
              {"x.npy", "(60, 6)", "(samples, 3)", "'t'"}, false);
  expectError("--data x=x.npy --data t=none.npy", {"none.npy", "No such file"},
              false);
  writeText(folder / "ints.npy",
            npyHeader({kSamples, kOut}, DType::I32) +
                std::string(size_t(kSamples * kOut * 4), '\0'));
  expectError("--data x=x.npy --data t=ints.npy", {"ints.npy", "'<i4'", "f32"},
              false);
  std::string t = readText(folder / "t.npy");
  writeText(folder / "short.npy", t.substr(0, t.size() - 10));
  expectError("--data x=x.npy --data t=short.npy", {"short.npy", "cut off"},
              false);
  writeNpy(folder / "few.npy", {10, kOut}, std::vector<float>(10 * kOut));
  expectError("--data x=x.npy --data t=few.npy", {"few.npy", "10", "60"},
              false);
  EXPECT_EQ(run("--help").code, 0);
}

TEST_F(Bundle, DamagedBundlesAreRefused) {
  writeBundle(2, 1, 1);
  fs::path bundle = folder / "model.colossal";
  std::string weights = readText(bundle / "weights.bin"), bad = weights;
  bad[40] ^= 1;
  writeText(bundle / "weights.bin", bad);
  expectError("", {"weights.bin", "'w0'", "checksum", "damaged"});
  writeText(bundle / "weights.bin", weights.substr(0, 50));
  expectError("", {"weights.bin", "end of the file"});
  writeText(bundle / "weights.bin", weights);

  manifest.cpuFeatures = {"sse2", "avx1024f"};
  writeManifestFile();
  expectError("", {"avx1024f", "--target-cpu"});
  manifest.cpuFeatures.clear();
  manifest.mpi = "libmpi.so.12";
  writeManifestFile();
  expectError("", {"libmpi.so.12", mpiAbi()});
  manifest.mpi = mpiAbi();
  manifest.formatVersion = 99;
  writeManifestFile();
  expectError("", {"manifest.json", "formatVersion", "99"});
  manifest.formatVersion = kFormatVersion;
  manifest.states[0].globalShape = {kHidden, kIn};
  writeManifestFile();
  expectError("", {"stage-0.json", "state 'w0'", "6x5", "5x6"});
  fs::remove(bundle / "manifest.json");
  expectError("", {"manifest.json", "bundle"});

  writeBundle(2, 1, 1, [](Program &program) {
    for (Segment &segment : program.segments)
      for (Op &op : segment.ops)
        if (op.kind == OpKind::AllReduce)
          op.collective.elements -= 1;
  });
  expectError("", {"stage 0: update[0] all_reduce", "model.py:"});
  writeBundle(2, 1, 1, [](Program &program) {
    program.segments[1].ops.back().symbol = "gone";
  });
  expectError("", {"kernel 'gone'"});
}

TEST_F(Bundle, AHangingRankEndsTheJob) {
  writeBundle(2, 1, 1, [](Program &program) {
    // Coordinate 1 of `data` sleeps before the gradients meet.
    Op op;
    op.kind = OpKind::Kernel;
    op.name = op.symbol = "stall";
    op.numOutputs = 0;
    op.indices = {{0, {{"data", 1}}}};
    auto &ops = program.segments[3].ops;
    ops.insert(ops.begin(), op);
  });
  for (const char *transport : {"window", "p2p"}) {
    auto start = std::chrono::steady_clock::now();
    Outcome outcome = run("--timeout 1 --transport " + std::string(transport));
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    EXPECT_NE(outcome.code, 0);
    EXPECT_LT(seconds, 20);
    EXPECT_NE(outcome.output.find("rank 0 waited 1 s for rank 1 in step 1 at "
                                  "reshard (model.py:"),
              std::string::npos)
        << outcome.output;
  }
}

TEST(Data, OrderIsAPermutationThatDependsOnSeedAndEpoch) {
  std::vector<int64_t> a, b, sorted;
  orderOfEpoch(a, 1000, true, 7, 3);
  orderOfEpoch(b, 1000, true, 7, 3);
  EXPECT_EQ(a, b);
  sorted = a;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 1000; ++i)
    EXPECT_EQ(sorted[size_t(i)], i);
  EXPECT_NE(a, sorted);
  orderOfEpoch(b, 1000, true, 7, 4);
  EXPECT_NE(a, b);
  orderOfEpoch(b, 1000, true, 8, 3);
  EXPECT_NE(a, b);
  orderOfEpoch(b, 1000, false, 7, 3);
  EXPECT_EQ(b, sorted);
}

TEST(Data, ShardsOfABatchAreItsElements) {
  // Batch dimension 1, data x time, an uneven second cut, widening integers.
  fs::path path = fs::temp_directory_path() /
                  ("colossal-data-" + std::to_string(getpid()) + ".npy");
  std::vector<int32_t> values;
  for (int32_t i = 0; i < 9 * 2 * 3; ++i)
    values.push_back(i - 20);
  writeText(path, npyHeader({9, 2, 3}, DType::I32) +
                      std::string(reinterpret_cast<char *>(values.data()),
                                  values.size() * 4));
  Manifest manifest;
  manifest.inputs = {{"ids", DType::I64, {2, 4, 3}, 1}};
  std::string error;
  std::optional<DataSet> data =
      DataSet::open(manifest, {{"ids", path.string()}}, true, 5, error);
  ASSERT_TRUE(data) << error;
  ASSERT_EQ(data->stepsPerEpoch(), 2);
  ProgramBuilder b({{"data", 2}, {"tensor", 2}}, 2);
  b.input("ids", {b.cut(2), b.cut(4, {"data", "time"}), b.cut(3, {"tensor"})},
          DType::I64, 1, 2);
  const Input &input = b.program.inputs[0];
  for (int64_t step = 1; step <= 5; ++step) {
    std::vector<int64_t> batch(data->batch(step), data->batch(step) + 4);
    for (int64_t device = 0; device < 4; ++device)
      for (int64_t m = 0; m < 2; ++m) {
        int64_t local[2][1][2];
        memset(local, 0, sizeof(local));
        ASSERT_TRUE(data->fill(input, coordinateOf(b.program, device, m),
                               DType::I64, step,
                               reinterpret_cast<char *>(local)));
        for (int64_t i = 0; i < 2; ++i)
          for (int64_t j = 0; j < 2; ++j) {
            int64_t row = device / 2 * 2 + m, column = device % 2 * 2 + j;
            int64_t want =
                column < 3 ? batch[size_t(row)] * 6 + i * 3 + column - 20 : 0;
            EXPECT_EQ(local[i][0][j], want);
          }
      }
  }
  fs::remove(path);
}

TEST(LearningRate, FollowsTheFormulas) {
  LearningRate schedule{"cosine", 2.0, 4, 12, 0.1};
  EXPECT_DOUBLE_EQ(learningRate(schedule, 1, 99), 0.0);
  EXPECT_DOUBLE_EQ(learningRate(schedule, 3, 99), 1.0);
  EXPECT_DOUBLE_EQ(learningRate(schedule, 5, 99), 2.0);
  EXPECT_DOUBLE_EQ(learningRate(schedule, 9, 99), 2.0 * (0.1 + 0.9 * 0.5));
  EXPECT_DOUBLE_EQ(learningRate(schedule, 13, 99), 0.2);
  EXPECT_DOUBLE_EQ(learningRate(schedule, 50, 99), 0.2);
  schedule.kind = "linear";
  EXPECT_DOUBLE_EQ(learningRate(schedule, 9, 99), 2.0 * (0.1 + 0.9 * 0.5));
  schedule.totalSteps = 0;
  EXPECT_DOUBLE_EQ(learningRate(schedule, 9, 12), 2.0 * (0.1 + 0.9 * 0.5));
  schedule.kind = "constant";
  EXPECT_DOUBLE_EQ(learningRate(schedule, 11, 12), 2.0);
}

TEST(Checksum, IsThatOfZip) {
  EXPECT_EQ(crc32(0, "123456789", 9), 0xcbf43926u);
  EXPECT_EQ(crc32(crc32(0, "12345", 5), "6789", 4), 0xcbf43926u);
}

} // namespace
