//===- CheckpointFilesTest.cpp - Which bytes a checkpoint has -------------===//

#include "colossal/Run/CheckpointFiles.h"
#include "colossal/Run/ProgramFaults.h"
#include "colossal/Support/SafeTensors.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

using namespace colossal;
using namespace colossal::rank;

namespace {

const std::vector<StateSchema> kStates = {
    {"a", "parameter", DType::F32, {3}, {"tied"}},
    {"b", "parameter", DType::F64, {2, 2}},
    {"mask", "buffer", DType::I1, {5}},
    {"count", "buffer", DType::I64, {}},
    {"empty", "buffer", DType::I32, {0, 4}},
    {"a#exp_avg", "optimizer", DType::F32, {3}},
};

class CheckpointFilesTest : public testing::Test {
protected:
  std::string folder = testing::TempDir() + "colossal-checkpoint-files-" +
                       std::to_string(reinterpret_cast<uintptr_t>(this));
  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// Writes the files, data zero, and reads each with the format's reader.
  safetensors::Tensors readBack(const CheckpointFiles &files) {
    safetensors::Tensors all;
    for (const CheckpointFile &file : files.files) {
      std::string path = folder + "/" + file.name, error;
      std::ofstream(path, std::ios::binary)
          << file.header
          << std::string(size_t(file.bytes) - file.header.size(), '\0');
      auto tensors = safetensors::readFile(path, error);
      EXPECT_TRUE(tensors) << error;
      if (tensors)
        all.merge(*tensors);
    }
    return all;
  }
};

TEST_F(CheckpointFilesTest, TheReaderFindsWhatWasPlaced) {
  for (int64_t most : {int64_t(5'000'000'000), int64_t(16), int64_t(1)}) {
    CheckpointFiles files = placeTensors(kStates, most);
    safetensors::Tensors read = readBack(files);
    ASSERT_EQ(read.size(), kStates.size());
    for (size_t i = 0; i < kStates.size(); ++i) {
      const safetensors::Tensor &tensor = read.at(kStates[i].name);
      const CheckpointTensor &place = files.tensors[i];
      EXPECT_EQ(tensor.shape, kStates[i].globalShape);
      EXPECT_EQ(int64_t(tensor.offset), place.offset);
      EXPECT_EQ(int64_t(tensor.bytes), place.bytes);
      EXPECT_EQ(tensor.file, folder + "/" + files.files[place.file].name);
      EXPECT_EQ(place.offset % bytesOf(kStates[i].dtype), 0);
    }
  }
}

TEST_F(CheckpointFilesTest, EveryTypeHasAName) {
  std::vector<StateSchema> states;
  for (DType type : {DType::F32, DType::F64, DType::I64, DType::I32, DType::I16,
                     DType::I8, DType::U8, DType::I1, DType::BF16, DType::F16})
    states.push_back({nameOf(type), "buffer", type, {3}});
  safetensors::Tensors read = readBack(placeTensors(states, 5'000'000'000));
  ASSERT_EQ(read.size(), states.size());
  for (const auto &[name, tensor] : read)
    EXPECT_EQ(tensor.element, name);
}

TEST_F(CheckpointFilesTest, NamesAreHuggingFaces) {
  CheckpointFiles one = placeTensors(kStates, 5'000'000'000);
  ASSERT_EQ(one.files.size(), 2u);
  EXPECT_EQ(one.files[0].name, "model.safetensors");
  EXPECT_EQ(one.files[1].name, "optimizer.safetensors");
  EXPECT_TRUE(one.indexes.empty());
  EXPECT_NE(one.files[0].header.find(
                R"({"__metadata__":{"format":"pt","tied":"a"},)"),
            std::string::npos);
  // Twelve bytes, then 32, which are more than a file may hold, then the rest.
  CheckpointFiles several = placeTensors(kStates, 16);
  ASSERT_EQ(several.files.size(), 4u);
  EXPECT_EQ(several.files[0].name, "model-00001-of-00003.safetensors");
  EXPECT_EQ(several.files[1].name, "model-00002-of-00003.safetensors");
  EXPECT_EQ(several.files[3].name, "optimizer.safetensors");
  ASSERT_EQ(several.indexes.size(), 1u);
  EXPECT_EQ(several.indexes[0].first, "model.safetensors.index.json");
  readBack(several);
  std::string error;
  std::ofstream(folder + "/model.safetensors.index.json")
      << several.indexes[0].second;
  auto weights = safetensors::readWeights(folder, error);
  ASSERT_TRUE(weights) << error;
  EXPECT_EQ(weights->size(), 5u);
  // A program without state of an optimizer has no file for it.
  EXPECT_EQ(placeTensors({kStates[0]}, 16).files.size(), 1u);
}

TEST_F(CheckpointFilesTest, RecordsReadBackAndNoticeDamage) {
  TrainingRecord record;
  record.step = 120;
  record.steps = 400;
  record.skipped = 3;
  record.seed = 0xFFFFFFFFFFFFFFFFull;
  record.shuffle = false;
  record.samples = 60;
  record.next = {3, 24};
  record.controls = {{"lr", 0.1}};
  record.learningRate = {"linear", {{"warmup", {2}}}, {{"lr", 1e-3}}};
  record.mesh = {{"data", 2}};
  record.files = {{"model.safetensors", 1234, 0xFFFFFFFFu}};
  record.tensors = {{"a", 1}, {"b\"\n", 0}};
  std::string text = writeRecord(record), error;
  std::optional<TrainingRecord> read = readRecord(text, "training.json", error);
  ASSERT_TRUE(read) << error;
  EXPECT_EQ(writeRecord(*read), text);
  EXPECT_EQ(read->seed, record.seed);
  EXPECT_EQ(read->next.position, 24);
  EXPECT_EQ(read->skipped, 3);
  EXPECT_EQ(read->controls.at("lr"), 0.1);
  EXPECT_EQ(read->files[0].headerCrc, 0xFFFFFFFFu);
  EXPECT_EQ(read->tensors[1].name, "b\"\n");

  std::mt19937 random(1);
  for (int trial = 0; trial < 300; ++trial) {
    std::string bad = text;
    if (trial % 3 == 0)
      bad.resize(random() % bad.size());
    else
      bad[random() % bad.size()] ^= char(1 << random() % 7);
    if (bad == text)
      continue;
    error.clear();
    EXPECT_FALSE(readRecord(bad, "training.json", error)) << bad;
    EXPECT_EQ(error.compare(0, 15, "training.json: "), 0) << error;
  }
  std::string later = text;
  size_t at = later.find("\"formatVersion\": 1");
  later.replace(at, 18, "\"formatVersion\": 2");
  EXPECT_FALSE(readRecord(later, "training.json", error));
  EXPECT_EQ(error, "training.json: formatVersion: found 2, expected 1");
  EXPECT_FALSE(readRecord("[]", "training.json", error));
  EXPECT_FALSE(readRecord("", "training.json", error));
}

} // namespace
