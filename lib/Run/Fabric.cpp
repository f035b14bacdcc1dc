//===- Fabric.cpp - MPI, shared memory, groups, waiting -------------------===//

#include "Fabric.h"

#include "Deadline.h"
#include "PeerMemory.h"
#include "RunError.h"
#include "Staging.h"
#include "colossal/Support/Cores.h"

#include <chrono>
#include <ctime>
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

namespace colossal::rank {

void yieldCore() { sched_yield(); }

void napBriefly() {
  timespec time{0, 20000};
  nanosleep(&time, nullptr);
}

Fabric::Fabric(MPI_Comm world, const Program &program, int64_t devices,
               Transport transport, double timeoutSeconds)
    : timeout(timeoutSeconds), program(program), devices(devices),
      transport(transport) {
  Deadline deadline("connecting");
  MPI_Comm_dup(world, &worldComm);
  MPI_Comm_dup(world, &collectiveComm);
  MPI_Comm_dup(world, &transferComm);
  MPI_Comm_rank(worldComm, &worldRank);
  MPI_Comm_size(worldComm, &worldSize);
  MPI_Comm_split_type(worldComm, MPI_COMM_TYPE_SHARED, worldRank, MPI_INFO_NULL,
                      &nodeComm);
  MPI_Comm_rank(nodeComm, &nodeRank);
  MPI_Comm_size(nodeComm, &nodeSize);
  std::vector<int> members(nodeSize);
  MPI_Allgather(&worldRank, 1, MPI_INT, members.data(), 1, MPI_INT, nodeComm);
  if (nodeSize > allowedCores())
    spins = 20, yields = 2;
  nodeOf.assign(worldSize, -1);
  for (int i = 0; i < nodeSize; ++i)
    nodeOf[members[i]] = i;
}

Fabric::~Fabric() {
  leaveShared();
  for (MPI_Comm *comm : {&worldComm, &collectiveComm, &transferComm, &nodeComm})
    MPI_Comm_free(comm);
}

void Fabric::leaveShared() {
  if (shared)
    munmap(shared, sharedBytes);
  shared = nullptr;
}

Group &Fabric::group(const std::vector<std::string> &axes) {
  auto it = groups.find(axes);
  if (it != groups.end())
    return it->second;
  Coordinate own = coordinateOf(program, device());
  int64_t count = 1;
  for (const std::string &axis : axes)
    count *= own.sizeOf(axis);
  Group group;
  group.id = int(groups.size());
  int64_t firstRank = worldRank - device();
  for (int64_t member = 0; member < count; ++member) {
    // The member's digits on `axes`, the last axis fastest.
    Coordinate at = own;
    int64_t rest = member;
    for (size_t i = axes.size(); i-- > 0;)
      for (size_t d = 0; d < at.mesh.size(); ++d)
        if (at.mesh[d].name == axes[i]) {
          at.position[d] = rest % at.mesh[d].size;
          rest /= at.mesh[d].size;
        }
    int64_t number = 0;
    for (size_t d = 0; d < program.mesh.size(); ++d)
      number = number * program.mesh[d].size + at.position[d];
    if (number == device())
      group.index = int(member);
    group.ranks.push_back(int(firstRank + number));
  }
  bool near = true;
  for (int rank : group.ranks)
    near &= nodeOf[rank] >= 0;
  if (near)
    for (int rank : group.ranks)
      group.onNode.push_back(nodeOf[rank]);
  bool needsNode =
      transport == Transport::Window || transport == Transport::Direct;
  if (needsNode && !near)
    throw RunError(std::string("--transport: found ") +
                   (transport == Transport::Window ? "window" : "direct") +
                   ", but ranks of a group are on several nodes; use auto or "
                   "p2p");
  group.window = near && transport != Transport::PointToPoint;
  return groups.emplace(axes, std::move(group)).first->second;
}

void Fabric::mapShared(int64_t transferBytes) {
  Deadline deadline("sharing memory");
  // Stages differ in their groups; the counters take the largest number.
  int64_t count = int64_t(groups.size());
  MPI_Allreduce(MPI_IN_PLACE, &count, 1, MPI_INT64_T, MPI_MAX, nodeComm);
  counterBytes = counterAreaBytes(count);
  transferStart = counterBytes + (count ? kStagingBytes + kQueueBytes : 0);
  areaBytes = transferStart + (transferBytes + 4095) / 4096 * 4096;
  std::vector<int64_t> sizes(nodeSize);
  MPI_Allgather(&areaBytes, 1, MPI_INT64_T, sizes.data(), 1, MPI_INT64_T,
                nodeComm);
  areaOffset.clear();
  sharedBytes = 0;
  for (int64_t size : sizes) {
    areaOffset.push_back(sharedBytes);
    sharedBytes += size;
  }
  int works = 1;
  if (transport == Transport::PointToPoint || nodeSize == 1 || sharedBytes == 0)
    works = 0;
  int64_t address[2] = {0, -1};
  int file = -1;
  if (works && nodeRank == 0) {
    file = memfd_create("colossal-window", MFD_CLOEXEC);
    if (file >= 0 && ftruncate(file, sharedBytes) == 0) {
      address[0] = getpid();
      address[1] = file;
    }
  }
  MPI_Bcast(address, 2, MPI_INT64_T, 0, nodeComm);
  if (works && nodeRank != 0 && address[1] >= 0) {
    std::string path = "/proc/" + std::to_string(address[0]) + "/fd/" +
                       std::to_string(address[1]);
    file = open(path.c_str(), O_RDWR | O_CLOEXEC);
  }
  if (works && file >= 0) {
    void *memory =
        mmap(nullptr, sharedBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED)
      shared = static_cast<char *>(memory);
  }
  int mapped = shared ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &mapped, 1, MPI_INT, MPI_MIN, nodeComm);
  if (file >= 0)
    close(file);
  if (!mapped) {
    leaveShared();
    if (works && transport == Transport::Window)
      throw RunError("--transport: found window, but the ranks of this node "
                     "cannot map each other's memory; use auto or p2p");
    for (auto &entry : groups)
      entry.second.window = false;
  }
  if (shared) {
    // Touched once by its owner, so that no step meets a fresh page.
    char *area = shared + areaOffset[nodeRank];
    for (int64_t i = 0; i < areaBytes; i += 4096)
      area[i] = 0;
  }
  bool messages = false;
  for (auto &entry : groups)
    messages |= !entry.second.window && entry.second.size() > 1;
  if (messages)
    privateArea.assign(2 * kStagingBytes, 0);
  if (!shared)
    areaBytes = 0;
  areaBytes += int64_t(privateArea.size());
  MPI_Barrier(nodeComm);
}

void Fabric::connectMemory(PeerMemory &memory, const char *region) {
  bool wanted = transport == Transport::Auto || transport == Transport::Direct;
  if (wanted && shared && nodeSize > 1)
    memory.connect(nodeComm, region);
  if (transport == Transport::Direct && worldSize > 1 && !memory.works())
    throw RunError("--transport: found direct, but the ranks of this node "
                   "cannot read each other's memory; use auto, window or p2p");
}

Signal &Fabric::counter(int localRank, int group, Counter counter) {
  return reinterpret_cast<Signal *>(
      shared + areaOffset[localRank])[group * kCounters + int(counter)];
}

Fabric::Agreement &Fabric::agreement(int localRank) {
  static_assert(sizeof(Agreement) <= kAgreementBytes);
  return *reinterpret_cast<Agreement *>(shared + areaOffset[localRank] +
                                        counterBytes - kAgreementBytes);
}

int Fabric::agree(int flags, const char *what, const char *when) {
  if (worldSize == 1)
    return flags;
  activity.op = what;
  activity.source = when;
  if (!shared || nodeSize != worldSize) {
    int all = 0;
    std::vector<MPI_Request> request(1);
    MPI_Iallreduce(&flags, &all, 1, MPI_INT, MPI_BOR, collectiveComm,
                   request.data());
    waitAll(request, worldSize == 2 ? 1 - worldRank : -1);
    return all;
  }
  ++agreements;
  Agreement &own = agreement(nodeRank);
  own.flags[agreements % 2].store(flags, std::memory_order_relaxed);
  own.given.raise(agreements);
  for (int rank = 0; rank < worldSize; ++rank) {
    Agreement &other = agreement(nodeOf[rank]);
    waitFor(other.given, agreements, rank);
    flags |= other.flags[agreements % 2].load(std::memory_order_relaxed);
  }
  return flags;
}

void Fabric::signal(Group &group, Counter which) {
  counter(nodeRank, group.id, which).raise(++group.signals[int(which)]);
}

int Fabric::behind(const Group &group, Counter which, uint64_t target) {
  for (int member = 0; member < group.size(); ++member)
    if (member != group.index &&
        !counter(group.onNode[member], group.id, which).reached(target))
      return group.ranks[member];
  return -1;
}

void Fabric::wait(Group &group) {
  for (int member = 0; member < group.size(); ++member)
    if (member != group.index)
      waitFor(counter(group.onNode[member], group.id, Counter::Staged),
              group.given(Counter::Staged), group.ranks[member]);
}

void Fabric::waitFor(Signal &signal, uint64_t target, int peer) {
  for (int spin = 0; spin < spins; ++spin) {
    if (signal.reached(target))
      return;
    __builtin_ia32_pause();
  }
  // On a busy machine each turn may last another process's time slice; who
  // sleeps is woken when it is time.
  for (int turn = 0; turn < std::min(yields, 2); ++turn) {
    if (signal.reached(target))
      return;
    yieldCore();
  }
  double start = now();
  while (!signal.reached(target)) {
    double left = timeout - (now() - start);
    if (left <= 0)
      giveUp(peer);
    signal.sleep(target, std::min(left, goOn() ? 0.001 : 0.1));
  }
}

void Fabric::claimStaging(Group &group) {
  if (lastStaged)
    wait(*lastStaged);
  lastStaged = &group;
}

char *Fabric::staging(const Group &group, int member, int half) {
  return shared + areaOffset[group.onNode[member]] + counterBytes +
         half * (kStagingBytes / 2);
}

char *Fabric::queueScratch() {
  return shared + areaOffset[nodeRank] + counterBytes + kStagingBytes;
}

char *Fabric::privateStaging() { return privateArea.data(); }

bool Fabric::isNear(int rank) const { return shared && nodeOf[rank] >= 0; }

int64_t Fabric::transferOffset() const {
  return areaOffset[nodeRank] + transferStart;
}

void Fabric::waitAll(std::vector<MPI_Request> &requests, int peer) {
  waitFor(
      [&] {
        int done = 0;
        MPI_Testall(int(requests.size()), requests.data(), &done,
                    MPI_STATUSES_IGNORE);
        return done != 0;
      },
      peer);
  requests.clear();
}

double Fabric::now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void Fabric::fail(const std::string &message) {
  say("error", message);
  MPI_Abort(worldComm, 1);
  _exit(1);
}

void Fabric::giveUp(int peer) {
  std::string other =
      peer < 0 ? "the other ranks" : "rank " + std::to_string(peer);
  char seconds[32];
  snprintf(seconds, sizeof(seconds), "%.0f", timeout);
  fail("rank " + std::to_string(worldRank) + " waited " + seconds + " s for " +
       other + " in step " + std::to_string(activity.step) + " at " +
       activity.op + " (" + activity.source +
       "); the other rank died, hangs, is stopped or is slower than "
       "--timeout");
}

} // namespace colossal::rank
