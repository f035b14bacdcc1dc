//===- StopSignal.cpp - A run that is asked to end ------------------------===//

#include "StopSignal.h"

#include <csignal>
#include <initializer_list>

namespace colossal::rank {

static volatile std::sig_atomic_t asked = 0;

void catchStopSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { asked = 1; };
  action.sa_flags = SA_RESTART;
  for (int number : {SIGTERM, SIGINT, SIGUSR1})
    sigaction(number, &action, nullptr);
}

bool isAskedToStop() { return asked != 0; }

} // namespace colossal::rank
