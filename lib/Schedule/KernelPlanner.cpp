//===- KernelPlanner.cpp - What Schedule asks of a kind of device ---------===//

#include "colossal/Schedule/KernelPlanner.h"

using namespace colossal::schedule;

// Here is its table of functions.
KernelPlanner::~KernelPlanner() = default;
