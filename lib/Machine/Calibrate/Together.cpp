//===- Together.cpp - Forked processes that measure together --------------===//

#include "Together.h"
#include "colossal/Machine/Calibrate.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <new>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

using namespace colossal::machine;

static double nowNs() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) * 1e9 + double(time.tv_nsec);
}

static void sleepNs(long nanoseconds) {
  timespec time = {0, nanoseconds};
  nanosleep(&time, nullptr);
}

void Together::relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Spins `spins` times, then yields until the condition holds.
template <typename Condition>
static void waitUntil(int spins, Condition condition) {
  while (!condition()) {
    if (spins-- > 0)
      Together::relax();
    else
      sched_yield();
  }
}

//===----------------------------------------------------------------------===//
// Shared state
//===----------------------------------------------------------------------===//

struct Together::Shared {
  alignas(64) std::atomic<int64_t> arrived{0};
  alignas(64) std::atomic<int64_t> generation{0};
  alignas(64) std::atomic<int64_t> met{0};
  alignas(64) std::atomic<int64_t> meetings{0};
  double releasedNs[2] = {};
  double startNs = 0.0;
  double value = 0.0; ///< rank 0 tells the others
  char result[resultBytes] = {};
};

int64_t Together::independentRanks() const {
  return std::clamp<int64_t>(cores / theThreads, 1, theRanks);
}

double Together::barrier(int64_t active) {
  int64_t generation = shared->generation.load(std::memory_order_acquire);
  // Two places, since a rank may be late to read the one before.
  double &releasedNs = shared->releasedNs[generation % 2];
  if (shared->arrived.fetch_add(1, std::memory_order_acq_rel) == active - 1) {
    shared->arrived.store(0, std::memory_order_relaxed);
    releasedNs = nowNs();
    shared->generation.store(generation + 1, std::memory_order_release);
    return releasedNs;
  }
  waitUntil(active * theThreads > cores ? 20 : 2000, [&] {
    return shared->generation.load(std::memory_order_acquire) != generation;
  });
  return releasedNs;
}

void Together::meet() {
  int64_t meeting = shared->meetings.load(std::memory_order_acquire);
  if (shared->met.fetch_add(1, std::memory_order_acq_rel) == theRanks - 1) {
    shared->met.store(0, std::memory_order_relaxed);
    shared->meetings.store(meeting + 1, std::memory_order_release);
    return;
  }
  for (long turn = 0;
       shared->meetings.load(std::memory_order_acquire) == meeting; ++turn)
    sleepNs(turn < 4 ? 50000 : 1000000);
}

float *Together::window(int64_t rank) const {
  return reinterpret_cast<float *>(windows + size_t(rank) * theWindowBytes);
}

double Together::measure(int64_t active, const std::function<void()> &work) {
  meet();
  if (rank() < active) {
    auto timed = [&](int64_t calls) {
      double begin = barrier(active);
      for (int64_t i = 0; i < calls; ++i)
        work();
      return (barrier(active) - begin) / double(calls);
    };
    // Rank 0 decides how long to go on; the others follow its value.
    auto agree = [&](double value) {
      if (rank() == 0)
        shared->value = value;
      barrier(active);
      double agreed = shared->value;
      barrier(active);
      return agreed;
    };
    // Two calls warm up; the second says how many make a trial. Trials are
    // much shorter than a time slice, so that some meet no other process; ranks
    // that share cores need several slices each.
    timed(1);
    bool oversubscribed = active * theThreads > cores;
    double trialNs = oversubscribed ? 12e6 : 0.3e6;
    auto calls =
        int64_t(agree(std::clamp(trialNs / std::max(timed(1), 1.0), 1.0, 1e6)));
    double end = std::min(nowNs() + 200e6, shared->startNs + deadline * 1e9);
    double tolerance = oversubscribed ? 1.05 : 1.01;
    std::vector<double> trials;
    bool goOn = true;
    while (goOn) {
      trials.push_back(timed(calls));
      std::sort(trials.begin(), trials.end());
      // Disturbances only slow down: done when the best repeats.
      bool repeats = trials.size() >= 8 && trials[3] <= tolerance * trials[0];
      goOn = agree(repeats || nowNs() > end ? 0.0 : 1.0) > 0.0;
    }
    if (rank() == 0)
      shared->value = trials.front();
  }
  meet();
  double result = shared->value;
  meet();
  return result;
}

//===----------------------------------------------------------------------===//
// Processes
//===----------------------------------------------------------------------===//

/// Waits for all children; ends them all when one fails or time is up.
static bool waitForAll(std::vector<pid_t> children, double limitNs,
                       std::string &error) {
  double end = nowNs() + limitNs;
  bool failed = false;
  while (!children.empty()) {
    for (size_t i = 0; i < children.size();) {
      int status = 0;
      pid_t done = waitpid(children[i], &status, WNOHANG);
      if (done == 0 || (done < 0 && errno == EINTR)) {
        ++i;
        continue;
      }
      if (!failed &&
          (done < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
        failed = true;
        error = WIFSIGNALED(status) && done > 0
                    ? std::string("a measuring process was ended by signal ") +
                          std::to_string(WTERMSIG(status))
                    : std::string("a measuring process failed");
      }
      children.erase(children.begin() + int64_t(i));
    }
    if (!failed && nowNs() > end) {
      failed = true;
      error = "measuring took longer than " +
              std::to_string(int64_t(limitNs / 1e9)) +
              " s; the machine may be busy";
    }
    if (failed)
      for (pid_t child : children)
        kill(child, SIGKILL);
    sleepNs(2000000);
  }
  return !failed;
}

/// Gives every thread of a rank a core of its own, as launchers do: otherwise
/// two ranks may meet on one core while another process has the other.
static void pinThreads(int64_t rank, int64_t threads) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
    return;
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &allowed))
      cores.push_back(core);
  onThreads(threads, [&](int64_t thread) {
    cpu_set_t own;
    CPU_ZERO(&own);
    CPU_SET(cores[size_t(rank * threads + thread) % cores.size()], &own);
    sched_setaffinity(0, sizeof own, &own);
  });
}

bool colossal::machine::runTogether(
    int64_t ranks, int64_t threads, size_t windowBytes, double seconds,
    const std::function<void(Together &, void *)> &body, void *result,
    std::string &error) {
  size_t sharedBytes = (sizeof(Together::Shared) + 4095) / 4096 * 4096;
  size_t bytes = sharedBytes + size_t(ranks) * windowBytes;
  void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    error = std::string("cannot share memory between measuring processes: ") +
            std::strerror(errno);
    return false;
  }
  Together together;
  together.theRanks = ranks;
  together.theThreads = threads;
  together.cores = coresOfThisMachine();
  together.theWindowBytes = windowBytes;
  together.deadline = seconds;
  together.shared = new (memory) Together::Shared;
  together.shared->startNs = nowNs();
  together.windows = static_cast<char *>(memory) + sharedBytes;

  std::vector<pid_t> children;
  pid_t parent = getpid();
  bool forked = true;
  for (int64_t rank = 0; rank < ranks && forked; ++rank) {
    pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (getppid() != parent)
        _exit(1);
      together.theRank = rank;
      pinThreads(rank, threads);
      body(together, together.shared->result);
      together.meet();
      _exit(0);
    }
    forked = child > 0;
    if (forked)
      children.push_back(child);
    else
      error = std::string("cannot start a measuring process: ") +
              std::strerror(errno);
  }
  if (!forked)
    for (pid_t child : children)
      kill(child, SIGKILL);
  std::string reason;
  bool done = waitForAll(children, 3e9 * seconds, reason);
  if (forked && !done)
    error = reason;
  if (forked && done)
    std::memcpy(result, together.shared->result, resultBytes);
  munmap(memory, bytes);
  return forked && done;
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

// libgomp's interface to compiled code, stable since GCC 4.9.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads,
                   unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
}

void colossal::machine::onThreads(int64_t threads,
                                  const std::function<void(int64_t)> &work) {
  struct Call {
    const std::function<void(int64_t)> &work;
    int64_t threads;
  } call{work, threads};
  GOMP_parallel(
      [](void *raw) {
        Call &call = *static_cast<Call *>(raw);
        // A team may be smaller than asked for.
        for (int64_t i = omp_get_thread_num(); i < call.threads;
             i += omp_get_num_threads())
          call.work(i);
      },
      &call, unsigned(threads), 0);
}
