//===- HugePages.h - Memory as the runtime's arena has it -------*- C++ -*-===//

#ifndef COLOSSAL_LIB_MACHINE_CALIBRATE_HUGEPAGES_H
#define COLOSSAL_LIB_MACHINE_CALIBRATE_HUGEPAGES_H

#include <cstdint>
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

namespace colossal::machine {

/// Floats on huge pages where the system grants them, touched. Ends the
/// (measuring) process where there is no memory.
class HugePages {
public:
  HugePages(int64_t count, float value) {
    constexpr size_t page = size_t(2) << 20;
    size_t bytes = (size_t(count) * sizeof(float) + page - 1) / page * page;
    memory = static_cast<float *>(std::aligned_alloc(page, bytes));
    if (!memory)
      _exit(1);
    madvise(memory, bytes, MADV_HUGEPAGE);
    for (int64_t i = 0; i < count; ++i)
      memory[i] = value;
  }
  ~HugePages() { std::free(memory); }
  HugePages(HugePages &&other) noexcept : memory(other.memory) {
    other.memory = nullptr;
  }

  float *data() const { return memory; }

private:
  float *memory;
};

} // namespace colossal::machine

#endif // COLOSSAL_LIB_MACHINE_CALIBRATE_HUGEPAGES_H
