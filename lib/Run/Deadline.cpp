//===- Deadline.cpp - Ends a rank that waits inside MPI -------------------===//

#include "Deadline.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace colossal::rank {

namespace {

pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
double limit = 0;   ///< seconds; 0: nothing is watched
double allowed = 0; ///< of the activity
timespec until;     ///< of the activity, on the clock of `changed`
const char *activity = nullptr;

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
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    fprintf(stderr,
            "colossal-engine: error: rank %s waited %.0f s for the other ranks "
            "while %s; one of them died, hangs, is stopped or is slower than "
            "--timeout\n",
            rank ? rank : "0", allowed, what);
    fflush(stderr);
    _exit(1);
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
  pthread_attr_setstacksize(&attributes, 128 << 10);
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

Deadline::Deadline(const char *what, double factor) {
  if (limit == 0)
    return;
  pthread_mutex_lock(&mutex);
  activity = what;
  allowed = limit * factor;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += time_t(allowed);
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
