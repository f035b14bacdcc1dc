//===- Transfers.h - Sends and receives between device groups ---*- C++ -*-===//
//
// A transfer is a queue with a fixed number of slots in the sender's staging. A
// send copies its bytes into a free slot and returns, so a device group never
// waits for a peer that computes; it waits only while all slots are full.
// Inside a node the receiver copies out of the sender's slot in shared memory
// (no progress of the sender is needed); across nodes the slot is an MPI
// message.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_TRANSFERS_H
#define COLOSSAL_LIB_RUN_TRANSFERS_H

#include "Fabric.h"

namespace colossal::rank {

class Transfers {
public:
  /// `areaOffset`: where the program's part of the staging for transfers
  /// begins. `useWindow`: whether near ranks use shared memory. Collective over
  /// all device groups: both ends of every transfer agree on its place.
  Transfers(Fabric &fabric, const Program &program, int64_t areaOffset,
            bool useWindow);

  void send(const Op &op, const char *data);
  void receive(const Op &op, char *data);
  /// Lets messages under way make progress; cheap where there are none.
  void progress();
  /// Waits until every message has left.
  void finish();

private:
  struct Head {
    Signal written;
    Signal read;
  };
  struct Channel {
    int peer = 0;
    int64_t tag = 0, bytes = 0;
    Head *head = nullptr; ///< shared; null: messages
    char *slots = nullptr;
    int64_t slotStride = 0;
    uint64_t count = 0; ///< messages so far
    std::vector<MPI_Request> requests;
  };
  Channel &channelOf(const Op &op);

  Fabric &fabric;
  int64_t slots;
  std::map<std::tuple<bool, int64_t, int64_t>, Channel> channels;
  std::vector<char> privateSlots;
  int64_t pending = 0;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_TRANSFERS_H
