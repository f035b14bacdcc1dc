//===- CheckTransfers.cpp - Sends meet receives, and nobody waits forever -===//
//
// All ranks of a device group run one program without branches, and a send goes
// to the rank with the same coordinates of the other group. So the ranks at one
// coordinate, one of each group, decide for all: nothing here depends on the
// size of the mesh.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "colossal/Timeline/Schedule.h"
#include "llvm/ADT/STLExtras.h"

#include <map>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {
/// A send or receive, and where it stands.
struct End {
  Operation *op = nullptr;
  int64_t group = 0, peer = 0, tag = 0;
  PlacedSegment segment;
  bool isSend = false;
  Type type;
  StringRef name;
};

/// From, to, tag.
using Channel = std::tuple<int64_t, int64_t, int64_t>;

class TransferCheck {
public:
  explicit TransferCheck(const PartitionedModule &module) : module(module) {}
  LogicalResult run();

private:
  void collect();
  void matchEnds();
  void compareOrders();
  void runSchedules();
  InFlightDiagnostic fail(const End &end) {
    ok = false;
    return emitError(end.op->getLoc())
           << "'" << end.name << "' (" << functionOf(end.segment) << "): ";
  }
  void note(InFlightDiagnostic &diagnostic, const End &end, StringRef text) {
    diagnostic.attachNote(end.op->getLoc())
        << text << " '" << end.name << "' (" << functionOf(end.segment) << ")";
  }

  const PartitionedModule &module;
  bool ok = true;
  /// By segment, in order.
  std::map<PlacedSegment, std::vector<End>> ends;
  std::map<Channel, const End *> sends, receives;
};
} // namespace

static Channel channelOf(const End &end) {
  return end.isSend ? Channel(end.group, end.peer, end.tag)
                    : Channel(end.peer, end.group, end.tag);
}

void TransferCheck::collect() {
  for (LocalFunction function : module.functions) {
    std::vector<End> &list = ends[function.segment];
    for (Operation &op : function.op.getBody().front()) {
      End end;
      end.op = &op;
      end.group = function.group;
      end.segment = function.segment;
      if (auto send = dyn_cast<SendOp>(op)) {
        end.isSend = true;
        end.peer = send.getPeer();
        end.tag = send.getTag();
        end.type = send.getInput().getType();
        end.name = send.getName();
      } else if (auto receive = dyn_cast<RecvOp>(op)) {
        end.peer = receive.getPeer();
        end.tag = receive.getTag();
        end.type = receive.getResult().getType();
        end.name = receive.getName();
      } else {
        continue;
      }
      int64_t groups = module.mesh.stages.groups;
      if (end.peer < 0 || end.peer >= groups || end.peer == end.group) {
        fail(end) << "found device group " << end.peer
                  << " as the other side, expected another one of the "
                  << groups << " groups";
        continue;
      }
      list.push_back(end);
    }
  }
  for (auto &[key, list] : ends)
    for (const End &end : list) {
      auto &side = end.isSend ? sends : receives;
      auto [it, isNew] = side.try_emplace(channelOf(end), &end);
      if (!isNew) {
        InFlightDiagnostic diagnostic =
            fail(end) << "tag " << end.tag
                      << " is used twice between device groups " << end.group
                      << " and " << end.peer;
        note(diagnostic, *it->second, "the first time by");
      }
    }
}

void TransferCheck::matchEnds() {
  for (auto &[channel, send] : sends) {
    auto it = receives.find(channel);
    if (it == receives.end()) {
      fail(*send) << "device group " << send->peer << " never receives tag "
                  << send->tag;
      continue;
    }
    const End &receive = *it->second;
    std::string fault;
    if (receive.segment.kind != send->segment.kind)
      fault = "the receive is in another segment";
    else if (receive.type != send->type)
      fault = "types differ";
    else if (receive.name != send->name)
      fault = "names differ";
    if (fault.empty())
      continue;
    InFlightDiagnostic diagnostic = fail(receive)
                                    << "does not fit its send: " << fault;
    if (receive.type != send->type)
      diagnostic << ", found " << receive.type << ", expected " << send->type;
    note(diagnostic, *send, "the send is");
  }
  for (auto &[channel, receive] : receives)
    if (!sends.count(channel))
      fail(*receive) << "device group " << receive->peer << " never sends tag "
                     << receive->tag;
}

/// Transports without tags deliver in order.
void TransferCheck::compareOrders() {
  // What one segment sends to another, and what that receives from it.
  using Pair = std::pair<PlacedSegment, PlacedSegment>;
  std::map<Pair, std::vector<const End *>> sent, received;
  for (auto &[key, list] : ends)
    for (const End &end : list) {
      auto &others = end.isSend ? receives : sends;
      auto other = others.find(channelOf(end));
      if (other == others.end())
        continue; // reported already
      const PlacedSegment &peer = other->second->segment;
      if (end.isSend)
        sent[{key, peer}].push_back(&end);
      else
        received[{peer, key}].push_back(&end);
    }
  for (auto &[pair, order] : sent)
    for (auto [send, receive] : llvm::zip(order, received[pair])) {
      if (send->tag == receive->tag)
        continue;
      InFlightDiagnostic diagnostic = fail(*receive)
                                      << "is received out of order";
      note(diagnostic, *send, "what is sent at this point is");
      break;
    }
}

/// Walks all groups' schedules with room for one value per channel.
void TransferCheck::runSchedules() {
  const Mesh &mesh = module.mesh;
  struct Progress {
    std::vector<timeline::Step> steps;
    size_t step = 0, position = 0;
  };
  std::vector<Progress> groups(mesh.stages.groups);
  for (auto [number, group] : llvm::enumerate(groups))
    group.steps = timeline::scheduleOrder(mesh.schedule, int64_t(number),
                                          mesh.stages, mesh.microbatches());
  std::map<Channel, int64_t> slots; // the microbatch that waits there
  static const std::vector<End> none;
  auto listOf = [&](const timeline::Step &step) -> const std::vector<End> & {
    auto it = ends.find(step.segment);
    return it == ends.end() ? none : it->second;
  };
  // A group runs until it waits; then the next.
  bool moved = true;
  while (moved && ok) {
    moved = false;
    for (Progress &at : groups) {
      for (; at.step < at.steps.size(); ++at.step, at.position = 0) {
        const timeline::Step &step = at.steps[at.step];
        const std::vector<End> &list = listOf(step);
        bool waits = false;
        for (; at.position < list.size(); ++at.position) {
          const End &end = list[at.position];
          auto slot = slots.find(channelOf(end));
          waits = end.isSend == (slot != slots.end());
          if (waits)
            break;
          moved = true;
          if (end.isSend) {
            slots[channelOf(end)] = step.microbatch;
          } else {
            if (slot->second != step.microbatch)
              fail(end) << "receives microbatch " << slot->second
                        << " in the turn of " << step.microbatch;
            slots.erase(slot);
          }
        }
        if (waits)
          break;
      }
      if (!ok)
        return;
    }
  }
  const End *first = nullptr;
  std::vector<std::pair<const End *, int64_t>> waiting;
  for (const Progress &at : groups)
    if (at.step < at.steps.size()) {
      const timeline::Step &step = at.steps[at.step];
      const End &end = listOf(step)[at.position];
      waiting.push_back({&end, step.microbatch});
      first = first ? first : &end;
    }
  if (!first)
    return;
  InFlightDiagnostic diagnostic = fail(*first) << "deadlock under schedule '"
                                               << nameOf(mesh.schedule) << "'";
  for (auto [end, microbatch] : waiting)
    note(diagnostic, *end,
         (end->isSend ? "microbatch " + std::to_string(microbatch) +
                            " waits for room in"
                      : "microbatch " + std::to_string(microbatch) +
                            " waits to receive"));
}

LogicalResult TransferCheck::run() {
  collect();
  if (ok)
    matchEnds();
  if (ok)
    compareOrders();
  if (ok)
    runSchedules();
  return success(ok);
}

LogicalResult
colossal::partition::checkTransfers(const PartitionedModule &module) {
  return TransferCheck(module).run();
}
