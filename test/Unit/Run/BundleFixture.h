//===- BundleFixture.h - Small bundles, started as a user does --*- C++ -*-===//
//
// Writes the training program of TrainingProgram.h as a bundle, with data,
// starts it by colossal-run and looks at the files and messages it leaves.
// Paths of the programs come from CMake.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_RUN_BUNDLEFIXTURE_H
#define COLOSSAL_TEST_UNIT_RUN_BUNDLEFIXTURE_H

#include "TrainingProgram.h"
#include "colossal/Run/BundleFiles.h"
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
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

namespace colossal::rank::test {

namespace fs = std::filesystem;

inline constexpr int64_t kSamples = 60; // two batches of 24 and a rest

inline float sample(int64_t i) {
  return float(std::sin(0.7 * double(i) + 0.3));
}

inline std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void writeText(const fs::path &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
}

inline void writeNpy(const fs::path &path, const std::vector<int64_t> &shape,
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

  /// Writes model.colossal for data x groups ranks.
  void writeBundle(int64_t data, int64_t microbatches, int64_t groups,
                   const std::function<void(Program &)> &change = nullptr) {
    fs::path bundle = folder / "model.colossal";
    fs::remove_all(bundle);
    fs::create_directories(bundle / "train");
    fs::copy(COLOSSAL_ENGINE, bundle / "run");
    fs::copy(COLOSSAL_TEST_KERNELS, bundle / "kernels.so");
    manifest = Manifest();
    manifest.worldSize = data * groups;
    manifest.mesh = {{"data", data}};
    manifest.groups = groups;
    ProgramSchema training;
    training.name = "train";
    training.microbatches = microbatches;
    manifest.kernels = "kernels.so";
    manifest.mpi = mpiAbi();
    manifest.cpuFeatures = {"sse2"};
    training.inputs = {{"x", DType::F32, {kBatch, kIn}, 0},
                       {"t", DType::F32, {kBatch, kOut}, 0}};
    manifest.states = {{"w0", "parameter", DType::F32, {kIn, kHidden}},
                       {"w1", "parameter", DType::F32, {kHidden, kOut}}};
    manifest.learningRate = {
        "linear", {{"warmup", {2}}, {"min", {0.5}}}, {{"lr", 0.1}}};
    training.tokensPerStep = kBatch;
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
    std::vector<Program> programs;
    for (int64_t group = 0; group < groups; ++group) {
      Program program = makeProgram(data, microbatches, groups, group);
      for (State &state : program.states)
        state.initial = state.name == "w0" ? w0 : w1;
      if (change)
        change(program);
      std::string name = "train/group-" + std::to_string(group) + ".json";
      training.files.push_back(name);
      writeText(bundle / name, writeProgram(program));
      programs.push_back(std::move(program));
    }
    manifest.programs = {training};
    manifest.kernelCalls = kernelCallsOf(programs);
    writeManifestFile();
  }
  /// With the hashes of the files as they are.
  void writeManifestFile() {
    std::string error;
    ASSERT_TRUE(
        listBundleFiles((folder / "model.colossal").string(), manifest, error))
        << error;
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
          double(
              float(0.1 * scheduleFactor(manifest.learningRate, step, steps))));
    }
    return result;
  }

  fs::path folder;
  Manifest manifest;
};

} // namespace colossal::rank::test

#endif // COLOSSAL_TEST_UNIT_RUN_BUNDLEFIXTURE_H
