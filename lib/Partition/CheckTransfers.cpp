//===- CheckTransfers.cpp - Sends meet receives, and nobody waits forever -===//
//
// All ranks of a stage run one program without branches, and a send goes to
// the rank with the same coordinates of the other stage. So the ranks at one
// coordinate, one of each stage, decide for all: nothing here depends on the
// size of the mesh.
//
//===----------------------------------------------------------------------===//

#include "Checks.h"
#include "colossal/Timeline/Schedule.h"
#include "llvm/ADT/STLExtras.h"

#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {
/// A send or receive, and where it stands.
struct End {
  Operation *op = nullptr;
  int64_t stage = 0, peer = 0, tag = 0;
  Segment segment = Segment::Forward;
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
           << "'" << end.name << "' (stage " << end.stage << ", "
           << nameOf(end.segment) << "): ";
  }
  void note(InFlightDiagnostic &diagnostic, const End &end, StringRef text) {
    diagnostic.attachNote(end.op->getLoc())
        << text << " '" << end.name << "' (stage " << end.stage << ", "
        << nameOf(end.segment) << ")";
  }

  const PartitionedModule &module;
  bool ok = true;
  /// By stage and segment, in order.
  std::map<std::pair<int64_t, Segment>, std::vector<End>> ends;
  std::map<Channel, const End *> sends, receives;
};
} // namespace

static Channel channelOf(const End &end) {
  return end.isSend ? Channel(end.stage, end.peer, end.tag)
                    : Channel(end.peer, end.stage, end.tag);
}

void TransferCheck::collect() {
  for (auto &[key, function] : module.functions) {
    std::vector<End> &list = ends[key];
    for (Operation &op :
         const_cast<func::FuncOp &>(function).getBody().front()) {
      End end;
      end.op = &op;
      end.stage = key.first;
      end.segment = key.second;
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
      if (end.peer < 0 || end.peer >= module.mesh.stages ||
          end.peer == end.stage) {
        fail(end) << "found stage " << end.peer
                  << " as the other side, expected another one of the "
                  << module.mesh.stages << " stages";
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
            fail(end) << "tag " << end.tag << " is used twice between stages "
                      << end.stage << " and " << end.peer;
        note(diagnostic, *it->second, "the first time by");
      }
    }
}

void TransferCheck::matchEnds() {
  for (auto &[channel, send] : sends) {
    auto it = receives.find(channel);
    if (it == receives.end()) {
      fail(*send) << "stage " << send->peer << " never receives tag "
                  << send->tag;
      continue;
    }
    const End &receive = *it->second;
    std::string fault;
    if (receive.segment != send->segment)
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
      fail(*receive) << "stage " << receive->peer << " never sends tag "
                     << receive->tag;
}

/// Transports without tags deliver in order.
void TransferCheck::compareOrders() {
  for (auto &[key, list] : ends) {
    std::map<int64_t, std::vector<const End *>> sent;
    for (const End &end : list)
      if (end.isSend)
        sent[end.peer].push_back(&end);
    for (auto &[peer, order] : sent) {
      std::vector<const End *> received;
      for (const End &end : ends[{peer, key.second}])
        if (!end.isSend && end.peer == key.first)
          received.push_back(&end);
      for (size_t i = 0; i < std::min(order.size(), received.size()); ++i) {
        if (order[i]->tag == received[i]->tag)
          continue;
        if (!receives.count(channelOf(*order[i])) ||
            !sends.count(channelOf(*received[i])))
          break; // reported already
        InFlightDiagnostic diagnostic = fail(*received[i])
                                        << "is received out of order";
        note(diagnostic, *order[i], "what is sent at this point is");
        break;
      }
    }
  }
}

/// Walks all stages' schedules with room for one value per channel.
void TransferCheck::runSchedules() {
  const Mesh &mesh = module.mesh;
  struct Progress {
    std::vector<timeline::Step> steps;
    size_t step = 0, position = 0;
  };
  std::vector<Progress> stages(mesh.stages);
  for (int64_t s = 0; s < mesh.stages; ++s)
    stages[s].steps = timeline::scheduleOrder(mesh.schedule, s, mesh.stages,
                                              mesh.microbatches());
  std::map<Channel, int64_t> slots; // the microbatch that waits there
  static const std::vector<End> none;
  auto listOf = [&](int64_t stage,
                    const timeline::Step &step) -> const std::vector<End> & {
    auto it = ends.find({stage, step.segment});
    return it == ends.end() ? none : it->second;
  };
  // A stage runs until it waits; then the next.
  bool moved = true;
  while (moved && ok) {
    moved = false;
    for (int64_t s = 0; s < mesh.stages && ok; ++s) {
      Progress &at = stages[s];
      for (; at.step < at.steps.size(); ++at.step, at.position = 0) {
        const timeline::Step &step = at.steps[at.step];
        const std::vector<End> &list = listOf(s, step);
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
    }
  }
  if (!ok)
    return;
  const End *first = nullptr;
  std::vector<std::pair<const End *, int64_t>> waiting;
  for (int64_t s = 0; s < mesh.stages; ++s)
    if (stages[s].step < stages[s].steps.size()) {
      const timeline::Step &step = stages[s].steps[stages[s].step];
      const End &end = listOf(s, step)[stages[s].position];
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
