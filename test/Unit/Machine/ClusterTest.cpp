//===- ClusterTest.cpp - Cluster files ------------------------------------===//

#include "colossal/Machine/Cluster.h"
#include "colossal/Support/Files.h"

#include <gtest/gtest.h>

#include <functional>

using namespace colossal;
using namespace colossal::machine;

static const char *const examples[] = {"cpu-2",        "fast-links-4",
                                       "slow-links-4", "tiny-memory-4",
                                       "two-level",    "a100-2x8"};

static std::string pathOf(const std::string &example) {
  return std::string(COLOSSAL_EXAMPLES) + "/clusters/" + example + ".json";
}

static Cluster example(const std::string &name) {
  std::string error;
  std::optional<Cluster> cluster = readClusterFile(pathOf(name), error);
  EXPECT_TRUE(cluster.has_value()) << error;
  return cluster.value_or(Cluster());
}

TEST(Cluster, ExamplesReadAndWriteUnchanged) {
  for (const char *name : examples) {
    std::string error;
    std::optional<std::string> text = readTextFile(pathOf(name), error);
    ASSERT_TRUE(text.has_value()) << error;
    EXPECT_EQ(writeCluster(example(name)), *text) << name;
  }
}

TEST(Cluster, ReadsWhatItSays) {
  Cluster cluster = example("two-level");
  EXPECT_EQ(cluster.devices, 8);
  ASSERT_EQ(cluster.levels.size(), 2u);
  EXPECT_EQ(cluster.levels[0].groupSize, 4);
  EXPECT_EQ(cluster.levels[1].sharing, Sharing::Shared);
  EXPECT_EQ(cluster.levels[1].bytesPerSecond, 1250000000);
  EXPECT_EQ(cluster.device.threads, 8);
  ASSERT_NE(cluster.matrixRate(DataType::F32), nullptr);
  EXPECT_EQ(cluster.matrixRate(DataType::F32)->peakFlopsPerSecond,
            900000000000);
  EXPECT_EQ(cluster.matrixRate(DataType::BF16), nullptr);
}

/// The text of an example with one change.
static std::string errorAfter(const std::string &from, const std::string &to) {
  std::string error;
  std::string text = readTextFile(pathOf("two-level"), error).value_or("");
  size_t place = text.find(from);
  EXPECT_NE(place, std::string::npos) << from;
  if (place == std::string::npos)
    return "";
  text.replace(place, from.size(), to);
  EXPECT_FALSE(readCluster(text, "c.json", error).has_value());
  return error;
}

TEST(Cluster, TextErrorsNameFileAndField) {
  EXPECT_EQ(errorAfter("\"threads\": 8", "\"threads\": \"8\""),
            "c.json: field \"device.threads\": found \"8\", expected an "
            "integer");
  EXPECT_EQ(errorAfter("\"threads\": 8", "\"thread\": 8"),
            "c.json: field \"device.thread\": unknown, expected one of: kind, "
            "name, threads, memory_bytes, matrix, "
            "elementwise_flops_per_second, streaming, caches, overlap, "
            "kernel_overhead_ns, step_overhead_ns, library");
  EXPECT_EQ(errorAfter("\"version\": 3", "\"version\": 2"),
            "c.json: field \"version\": found 2, expected an integer from 3 "
            "to 3");
  EXPECT_EQ(errorAfter("\"sharing\": \"shared\"", "\"sharing\": \"mine\""),
            "c.json: field \"links[1].sharing\": found \"mine\", expected one "
            "of: \"per-rank\", \"shared\"");
  EXPECT_EQ(errorAfter("\"devices\": 8", "\"devices\": 9"),
            "c.json: field \"links\": found a last level that joins 8 "
            "devices, expected one that joins all 9");
}

TEST(Cluster, CheckNamesEveryFault) {
  auto faultOf = [](const std::function<void(Cluster &)> &change) {
    Cluster cluster = example("two-level");
    EXPECT_TRUE(check(cluster).empty());
    change(cluster);
    std::vector<std::string> faults = check(cluster);
    EXPECT_EQ(faults.size(), 1u);
    return faults.empty() ? std::string() : faults.front();
  };
  EXPECT_EQ(faultOf([](Cluster &c) { c.device.memoryBytes = 0; }),
            "field \"device.memory_bytes\": found 0, expected from 1 to "
            "1125899906842624");
  EXPECT_EQ(faultOf([](Cluster &c) { c.device.overlap = 1.5; }),
            "field \"device.overlap\": found 1.500000, expected a share from 0 "
            "to 1");
  EXPECT_EQ(faultOf([](Cluster &c) {
              c.device.caches.push_back({c.device.caches[0].bytes,
                                         c.device.caches[0].bytesPerSecond});
            }),
            "field \"device.caches[1].bytes\": found 16777216, expected from "
            "16777217 to 1125899906842624");
  EXPECT_EQ(faultOf([](Cluster &c) {
              c.device.caches.push_back(
                  {c.device.caches[0].bytes + 1,
                   c.device.caches[0].bytesPerSecond + 1});
            }),
            "field \"device.caches[1].bytes_per_second\": found 300000000001, "
            "expected at most that of fewer bytes (300000000000)");
  EXPECT_EQ(
      faultOf([](Cluster &c) { c.device.caches[0].bytesPerSecond = 1; }),
      "field \"device.caches[0].bytes_per_second\": found 1, expected at "
      "least the streaming bandwidth (" +
          std::to_string(
              example("two-level").device.streaming.back().bytesPerSecond) +
          ")");
  EXPECT_EQ(faultOf([](Cluster &c) { c.device.kind = "tpu"; }),
            "field \"device.kind\": found \"tpu\", expected \"cpu\" or "
            "\"cuda\"");
  EXPECT_EQ(faultOf([](Cluster &c) { c.device.matrix.clear(); }),
            "field \"device.matrix\": found no entry, expected one per data "
            "type");
  EXPECT_EQ(faultOf([](Cluster &c) {
              c.device.matrix.push_back(c.device.matrix[0]);
            }),
            "field \"device.matrix[1].type\": found a second f32, expected "
            "different types");
  EXPECT_EQ(faultOf([](Cluster &c) {
              c.device.matrix[0].efficiency[1].efficiency = 0.9;
            }),
            "field \"device.matrix[0].efficiency[1].efficiency\": found "
            "0.900000, expected at most the growth of the dimension (a larger "
            "product would take less time)");
  EXPECT_EQ(
      faultOf([](Cluster &c) { c.device.streaming[1].bytesPerSecond *= 2; }),
      "field \"device.streaming[1].bytes_per_second\": found "
      "200000000000, expected at most that of fewer ranks "
      "(120000000000)");
  EXPECT_EQ(
      faultOf([](Cluster &c) { c.levels[0].groupSize = 3; }),
      "field \"links[1].group_size\": found 8, expected a multiple of the "
      "level below (3), and more");
  EXPECT_EQ(faultOf([](Cluster &c) { c.levels[0].gatherEfficiency = 1.5; }),
            "field \"links[0].gather_efficiency\": found 1.500000, expected a "
            "share above 0, at most 1");
  EXPECT_EQ(faultOf([](Cluster &c) { c.levels.clear(); }),
            "field \"links\": found no level, expected one that joins all 8");
}

// Zero, negative, huge: each number of a file is refused by its name, or the
// cluster costs what 64 bits can hold.
TEST(Cluster, EveryNumberHasLimits) {
  std::string error;
  std::string text = readTextFile(pathOf("two-level"), error).value_or("");
  ASSERT_FALSE(text.empty());
  int fields = 0;
  for (size_t colon = text.find(':'); colon != std::string::npos;
       colon = text.find(':', colon + 1)) {
    size_t begin = text.find_first_not_of(" \n", colon + 1);
    size_t end = text.find_first_not_of("0123456789.-", begin);
    if (begin == end)
      continue;
    ++fields;
    size_t quote = text.rfind('"', colon - 2);
    std::string name = text.substr(quote + 1, colon - quote - 2);
    for (const char *number :
         {"-1", "-9223372036854775808", "9223372036854775807", "1e300", "-0.5",
          "18446744073709551616", "NaN", "null", "\"1\"", "[1]", "true"}) {
      std::string damaged = text;
      damaged.replace(begin, end - begin, number);
      EXPECT_FALSE(readCluster(damaged, "c.json", error)) << name << number;
      EXPECT_EQ(error.rfind("c.json:", 0), 0u) << error;
      EXPECT_EQ(error.find('\n'), std::string::npos) << error;
      if (number != std::string("NaN"))
        EXPECT_NE(error.find(name), std::string::npos) << error;
    }
  }
  EXPECT_GT(fields, 25);
}

TEST(Cluster, CpuEngineOverlapsNothing) {
  EXPECT_EQ(errorAfter("\"overlaps_communication\": false",
                       "\"overlaps_communication\": true"),
            "c.json: field \"overlaps_communication\": found true, expected "
            "false beside device.kind \"cpu\": its engine runs collectives in "
            "place");
}

TEST(Cluster, MissingFileIsOneMessage) {
  std::string error;
  EXPECT_FALSE(readClusterFile("/nowhere/c.json", error).has_value());
  EXPECT_EQ(error, "/nowhere/c.json: cannot read: No such file or directory");
}

/// Damaged files: each cut and each changed character gives a cluster that
/// passes check() or one message that begins with the file's name.
TEST(Cluster, DamagedTextIsRefusedOrValid) {
  std::string error;
  std::string text = readTextFile(pathOf("cpu-2"), error).value_or("");
  ASSERT_FALSE(text.empty());
  int refused = 0;
  auto read = [&](const std::string &damaged) {
    std::string message;
    std::optional<Cluster> cluster = readCluster(damaged, "c.json", message);
    if (cluster) {
      EXPECT_TRUE(check(*cluster).empty());
      return;
    }
    ++refused;
    EXPECT_EQ(message.rfind("c.json: ", 0), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  };
  for (size_t i = 0; i < text.size(); ++i) {
    read(text.substr(0, i));
    for (char c : {'0', '9', '-', 'e', '"', '{', ']', ',', ' ', '\0', '\xff'}) {
      std::string damaged = text;
      damaged[i] = c;
      read(damaged);
    }
  }
  EXPECT_GT(refused, int(text.size()));
}
