//===- Direct.cpp - Convolution by oneDNN, channels last ------------------===//

#include "Direct.h"

#include "colossal/Run/LibraryEngine.h"
#include "colossal/Run/NarrowRows.h"

#include <algorithm>
#include <cstring>
#include <map>

extern "C" void omp_set_num_threads(int);

namespace colossal::rank {

namespace {

using Pass = Convolution::Pass;

/// With fewer channels of x, products of patches make it faster.
constexpr int64_t kFewChannels = 8;
/// Sums over fewer output positions cost less than to bring the weights into
/// their order.
constexpr int64_t kFewPositions = 128;

//===----------------------------------------------------------------------===//
// Primitives
//===----------------------------------------------------------------------===//

using Desc = dnnl::memory::desc;
using Dims = dnnl::memory::dims;
using Type = dnnl::memory::data_type;

/// Types of the elements. Sums are f32, so a gradient of weights is in the
/// library's order, whatever it is in the order that is given.
struct Types {
  explicit Types(const Convolution &c)
      : narrow(c.narrow ? Type::bf16 : Type::f32) {
    Type result = c.wideResult ? Type::f32 : narrow;
    x = c.pass == Pass::BackwardData ? result : narrow;
    y = c.pass == Pass::Forward ? result : narrow;
    bool isSum = c.pass == Pass::BackwardWeights;
    w = isSum ? Type::f32 : narrow;
    plain = isSum ? result : narrow;
  }
  static int64_t bytes(Type type) { return type == Type::f32 ? 4 : 2; }
  Type narrow; ///< of what is read
  Type x, w, y, plain;
};

/// The sizes of a task as the library takes them.
struct Geometry {
  Geometry(const DirectSizes &sizes, int64_t samples, int64_t count)
      : c(sizes.library) {
    for (int d = 1; d >= 0; --d)
      if (!isTrivial(d))
        spatial = 3 - d;
    bool blocked = sizes.channelTasks > 1,
         ofInput = c.pass == Pass::BackwardData;
    inputs = blocked && ofInput ? count : c.channels;
    outputs = blocked && !ofInput ? count : c.outputs;
    x = {samples, c.groups * inputs};
    y = {samples, c.groups * outputs};
    w = {outputs, inputs};
    // Of the whole w, of which these are rows or columns.
    int64_t taps = pointsOf(c.taps);
    wStrides = {c.channels * taps, taps};
    if (c.groups > 1) {
      w.insert(w.begin(), c.groups);
      wStrides.insert(wStrides.begin(), c.outputs * c.channels * taps);
    }
    for (size_t d = size_t(3 - spatial); d < 3; ++d) {
      x.push_back(c.input[d]);
      y.push_back(c.output[d]);
      w.push_back(c.taps[d]);
      wStrides.push_back(d == 2   ? 1
                         : d == 1 ? c.taps[2]
                                  : c.taps[1] * c.taps[2]);
      stride.push_back(c.stride[d]);
      dilation.push_back(c.dilation[d] - 1);
      before.push_back(c.padding[d]);
      after.push_back((c.output[d] - 1) * c.stride[d] +
                      c.dilation[d] * (c.taps[d] - 1) + 1 - c.input[d] -
                      c.padding[d]);
    }
  }

  /// True if nothing happens along a dimension.
  bool isTrivial(int d) const {
    return c.input[size_t(d)] == 1 && c.output[size_t(d)] == 1 &&
           c.taps[size_t(d)] == 1 && c.padding[size_t(d)] == 0;
  }
  /// False for padding beyond the reach of the weights, which is nothing that
  /// networks have, nor the library's tests; and for results of so few channels
  /// that most of a vector is idle.
  bool isUsual() const {
    if (c.pass == Pass::BackwardData && c.groups == 1 && inputs < kFewChannels)
      return false;
    for (size_t i = 0; i < before.size(); ++i) {
      int64_t reach = (dilation[i] + 1) * (w[w.size() - before.size() + i] - 1);
      if (before[i] > reach || after[i] > reach || after[i] <= -stride[i])
        return false;
      // Weights that reach beyond both ends: the library's derivative by
      // weights of three dimensions reads outside of x.
      if (reach >= x[i + 2])
        return false;
    }
    return true;
  }
  Desc image(const Dims &sizes, Type type) const {
    using Tag = dnnl::memory::format_tag;
    return Desc(sizes, type,
                spatial == 3   ? Tag::ndhwc
                : spatial == 2 ? Tag::nhwc
                               : Tag::nwc);
  }

  Convolution c;
  int spatial = 1;
  int64_t inputs = 1, outputs = 1;
  Dims x, w, y, wStrides, stride, dilation, before, after;
};

/// One primitive, its memory in the order x, w, y, scratch.
struct Primitive {
  dnnl::primitive primitive;
  Desc x, w, y, scratch;
  std::vector<std::array<dnnl::memory, 4>> memories; ///< per worker
};

/// The weights of a block of channels between their order and the library's.
struct Reordering {
  dnnl::primitive primitive;
  std::array<dnnl::memory, 3> memories;
};

dnnl::primitive_attr attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

bool isDirect(const std::string &implementation) {
  return implementation.compare(0, 3, "jit") == 0 ||
         implementation.compare(0, 2, "br") == 0;
}

/// Takes what a primitive's descriptor says; false where the implementation is
/// none that is meant.
template <class P>
bool take(const typename P::primitive_desc &descriptor, Primitive &to) {
  if (!isDirect(descriptor.impl_info_str()))
    return false;
  to.scratch = descriptor.scratchpad_desc();
  to.primitive = P(descriptor);
  return true;
}

/// `w`: the order of the weights, or any. Throws dnnl::error.
bool makePrimitive(const Geometry &g, const Desc &w, Primitive &to) {
  using dnnl::algorithm;
  const dnnl::engine &engine = libraryEngine();
  Types types(g.c);
  to.x = g.image(g.x, types.x);
  to.y = g.image(g.y, types.y);
  // A derivative is made for a forward pass whose tensors are all of the type
  // that is read; its own result may be f32.
  auto hint = [&](const Dims &sizes) { return g.image(sizes, types.narrow); };
  bool isForward = g.c.pass == Pass::Forward;
  dnnl::convolution_forward::primitive_desc forward(
      {dnnl::prop_kind::forward_training, algorithm::convolution_direct,
       hint(g.x),
       isForward ? w : Desc(g.w, types.narrow, dnnl::memory::format_tag::any),
       isForward ? to.y : hint(g.y), g.stride, g.dilation, g.before, g.after},
      attributes(), engine);
  switch (g.c.pass) {
  case Pass::Forward:
    to.w = forward.weights_desc();
    return take<dnnl::convolution_forward>(forward, to);
  case Pass::BackwardData: {
    dnnl::convolution_backward_data::primitive_desc backward(
        {algorithm::convolution_direct, to.x, w, to.y, g.stride, g.dilation,
         g.before, g.after},
        attributes(), engine, forward);
    to.w = backward.weights_desc();
    return take<dnnl::convolution_backward_data>(backward, to);
  }
  case Pass::BackwardWeights: {
    dnnl::convolution_backward_weights::primitive_desc backward(
        {algorithm::convolution_direct, to.x, w, to.y, g.stride, g.dilation,
         g.before, g.after},
        attributes(), engine, forward);
    to.w = backward.diff_weights_desc();
    return take<dnnl::convolution_backward_weights>(backward, to);
  }
  }
  return false;
}

} // namespace

struct DirectConvolution::Impl {
  Impl(const DirectSizes &sizes, const Threads &threads, int64_t bytes)
      : sizes(sizes), types(sizes.given), threads(threads), bytes(bytes) {}

  bool makePrimitives();
  bool makeReordering(const Geometry &geometry, const Desc &order,
                      Reordering &to) const;

  float *weightsAt(char *scratch, int64_t copy, int64_t block) const {
    return reinterpret_cast<float *>(
        scratch + (copy * sizes.channelTasks + block) * sizes.weightBytes);
  }
  /// Of a block of channels, in w.
  int64_t plainOffset(int64_t block) const {
    const Convolution &c = sizes.given;
    return block * sizes.channelsPerTask * pointsOf(c.taps) *
           (c.pass == Pass::BackwardData ? 1 : c.channels);
  }
  void reorder(int64_t block, char *w, char *scratch) const;
  void runTask(int64_t task, int worker, char *x, char *y, char *scratch) const;
  void addSums(char *scratch) const;
  template <class F>
  void forEachRow(bool ofInput, int64_t sample, int64_t samples, F visit) const;
  void gather(char *to, const char *image, bool ofInput, int64_t sample,
              int64_t samples, int64_t channel, int64_t count) const;
  void scatter(char *image, const char *from, bool ofInput, int64_t sample,
               int64_t samples, int64_t channel, int64_t count) const;
  /// Bytes of an element of x or y.
  int64_t elementOf(bool ofInput) const {
    return Types::bytes(ofInput ? types.x : types.y);
  }

  DirectSizes sizes;
  Types types;
  const Threads &threads;
  int64_t bytes;
  /// By samples and channels of a task.
  std::map<std::pair<int64_t, int64_t>, Primitive> primitives;
  std::map<int64_t, Reordering> reorderings; ///< by channels
};

bool DirectConvolution::Impl::makeReordering(const Geometry &g,
                                             const Desc &order,
                                             Reordering &to) const {
  const dnnl::engine &engine = libraryEngine();
  Desc plain(g.w, types.plain, g.wStrides);
  bool back = sizes.given.pass == Pass::BackwardWeights;
  const Desc &from = back ? order : plain, &into = back ? plain : order;
  dnnl::reorder::primitive_desc descriptor(engine, from, engine, into,
                                           attributes());
  Desc scratch = descriptor.scratchpad_desc();
  if (int64_t(scratch.get_size()) > sizes.libraryBytes)
    return false;
  to.primitive = dnnl::reorder(descriptor);
  to.memories = {dnnl::memory(from, engine, nullptr),
                 dnnl::memory(into, engine, nullptr),
                 dnnl::memory(scratch, engine, nullptr)};
  return true;
}

bool DirectConvolution::Impl::makePrimitives() {
  const Convolution &c = sizes.given;
  if (c.pass == Pass::BackwardWeights && c.groups == 1 &&
      c.samples * pointsOf(c.output) < kFewPositions)
    return false;
  const dnnl::engine &engine = libraryEngine();
  for (int64_t block : {int64_t(0), sizes.channelTasks - 1}) {
    int64_t count = sizes.channelsOf(block);
    if (reorderings.count(count))
      continue;
    Desc order(Geometry(sizes, 1, count).w, types.w,
               dnnl::memory::format_tag::any);
    int64_t last =
        sizes.given.samples - (sizes.sampleTasks - 1) * sizes.samplesPerTask;
    for (int64_t samples : {sizes.samplesPerTask, last}) {
      Geometry geometry(sizes, samples, count);
      auto [it, isNew] = primitives.try_emplace({samples, count});
      if (!isNew)
        continue;
      Primitive &made = it->second;
      if (!geometry.isUsual() || !makePrimitive(geometry, order, made) ||
          int64_t(made.scratch.get_size()) > sizes.libraryBytes ||
          int64_t(made.w.get_size()) > sizes.weightBytes)
        return false;
      order = made.w;
      for (int64_t worker = 0; worker < sizes.workers; ++worker)
        made.memories.push_back({dnnl::memory(made.x, engine, nullptr),
                                 dnnl::memory(made.w, engine, nullptr),
                                 dnnl::memory(made.y, engine, nullptr),
                                 dnnl::memory(made.scratch, engine, nullptr)});
    }
    if (!makeReordering(Geometry(sizes, 1, count), order, reorderings[count]))
      return false;
  }
  return true;
}

//===----------------------------------------------------------------------===//
// The call
//===----------------------------------------------------------------------===//

/// visit(row of the image, row of the block) for the positions of `samples`
/// samples from `sample` on; of x those that are picked.
template <class F>
void DirectConvolution::Impl::forEachRow(bool ofInput, int64_t sample,
                                         int64_t samples, F visit) const {
  const Convolution &c = sizes.given;
  int64_t row = 0;
  if (!ofInput || !sizes.picks) {
    int64_t points = pointsOf(ofInput ? c.input : c.output);
    for (; row < samples * points; ++row)
      visit(sample * points + row, row);
    return;
  }
  for (int64_t n = sample; n < sample + samples; ++n)
    for (int64_t i = 0; i < c.output[0]; ++i)
      for (int64_t j = 0; j < c.output[1]; ++j) {
        int64_t line = ((n * c.input[0] + i * c.stride[0]) * c.input[1] +
                        j * c.stride[1]) *
                       c.input[2];
        for (int64_t k = 0; k < c.output[2]; ++k)
          visit(line + k * c.stride[2], row++);
      }
}

void DirectConvolution::Impl::gather(char *to, const char *image, bool ofInput,
                                     int64_t sample, int64_t samples,
                                     int64_t channel, int64_t count) const {
  const Convolution &c = sizes.given;
  int64_t all = c.groups * (ofInput ? c.channels : c.outputs);
  int64_t size = elementOf(ofInput);
  forEachRow(ofInput, sample, samples, [&](int64_t from, int64_t row) {
    memcpy(to + row * count * size, image + (from * all + channel) * size,
           size_t(count * size));
  });
}

void DirectConvolution::Impl::scatter(char *image, const char *from,
                                      bool ofInput, int64_t sample,
                                      int64_t samples, int64_t channel,
                                      int64_t count) const {
  const Convolution &c = sizes.given;
  int64_t all = c.groups * (ofInput ? c.channels : c.outputs);
  int64_t size = elementOf(ofInput);
  if (ofInput && sizes.picks) {
    int64_t points = pointsOf(c.input);
    for (int64_t row = sample * points; row < (sample + samples) * points;
         ++row)
      memset(image + (row * all + channel) * size, 0, size_t(count * size));
  }
  forEachRow(ofInput, sample, samples, [&](int64_t to, int64_t row) {
    memcpy(image + (to * all + channel) * size, from + row * count * size,
           size_t(count * size));
  });
}

/// Between the weights as they are given and a block of the library's.
void DirectConvolution::Impl::reorder(int64_t block, char *w,
                                      char *scratch) const {
  const Reordering &it = reorderings.find(sizes.channelsOf(block))->second;
  void *plain = w + plainOffset(block) * Types::bytes(types.plain),
       *order = weightsAt(scratch, 0, block);
  char *library =
      scratch + sizes.weightBytes * sizes.weightCopies * sizes.channelTasks;
  bool back = sizes.given.pass == Pass::BackwardWeights;
  void *const data[] = {back ? order : plain, back ? plain : order, library};
  static const int arguments[] = {DNNL_ARG_FROM, DNNL_ARG_TO,
                                  DNNL_ARG_SCRATCHPAD};
  runPrimitive(it.primitive, arguments, it.memories.data(), data, 3,
               "a reordering of weights");
}

void DirectConvolution::Impl::runTask(int64_t task, int worker, char *x,
                                      char *y, char *scratch) const {
  const Convolution &c = sizes.given;
  int64_t block = task % sizes.channelTasks, part = task / sizes.channelTasks;
  int64_t sample = part * sizes.samplesPerTask;
  int64_t samples = std::min(sizes.samplesPerTask, c.samples - sample);
  int64_t channel = block * sizes.channelsPerTask,
          count = sizes.channelsOf(block);
  char *library = scratch +
                  sizes.weightBytes * sizes.weightCopies * sizes.channelTasks +
                  sizes.threadBytes() * worker;
  char *picked = library + sizes.libraryBytes,
       *own = picked + sizes.pickedBytes;
  bool copies = sizes.blockBytes > 0, ofInput = c.pass == Pass::BackwardData;
  // x and y of the task.
  char *input = x + sample * c.groups * c.channels * pointsOf(c.input) *
                        elementOf(true),
       *output = y + sample * c.groups * c.outputs * pointsOf(c.output) *
                         elementOf(false);
  if (sizes.picks && !ofInput) {
    gather(picked, x, true, sample, samples, 0, c.groups * c.channels);
    input = picked;
  }
  if (copies)
    (ofInput ? input : output) = own;
  if (copies && c.pass == Pass::BackwardWeights)
    gather(own, y, false, sample, samples, channel, count);
  void *weights =
      weightsAt(scratch, c.pass == Pass::BackwardWeights ? part : 0, block);
  static const int arguments[3][4] = {
      {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD},
      {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST,
       DNNL_ARG_SCRATCHPAD},
      {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST,
       DNNL_ARG_SCRATCHPAD}};
  const Primitive &it = primitives.find({samples, count})->second;
  void *const data[] = {input, weights, output, library};
  runPrimitive(it.primitive, arguments[size_t(c.pass)],
               it.memories[size_t(worker)].data(), data, 4, "a convolution");
  if (copies && c.pass != Pass::BackwardWeights)
    scatter(ofInput ? x : y, own, ofInput, sample, samples, channel, count);
}

/// Adds the sums over blocks of samples to the first of them.
void DirectConvolution::Impl::addSums(char *scratch) const {
  for (int64_t block = 0; block < sizes.channelTasks; ++block) {
    int64_t elements =
        int64_t(
            primitives.find({sizes.samplesPerTask, sizes.channelsOf(block)})
                ->second.w.get_size()) /
        4;
    float *to = weightsAt(scratch, 0, block);
    threads.split(elements, 4096, [&](int, int64_t begin, int64_t end) {
      for (int64_t copy = 1; copy < sizes.weightCopies; ++copy) {
        const float *from = weightsAt(scratch, copy, block);
        for (int64_t i = begin; i < end; ++i)
          to[i] += from[i];
      }
    });
  }
}

DirectConvolution::DirectConvolution(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
DirectConvolution::~DirectConvolution() = default;

std::unique_ptr<DirectConvolution>
DirectConvolution::make(const DirectSizes &sizes, const Threads &threads,
                        int64_t bytes) {
  auto impl = std::make_unique<Impl>(sizes, threads, bytes);
  bool made = false;
  // A task runs inside one thread: the library must plan for one.
  omp_set_num_threads(1);
  try {
    made = impl->makePrimitives();
  } catch (const dnnl::error &) {
    // It has no code for these sizes.
  }
  omp_set_num_threads(threads.count());
  if (!made)
    return nullptr;
  return std::unique_ptr<DirectConvolution>(
      new DirectConvolution(std::move(impl)));
}

int64_t DirectConvolution::scratchBytes() const { return impl->bytes; }

void DirectConvolution::run(char *const *operands, const int64_t *, size_t,
                            char *scratch) const {
  // Of x, w and y, by pass.
  static const int places[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
  const DirectSizes &sizes = impl->sizes;
  const int *place = places[size_t(sizes.given.pass)];
  char *tensors[3];
  for (int i = 0; i < 3; ++i)
    tensors[i] = operands[place[i]];
  bool back = sizes.given.pass == Pass::BackwardWeights;
  if (!back)
    for (int64_t block = 0; block < sizes.channelTasks; ++block)
      impl->reorder(block, tensors[1], scratch);
  auto run = [&](int worker, int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task)
      impl->runTask(task, worker, tensors[0], tensors[2], scratch);
  };
  if (sizes.workers > 1) {
    impl->threads.split(sizes.tasks(), 1, run);
  } else {
    // Not inside a team of threads: the library must not begin one.
    omp_set_num_threads(1);
    run(0, 0, sizes.tasks());
    omp_set_num_threads(impl->threads.count());
  }
  if (!back)
    return;
  impl->addSums(scratch);
  for (int64_t block = 0; block < sizes.channelTasks; ++block)
    impl->reorder(block, tensors[1], scratch);
}

} // namespace colossal::rank
