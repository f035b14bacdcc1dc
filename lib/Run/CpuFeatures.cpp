//===- CpuFeatures.cpp - What this machine's CPU can do -------------------===//

#include "CpuFeatures.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>

namespace colossal::rank {

std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &features) {
  auto plain = [](std::string name) {
    name.erase(
        std::remove_if(name.begin(), name.end(),
                       [](char c) { return c == '_' || c == '-' || c == '.'; }),
        name.end());
    return name;
  };
  std::set<std::string> flags;
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, 5, "flags") != 0)
      continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    std::string word;
    while (words >> word)
      flags.insert(plain(word));
    break;
  }
  // Where the kernel's name is another one than LLVM's.
  static const char *synonyms[][2] = {
      {"sse3", "pni"},
      {"lzcnt", "abm"},
      {"bmi", "bmi1"},
      {"cx16", "cx16"},
      {"pclmul", "pclmulqdq"},
      {"sahf", "lahflm"},
      {"64bit", "lm"},
      {"cx8", "cx8"},
      {"prfchw", "3dnowprefetch"},
      {"rdrnd", "rdrand"},
      {"sha", "shani"},
      {"crc32", "sse42"},
      {"avx512vp2intersect", "avx512vp2intersect"}};
  std::vector<std::string> missing;
  if (flags.empty())
    return missing;
  for (const std::string &feature : features) {
    std::string name = plain(feature);
    bool found = flags.count(name) > 0;
    for (const auto &synonym : synonyms)
      found |= name == synonym[0] && flags.count(synonym[1]);
    if (!found)
      missing.push_back(feature);
  }
  return missing;
}

} // namespace colossal::rank
