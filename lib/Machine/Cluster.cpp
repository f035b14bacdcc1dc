//===- Cluster.cpp - What a cluster can do, as plain numbers --------------===//

#include "colossal/Machine/Cluster.h"

using namespace colossal::machine;

int64_t colossal::machine::bytesOf(DataType type) {
  switch (type) {
  case DataType::F64:
    return 8;
  case DataType::F32:
    return 4;
  case DataType::BF16:
  case DataType::F16:
    return 2;
  case DataType::F8:
    return 1;
  }
  return 1;
}

const char *colossal::machine::nameOf(DataType type) {
  switch (type) {
  case DataType::F64:
    return "f64";
  case DataType::F32:
    return "f32";
  case DataType::BF16:
    return "bf16";
  case DataType::F16:
    return "f16";
  case DataType::F8:
    return "f8";
  }
  return "";
}

const MatrixRate *Cluster::matrixRate(DataType type) const {
  for (const MatrixRate &rate : device.matrix)
    if (rate.type == type)
      return &rate;
  return nullptr;
}

double Device::libraryEfficiency(const std::string &name) const {
  for (const LibraryRate &rate : library)
    if (rate.name == name)
      return rate.efficiency;
  return LibraryRate().efficiency;
}

// Above these, sums and products of the cost model could leave 64 bits.
static constexpr int64_t mostDevices = int64_t(1) << 20;
static constexpr int64_t mostThreads = 4096;
static constexpr int64_t mostBytes = int64_t(1) << 50;
static constexpr int64_t mostPerSecond = 1'000'000'000'000'000'000;
static constexpr int64_t mostNs = 60'000'000'000;

namespace {
/// Collects messages "<field>: found ..., expected ...".
class Checker {
public:
  void within(const std::string &field, int64_t value, int64_t minimum,
              int64_t maximum) {
    if (value < minimum || value > maximum)
      fail(field, std::to_string(value),
           "from " + std::to_string(minimum) + " to " +
               std::to_string(maximum));
  }
  void time(const std::string &field, int64_t value) {
    within(field, value, 0, mostNs);
  }
  void bytes(const std::string &field, int64_t value, int64_t minimum) {
    within(field, value, minimum, mostBytes);
  }
  void rate(const std::string &field, int64_t value) {
    within(field, value, 1, mostPerSecond);
  }
  void share(const std::string &field, double value) {
    if (!(value > 0.0 && value <= 1.0))
      fail(field, std::to_string(value), "a share above 0, at most 1");
  }
  void fail(const std::string &field, const std::string &found,
            const std::string &expected) {
    messages.push_back("field \"" + field + "\": found " + found +
                       ", expected " + expected);
  }
  std::vector<std::string> messages;
};
} // namespace

static std::string at(const std::string &field, size_t index) {
  return field + "[" + std::to_string(index) + "]";
}

static void checkMatrixRates(const std::vector<MatrixRate> &rates,
                             Checker &checker) {
  if (rates.empty())
    checker.fail("device.matrix", "no entry", "one per data type");
  for (size_t i = 0; i < rates.size(); ++i) {
    const MatrixRate &rate = rates[i];
    std::string field = at("device.matrix", i);
    for (size_t j = 0; j < i; ++j)
      if (rates[j].type == rate.type)
        checker.fail(field + ".type",
                     std::string("a second ") + nameOf(rate.type),
                     "different types");
    checker.rate(field + ".peak_flops_per_second", rate.peakFlopsPerSecond);
    if (rate.efficiency.empty())
      checker.fail(field + ".efficiency", "no entry", "at least one point");
    for (size_t j = 0; j < rate.efficiency.size(); ++j) {
      const EfficiencyPoint &point = rate.efficiency[j];
      std::string place = at(field + ".efficiency", j);
      checker.share(place + ".efficiency", point.efficiency);
      checker.within(place + ".smallest_dimension", point.smallestDimension, 1,
                     mostBytes);
      if (j == 0)
        continue;
      const EfficiencyPoint &last = rate.efficiency[j - 1];
      if (point.smallestDimension <= last.smallestDimension)
        checker.fail(place + ".smallest_dimension",
                     std::to_string(point.smallestDimension),
                     "more than the entry before (" +
                         std::to_string(last.smallestDimension) + ")");
      else if (point.efficiency * double(last.smallestDimension) >
               last.efficiency * double(point.smallestDimension) * (1 + 1e-9))
        checker.fail(place + ".efficiency", std::to_string(point.efficiency),
                     "at most the growth of the dimension (a larger product "
                     "would take less time)");
    }
  }
}

static void checkStreaming(const std::vector<StreamingPoint> &points,
                           Checker &checker) {
  if (points.empty())
    checker.fail("device.streaming", "no entry", "at least one");
  for (size_t i = 0; i < points.size(); ++i) {
    std::string field = at("device.streaming", i);
    checker.within(field + ".ranks", points[i].ranks,
                   i == 0 ? 1 : points[i - 1].ranks + 1, mostDevices);
    checker.rate(field + ".bytes_per_second", points[i].bytesPerSecond);
    if (i > 0 && points[i].bytesPerSecond > points[i - 1].bytesPerSecond)
      checker.fail(field + ".bytes_per_second",
                   std::to_string(points[i].bytesPerSecond),
                   "at most that of fewer ranks (" +
                       std::to_string(points[i - 1].bytesPerSecond) + ")");
  }
}

static void checkCaches(const Device &device, Checker &checker) {
  for (size_t i = 0; i < device.caches.size(); ++i) {
    const CachePoint &point = device.caches[i];
    std::string field = at("device.caches", i);
    checker.bytes(field + ".bytes", point.bytes,
                  i == 0 ? 1 : device.caches[i - 1].bytes + 1);
    checker.rate(field + ".bytes_per_second", point.bytesPerSecond);
    if (i > 0 && point.bytesPerSecond > device.caches[i - 1].bytesPerSecond)
      checker.fail(
          field + ".bytes_per_second", std::to_string(point.bytesPerSecond),
          "at most that of fewer bytes (" +
              std::to_string(device.caches[i - 1].bytesPerSecond) + ")");
  }
  if (device.caches.empty() || device.streaming.empty())
    return;
  int64_t memory = device.streaming.back().bytesPerSecond;
  if (device.caches.back().bytesPerSecond < memory)
    checker.fail(
        at("device.caches", device.caches.size() - 1) + ".bytes_per_second",
        std::to_string(device.caches.back().bytesPerSecond),
        "at least the streaming bandwidth (" + std::to_string(memory) + ")");
}

static void checkDevice(const Device &device, Checker &checker) {
  if (device.kind != "cpu" && device.kind != "cuda")
    checker.fail("device.kind", "\"" + device.kind + "\"",
                 "\"cpu\" or \"cuda\"");
  checker.within("device.threads", device.threads, 1, mostThreads);
  checker.bytes("device.memory_bytes", device.memoryBytes, 1);
  checkMatrixRates(device.matrix, checker);
  checker.rate("device.elementwise_flops_per_second",
               device.elementwiseFlopsPerSecond);
  checkStreaming(device.streaming, checker);
  checkCaches(device, checker);
  if (!(device.overlap >= 0.0 && device.overlap <= 1.0))
    checker.fail("device.overlap", std::to_string(device.overlap),
                 "a share from 0 to 1");
  checker.time("device.kernel_overhead_ns", device.kernelOverheadNs);
  checker.time("device.step_overhead_ns", device.stepOverheadNs);
  for (size_t i = 0; i < device.library.size(); ++i)
    checker.share("device.library." + device.library[i].name,
                  device.library[i].efficiency);
}

static void checkLevels(const Cluster &cluster, Checker &checker) {
  size_t faultsBefore = checker.messages.size();
  int64_t joined = 1;
  for (size_t i = 0; i < cluster.levels.size(); ++i) {
    const LinkLevel &level = cluster.levels[i];
    std::string field = at("links", i);
    if (level.groupSize < 1 || level.groupSize > mostDevices ||
        level.groupSize % joined != 0 || (i > 0 && level.groupSize == joined))
      checker.fail(field + ".group_size", std::to_string(level.groupSize),
                   i == 0 || level.groupSize > mostDevices
                       ? "from 1 to " + std::to_string(mostDevices)
                       : "a multiple of the level below (" +
                             std::to_string(joined) + "), and more");
    else
      joined = level.groupSize;
    checker.time(field + ".latency_ns", level.latencyNs);
    checker.time(field + ".hop_ns", level.hopNs);
    checker.rate(field + ".bytes_per_second", level.bytesPerSecond);
    checker.share(field + ".gather_efficiency", level.gatherEfficiency);
    checker.share(field + ".send_efficiency", level.sendEfficiency);
  }
  if (joined < cluster.devices && checker.messages.size() == faultsBefore)
    checker.fail("links",
                 cluster.levels.empty()
                     ? "no level"
                     : "a last level that joins " + std::to_string(joined) +
                           " devices",
                 "one that joins all " + std::to_string(cluster.devices));
}

std::vector<std::string> colossal::machine::check(const Cluster &cluster) {
  Checker checker;
  checker.within("devices", cluster.devices, 1, mostDevices);
  checkDevice(cluster.device, checker);
  checkLevels(cluster, checker);
  if (cluster.overlapsCommunication && cluster.device.kind == "cpu")
    checker.fail("overlaps_communication", "true",
                 "false beside device.kind \"cpu\": its engine runs "
                 "collectives in place");
  return checker.messages;
}
