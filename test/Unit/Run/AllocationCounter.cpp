//===- AllocationCounter.cpp - Large allocations, counted -----------------===//

#include "AllocationCounter.h"

#include <atomic>
#include <cerrno>

extern "C" {
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
}

namespace {

std::atomic<size_t> limit{SIZE_MAX}, largestSeen{0};
std::atomic<long> counted{0};

void note(size_t bytes) {
  if (bytes <= limit.load(std::memory_order_relaxed))
    return;
  ++counted;
  if (bytes > largestSeen)
    largestSeen = bytes;
}

} // namespace

extern "C" {
void *malloc(size_t bytes) {
  note(bytes);
  return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes) {
  note(count * bytes);
  return __libc_calloc(count, bytes);
}
void *realloc(void *old, size_t bytes) {
  note(bytes);
  return __libc_realloc(old, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
  note(bytes);
  return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
  return memalign(alignment, bytes);
}
int posix_memalign(void **to, size_t alignment, size_t bytes) {
  *to = memalign(alignment, bytes);
  return *to ? 0 : ENOMEM;
}
}

namespace colossal::rank::test {

AllocationCounter::AllocationCounter(size_t bytes) {
  counted = 0;
  largestSeen = 0;
  limit = bytes;
}
AllocationCounter::~AllocationCounter() { limit = SIZE_MAX; }
long AllocationCounter::count() const { return counted; }
size_t AllocationCounter::largest() const { return largestSeen; }

} // namespace colossal::rank::test
