//===- Deadline.cpp - Ends a rank that waits inside MPI -------------------===//

#include "Deadline.h"

#include "RunError.h"

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <fstream>
#include <pthread.h>
#include <set>
#include <signal.h>
#include <sstream>
#include <unistd.h>

namespace colossal::rank {

namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
double limit = 0;   ///< seconds; 0: nothing is watched
double allowed = 0; ///< of the activity
double waited = 0;  ///< by the end of `until`
timespec until;     ///< of the activity, on the clock of `changed`
const char *activity = nullptr;
std::atomic<int64_t> lastStep{0};

//===----------------------------------------------------------------------===//
// Who keeps us waiting
//===----------------------------------------------------------------------===//

/// A number that Open MPI gives each rank; -1 where there is none.
int numberOf(const char *variable) {
  const char *text = getenv(variable);
  return text ? atoi(text) : -1;
}

std::string contentsOf(const std::string &path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The other ranks of this node are children of the same launcher.
std::set<long> siblings() {
  std::set<long> all;
  std::string tasks = "/proc/" + std::to_string(getppid()) + "/task";
  DIR *folder = opendir(tasks.c_str());
  if (!folder)
    return all;
  while (dirent *entry = readdir(folder)) {
    std::istringstream children(
        contentsOf(tasks + "/" + entry->d_name + "/children"));
    for (long child; children >> child;)
      if (child != getpid())
        all.insert(child);
  }
  closedir(folder);
  return all;
}

/// The rank of a process; -1 where it is none of our job.
int rankOf(long process) {
  const std::string wanted = "OMPI_COMM_WORLD_RANK=";
  std::istringstream words(
      contentsOf("/proc/" + std::to_string(process) + "/environ"));
  for (std::string word; std::getline(words, word, '\0');)
    if (word.compare(0, wanted.size(), wanted) == 0)
      return atoi(word.c_str() + wanted.size());
  return -1;
}

/// Ranks of this node that cannot go on: "rank 1, which is stopped (process
/// 123)". Empty where all seem to run. MPI is not asked: it is what hangs.
std::string stoppedRanks() {
  int size = numberOf("OMPI_COMM_WORLD_SIZE");
  int own = numberOf("OMPI_COMM_WORLD_RANK");
  std::set<int> seen;
  std::string text;
  auto add = [&](int rank, const std::string &what) {
    text += (text.empty() ? "rank " : " and rank ") + std::to_string(rank) +
            ", which " + what;
  };
  for (long process : siblings()) {
    int rank = rankOf(process);
    if (rank < 0)
      continue;
    seen.insert(rank);
    std::string status =
        contentsOf("/proc/" + std::to_string(process) + "/stat");
    size_t at = status.rfind(") ");
    char state = at == std::string::npos ? 'X' : status[at + 2];
    std::string place = " (process " + std::to_string(process) + ")";
    if (state == 'T' || state == 't')
      add(rank, "is stopped" + place);
    else if (state == 'Z' || state == 'X')
      add(rank, "has died" + place);
  }
  // Who has died has no environment any more.
  if (size > 0 && size == numberOf("OMPI_COMM_WORLD_LOCAL_SIZE"))
    for (int rank = 0; rank < size; ++rank)
      if (rank != own && !seen.count(rank))
        add(rank, "has died");
  return text;
}

[[noreturn]] void giveUp(const char *what, const std::string &stopped) {
  int own = std::max(0, numberOf("OMPI_COMM_WORLD_RANK"));
  std::string who = stopped;
  if (who.empty())
    who = numberOf("OMPI_COMM_WORLD_SIZE") == 2
              ? "rank " + std::to_string(1 - own)
              : "the other ranks";
  char seconds[32];
  snprintf(seconds, sizeof(seconds), "%.0f", waited);
  int64_t step = lastStep;
  say("error",
      "rank " + std::to_string(own) + " waited " + seconds + " s for " + who +
          (step == 0 ? " before step 1"
                     : " after step " + std::to_string(step)) +
          " while " + what +
          (stopped.empty() ? "; one of them died, hangs, is stopped or is "
                             "slower than --timeout"
                           : ""));
  _exit(1);
}

void extend(double seconds) {
  waited += seconds;
  until.tv_sec += time_t(seconds);
  until.tv_nsec += long((seconds - double(time_t(seconds))) * 1e9);
  if (until.tv_nsec >= 1000000000) {
    ++until.tv_sec;
    until.tv_nsec -= 1000000000;
  }
}

void *watch(void *) {
  pthread_mutex_lock(&mutex);
  for (;;) {
    if (!activity) {
      pthread_cond_wait(&changed, &mutex);
      continue;
    }
    timespec end = until;
    const char *what = activity;
    if (pthread_cond_timedwait(&changed, &mutex, &end) == 0 ||
        activity != what || until.tv_sec != end.tv_sec ||
        until.tv_nsec != end.tv_nsec)
      continue;
    // Patience is for those who work, not for those who are stopped.
    std::string stopped = stoppedRanks();
    if (!stopped.empty() || waited >= allowed)
      giveUp(what, stopped);
    extend(std::min(limit, allowed - waited));
  }
}

} // namespace

void watchDeadlines(double seconds) {
  pthread_condattr_t clock;
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&changed, &clock);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 256 << 10);
  // Signals are for the main thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  if (pthread_create(&thread, &attributes, watch, nullptr) == 0) {
    pthread_detach(thread);
    limit = std::max(10.0, seconds);
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  pthread_condattr_destroy(&clock);
}

void noteStep(int64_t step) { lastStep = step; }

Deadline::Deadline(const char *what, double factor) {
  if (limit == 0)
    return;
  pthread_mutex_lock(&mutex);
  activity = what;
  allowed = limit * factor;
  waited = 0;
  clock_gettime(CLOCK_MONOTONIC, &until);
  extend(std::min(limit, allowed));
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&mutex);
}

Deadline::~Deadline() {
  if (limit == 0)
    return;
  pthread_mutex_lock(&mutex);
  activity = nullptr;
  pthread_cond_signal(&changed);
  pthread_mutex_unlock(&mutex);
}

} // namespace colossal::rank
