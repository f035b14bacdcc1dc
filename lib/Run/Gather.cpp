//===- Gather.cpp - A sharded tensor on rank 0 ----------------------------===//

#include "Gather.h"

#include "Deadline.h"

#include <cstring>
#include <set>

namespace colossal::rank {

namespace {
/// Rank 0 may write between the messages: a slow disk has time.
constexpr double kPatience = 10;
constexpr int kTag = 77;

/// Between `from` and rank 0, in messages of at most 1 GiB: MPI counts in int.
void pass(Fabric &fabric, void *data, int64_t size, int from) {
  for (int64_t done = 0; done < size; done += 1 << 30) {
    int length = int(std::min<int64_t>(1 << 30, size - done));
    char *at = static_cast<char *>(data) + done;
    if (from == fabric.rank())
      MPI_Send(at, length, MPI_BYTE, 0, kTag, fabric.world());
    else
      MPI_Recv(at, length, MPI_BYTE, from, kTag, fabric.world(),
               MPI_STATUS_IGNORE);
  }
}

/// Moves the contribution of rank `from` to rank 0.
void passContribution(Fabric &fabric, Contribution &one, int from) {
  int64_t counts[2] = {int64_t(one.runs.size()), int64_t(one.bytes.size())};
  pass(fabric, counts, sizeof(counts), from);
  if (fabric.rank() == 0) {
    one.runs.resize(size_t(counts[0]));
    one.bytes.resize(size_t(counts[1]));
  }
  pass(fabric, one.runs.data(), counts[0] * int64_t(sizeof(Run)), from);
  pass(fabric, one.bytes.data(), counts[1], from);
}
} // namespace

bool isFirstReplica(const Layout &layout, const Coordinate &coordinate) {
  std::set<std::string> used = {"time"};
  for (const auto &dimension : layout.dimensions)
    for (const SubDimension &sub : dimension)
      used.insert(sub.axes.begin(), sub.axes.end());
  for (const Axis &axis : coordinate.mesh)
    if (!used.count(axis.name) && coordinate.positionOf(axis.name) != 0)
      return false;
  return true;
}

void addShard(Contribution &contribution, const Layout &layout,
              const Coordinate &coordinate, const char *data,
              int64_t elementBytes) {
  forEachRun(layout, coordinate, [&](const Run &run) {
    contribution.runs.push_back(run);
    contribution.bytes.insert(contribution.bytes.end(),
                              data + run.local * elementBytes,
                              data + (run.local + run.length) * elementBytes);
  });
}

std::vector<std::pair<int64_t, std::string>>
agreeOnNames(Fabric &fabric, int64_t groups,
             const std::vector<std::string> &own) {
  Deadline deadline("collecting names");
  std::string joined;
  for (const std::string &name : own)
    joined += name + "\n";
  int64_t devices = fabric.size() / groups;
  std::vector<std::pair<int64_t, std::string>> all;
  std::set<std::string> seen;
  for (int64_t group = 0; group < groups; ++group) {
    std::string text = joined;
    int64_t length = int64_t(text.size());
    int root = int(group * devices);
    MPI_Bcast(&length, 1, MPI_INT64_T, root, fabric.world());
    text.resize(size_t(length));
    MPI_Bcast(text.data(), int(length), MPI_CHAR, root, fabric.world());
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find('\n', at);
      std::string name = text.substr(at, end - at);
      if (seen.insert(name).second)
        all.push_back({group, name});
      at = end + 1;
    }
  }
  return all;
}

GatheredTensor gather(Fabric &fabric, const char *what, int64_t groups,
                      int64_t group, const std::vector<int64_t> &shape,
                      DType dtype, const Contribution &own) {
  Deadline deadline(what, kPatience);
  int64_t devices = fabric.size() / groups;
  int root = int(group * devices);
  // Shape and type travel to rank 0, which may be of another device group.
  GatheredTensor whole;
  int64_t description[2] = {int64_t(dtype), int64_t(shape.size())};
  MPI_Bcast(description, 2, MPI_INT64_T, root, fabric.world());
  whole.dtype = static_cast<DType>(description[0]);
  whole.shape = shape;
  whole.shape.resize(size_t(description[1]));
  MPI_Bcast(whole.shape.data(), int(whole.shape.size()), MPI_INT64_T, root,
            fabric.world());
  int64_t element = bytesOf(whole.dtype);
  if (fabric.rank() == 0)
    whole.bytes.assign(size_t(elementsOf(whole.shape) * element), 0);
  for (int64_t device = 0; device < devices; ++device) {
    int from = int(group * devices + device);
    if (fabric.rank() != 0 && fabric.rank() != from)
      continue;
    Contribution piece;
    if (fabric.rank() == from)
      piece = own;
    if (from != 0)
      passContribution(fabric, piece, from);
    if (fabric.rank() != 0)
      continue;
    const char *source = piece.bytes.data();
    for (const Run &run : piece.runs) {
      memcpy(whole.bytes.data() + run.global * element, source,
             size_t(run.length * element));
      source += run.length * element;
    }
  }
  return whole;
}

} // namespace colossal::rank
