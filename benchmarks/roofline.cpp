// What one step of a processor is measured against: multiply-adds of f32 from
// registers, and bytes that are read.
//
//   roofline THREADS     prints flop per second, then bytes per second, of all
//   threads together (the best of 9 trials)
//
// Built by train_step.py for this processor, with the vectors that --max-cpu
// leaves.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#ifdef __AVX512F__
constexpr int lanes = 16;
#else
constexpr int lanes = 8;
#endif
typedef float Vector __attribute__((vector_size(4 * lanes)));

static double flops(long repeats) {
  constexpr int chains = 12; // two units, four cycles each
  Vector sums[chains] = {}, factor, term;
  for (int i = 0; i < lanes; ++i)
    factor[i] = 0.999f, term[i] = 0.001f;
  for (long r = 0; r < repeats; ++r)
    for (int c = 0; c < chains; ++c) {
      sums[c] = sums[c] * factor + term;
      asm volatile("" : "+v"(sums[c])); // nothing is folded
    }
  return 2.0 * lanes * chains * double(repeats);
}

static double bytes(const std::vector<float> &array) {
  Vector sums[8] = {};
  const float *at = array.data(), *end = at + array.size();
  for (; at < end; at += 8 * lanes)
    for (int c = 0; c < 8; ++c) {
      Vector value;
      __builtin_memcpy(&value, at + c * lanes, sizeof value);
      sums[c] += value;
    }
  for (Vector &sum : sums)
    asm volatile("" : "+v"(sum));
  return 4.0 * double(array.size());
}

template <class Work> static double best(int threads, Work work) {
  double rate = 0;
  for (int trial = 0; trial < 9; ++trial) {
    std::atomic<int> waiting{threads};
    std::vector<double> seconds(threads), amount(threads);
    std::vector<std::thread> team;
    for (int t = 0; t < threads; ++t)
      team.emplace_back([&, t] {
        for (--waiting; waiting;)
          ;
        auto begin = std::chrono::steady_clock::now();
        amount[t] = work(t);
        seconds[t] = std::chrono::duration<double>(
                         std::chrono::steady_clock::now() - begin)
                         .count();
      });
    for (std::thread &one : team)
      one.join();
    double all = 0;
    for (double one : amount)
      all += one;
    rate =
        std::max(rate, all / *std::max_element(seconds.begin(), seconds.end()));
  }
  return rate;
}

int main(int argc, char **argv) {
  int threads = argc > 1 ? std::max(std::atoi(argv[1]), 1) : 1;
  std::vector<std::vector<float>> arrays(
      threads, std::vector<float>(size_t(1) << 25, 1.0f)); // 128 MiB each
  double rate = best(threads, [](int) { return flops(20000000 / lanes); });
  double bandwidth = best(threads, [&](int t) { return bytes(arrays[t]); });
  std::printf("%.6g %.6g\n", rate, bandwidth);
}
