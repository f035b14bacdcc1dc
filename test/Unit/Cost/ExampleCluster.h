//===- ExampleCluster.h - Round numbers to compute with by hand -*- C++ -*-===//

#ifndef COLOSSAL_TEST_UNIT_COST_EXAMPLECLUSTER_H
#define COLOSSAL_TEST_UNIT_COST_EXAMPLECLUSTER_H

#include "colossal/Machine/Cluster.h"

/// 2 nodes of 4. Rates in units per ns: f32 1000 flop, elementwise 10 flop,
/// memory 4 bytes (one rank 8), 100 bytes up to a distance of 1000, 50 at 2000;
/// node link 10 bytes, network 4 bytes per node.
inline colossal::machine::Cluster exampleCluster() {
  using namespace colossal::machine;
  Cluster cluster;
  cluster.devices = 8;
  Device &device = cluster.device;
  device.kind = "cpu";
  device.memoryBytes = 1 << 30;
  device.matrix = {
      {DataType::F32, 1000000000000, {{16, 0.2}, {64, 0.5}, {256, 0.8}}}};
  device.elementwiseFlopsPerSecond = 10000000000;
  device.streaming = {{1, 8000000000}, {4, 4000000000}};
  device.caches = {{1000, 100000000000}, {2000, 50000000000}};
  device.kernelOverheadNs = 500;
  device.library = {{"attention", 0.5}, {"attention_backward", 0.25}};
  LinkLevel node, network;
  node.name = "node";
  node.groupSize = 4;
  node.latencyNs = 100;
  node.hopNs = 10;
  node.bytesPerSecond = 10000000000;
  node.gatherEfficiency = 0.5;
  node.sendEfficiency = 0.2;
  network.name = "network";
  network.groupSize = 8;
  network.latencyNs = 1000;
  network.hopNs = 50;
  network.bytesPerSecond = 4000000000;
  network.sharing = Sharing::Shared;
  cluster.levels = {node, network};
  return cluster;
}

#endif // COLOSSAL_TEST_UNIT_COST_EXAMPLECLUSTER_H
