//===- colossal-calibrate.cpp - Measure this machine ----------------------===//

#include "colossal/Machine/Calibrate.h"
#include "colossal/Support/Message.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

using namespace colossal::machine;

static const char *const help =
    R"(colossal-calibrate: measure this machine for the planner

usage: colossal-calibrate -n N [--threads T] -o FILE

Measures N ranks that work at the same time, in about 10 s: matrix products,
memory bandwidth, elementwise arithmetic, start of a kernel, collectives over
shared memory. Leave the machine alone meanwhile. The result is a cluster file
for colossal-compile --cluster; --cluster local:N measures and caches the same.

  -n N          ranks, from 1 to 1024
  -o FILE       where to write the cluster (JSON); "-" writes to stdout
  --threads T   threads of each rank; default: cores / N, at least 1
  --help        print this text
)";

static int fail(const std::string &message) {
  std::fprintf(stderr, "colossal-calibrate: %s\n",
               colossal::oneLine(message).c_str());
  return 1;
}

static bool parseCount(const std::string &text, int64_t &value) {
  if (text.empty() || text.size() > 9 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return false;
  value = std::atoll(text.c_str());
  return true;
}

int main(int count, char **arguments) {
  int64_t ranks = 0, threads = 0;
  std::string output;
  for (int i = 1; i < count; ++i) {
    std::string argument = arguments[i];
    if (argument == "--help" || argument == "-h") {
      std::fputs(help, stdout);
      return 0;
    }
    // --x=y or --x y
    std::string name = argument, value;
    size_t equals = argument.find('=');
    if (equals != std::string::npos) {
      name = argument.substr(0, equals);
      value = argument.substr(equals + 1);
    }
    if (name != "-n" && name != "-o" && name != "--threads")
      return fail("found \"" + argument +
                  "\", expected -n, -o, --threads or --help");
    if (equals == std::string::npos) {
      if (i + 1 == count)
        return fail("option " + name +
                    ": found nothing after it, expected a "
                    "value");
      value = arguments[++i];
    }
    if (name == "-o")
      output = value;
    else if (!parseCount(value, name == "-n" ? ranks : threads) ||
             (name == "-n" ? ranks : threads) < 1 ||
             (name == "-n" ? ranks : threads) > 1024)
      return fail("option " + name + ": found \"" + value +
                  "\", expected a number from 1 to 1024");
  }
  if (ranks == 0)
    return fail("found no -n, expected the number of ranks, as in -n 2");
  if (output.empty())
    return fail("found no -o, expected a file to write, as in -o cluster.json");

  auto begin = std::chrono::steady_clock::now();
  std::fprintf(
      stderr, "measuring %lld ranks with %lld threads each\n",
      static_cast<long long>(ranks),
      static_cast<long long>(threads > 0 ? threads : defaultThreads(ranks)));
  std::string error;
  std::string disturbed;
  std::optional<Cluster> cluster =
      calibrateLocal(ranks, threads, error, &disturbed);
  if (!cluster)
    return fail(error);
  if (output == "-") {
    if (std::fputs(writeCluster(*cluster).c_str(), stdout) < 0 ||
        std::fflush(stdout) != 0)
      return fail(std::string("cannot write the output: ") +
                  std::strerror(errno));
  }
  if (output != "-" && !writeClusterFile(*cluster, output, error))
    return fail(error);
  std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - begin;
  std::fprintf(stderr,
               "measured in %.1f s: %.0f GFLOP/s, %.1f GB/s per rank%s%s\n",
               seconds.count(),
               double(cluster->device.matrix[0].peakFlopsPerSecond) * 1e-9,
               double(cluster->device.streaming.back().bytesPerSecond) * 1e-9,
               output == "-" ? "" : ", written to ",
               output == "-" ? "" : colossal::oneLine(output).c_str());
  if (!disturbed.empty())
    std::fprintf(stderr, "warning: %s, so measure again when they are done\n",
                 disturbed.c_str());
  return 0;
}
