//===- ArchiveTest.cpp - Damaged archives are refused ---------------------===//

#include "colossal/Import/ModelArchive.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

using namespace colossal::torchscript;

namespace {

std::string contentsOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream contents;
  contents << file.rdbuf();
  return contents.str();
}

class ArchiveTest : public ::testing::Test {
protected:
  std::string original = contentsOf(COLOSSAL_ARCHIVES "/mlp.pt");
  std::string scratch = ::testing::TempDir() + "colossal-archive-" +
                        std::to_string(reinterpret_cast<uintptr_t>(this)) +
                        ".pt";

  void TearDown() override { std::remove(scratch.c_str()); }

  std::optional<Archive> openBytes(const std::string &bytes) {
    std::ofstream(scratch, std::ios::binary) << bytes;
    std::string error;
    auto archive = Archive::open(scratch, error);
    EXPECT_NE(archive.has_value(), !error.empty());
    return archive;
  }
};

TEST_F(ArchiveTest, OffsetsPointAtTheBytes) {
  std::string error;
  auto archive = Archive::open(COLOSSAL_ARCHIVES "/mlp.pt", error);
  ASSERT_TRUE(archive) << error;
  EXPECT_EQ(archive->folder(), "mlp");
  int stored = 0;
  for (const auto &[name, record] : archive->records()) {
    auto contents = archive->read(name);
    ASSERT_TRUE(contents) << name;
    EXPECT_EQ(contents->size(), record.size);
    if (!record.stored)
      continue;
    ++stored;
    EXPECT_EQ(original.substr(record.offset, record.size), *contents) << name;
  }
  EXPECT_GE(stored, 5);
}

/// Every single flipped byte is either noticed or without any effect (padding,
/// time stamps).
TEST_F(ArchiveTest, FlippedBytesNeverChangeWhatIsRead) {
  std::string error;
  auto intact = Archive::open(COLOSSAL_ARCHIVES "/mlp.pt", error);
  ASSERT_TRUE(intact) << error;
  size_t refused = 0;
  for (size_t at = 0; at < original.size(); ++at) {
    std::string flipped = original;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    auto archive = openBytes(flipped);
    if (!archive) {
      ++refused;
      continue;
    }
    ASSERT_EQ(archive->records().size(), intact->records().size()) << at;
    for (const auto &[name, record] : intact->records()) {
      const Record *other = archive->find(name);
      ASSERT_TRUE(other) << "byte " << at << ": " << name << " vanished";
      EXPECT_EQ(other->offset, record.offset) << "byte " << at;
      EXPECT_EQ(other->size, record.size) << "byte " << at;
      EXPECT_EQ(archive->read(name), intact->read(name)) << "byte " << at;
    }
  }
  // Nearly half of this small file is padding of the weights.
  EXPECT_GT(refused, original.size() / 2);
}

TEST_F(ArchiveTest, TruncatedFilesAreRefused) {
  for (size_t size = 0; size < original.size(); size += 53)
    EXPECT_FALSE(openBytes(original.substr(0, size))) << size;
  EXPECT_FALSE(openBytes(original.substr(0, original.size() - 1)));
}

TEST_F(ArchiveTest, TensorsKnowTheirPlace) {
  std::string error;
  auto model = ModelArchive::open(COLOSSAL_ARCHIVES "/tied.pt", error);
  ASSERT_TRUE(model) << error;
  const StoredTensor *one = model->tensor("decoder.weight");
  const StoredTensor *two = model->tensor("again.weight");
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->record, two->record);
  EXPECT_NE(one->record, model->tensor("encoder.weight")->record);
  EXPECT_EQ(one->type.shape, (std::vector<int64_t>{6, 4}));
  EXPECT_TRUE(one->requiresGrad);
  EXPECT_FALSE(model->tensor("scale")->requiresGrad);
  EXPECT_EQ(model->tensor("steps")->type.element, ElementType::I64);
  ASSERT_TRUE(model->exampleInputs());
  EXPECT_EQ(model->exampleInputs()->at(0).shape, (std::vector<int64_t>{3, 6}));
}

TEST_F(ArchiveTest, ContentsThatMustNotBeLoaded) {
  const std::pair<const char *, const char *> cases[] = {
      {"bad_global.pt", "the global 'os.system'"},
      {"bad_opcode.pt", "the opcode 0x56"},
      {"outside.pt", "reaches beyond its record 'data/0'"},
      {"setstate.pt", "'__setstate__'"},
  };
  for (auto &[file, message] : cases) {
    std::string error;
    EXPECT_FALSE(
        ModelArchive::open(COLOSSAL_ARCHIVES "/" + std::string(file), error));
    EXPECT_NE(error.find(message), std::string::npos) << error;
  }
}

} // namespace
