//===- SafeTensorsTest.cpp - Headers, also damaged ones -------------------===//

#include "colossal/Support/SafeTensors.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <sys/stat.h>

using namespace colossal::safetensors;

namespace {

std::string fileOf(const std::string &header, const std::string &data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes += char(uint64_t(header.size()) >> (8 * i));
  return bytes + header + data;
}

class SafeTensorsTest : public ::testing::Test {
protected:
  std::string folder = ::testing::TempDir() + "colossal-safetensors-" +
                       std::to_string(reinterpret_cast<uintptr_t>(this));
  std::string path = folder + "/model.safetensors";
  std::string error;

  void SetUp() override { std::filesystem::create_directories(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  void write(const std::string &bytes, const std::string &name) {
    std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
  }
  std::optional<Tensors> read(const std::string &bytes) {
    write(bytes, "model.safetensors");
    error.clear();
    auto tensors = readFile(path, error);
    EXPECT_NE(tensors.has_value(), !error.empty());
    return tensors;
  }
  /// The message without the path.
  std::string refusal(const std::string &header, const std::string &data) {
    EXPECT_FALSE(read(fileOf(header, data))) << header;
    return error.empty() ? error : error.substr(path.size() + 3);
  }
};

const std::string twoTensors =
    R"({"__metadata__":{"format":"pt"},)"
    R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
    R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
    R"("e":{"dtype":"I64","shape":[0],"data_offsets":[20,20]},)"
    R"("s":{"shape":[],"data_offsets":[20,21],"dtype":"BOOL"}})";

TEST_F(SafeTensorsTest, OffsetsPointIntoTheFile) {
  auto tensors = read(fileOf(twoTensors, std::string(21, 'x')));
  ASSERT_TRUE(tensors) << error;
  ASSERT_EQ(tensors->size(), 4u);
  const Tensor &b = tensors->at("b");
  EXPECT_EQ(b.element, "bf16");
  EXPECT_EQ(b.shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b.offset, 8 + twoTensors.size() + 8);
  EXPECT_EQ(b.bytes, 12u);
  EXPECT_EQ(tensors->at("s").element, "i1");
  EXPECT_TRUE(tensors->at("s").shape.empty());
  EXPECT_EQ(tensors->at("e").bytes, 0u);
}

TEST_F(SafeTensorsTest, PaddedHeadersAndEmptyFiles) {
  EXPECT_TRUE(read(fileOf("{}   ", ""))) << error;
  EXPECT_FALSE(read(""));
  EXPECT_FALSE(read("1234567"));
  EXPECT_FALSE(readFile(folder + "/none", error));
}

TEST_F(SafeTensorsTest, WhatHeadersMayNotClaim) {
  auto one = [](const std::string &fields) {
    return "{\"a\":{" + fields + "}}";
  };
  std::string f = R"("dtype":"F32",)";
  EXPECT_EQ(
      refusal(one(f + R"("shape":[2],"data_offsets":[0,12])"), "12345678"),
      "has the tensor 'a' outside of its data of 8 bytes");
  EXPECT_EQ(refusal(one(f + R"("shape":[2],"data_offsets":[8,0])"), "12345678"),
            "has the tensor 'a' outside of its data of 8 bytes");
  EXPECT_EQ(
      refusal(one(f + R"("shape":[3],"data_offsets":[0,8])"), "12345678"),
      "has the tensor 'a' in 8 bytes, expected 12 by its dtype and shape");
  EXPECT_EQ(refusal(one(f + R"("shape":[1],"data_offsets":[4,8])"), "12345678"),
            "has the tensor 'a' at byte 4 of its data, expected 0, where the "
            "one before it ends");
  EXPECT_EQ(refusal(one(f + R"("shape":[1],"data_offsets":[0,4])"), "12345678"),
            "has 8 bytes of data, expected 4 by its header: is it complete?");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                    R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                    "12345678"),
            "has the tensor 'b' at byte 4 of its data, expected 8, where the "
            "one before it ends");
  EXPECT_EQ(refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                    R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                    "12345678"),
            "has the tensor 'a' twice");
  // Products that do not fit into 64 bits, and sizes that do not either.
  EXPECT_NE(refusal(one(f + R"("shape":[4294967296,4294967296],)"
                            R"("data_offsets":[0,0])"),
                    "")
                .find("elements"),
            std::string::npos);
  for (const char *fields :
       {R"("shape":[18446744073709551615],"data_offsets":[0,0])",
        R"("shape":[-1],"data_offsets":[0,0])",
        R"("shape":[1.5],"data_offsets":[0,0])",
        R"("shape":[[1]],"data_offsets":[0,0])",
        R"("shape":"1","data_offsets":[0,0])",
        R"("shape":[0],"data_offsets":[0,0,0])", R"("shape":[0])",
        R"("shape":[0],"data_offsets":[0,0],"more":1)",
        R"("shape":[0],"shape":[0],"data_offsets":[0,0])",
        R"("shape":[0],"data_offsets":{})", R"("shape":null)"})
    EXPECT_EQ(refusal(one(f + fields), "").find("has a header with"), 0u)
        << fields;
  EXPECT_EQ(refusal("[]", "").find("is no safetensors file"), 0u);
  EXPECT_EQ(refusal("{\"a\":", "").find("has a header that is not JSON"), 0u);
  EXPECT_EQ(refusal("{\"a\":1}", "").find("has a header with"), 0u);
  // A header that is longer than the file, and than any.
  std::string bytes = fileOf("{}", "");
  bytes[7] = char(0x7f);
  EXPECT_FALSE(read(bytes));
  EXPECT_NE(error.find("claims a header of"), std::string::npos);
}

/// Whatever a damaged header claims: it is refused, or all it claims is inside
/// of the file.
TEST_F(SafeTensorsTest, DamagedHeaders) {
  std::mt19937 random(1);
  std::string data(21, 'x'), original = fileOf(twoTensors, data);
  const std::string alphabet = "{}[]\",:0123456789-.eE\\ abnull\0\xff";
  int refused = 0;
  for (int trial = 0; trial < 600; ++trial) {
    std::string bytes = original;
    int changes = 1 + int(random() % 4);
    for (int change = 0; change < changes; ++change) {
      size_t at = random() % bytes.size();
      switch (random() % 4) {
      case 0:
        bytes[at] = char(random());
        break;
      case 1:
        bytes[at] = alphabet[random() % alphabet.size()];
        break;
      case 2:
        bytes.erase(at, 1 + random() % 8);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 24));
      }
      if (bytes.empty())
        bytes = "x";
    }
    auto tensors = read(bytes);
    if (!tensors) {
      ++refused;
      continue;
    }
    for (const auto &[name, tensor] : *tensors) {
      ASSERT_LE(tensor.offset, bytes.size()) << trial;
      ASSERT_LE(tensor.bytes, bytes.size() - tensor.offset) << trial;
    }
  }
  EXPECT_GT(refused, 300);
}

/// A header without end of its own: memory stays bounded by the file.
TEST_F(SafeTensorsTest, DeepAndWideHeaders) {
  EXPECT_NE(refusal(std::string(1 << 20, '['), ""), "");
  EXPECT_NE(refusal("{\"a\":" + std::string(1 << 20, '['), ""), "");
  std::string wide = "{";
  for (int i = 0; i < 50000; ++i)
    wide += (i ? ",\"" : "\"") + std::to_string(i) +
            R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  auto tensors = read(fileOf(wide + "}", ""));
  ASSERT_TRUE(tensors) << error;
  EXPECT_EQ(tensors->size(), 50000u);
  std::string shape = R"({"a":{"dtype":"F32","shape":[1)";
  for (int i = 0; i < 100; ++i)
    shape += ",1";
  EXPECT_NE(refusal(shape + R"(],"data_offsets":[0,4]}})", "1234"), "");
}

/// Nobody waits for the writer of a pipe.
TEST_F(SafeTensorsTest, OnlyRegularFilesAreOpened) {
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_FALSE(readFile(path, error));
  EXPECT_EQ(error, "'" + path + "' is no regular file");
  EXPECT_FALSE(readFile(folder, error));
}

TEST_F(SafeTensorsTest, SeveralFiles) {
  auto header = [](const std::string &name) {
    return "{\"" + name +
           R"(":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  };
  write(fileOf(header("a"), "1234"), "one.safetensors");
  write(fileOf(header("b"), "1234"), "two.safetensors");
  auto index = [&](const std::string &text) {
    write(text, "model.safetensors.index.json");
    error.clear();
    return readWeights(folder, error);
  };
  auto both = index(R"({"metadata":{"weight_map":{"c":1}},"weight_map":)"
                    R"({"a":"one.safetensors","b":"two.safetensors"}})");
  ASSERT_TRUE(both) << error;
  EXPECT_EQ(both->size(), 2u);
  EXPECT_EQ(both->at("b").file, folder + "/two.safetensors");
  for (const char *text :
       {R"({"weight_map":{"c":"one.safetensors"}})", R"({"weight_map":{}})",
        R"({"weight_map":{"a":"../one.safetensors"}})",
        R"({"weight_map":{"a":"/etc/passwd"}})", R"({"weight_map":{"a":1}})",
        R"({"weight_map":{"a":["one.safetensors"]}})",
        R"({"weight_map":{"a":"three.safetensors"}})",
        R"({"weight_map":["a"]})",
        R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})", "{",
        "", "[]"}) {
    EXPECT_FALSE(index(text)) << text;
    EXPECT_NE(error, "") << text;
  }
  std::filesystem::remove(folder + "/model.safetensors.index.json");
  EXPECT_FALSE(readWeights(folder, error));
  write(fileOf(header("a"), "1234"), "model.safetensors");
  EXPECT_TRUE(readWeights(folder, error)) << error;
}

} // namespace
