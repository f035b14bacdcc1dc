//===- ProgramTest.cpp - Whole partitioned programs from a file -----------===//
//
// For work on kernels: compares all functions of a module after Partition,
//
//   colossal-compile ... --stop-after=partition -o program.mlir
//   COLOSSAL_PROGRAM=program.mlir ColossalLowerTests --gtest_filter=Program.*
//
// COLOSSAL_PLACE="tensor=1/2,data=0/2" gives coordinates and sizes.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"

#include <cstdlib>
#include <fstream>
#include <sstream>

using namespace colossal::lower::test;

TEST(Program, FromFile) {
  const char *path = std::getenv("COLOSSAL_PROGRAM");
  if (!path)
    GTEST_SKIP() << "COLOSSAL_PROGRAM names no file";
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::stringstream text;
  text << file.rdbuf();
  Conditions conditions;
  conditions.tolerance = 1e-5;
  conditions.low = -1;
  conditions.high = 40;
  if (const char *place = std::getenv("COLOSSAL_PLACE")) {
    std::stringstream list(place);
    std::string axis, coordinate, size;
    while (std::getline(list, axis, '=') &&
           std::getline(list, coordinate, '/') &&
           std::getline(list, size, ',')) {
      conditions.place.coordinates[axis] = std::stoll(coordinate);
      conditions.place.sizes[axis] = std::stoll(size);
    }
  }
  Outcome outcome = compare(text.str(), conditions);
  std::cout << outcome.kinds.size() << " groups, " << outcome.kernels
            << " kernels, compiled in " << outcome.compileSeconds << " s\n";
}
