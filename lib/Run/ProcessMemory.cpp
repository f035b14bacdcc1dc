//===- ProcessMemory.cpp - What the system says about memory --------------===//

#include "ProcessMemory.h"

#include <cstdio>
#include <cstring>

namespace colossal::rank {

int64_t proportionalSetSize() {
  FILE *file = fopen("/proc/self/smaps_rollup", "r");
  if (!file)
    return 0;
  char line[256];
  long long kilobytes = 0;
  while (fgets(line, sizeof(line), file))
    if (strncmp(line, "Pss:", 4) == 0) {
      sscanf(line + 4, "%lld", &kilobytes);
      break;
    }
  fclose(file);
  return kilobytes * 1024;
}

} // namespace colossal::rank
