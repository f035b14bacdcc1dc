//===- ShareTest.cpp - Shares against an element-wise reading -------------===//

#include "colossal/Run/Share.h"
#include "ProgramBuilder.h"
#include "colossal/Run/Checksum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

std::vector<SubDimension> subsOf(const Layout &layout) {
  std::vector<SubDimension> subs;
  for (const auto &dimension : layout.dimensions)
    subs.insert(subs.end(), dimension.begin(), dimension.end());
  return subs;
}

/// Where plain index arithmetic finds an element on a rank; -1: nowhere.
int64_t localOf(const Layout &layout, const Coordinate &at, int64_t element) {
  std::vector<SubDimension> subs = subsOf(layout);
  int64_t stride = 1, local = 0;
  for (size_t i = subs.size(); i-- > 0;) {
    int64_t index = element % subs[i].extent, part = 0;
    element /= subs[i].extent;
    for (const std::string &axis : subs[i].axes)
      part = part * at.sizeOf(axis) + at.positionOf(axis);
    if (index / subs[i].bound != part)
      return -1;
    local += index % subs[i].bound * stride;
    stride *= subs[i].bound;
  }
  return local;
}

/// The shares of all ranks are the tensor, every element once, and each element
/// is where the rank has it.
void checkShares(const Layout &layout, const Program &program, int64_t number,
                 int64_t elementBytes) {
  int64_t global = 1, devices = 1;
  for (const SubDimension &sub : subsOf(layout))
    global *= sub.extent;
  for (const Axis &axis : program.mesh)
    devices *= axis.size;
  std::vector<int> seen(size_t(global), 0);
  for (int64_t device = 0; device < devices; ++device) {
    Coordinate at = coordinateOf(program, device);
    Replica replica = replicaOf(layout, at);
    Share share = shareOf(elementsOfShard(layout, at), elementBytes,
                          replica.index, replica.count, number);
    Run last;
    forEachRunOfShare(layout, at, share, [&](const Run &run) {
      EXPECT_GT(run.length, 0);
      for (int64_t i = 0; i < run.length; ++i) {
        ++seen[size_t(run.global + i)];
        EXPECT_EQ(localOf(layout, at, run.global + i), run.local + i);
      }
      EXPECT_FALSE(last.length > 0 && last.global + last.length == run.global &&
                   last.local + last.length == run.local)
          << "two runs could be one";
      last = run;
    });
  }
  EXPECT_EQ(seen, std::vector<int>(size_t(global), 1));
}

TEST(Share, SharesOfAllRanksAreTheTensor) {
  std::mt19937 random(5);
  auto upTo = [&](int64_t most) { return int64_t(random() % uint64_t(most)); };
  const std::vector<std::string> names = {"data", "tensor", "other"};
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<Axis> mesh;
    for (const std::string &name : names)
      mesh.push_back({name, 1 + upTo(3)});
    ProgramBuilder b(mesh);
    // Each axis cuts one sub-dimension, or none.
    Layout layout;
    std::vector<std::string> left = names;
    for (int64_t d = upTo(4); d > 0; --d) {
      std::vector<SubDimension> dimension;
      for (int64_t s = 1 + upTo(3); s > 0; --s) {
        std::vector<std::string> axes;
        while (!left.empty() && upTo(3) == 0) {
          size_t which = size_t(upTo(int64_t(left.size())));
          axes.push_back(left[which]);
          left.erase(left.begin() + std::ptrdiff_t(which));
        }
        dimension.push_back(b.cut(1 + upTo(7), axes));
      }
      layout.dimensions.push_back(dimension);
    }
    // Wide elements: shards are divided although the tensor is small.
    checkShares(layout, b.program, upTo(5), trial % 2 ? 4 : kLeastShareBytes);
  }
}

TEST(Share, ReplicasDivideTheBytes) {
  ProgramBuilder b({{"data", 3}, {"tensor", 2}});
  Layout layout{{{b.cut(301)}, {b.cut(1001, {"tensor"})}}};
  for (int64_t device = 0; device < 6; ++device) {
    Coordinate at = coordinateOf(b.program, device);
    Replica replica = replicaOf(layout, at);
    EXPECT_EQ(replica.axes, (std::vector<std::string>{"data"}));
    EXPECT_EQ(replica.index, device / 2);
    EXPECT_EQ(replica.count, 3);
    int64_t elements = elementsOfShard(layout, at);
    EXPECT_EQ(elements, 301 * (device % 2 ? 500 : 501));
    Share share = shareOf(elements, 8, replica.index, replica.count, 0);
    EXPECT_NEAR(double(share.end - share.begin), double(elements) / 3, 1);
  }
  // Small ones go round.
  int whole = 0;
  for (int64_t number = 0; number < 6; ++number)
    for (int64_t index = 0; index < 3; ++index) {
      Share share = shareOf(100, 4, index, 3, number);
      whole += share.end - share.begin == 100;
      EXPECT_EQ(share.end > 0, index == number % 3);
    }
  EXPECT_EQ(whole, 6);
}

TEST(Share, ScalarsAndEmptyTensors) {
  ProgramBuilder b({{"data", 2}});
  checkShares(Layout{}, b.program, 1, 4);
  Layout empty{{{b.cut(0)}, {b.cut(3, {"data"})}}};
  for (int64_t device : {0, 1})
    EXPECT_EQ(elementsOfShard(empty, coordinateOf(b.program, device)), 0);
}

//===----------------------------------------------------------------------===//
// Checksums of pieces
//===----------------------------------------------------------------------===//

TEST(Checksum, PiecesInAnyOrderGiveTheWhole) {
  std::mt19937 random(6);
  for (int64_t bytes : {0, 1, 7, 64, 1000, 65537}) {
    std::string text;
    for (int64_t i = 0; i < bytes; ++i)
      text += char(random());
    for (int trial = 0; trial < 5; ++trial) {
      std::vector<int64_t> cuts = {0, bytes};
      for (int i = 0; i < trial * 3; ++i)
        cuts.push_back(int64_t(random() % uint64_t(bytes + 1)));
      std::sort(cuts.begin(), cuts.end());
      std::vector<size_t> order;
      for (size_t i = 0; i + 1 < cuts.size(); ++i)
        order.push_back(i);
      std::shuffle(order.begin(), order.end(), random);
      uint32_t sum = crcOfZeros(bytes);
      for (size_t i : order)
        sum ^= crcPart(
            crc32(kPieceStart, text.data() + cuts[i], cuts[i + 1] - cuts[i]),
            bytes - cuts[i + 1]);
      EXPECT_EQ(sum, crc32(0, text.data(), bytes)) << bytes;
    }
  }
  // zlib.crc32(bytes(10)), zlib.crc32(b"colossal").
  EXPECT_EQ(crcOfZeros(10), 0xe38a6876u);
  EXPECT_EQ(crc32(0, "colossal", 8), 0x3533c56eu);
}

/// More bytes than any file has: the powers do not overflow.
TEST(Checksum, LongTextsOfZeros) {
  std::string zeros(1 << 16, '\0');
  uint32_t crc = 0;
  for (int i = 0; i < 3; ++i)
    crc = crc32(crc, zeros.data(), int64_t(zeros.size()));
  EXPECT_EQ(crcOfZeros(3 << 16), crc);
  int64_t most = int64_t(1) << 60;
  EXPECT_EQ(crcOfZeros(2 * most), ~crcPart(crcOfZeros(most), most));
}

} // namespace
