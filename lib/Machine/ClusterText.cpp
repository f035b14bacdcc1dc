//===- ClusterText.cpp - The JSON form of a cluster -----------------------===//

#include "colossal/Machine/Cluster.h"
#include "colossal/Support/Files.h"
#include "colossal/Support/Json.h"

using namespace colossal;
using namespace colossal::machine;
using json::Value;

static const char *const formatName = "colossal-cluster";
static constexpr int64_t formatVersion = 3;
static const std::vector<std::string> sharingNames = {"per-rank", "shared"};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Value toJson(const MatrixRate &rate) {
  Value points = Value::array();
  for (const EfficiencyPoint &point : rate.efficiency) {
    Value entry = Value::object();
    entry.append("smallest_dimension", point.smallestDimension);
    entry.append("efficiency", point.efficiency);
    points.append(entry);
  }
  Value result = Value::object();
  result.append("type", nameOf(rate.type));
  result.append("peak_flops_per_second", rate.peakFlopsPerSecond);
  result.append("efficiency", points);
  return result;
}

static Value toJson(const Device &device) {
  Value matrix = Value::array();
  for (const MatrixRate &rate : device.matrix)
    matrix.append(toJson(rate));
  Value streaming = Value::array();
  for (const StreamingPoint &point : device.streaming) {
    Value entry = Value::object();
    entry.append("ranks", point.ranks);
    entry.append("bytes_per_second", point.bytesPerSecond);
    streaming.append(entry);
  }
  Value caches = Value::array();
  for (const CachePoint &point : device.caches) {
    Value entry = Value::object();
    entry.append("bytes", point.bytes);
    entry.append("bytes_per_second", point.bytesPerSecond);
    caches.append(entry);
  }
  Value library = Value::object();
  for (const LibraryRate &rate : device.library)
    library.append(rate.name, rate.efficiency);

  Value result = Value::object();
  result.append("kind", device.kind);
  result.append("name", device.name);
  result.append("threads", device.threads);
  result.append("memory_bytes", device.memoryBytes);
  result.append("matrix", matrix);
  result.append("elementwise_flops_per_second",
                device.elementwiseFlopsPerSecond);
  result.append("streaming", streaming);
  result.append("caches", caches);
  result.append("overlap", device.overlap);
  result.append("kernel_overhead_ns", device.kernelOverheadNs);
  result.append("step_overhead_ns", device.stepOverheadNs);
  result.append("library", library);
  return result;
}

static Value toJson(const LinkLevel &level) {
  Value result = Value::object();
  result.append("name", level.name);
  result.append("group_size", level.groupSize);
  result.append("latency_ns", level.latencyNs);
  result.append("hop_ns", level.hopNs);
  result.append("bytes_per_second", level.bytesPerSecond);
  result.append("sharing", sharingNames[size_t(level.sharing)]);
  result.append("gather_efficiency", level.gatherEfficiency);
  result.append("send_efficiency", level.sendEfficiency);
  return result;
}

std::string machine::writeCluster(const Cluster &cluster) {
  Value links = Value::array();
  for (const LinkLevel &level : cluster.levels)
    links.append(toJson(level));
  Value root = Value::object();
  root.append("format", formatName);
  root.append("version", formatVersion);
  root.append("name", cluster.name);
  root.append("devices", cluster.devices);
  root.append("device", toJson(cluster.device));
  root.append("links", links);
  root.append("overlaps_communication", cluster.overlapsCommunication);
  return json::write(root);
}

//===----------------------------------------------------------------------===//
// Reading: types and presence here, values in check()
//===----------------------------------------------------------------------===//

static MatrixRate readMatrixRate(const json::Reader &reader) {
  reader.expectFieldsAmong({"type", "peak_flops_per_second", "efficiency"});
  MatrixRate rate;
  rate.type = DataType(
      reader.field("type").choice({"f64", "f32", "bf16", "f16", "f8"}));
  rate.peakFlopsPerSecond = reader.field("peak_flops_per_second").integer();
  for (const json::Reader &entry : reader.field("efficiency").elements()) {
    entry.expectFieldsAmong({"smallest_dimension", "efficiency"});
    EfficiencyPoint point;
    point.smallestDimension = entry.field("smallest_dimension").integer();
    point.efficiency = entry.field("efficiency").number();
    rate.efficiency.push_back(point);
  }
  return rate;
}

static Device readDevice(const json::Reader &reader) {
  reader.expectFieldsAmong({"kind", "name", "threads", "memory_bytes", "matrix",
                            "elementwise_flops_per_second", "streaming",
                            "caches", "overlap", "kernel_overhead_ns",
                            "step_overhead_ns", "library"});
  Device device;
  device.kind = reader.field("kind").text();
  device.name = reader.field("name").text();
  device.threads = reader.field("threads").integer();
  device.memoryBytes = reader.field("memory_bytes").integer();
  for (const json::Reader &rate : reader.field("matrix").elements())
    device.matrix.push_back(readMatrixRate(rate));
  device.elementwiseFlopsPerSecond =
      reader.field("elementwise_flops_per_second").integer();
  for (const json::Reader &entry : reader.field("streaming").elements()) {
    entry.expectFieldsAmong({"ranks", "bytes_per_second"});
    StreamingPoint point;
    point.ranks = entry.field("ranks").integer();
    point.bytesPerSecond = entry.field("bytes_per_second").integer();
    device.streaming.push_back(point);
  }
  for (const json::Reader &entry : reader.field("caches").elements()) {
    entry.expectFieldsAmong({"bytes", "bytes_per_second"});
    CachePoint point;
    point.bytes = entry.field("bytes").integer();
    point.bytesPerSecond = entry.field("bytes_per_second").integer();
    device.caches.push_back(point);
  }
  device.overlap = reader.field("overlap").number();
  device.kernelOverheadNs = reader.field("kernel_overhead_ns").integer();
  device.stepOverheadNs = reader.field("step_overhead_ns").integer();
  json::Reader library = reader.field("library");
  for (const std::string &name : library.fieldNames())
    device.library.push_back({name, library.field(name).number()});
  return device;
}

static LinkLevel readLevel(const json::Reader &reader) {
  reader.expectFieldsAmong({"name", "group_size", "latency_ns", "hop_ns",
                            "bytes_per_second", "sharing", "gather_efficiency",
                            "send_efficiency"});
  LinkLevel level;
  level.name = reader.field("name").text();
  level.groupSize = reader.field("group_size").integer();
  level.latencyNs = reader.field("latency_ns").integer();
  level.hopNs = reader.field("hop_ns").integer();
  level.bytesPerSecond = reader.field("bytes_per_second").integer();
  level.sharing = Sharing(reader.field("sharing").choice(sharingNames));
  level.gatherEfficiency = reader.field("gather_efficiency").number();
  level.sendEfficiency = reader.field("send_efficiency").number();
  return level;
}

std::optional<Cluster> machine::readCluster(const std::string &text,
                                            const std::string &file,
                                            std::string &error) {
  json::Document document(file);
  json::Reader root = document.parse(text);
  root.expectFieldsAmong({"format", "version", "name", "devices", "device",
                          "links", "overlaps_communication"});
  root.field("format").choice({formatName});
  root.field("version").integer(formatVersion, formatVersion);
  Cluster cluster;
  cluster.name = root.field("name").text();
  cluster.devices = root.field("devices").integer();
  cluster.device = readDevice(root.field("device"));
  for (const json::Reader &level : root.field("links").elements())
    cluster.levels.push_back(readLevel(level));
  cluster.overlapsCommunication =
      root.field("overlaps_communication").boolean();
  if (!document.ok()) {
    error = document.error();
    return std::nullopt;
  }
  std::vector<std::string> faults = check(cluster);
  if (!faults.empty()) {
    error = file + ": " + faults.front();
    return std::nullopt;
  }
  return cluster;
}

std::optional<Cluster> machine::readClusterFile(const std::string &path,
                                                std::string &error) {
  std::optional<std::string> text = readTextFile(path, error);
  if (!text)
    return std::nullopt;
  return readCluster(*text, path, error);
}

bool machine::writeClusterFile(const Cluster &cluster, const std::string &path,
                               std::string &error) {
  return writeTextFile(path, writeCluster(cluster), error);
}
