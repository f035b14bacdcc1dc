//===- ScheduleCheck.cpp - Transfers between device groups ----------------===//
//
// Walks the schedules of all device groups together. A transfer is a queue per
// (from, to, tag) with room for one message, the least the runtime grants. Such
// a network has one outcome whatever the order in which device groups advance,
// so one walk decides; more room or faster device groups only help.
//
//===----------------------------------------------------------------------===//

#include "ProgramCheck.h"

#include <map>

namespace colossal::rank {

namespace {

/// A Send or Recv of one device group, once per time it is executed.
struct Transfer {
  const Op *op;
  std::string place;
  int64_t microbatch;
  DType dtype;
};

std::vector<Transfer> transfersOf(const Program &program) {
  std::vector<Transfer> transfers;
  for (const Step &step : program.schedule)
    for (const Segment &segment : program.segments) {
      if (segment.name != step.segment)
        continue;
      for (size_t i = 0; i < segment.ops.size(); ++i) {
        const Op &op = segment.ops[i];
        if (op.kind != OpKind::Send && op.kind != OpKind::Recv)
          continue;
        std::string place = describePlace(program, segment, i);
        if (step.microbatch >= 0)
          place += " of microbatch " + std::to_string(step.microbatch);
        DType dtype = program.buffers[op.operands[0].buffer].dtype;
        transfers.push_back({&op, place, step.microbatch, dtype});
      }
    }
  return transfers;
}

/// Faults of one message: the two ends do not say the same.
void compareEnds(const Transfer &send, const Transfer &recv,
                 std::vector<std::string> &faults) {
  auto fault = [&](const std::string &found, const std::string &expected) {
    faults.push_back(recv.place + ": found " + found + ", but " + send.place +
                     " sends " + expected);
  };
  if (send.op->bytes != recv.op->bytes)
    fault("a receive of " + std::to_string(recv.op->bytes) + " bytes",
          std::to_string(send.op->bytes) + " bytes");
  if (send.dtype != recv.dtype)
    fault(std::string("a receive of ") + nameOf(recv.dtype),
          nameOf(send.dtype));
  if (!send.op->link.empty() && !recv.op->link.empty() &&
      send.op->link != recv.op->link)
    fault("a receive of value '" + recv.op->link + "'",
          "value '" + send.op->link + "'");
  if (send.microbatch != recv.microbatch)
    fault("a receive for microbatch " + std::to_string(recv.microbatch),
          "for microbatch " + std::to_string(send.microbatch));
}

bool sameMesh(const Program &a, const Program &b) {
  if (a.mesh.size() != b.mesh.size())
    return false;
  for (size_t i = 0; i < a.mesh.size(); ++i)
    if (a.mesh[i].name != b.mesh[i].name || a.mesh[i].size != b.mesh[i].size)
      return false;
  return true;
}

} // namespace

std::vector<std::string> checkPrograms(const std::vector<Program> &groups) {
  std::vector<std::string> faults;
  for (size_t s = 0; s < groups.size(); ++s) {
    const Program &program = groups[s];
    std::string place = "device group " + std::to_string(s) + ": ";
    if (program.group != int64_t(s) || program.groups != int64_t(groups.size()))
      faults.push_back(place + "found group " + std::to_string(program.group) +
                       " of " + std::to_string(program.groups) +
                       ", expected group " + std::to_string(s) + " of " +
                       std::to_string(groups.size()));
    if (!sameMesh(program, groups[0]) ||
        program.microbatches != groups[0].microbatches)
      faults.push_back(place + "found another mesh or number of microbatches "
                               "than group 0, expected the same");
    for (std::string &fault : checkStructure(program))
      faults.push_back(std::move(fault));
  }
  if (!faults.empty())
    return faults;

  std::vector<std::vector<Transfer>> transfers;
  for (const Program &program : groups)
    transfers.push_back(transfersOf(program));
  using Key = std::tuple<int64_t, int64_t, int64_t>; // from, to, tag
  std::map<Key, const Transfer *> queues;
  std::vector<size_t> next(groups.size(), 0);
  auto keyOf = [&](int64_t group, const Op &op) {
    return op.kind == OpKind::Send ? Key{group, op.peerGroup, op.tag}
                                   : Key{op.peerGroup, group, op.tag};
  };
  bool moved = true;
  while (moved) {
    moved = false;
    for (size_t s = 0; s < groups.size(); ++s)
      while (next[s] < transfers[s].size()) {
        const Transfer &transfer = transfers[s][next[s]];
        const Transfer *&slot = queues[keyOf(int64_t(s), *transfer.op)];
        if (transfer.op->kind == OpKind::Send) {
          if (slot)
            break;
          slot = &transfer;
        } else {
          if (!slot)
            break;
          compareEnds(*slot, transfer, faults);
          slot = nullptr;
        }
        ++next[s];
        moved = true;
      }
  }

  // What is left waits for ever, or was never received. The other end is the
  // first transfer of that queue that the peer has still to make, if any.
  for (size_t s = 0; s < groups.size(); ++s) {
    if (next[s] == transfers[s].size())
      continue;
    const Transfer &waiting = transfers[s][next[s]];
    bool sends = waiting.op->kind == OpKind::Send;
    int64_t peer = waiting.op->peerGroup;
    Key key = keyOf(int64_t(s), *waiting.op);
    const Transfer *end = nullptr;
    for (size_t i = next[peer]; i < transfers[peer].size() && !end; ++i)
      if (keyOf(peer, *transfers[peer][i].op) == key &&
          (transfers[peer][i].op->kind == OpKind::Send) != sends)
        end = &transfers[peer][i];
    std::string at =
        next[peer] < transfers[peer].size()
            ? "device group " + std::to_string(peer) + ", which waits at " +
                  transfers[peer][next[peer]].place
            : "device group " + std::to_string(peer) + ", which has ended";
    if (end)
      faults.push_back(waiting.place + ": found a deadlock: it waits for " +
                       end->place + " of " + at +
                       ", expected an order in which both meet");
    else
      faults.push_back(waiting.place + ": found no " +
                       (sends ? "receive" : "send") + " with tag " +
                       std::to_string(waiting.op->tag) + " in " + at +
                       ", expected one");
  }
  for (const auto &[key, message] : queues) {
    auto [from, to, tag] = key;
    if (message && next[to] == transfers[to].size())
      faults.push_back(message->place + ": found no receive with tag " +
                       std::to_string(tag) + " in device group " +
                       std::to_string(to) + ", which has ended, expected one");
  }
  for (const Program &program : groups)
    checkFlow(program, faults);
  return faults;
}

} // namespace colossal::rank
