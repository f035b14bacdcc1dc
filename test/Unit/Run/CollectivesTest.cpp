//===- CollectivesTest.cpp - Transports against the formulas --------------===//
//
// Each collective runs on every transport, where it stands and started on a
// queue. The expected values are the formulas of RankProgram.h read element by
// element.
//
//===----------------------------------------------------------------------===//

#include "Engine.h"
#include "ProgramBuilder.h"
#include "colossal/Support/Combiner.h"
#include "colossal/Support/NarrowFloats.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <thread>

using namespace colossal;
using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

int worldSize() {
  int size = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  return size;
}

/// The transports to be tried. A system may forbid to read other processes.
std::vector<Transport> transports() {
  if (worldSize() == 1)
    return {Transport::Auto, Transport::PointToPoint};
  static const bool reads = [] {
    PeerMemory memory;
    memory.connect(MPI_COMM_WORLD, nullptr);
    return memory.works();
  }();
  return {Transport::Window, reads ? Transport::Direct : Transport::Auto,
          Transport::PointToPoint};
}

int worldRank() {
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  return rank;
}

/// Values whose sum depends on the order; some are special.
template <class T, DType type> T valueOf(int64_t rank, int64_t i) {
  if constexpr (type == DType::BF16)
    return valueOf<float, DType::F32>(rank, i);
  if constexpr (type == DType::I1)
    return (rank * 7 + i * 5) % 3 != 0;
  if constexpr (std::is_floating_point_v<T>) {
    int64_t point = (i * 7 + rank * 3) % 97;
    const T special[] = {T(NAN), T(INFINITY), T(-INFINITY), T(0), T(-0.0)};
    if (point < 5)
      return special[point];
    if (i % 11 == 0) // zeros of both signs, on every rank
      return (i + rank) % 2 ? T(0) : T(-0.0);
  }
  if constexpr (std::is_integral_v<T>)
    if (i % 5 == 0) // sums and products overflow
      return T(std::numeric_limits<T>::max() - T(rank * 3 + i % 7));
  double x = std::sin(double(rank * 7919 + i) * 1.37) *
             std::pow(10.0, double((i + rank) % 7 - 3));
  if constexpr (std::is_integral_v<T>)
    return T(int64_t(x * 1000));
  return T(x);
}

template <class T> bool isNaN(T x) { return x != x; }

using Formula = std::function<void(const Collective &, int64_t g, int64_t r)>;

/// Output of rank r by the formula; `in(p, i)` is element i of member p.
template <class T>
std::vector<T> expected(OpKind kind, const Collective &c, int64_t g, int64_t r,
                        const std::function<T(int64_t, int64_t)> &in) {
  // Each step of bf16 is one of f32, rounded.
  using Number = std::conditional_t<std::is_same_v<T, BFloat16>, float, T>;
  auto combine = [&](Number a, Number b) -> T {
    if constexpr (std::is_floating_point_v<Number>) {
      if (c.combiner == "sum" || c.combiner == "product")
        return c.combiner == "sum" ? a + b : a * b;
      if (std::isnan(a) || std::isnan(b))
        return Number(NAN);
      if (a == b) // -0 is below +0
        return std::signbit(a) == (c.combiner == "min") ? a : b;
    } else {
      uint64_t x = uint64_t(a), y = uint64_t(b);
      if (c.combiner == "sum" || c.combiner == "product")
        return T(c.combiner == "sum" ? x + y : x * y);
    }
    bool greater = c.combiner == "max" || c.combiner == "any";
    return (greater ? a > b : a < b) ? a : b;
  };
  auto reduce = [&](int64_t i) {
    T value = in(0, i);
    for (int64_t p = 1; p < g; ++p)
      value = combine(value, in(p, i));
    return value;
  };
  std::vector<T> out;
  int64_t ge = c.gather.extent, gb = c.gather.bound, se = c.scatter.extent,
          sb = c.scatter.bound;
  switch (kind) {
  case OpKind::AllReduce:
    for (int64_t i = 0; i < c.elements; ++i)
      out.push_back(reduce(i));
    break;
  case OpKind::AllGather:
    for (int64_t o = 0; o < c.outer; ++o)
      for (int64_t e = 0; e < ge; ++e)
        for (int64_t i = 0; i < c.inner; ++i)
          out.push_back(in(e / gb, (o * gb + e % gb) * c.inner + i));
    break;
  case OpKind::ReduceScatter:
    for (int64_t o = 0; o < c.outer; ++o)
      for (int64_t e = 0; e < sb; ++e)
        for (int64_t i = 0; i < c.inner; ++i) {
          int64_t at = r * sb + e;
          out.push_back(at < se ? reduce((o * se + at) * c.inner + i) : T(0));
        }
    break;
  default:
    for (int64_t o = 0; o < c.outer; ++o)
      for (int64_t a = 0; a < (c.scatterFirst ? sb : ge); ++a)
        for (int64_t m = 0; m < c.middle; ++m)
          for (int64_t b = 0; b < (c.scatterFirst ? ge : sb); ++b)
            for (int64_t i = 0; i < c.inner; ++i) {
              int64_t e = c.scatterFirst ? b : a, s = c.scatterFirst ? a : b;
              int64_t at = r * sb + s, p = e / gb, index;
              if (c.scatterFirst)
                index = ((o * se + at) * c.middle + m) * gb + e % gb;
              else
                index = ((o * gb + e % gb) * c.middle + m) * se + at;
              out.push_back(at < se ? in(p, index * c.inner + i) : T(0));
            }
  }
  return out;
}

struct Mesh {
  std::vector<Axis> axes;
  std::vector<std::string> group;
};

/// All meshes worth trying on this number of ranks.
std::vector<Mesh> meshes() {
  int64_t n = worldSize();
  std::vector<Mesh> all = {{{{"a", n}}, {"a"}}};
  if (n == 4) {
    std::vector<Axis> square = {{"a", 2}, {"b", 2}};
    all.push_back({square, {"a"}});
    all.push_back({square, {"b"}});
    all.push_back({square, {"b", "a"}}); // members not in rank order
  }
  return all;
}

template <class T, DType type>
void check(OpKind kind, Collective collective, const Mesh &mesh,
           bool inPlace = false) {
  ProgramBuilder b(mesh.axes);
  Coordinate at = coordinateOf(b.program, worldRank());
  int64_t g = 1, r = 0;
  for (const std::string &axis : mesh.group) {
    g *= at.sizeOf(axis);
    r = r * at.sizeOf(axis) + at.positionOf(axis);
  }
  collective.gather.bound = (collective.gather.extent + g - 1) / g;
  collective.scatter.bound = (collective.scatter.extent + g - 1) / g;
  collective.axes = mesh.group;
  collective.dtype = type;
  int64_t in = collective.outer * collective.middle * collective.inner,
          out = in;
  if (kind == OpKind::AllReduce) {
    in = out = collective.elements;
  } else {
    if (kind != OpKind::ReduceScatter) {
      in *= collective.gather.bound;
      out *= collective.gather.extent;
    }
    if (kind != OpKind::AllGather) {
      in *= collective.scatter.extent;
      out *= collective.scatter.bound;
    }
    collective.elements = in;
  }
  // The input is declared as a state: it has a value from the start.
  int64_t x = b.buffer("x", in, type);
  State state;
  state.name = "x";
  state.buffer = x;
  state.globalShape = {in};
  state.layout.dimensions = {{b.cut(in)}};
  b.program.states.push_back(state);
  int64_t y = inPlace ? x : b.buffer("y", out, type);
  int64_t second = inPlace ? x : b.buffer("second", out, type);
  b.segment("forward");
  b.collective(kind, x, y, mesh.group, in);
  std::vector<Op> &ops = b.program.segments.back().ops;
  ops.back().collective = collective;
  // Twice: the second finds staging that was used.
  if (!inPlace) {
    ops.push_back(ops.back());
    ops.back().operands[1].buffer = second;
  }
  b.schedule("forward");
  // The same with all of them under way at one time.
  Program queued = b.program;
  std::vector<Op> waits;
  for (Op &op : queued.segments.back().ops) {
    op.queue = 1;
    op.token = int64_t(waits.size()) + 1;
    waits.emplace_back();
    waits.back().kind = OpKind::Wait;
    waits.back().numOutputs = 0;
    waits.back().token = op.token;
  }
  std::vector<Op> &list = queued.segments.back().ops;
  list.insert(list.end(), waits.begin(), waits.end());
  for (const Program *program : {&b.program, &queued})
    for (const std::string &fault : checkProgram(*program))
      FAIL() << fault;

  // Member p's rank: same position on the other axes.
  auto rankOf = [&](int64_t p) {
    Coordinate member = at;
    for (size_t i = mesh.group.size(); i-- > 0;)
      for (size_t d = 0; d < member.mesh.size(); ++d)
        if (member.mesh[d].name == mesh.group[i]) {
          member.position[d] = p % member.mesh[d].size;
          p /= member.mesh[d].size;
        }
    int64_t rank = 0;
    for (size_t d = 0; d < mesh.axes.size(); ++d)
      rank = rank * mesh.axes[d].size + member.position[d];
    return rank;
  };
  std::vector<T> want =
      expected<T>(kind, collective, g, r, [&](int64_t p, int64_t i) {
        return valueOf<T, type>(rankOf(p), i);
      });
  auto run = [&](const Program &program, Transport transport) {
    EngineOptions options;
    options.transport = transport;
    options.timeoutSeconds = 60;
    Engine engine({&program}, MPI_COMM_WORLD, nullptr, options);
    engine.connect();
    engine.reserve();
    auto *input = reinterpret_cast<T *>(engine.address(x));
    for (int64_t i = 0; i < in; ++i)
      input[i] = valueOf<T, type>(worldRank(), i);
    for (int64_t result : {y, second})
      if (!inPlace)
        memset(engine.address(result), 0x5a, size_t(out) * sizeof(T));
    engine.runStep(1);
    // Bitwise against the formula, hence between the transports.
    for (int64_t result : {y, second}) {
      auto *output = reinterpret_cast<T *>(engine.address(result));
      int64_t wrong = 0, firstWrong = -1;
      for (int64_t i = 0; i < out; ++i)
        if (memcmp(&output[i], &want[size_t(i)], sizeof(T)) != 0 &&
            !(isNaN(output[i]) && isNaN(want[size_t(i)])) && wrong++ == 0)
          firstWrong = i;
      EXPECT_EQ(wrong, 0) << "of " << out << ", first at " << firstWrong
                          << ", transport " << int(transport) << ": "
                          << output[std::max<int64_t>(firstWrong, 0)] << " for "
                          << want[size_t(std::max<int64_t>(firstWrong, 0))];
    }
  };
  for (const Program *program : {&b.program, &queued})
    for (Transport transport : transports())
      run(*program, transport);
}

Collective shape(int64_t outer, int64_t middle, int64_t inner, int64_t gather,
                 int64_t scatter, bool scatterFirst = true) {
  Collective collective;
  collective.outer = outer;
  collective.middle = middle;
  collective.inner = inner;
  collective.gather.extent = gather;
  collective.scatter.extent = scatter;
  collective.scatterFirst = scatterFirst;
  return collective;
}

TEST(Collectives, AllReduce) {
  // Sizes around those where the algorithm changes: one element, one wait, two
  // waits, several chunks.
  for (int64_t elements : {1, 17, 4096, 5000, 600001})
    for (const Mesh &mesh : meshes()) {
      Collective collective;
      collective.elements = elements;
      check<float, DType::F32>(OpKind::AllReduce, collective, mesh,
                               elements % 2 == 0);
    }
}

/// All reduce and reduce-scatter by every combiner of the type.
template <class T, DType type> void checkCombiners(const Mesh &mesh) {
  for (const CombinerFacts &facts : combiners) {
    if (facts.isTuple() || facts.ofBooleans != (type == DType::I1))
      continue;
    SCOPED_TRACE(facts.name);
    Collective collective;
    collective.combiner = facts.name;
    collective.elements = 777;
    check<T, type>(OpKind::AllReduce, collective, mesh);
    collective = shape(3, 1, 5, 1, 31);
    collective.combiner = facts.name;
    check<T, type>(OpKind::ReduceScatter, collective, mesh);
  }
}

TEST(Collectives, EveryCombinerAndType) {
  for (const Mesh &mesh : meshes()) {
    checkCombiners<float, DType::F32>(mesh);
    checkCombiners<double, DType::F64>(mesh);
    checkCombiners<int64_t, DType::I64>(mesh);
    checkCombiners<int32_t, DType::I32>(mesh);
    checkCombiners<int16_t, DType::I16>(mesh);
    checkCombiners<int8_t, DType::I8>(mesh);
    checkCombiners<uint8_t, DType::U8>(mesh);
    checkCombiners<uint8_t, DType::I1>(mesh);
    checkCombiners<BFloat16, DType::BF16>(mesh);
  }
}

TEST(Collectives, AllGather) {
  for (const Mesh &mesh : meshes()) {
    check<float, DType::F32>(OpKind::AllGather, shape(1, 1, 5, 12, 1), mesh);
    check<float, DType::F32>(OpKind::AllGather, shape(7, 1, 3, 5, 1), mesh);
    check<int64_t, DType::I64>(OpKind::AllGather, shape(3, 1, 1, 2, 1), mesh);
    check<float, DType::F32>(OpKind::AllGather, shape(3, 1, 1000, 403, 1),
                             mesh);
  }
}

TEST(Collectives, ReduceScatter) {
  for (const Mesh &mesh : meshes()) {
    check<float, DType::F32>(OpKind::ReduceScatter, shape(1, 1, 5, 1, 12),
                             mesh);
    check<float, DType::F32>(OpKind::ReduceScatter, shape(7, 1, 3, 1, 5), mesh);
    check<double, DType::F64>(OpKind::ReduceScatter, shape(2, 1, 1, 1, 3),
                              mesh);
    check<float, DType::F32>(OpKind::ReduceScatter, shape(3, 1, 1000, 1, 403),
                             mesh);
  }
}

TEST(Collectives, AllToAll) {
  for (const Mesh &mesh : meshes())
    for (bool scatterFirst : {true, false}) {
      check<float, DType::F32>(OpKind::AllToAll,
                               shape(2, 3, 4, 8, 12, scatterFirst), mesh);
      check<float, DType::F32>(OpKind::AllToAll,
                               shape(2, 3, 1, 5, 7, scatterFirst), mesh);
      check<float, DType::F32>(OpKind::AllToAll,
                               shape(1, 1, 64, 100, 101, scatterFirst), mesh);
      check<int32_t, DType::I32>(OpKind::AllToAll,
                                 shape(1, 2, 1, 3, 2, scatterFirst), mesh);
    }
}

/// What a kernel of the test below does: ranks come to collectives at different
/// times.
void nap(const ColossalArgs *args, int64_t, int64_t) {
  std::this_thread::sleep_for(std::chrono::microseconds(args->indices[0]));
}

/// Collectives of all kinds, some where they stand, some started and waited for
/// later, through memory, staging and messages; ranks are late at random.
TEST(Collectives, RanksAreNotEquallyFast) {
  const int64_t g = worldSize(), elements = 30000;
  for (unsigned seed = 0; seed < 12; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 shared(seed), own(1000 * seed + unsigned(worldRank()));
    auto pick = [&](int64_t count) { return int64_t(shared() % count); };
    ProgramBuilder b({{"a", g}});
    int64_t x = b.buffer("x", elements);
    State state;
    state.name = "x";
    state.buffer = x;
    state.globalShape = {elements};
    state.layout.dimensions = {{b.cut(elements)}};
    b.program.states.push_back(state);
    b.segment("forward");
    std::vector<std::pair<OpKind, Collective>> done;
    std::vector<int64_t> results, pending;
    auto wait = [&](int64_t token) {
      b.op(OpKind::Wait, "wait", {}, 0).token = token;
    };
    for (int64_t number = 1; number <= 20; ++number) {
      // Pieces of all sizes: some are read by members, some go through staging.
      Collective c = shape(1 + pick(40), 1, 1 + pick(300), 1, 1);
      OpKind kind = pick(2) ? OpKind::AllGather : OpKind::ReduceScatter;
      int64_t out = c.outer * c.inner;
      if (pick(3) == 0) {
        kind = OpKind::AllReduce;
        c = Collective();
        out = c.elements = 1 + pick(elements);
      } else if (kind == OpKind::AllGather) {
        c.gather = {1, g};
        c.elements = out;
        out *= g;
      } else {
        c.scatter = {1, g};
        c.elements = out * g;
        if (c.elements > elements) {
          c.outer = 1;
          c.elements = c.inner * g;
          out = c.inner;
        }
      }
      c.axes = {"a"};
      int64_t y = b.buffer("y" + std::to_string(number), out);
      Op &op = b.collective(kind, x, y, {"a"}, c.elements);
      op.collective = c;
      if (pick(2)) {
        op.queue = 1;
        op.token = number;
        pending.push_back(number);
      }
      done.push_back({kind, c});
      results.push_back(y);
      b.kernel("nap", {}, 1, 0).indices = {
          {own() % 3 ? 0 : int64_t(own() % 400), {}}};
      if (!pending.empty() && pick(2)) {
        size_t which = size_t(pick(int64_t(pending.size())));
        wait(pending[which]);
        pending.erase(pending.begin() + int64_t(which));
      }
    }
    for (int64_t token : pending)
      wait(token);
    b.schedule("forward");
    for (const std::string &fault : checkProgram(b.program))
      FAIL() << fault;
    for (Transport transport : transports()) {
      EngineOptions options;
      options.transport = transport;
      options.timeoutSeconds = 60;
      Engine engine(
          {&b.program}, MPI_COMM_WORLD, [](const std::string &) { return nap; },
          options);
      engine.connect();
      engine.reserve();
      auto *input = reinterpret_cast<float *>(engine.address(x));
      for (int64_t i = 0; i < elements; ++i)
        input[i] = float((i * 31 + worldRank() * 17) % 1009);
      for (int64_t step = 1; step <= 3; ++step) {
        for (size_t k = 0; k < results.size(); ++k)
          memset(engine.address(results[k]), 0,
                 size_t(b.program.buffers[results[k]].bytes));
        engine.runStep(step);
        for (size_t k = 0; k < results.size(); ++k) {
          auto *found = reinterpret_cast<float *>(engine.address(results[k]));
          std::vector<float> want =
              expected<float>(done[k].first, done[k].second, g, worldRank(),
                              [&](int64_t p, int64_t i) {
                                return float((i * 31 + p * 17) % 1009);
                              });
          EXPECT_EQ(memcmp(found, want.data(), want.size() * sizeof(float)), 0)
              << "result " << k << ", transport " << int(transport);
        }
      }
    }
  }
}

} // namespace
