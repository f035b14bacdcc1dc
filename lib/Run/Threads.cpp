//===- Threads.cpp - The threads of a rank --------------------------------===//

#include "colossal/Run/Threads.h"

// libgomp's interface to compiled code, stable since GCC 4.9.
extern "C" {
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads,
                   unsigned flags);
int omp_get_thread_num();
int omp_get_num_threads();
void omp_set_num_threads(int);
void omp_set_dynamic(int);
}

namespace colossal::rank {

Threads::Threads(int count) : threads(count) {
  omp_set_dynamic(0);
  omp_set_num_threads(count);
}

void Threads::parallel(int pieces, Body body, void *data) const {
  struct Call {
    Body body;
    void *data;
    int pieces;
  } call{body, data, pieces};
  GOMP_parallel(
      [](void *raw) {
        Call &c = *static_cast<Call *>(raw);
        // A team may be smaller than asked for; the pieces stay the same.
        int team = omp_get_num_threads();
        for (int piece = omp_get_thread_num(); piece < c.pieces; piece += team)
          c.body(c.data, piece);
      },
      &call, unsigned(pieces), 0);
}

} // namespace colossal::rank
