//===- Collectives.cpp - Reductions and movements in a group --------------===//

#include "Collectives.h"

#include "Staging.h"

#include <algorithm>
#include <cstring>

namespace colossal::rank {

namespace {

/// Below this size every rank combines everything: one wait instead of two.
constexpr int64_t kSmallBytes = 16 << 10;

} // namespace

void Collectives::run(OpKind kind, const Collective &collective, Group &group,
                      const char *input, char *output) {
  size_t size = size_t(group.size());
  if (sendCursors.size() < size) {
    sendCursors.resize(size);
    receiveCursors.resize(size);
    sendBytes.resize(size);
    receiveBytes.resize(size);
  }
  if (kind == OpKind::AllReduce) {
    if (size == 1) {
      if (input != output)
        memcpy(output, input, collective.elements * bytesOf(collective.dtype));
      return;
    }
    return group.window ? allReduceWindow(collective, group, input, output)
                        : allReduceMessages(collective, group, input, output);
  }
  clearPadding(kind, collective, group.index, output);
  if (size > 1)
    return group.window ? moveWindow(kind, collective, group, input, output)
                        : moveMessages(kind, collective, group, input, output);
  Pieces pieces(kind, collective, 0, 0);
  Cursor cursor;
  int64_t element = bytesOf(collective.dtype);
  advance(pieces, cursor, INT64_MAX, true, [&](const Piece &piece) {
    memcpy(output + piece.out * element, input + piece.in * element,
           piece.length * element);
  });
}

void Collectives::allReduceWindow(const Collective &collective, Group &group,
                                  const char *input, char *output) {
  int64_t element = bytesOf(collective.dtype), members = group.size();
  int64_t chunk = kStagingBytes / 2 / element;
  int half = 0;
  fabric.claimStaging(group);
  for (int64_t first = 0; first < collective.elements;
       first += chunk, half ^= 1) {
    int64_t count = std::min(chunk, collective.elements - first);
    char *own = fabric.staging(group, group.index, half);
    char *target = output + first * element;
    memcpy(own, input + first * element, count * element);
    fabric.signal(group);
    fabric.wait(group);
    bool small = count * element <= kSmallBytes;
    Slice mine(count, members, group.index);
    int64_t begin = small ? 0 : mine.begin;
    int64_t length = small ? count : mine.end - begin;
    for (int member = 0; member < members && length > 0; ++member) {
      const char *from = fabric.staging(group, member, half) + begin * element;
      if (member == 0)
        memcpy(target + begin * element, from, length * element);
      else
        combine(collective, target + begin * element, from, length);
    }
    if (small)
      continue;
    memcpy(own + begin * element, target + begin * element, length * element);
    fabric.signal(group);
    fabric.wait(group);
    for (int member = 0; member < members; ++member) {
      Slice theirs(count, members, member);
      if (member != group.index && theirs.end > theirs.begin)
        memcpy(target + theirs.begin * element,
               fabric.staging(group, member, half) + theirs.begin * element,
               (theirs.end - theirs.begin) * element);
    }
  }
  fabric.signal(group); // this rank has read what it needs
}

void Collectives::moveWindow(OpKind kind, const Collective &collective,
                             Group &group, const char *input, char *output) {
  int64_t element = bytesOf(collective.dtype), members = group.size();
  int64_t chunk = kStagingBytes / 2 / element;
  for (int member = 0; member < members; ++member)
    receiveCursors[member] = Cursor();
  int half = 0;
  fabric.claimStaging(group);
  for (int64_t first = 0; first < collective.elements;
       first += chunk, half ^= 1) {
    int64_t end = std::min(first + chunk, collective.elements);
    memcpy(fabric.staging(group, group.index, half), input + first * element,
           (end - first) * element);
    fabric.signal(group);
    fabric.wait(group);
    for (int member = 0; member < members; ++member) {
      const char *from = fabric.staging(group, member, half);
      bool copies = member == 0 || kind != OpKind::ReduceScatter;
      Pieces pieces(kind, collective, member, group.index);
      advance(pieces, receiveCursors[member], end, false,
              [&](const Piece &piece) {
                const char *source = from + (piece.in - first) * element;
                char *target = output + piece.out * element;
                if (copies)
                  memcpy(target, source, piece.length * element);
                else
                  combine(collective, target, source, piece.length);
              });
    }
  }
  fabric.signal(group);
}

void Collectives::exchange(const Group &group, const char *send,
                           const int64_t *sendBytes, char *receive,
                           const int64_t *receiveBytes, int64_t stride) {
  for (int member = 0; member < group.size(); ++member) {
    if (member == group.index)
      continue;
    int rank = group.ranks[member];
    if (receiveBytes[member]) {
      requests.emplace_back();
      MPI_Irecv(receive + member * stride, int(receiveBytes[member]), MPI_BYTE,
                rank, 1, fabric.collectiveComm, &requests.back());
    }
  }
  for (int step = 1; step < group.size(); ++step) {
    int member = (group.index + step) % group.size();
    if (sendBytes[member]) {
      requests.emplace_back();
      MPI_Isend(send + member * stride, int(sendBytes[member]), MPI_BYTE,
                group.ranks[member], 1, fabric.collectiveComm,
                &requests.back());
    }
  }
  fabric.waitAll(requests, group.ranks[(group.index + 1) % group.size()]);
}

void Collectives::moveMessages(OpKind kind, const Collective &collective,
                               Group &group, const char *input, char *output) {
  int64_t element = bytesOf(collective.dtype), members = group.size();
  // Largest multiple of 64 elements of which every member has a place.
  int64_t chunk =
      std::max<int64_t>(1, kStagingBytes / element / members / 64 * 64);
  int64_t stride = chunk * element;
  char *send = fabric.privateStaging(), *receive = send + kStagingBytes;
  for (int member = 0; member < members; ++member)
    sendCursors[member] = receiveCursors[member] = Cursor();
  // Member 0 has the longest stream: bounds are cut from the end.
  Pieces longest(kind, collective, 0, 0);
  int64_t total = longest.count * longest.length;
  for (int64_t first = 0; first < total; first += chunk) {
    for (int member = 0; member < members; ++member) {
      bool self = member == group.index;
      char *packed = (self ? receive : send) + member * stride;
      char *at = packed;
      Pieces pieces(kind, collective, group.index, member);
      advance(pieces, sendCursors[member], chunk, true,
              [&](const Piece &piece) {
                memcpy(at, input + piece.in * element, piece.length * element);
                at += piece.length * element;
              });
      sendBytes[member] = at - packed;
      Pieces incoming(kind, collective, member, group.index);
      receiveBytes[member] =
          std::clamp<int64_t>(incoming.count * incoming.length - first, 0,
                              chunk) *
          element;
    }
    exchange(group, send, sendBytes.data(), receive, receiveBytes.data(),
             stride);
    for (int member = 0; member < members; ++member) {
      const char *at = receive + member * stride;
      bool copies = member == 0 || kind != OpKind::ReduceScatter;
      Pieces pieces(kind, collective, member, group.index);
      advance(pieces, receiveCursors[member], chunk, true,
              [&](const Piece &piece) {
                char *target = output + piece.out * element;
                if (copies)
                  memcpy(target, at, piece.length * element);
                else
                  combine(collective, target, at, piece.length);
                at += piece.length * element;
              });
    }
  }
}

void Collectives::allReduceMessages(const Collective &collective, Group &group,
                                    const char *input, char *output) {
  int64_t element = bytesOf(collective.dtype), members = group.size();
  int64_t limit =
      std::max<int64_t>(1, kStagingBytes / element / members / 64 * 64);
  int64_t chunk = limit * members;
  char *send = fabric.privateStaging(), *receive = send + kStagingBytes;
  for (int64_t first = 0; first < collective.elements; first += chunk) {
    int64_t count = std::min(chunk, collective.elements - first);
    int64_t slice = std::min(limit, (count + members - 1) / members);
    int64_t stride = slice * element;
    auto lengthOf = [&](int64_t member) {
      return std::clamp<int64_t>(count - member * slice, 0, slice);
    };
    int64_t own = lengthOf(group.index);
    // Everyone's part of my slice comes in, my part of the others' goes out.
    memcpy(send, input + first * element, count * element);
    for (int member = 0; member < members; ++member) {
      sendBytes[member] = lengthOf(member) * element;
      receiveBytes[member] = own * element;
    }
    memcpy(receive + group.index * stride, send + group.index * stride,
           own * element);
    exchange(group, send, sendBytes.data(), receive, receiveBytes.data(),
             stride);
    char *target = output + (first + group.index * slice) * element;
    for (int member = 0; member < members && own > 0; ++member) {
      if (member == 0)
        memcpy(target, receive, own * element);
      else
        combine(collective, target, receive + member * stride, own);
    }
    // My finished slice goes to everyone.
    for (int member = 0; member < members; ++member) {
      memcpy(send + member * stride, target, own * element);
      sendBytes[member] = own * element;
      receiveBytes[member] = lengthOf(member) * element;
    }
    exchange(group, send, sendBytes.data(), receive, receiveBytes.data(),
             stride);
    for (int member = 0; member < members; ++member)
      if (member != group.index && receiveBytes[member])
        memcpy(output + (first + member * slice) * element,
               receive + member * stride, receiveBytes[member]);
  }
}

} // namespace colossal::rank
