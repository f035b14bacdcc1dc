// The libraries without MLIR: what a cluster is, what a collective takes, what
// pins mean, a learning rate.
#include "colossal/Cost/Cost.h"
#include "colossal/Plan/Search.h"
#include "colossal/Run/LearningRate.h"
#include "colossal/Run/Session.h"
#include <cstdio>

int main(int, char **arguments) {
  std::string error;
  auto cluster = colossal::machine::readClusterFile(arguments[1], error);
  auto pins = colossal::plan::Pins::parse("data=2,zero=1", error);
  if (!cluster || !pins)
    return printf("%s\n", error.c_str()), 1;
  bool costs = colossal::cost::gemmTime(*cluster, 512, 512, 512, 1,
                                        colossal::machine::DataType::F32) > 0;
  colossal::rank::LearningRate schedule{
      "linear", {{"total", {10}}}, {{"lr", 1.0}}};
  if (colossal::rank::readBundleManifest("no-bundle", error))
    return 1;
  printf("%s: products cost %s, pins %s, half way %.1f\n",
         cluster->name.c_str(), costs ? "time" : "nothing",
         pins->toString().c_str(),
         colossal::rank::scheduleFactor(schedule, 6, 10));
}
