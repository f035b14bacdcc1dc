//===- CollectiveQueue.cpp - Collectives that are under way ---------------===//

#include "CollectiveQueue.h"

#include "Deadline.h"
#include "Staging.h"

#include <cstring>

namespace colossal::rank {

namespace {

/// What is combined goes through scratch that stays in a near cache.
constexpr int64_t kScratchBytes = kQueueBytes / 2;
/// One read of what goes straight to its place.
constexpr int64_t kCopyBytes = 512 << 10;
/// Pieces below this size cost more to name than to copy.
constexpr int64_t kSmallestPiece = 512;
/// What is done at once and is smaller goes through staging: one wait.
constexpr int64_t kSmallBytes = 64 << 10;
/// Of what is done at once.
constexpr int64_t kNoToken = -1;

} // namespace

void CollectiveQueue::connect(const char *own) {
  region = own;
  {
    Deadline deadline("connecting memory");
    fabric.connectMemory(memory, region);
  }
  if (!memory.works())
    return;
  scratch = fabric.queueScratch();
  noted.reserve(PeerMemory::kMostPieces);
  cursors.resize(size_t(fabric.size()));
}

bool CollectiveQueue::isDirect(OpKind kind, const Collective &collective,
                               const Group &group) const {
  if (!memory.works() || !group.window)
    return false;
  const Collective &c = collective;
  int64_t pieces = 1, length = c.inner;
  if (kind == OpKind::AllReduce)
    return true;
  if (kind == OpKind::AllGather) {
    pieces = c.outer;
    length *= c.gather.bound;
  } else if (kind == OpKind::ReduceScatter) {
    pieces = c.outer;
    length *= c.scatter.bound;
  } else {
    pieces = c.outer * c.middle *
             (c.scatterFirst ? c.scatter.bound : c.gather.bound);
    length *= c.scatterFirst ? c.gather.bound : c.scatter.bound;
  }
  return pieces == 1 || length * bytesOf(c.dtype) >= kSmallestPiece;
}

//===----------------------------------------------------------------------===//
// The queue
//===----------------------------------------------------------------------===//

void CollectiveQueue::add(Job job) {
  job.direct = isDirect(job.kind, *job.collective, *job.group);
  if (job.direct) {
    if (job.kind == OpKind::AllReduce)
      job.reductions = ++job.group->reductions;
    fabric.signal(*job.group, Counter::Started);
    job.started = job.group->given(Counter::Started);
  }
  jobs.push_back(job);
}

void CollectiveQueue::run(OpKind kind, const Collective &collective,
                          Group &group, const char *input, char *output) {
  int64_t bytes = collective.elements * bytesOf(collective.dtype);
  if (group.size() == 1 || bytes < kSmallBytes ||
      !isDirect(kind, collective, group))
    return collectives.run(kind, collective, group, input, output);
  add({kind, &collective, &group, input, output, kNoToken});
  wait(kNoToken);
}

void CollectiveQueue::start(const Op &op, Group &group, const char *input,
                            char *output, size_t entry, double *seconds) {
  if (group.size() == 1)
    return collectives.run(op.kind, op.collective, group, input, output);
  add({op.kind, &op.collective, &group, input, output, op.token, &op, entry,
       seconds});
}

template <class F> void CollectiveQueue::measured(const Job &job, F &&work) {
  bool measures = traced || job.seconds;
  double begin = measures ? Fabric::now() : 0;
  work();
  double end = measures ? Fabric::now() : 0;
  if (job.seconds)
    *job.seconds += end - begin;
  if (traced && job.op)
    traced->push_back({job.op, job.entry, begin, end, true});
}

bool CollectiveQueue::has(int64_t token) const {
  for (const Job &job : jobs)
    if (job.token == token)
      return true;
  return false;
}

int CollectiveQueue::missing() const {
  for (size_t i = 0; i < jobs.size(); ++i) {
    Counter counter = i < numRead       ? Counter::Read
                      : jobs[i].reduced ? Counter::Reduced
                                        : Counter::Started;
    uint64_t target =
        jobs[i].reduced && i >= numRead ? jobs[i].reductions : jobs[i].started;
    if (!jobs[i].direct)
      continue;
    if (int rank = fabric.behind(*jobs[i].group, counter, target); rank >= 0)
      return rank;
  }
  return -1;
}

void CollectiveQueue::wait(int64_t token) {
  // Members meet in Collectives, so all must come to it at the same place of
  // the program: at the wait for the job itself or for a later one, and not
  // sooner on a rank that happens to wait for others.
  auto isNextOfCollectives = [&] {
    if (numRead == jobs.size() || jobs[numRead].direct)
      return false;
    return std::any_of(jobs.begin() + int64_t(numRead), jobs.end(),
                       [&](const Job &job) { return job.token == token; });
  };
  progress();
  while (has(token)) {
    if (isNextOfCollectives()) {
      Job job = jobs[numRead]; // stays there: what comes later waits for it
      measured(job, [&] {
        collectives.run(job.kind, *job.collective, *job.group, job.input,
                        job.output);
      });
      jobs.erase(jobs.begin() + int64_t(numRead));
      progress();
      continue;
    }
    fabric.waitFor(
        [&] {
          progress();
          return !has(token) || isNextOfCollectives();
        },
        missing());
  }
}

void CollectiveQueue::finish() {
  while (!jobs.empty())
    wait(jobs.back().token);
}

bool CollectiveQueue::progress() {
  for (; numRead < jobs.size() && jobs[numRead].direct; ++numRead)
    if (!read(jobs[numRead]))
      break;
  while (numRead > 0 && fabric.behind(*jobs.front().group, Counter::Read,
                                      jobs.front().started) < 0) {
    jobs.erase(jobs.begin());
    --numRead;
  }
  return !jobs.empty();
}

bool CollectiveQueue::read(Job &job) {
  Group &group = *job.group;
  if (!job.reduced && fabric.behind(group, Counter::Started, job.started) >= 0)
    return false;
  if (job.kind != OpKind::AllReduce) {
    measured(job, [&] { move(job); });
    fabric.signal(group, Counter::Read);
    return true;
  }
  if (!job.reduced) {
    measured(job, [&] { reduceSlice(job); });
    fabric.signal(group, Counter::Reduced);
    job.reduced = true;
  }
  if (fabric.behind(group, Counter::Reduced, job.reductions) >= 0)
    return false;
  measured(job, [&] { gatherSlices(job); });
  fabric.signal(group, Counter::Read);
  return true;
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

void CollectiveQueue::note(int64_t offset, char *into, int64_t bytes) {
  if (bytes > 0)
    noted.push_back({offset, into, bytes});
}

void CollectiveQueue::flush(const Group &group, int member) {
  if (noted.empty())
    return;
  if (!memory.read(group.onNode[size_t(member)], noted))
    fabric.fail("rank " + std::to_string(group.ranks[size_t(member)]) +
                " cannot be read any more: it has ended");
  noted.clear();
}

/// Into scratch first: members read this rank's input outside of its slice
/// while the result may take the place of the input.
void CollectiveQueue::reduceSlice(const Job &job) {
  const Collective &collective = *job.collective;
  Group &group = *job.group;
  int64_t element = bytesOf(collective.dtype);
  Slice own(collective.elements, group.size(), group.index);
  char *sum = scratch, *other = sum + kScratchBytes;
  int64_t chunk = kScratchBytes / element;
  for (int64_t first = own.begin; first < own.end; first += chunk) {
    int64_t count = std::min(chunk, own.end - first);
    const char *input = job.input + first * element;
    for (int member = 0; member < group.size(); ++member) {
      char *into = member == 0 ? sum : other;
      const char *from = into;
      if (member == group.index) {
        from = input;
        if (member == 0)
          memcpy(sum, input, size_t(count * element));
      } else {
        note(input - region, into, count * element);
        flush(group, member);
      }
      if (member > 0)
        combine(collective, sum, from, count);
    }
    memcpy(job.output + first * element, sum, size_t(count * element));
  }
}

void CollectiveQueue::gatherSlices(const Job &job) {
  Group &group = *job.group;
  int64_t element = bytesOf(job.collective->dtype);
  for (int step = 1; step < group.size(); ++step) {
    int member = (group.index + step) % group.size();
    Slice theirs(job.collective->elements, group.size(), member);
    char *into = job.output + theirs.begin * element;
    note(into - region, into, (theirs.end - theirs.begin) * element);
    flush(group, member);
  }
}

void CollectiveQueue::move(const Job &job) {
  const Collective &collective = *job.collective;
  Group &group = *job.group;
  int64_t element = bytesOf(collective.dtype);
  bool reduces = job.kind == OpKind::ReduceScatter;
  int64_t chunk = (reduces ? kScratchBytes : kCopyBytes) / element;
  int64_t total = 0;
  for (int member = 0; member < group.size(); ++member) {
    Pieces pieces(job.kind, collective, member, group.index);
    total = std::max(total, pieces.count * pieces.length);
    cursors[size_t(member)] = Cursor();
  }
  clearPadding(job.kind, collective, group.index, job.output);
  for (int64_t first = 0; first < total; first += chunk)
    for (int step = 0; step < group.size(); ++step) {
      // Sums are made in the order of the members; copies begin with the own.
      int member = reduces ? step : (group.index + step) % group.size();
      bool copies = member == 0 || !reduces;
      bool isOwn = member == group.index;
      Pieces pieces(job.kind, collective, member, group.index);
      Cursor &cursor = cursors[size_t(member)];
      if (isOwn || copies) {
        advance(pieces, cursor, chunk, true, [&](const Piece &piece) {
          char *into = job.output + piece.out * element;
          const char *from = job.input + piece.in * element;
          if (!isOwn) {
            note(from - region, into, piece.length * element);
            if (noted.size() == PeerMemory::kMostPieces)
              flush(group, member);
          } else if (copies) {
            memcpy(into, from, size_t(piece.length * element));
          } else {
            combine(collective, into, from, piece.length);
          }
        });
        flush(group, member);
        continue;
      }
      // Through scratch: what is noted is combined when it has been read.
      Cursor behind = cursor;
      char *at = scratch;
      int64_t pending = 0;
      auto combineNoted = [&] {
        flush(group, member);
        const char *from = scratch;
        advance(pieces, behind, pending, true, [&](const Piece &piece) {
          combine(collective, job.output + piece.out * element, from,
                  piece.length);
          from += piece.length * element;
        });
        at = scratch;
        pending = 0;
      };
      advance(pieces, cursor, chunk, true, [&](const Piece &piece) {
        note(job.input + piece.in * element - region, at,
             piece.length * element);
        at += piece.length * element;
        pending += piece.length;
        if (noted.size() == PeerMemory::kMostPieces)
          combineNoted();
      });
      combineNoted();
    }
}

} // namespace colossal::rank
