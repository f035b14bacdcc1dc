//===- Transfers.cpp - Sends and receives between device groups -----------===//

#include "Transfers.h"

#include "RunError.h"
#include "Staging.h"

#include <cstring>
#include <set>

namespace colossal::rank {

namespace {

template <class F> void forEachTransfer(const Program &program, F &&visit) {
  for (const Segment &segment : program.segments)
    for (const Op &op : segment.ops)
      if (op.kind == OpKind::Send || op.kind == OpKind::Recv)
        visit(op);
}

} // namespace

Transfers::Transfers(Fabric &fabric, const Program &program, int64_t areaOffset,
                     bool useWindow)
    : fabric(fabric), slots(transferSlots(program)) {
  static_assert(sizeof(Head) == kTransferHeadBytes);
  int64_t devices = 1;
  for (const Axis &axis : program.mesh)
    devices *= axis.size;
  auto peerOf = [&](const Op &op) {
    return int(op.peerGroup * devices + fabric.device());
  };
  bool needsPrivate = false;
  forEachTransfer(program, [&](const Op &op) {
    needsPrivate |= !(useWindow && fabric.isNear(peerOf(op)));
  });
  if (needsPrivate)
    privateSlots.resize(transferBytes(program));

  // The sender lays out its area and tells each receiver where its slots are.
  std::vector<MPI_Request> requests;
  std::vector<int64_t> places;
  int64_t count = 0;
  forEachTransfer(program, [&](const Op &) { ++count; });
  places.reserve(count);
  int64_t offset = 0;
  forEachTransfer(program, [&](const Op &op) {
    bool sends = op.kind == OpKind::Send;
    Channel &channel = channels[{sends, op.peerGroup, op.tag}];
    channel.peer = peerOf(op);
    channel.tag = op.tag;
    channel.bytes = op.bytes;
    channel.slotStride = transferStride(op);
    if (!sends)
      return;
    bool near = useWindow && fabric.isNear(channel.peer);
    int64_t place = near ? fabric.transferOffset() + areaOffset + offset : -1;
    char *base =
        near ? fabric.sharedBase() + place : privateSlots.data() + offset;
    if (near)
      channel.head = new (base) Head{};
    else
      channel.requests.assign(slots, MPI_REQUEST_NULL);
    channel.slots = base + kTransferHeadBytes;
    memset(channel.slots, 0, slots * channel.slotStride);
    offset += kTransferHeadBytes + slots * channel.slotStride;
    places.push_back(place);
    requests.emplace_back();
    MPI_Isend(&places.back(), 1, MPI_INT64_T, channel.peer, int(op.tag),
              fabric.world(), &requests.back());
  });
  forEachTransfer(program, [&](const Op &op) {
    if (op.kind != OpKind::Recv)
      return;
    Channel &channel = channels[{false, op.peerGroup, op.tag}];
    int64_t place = -1;
    MPI_Recv(&place, 1, MPI_INT64_T, channel.peer, int(op.tag), fabric.world(),
             MPI_STATUS_IGNORE);
    if (place >= 0) {
      channel.head = reinterpret_cast<Head *>(fabric.sharedBase() + place);
      channel.slots = fabric.sharedBase() + place + kTransferHeadBytes;
    } else {
      channel.requests.assign(1, MPI_REQUEST_NULL);
    }
  });
  MPI_Waitall(int(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

Transfers::Channel &Transfers::channelOf(const Op &op) {
  return channels.find({op.kind == OpKind::Send, op.peerGroup, op.tag})->second;
}

void Transfers::send(const Op &op, const char *data) {
  Channel &channel = channelOf(op);
  char *slot =
      channel.slots + int64_t(channel.count % slots) * channel.slotStride;
  if (channel.head) {
    // A slot is free once the message before last, or so, has been read.
    if (channel.count >= uint64_t(slots))
      fabric.waitFor(channel.head->read, channel.count - uint64_t(slots) + 1,
                     channel.peer);
    memcpy(slot, data, channel.bytes);
    channel.head->written.raise(++channel.count);
    return;
  }
  MPI_Request &request = channel.requests[channel.count % slots];
  if (request != MPI_REQUEST_NULL) {
    fabric.waitFor(
        [&] {
          progress();
          return request == MPI_REQUEST_NULL;
        },
        channel.peer);
  }
  memcpy(slot, data, channel.bytes);
  MPI_Isend(slot, int(channel.bytes), MPI_BYTE, channel.peer, int(channel.tag),
            fabric.transfers(), &request);
  ++channel.count;
  ++pending;
}

void Transfers::receive(const Op &op, char *data) {
  Channel &channel = channelOf(op);
  if (channel.head) {
    fabric.waitFor(channel.head->written, channel.count + 1, channel.peer);
    memcpy(data,
           channel.slots + int64_t(channel.count % slots) * channel.slotStride,
           channel.bytes);
    channel.head->read.raise(++channel.count);
    return;
  }
  MPI_Request request;
  MPI_Irecv(data, int(channel.bytes), MPI_BYTE, channel.peer, int(channel.tag),
            fabric.transfers(), &request);
  fabric.waitFor(
      [&] {
        int done = 0;
        progress();
        MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        return done != 0;
      },
      channel.peer);
  ++channel.count;
}

void Transfers::progress() {
  if (pending == 0)
    return;
  for (auto &[key, channel] : channels) {
    if (!std::get<0>(key))
      continue;
    for (MPI_Request &request : channel.requests) {
      if (request == MPI_REQUEST_NULL)
        continue;
      int done = 0;
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      pending -= done;
    }
  }
}

void Transfers::finish() {
  fabric.waitFor(
      [&] {
        progress();
        return pending == 0;
      },
      fabric.rank());
}

} // namespace colossal::rank
