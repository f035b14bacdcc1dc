//===- ProgramArithmetic.cpp - What ops of rank programs compute ----------===//

#include "ProgramArithmetic.h"
#include "colossal/Reference/Combine.h"
#include "colossal/Reference/MatrixProduct.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// first, first + step, ...
static std::vector<int64_t> multiples(int64_t count, int64_t step,
                                      int64_t first = 0) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < count; ++i)
    result.push_back(first + i * step);
  return result;
}

/// Whether all sums of two of these places are elements of the value.
static bool isInside(const Tensor &value, ArrayRef<int64_t> lines,
                     ArrayRef<int64_t> depth) {
  if (lines.empty() || depth.empty())
    return true;
  auto [line, lastLine] = std::minmax_element(lines.begin(), lines.end());
  auto [place, lastPlace] = std::minmax_element(depth.begin(), depth.end());
  return *line + *place >= 0 && *lastLine + *lastPlace < value.size();
}

/// Calls `visit` with the first elements of A, B and C for every batch.
static void
forEachBatch(const rank::Gemm &gemm,
             llvm::function_ref<void(int64_t, int64_t, int64_t)> visit) {
  std::vector<int64_t> index(gemm.batch.size(), 0);
  if (llvm::is_contained(gemm.batch, 0))
    return;
  while (true) {
    int64_t a = 0, b = 0, c = 0;
    for (size_t i = 0; i < index.size(); ++i) {
      a += index[i] * gemm.aBatch[i];
      b += index[i] * gemm.bBatch[i];
      c += index[i] * gemm.cBatch[i];
    }
    visit(a, b, c);
    size_t i = index.size();
    while (i > 0 && ++index[i - 1] == gemm.batch[i - 1])
      index[--i] = 0;
    if (i == 0)
      return;
  }
}

std::optional<Tensor> colossal::reference::evaluateGemm(const rank::Gemm &gemm,
                                                        ProductOperand a,
                                                        ProductOperand b,
                                                        int64_t elements,
                                                        std::string &error) {
  Tensor result = Tensor::zeros(ElementKind::Float, {elements});
  std::vector<int8_t> written(elements, 0);
  auto aDepth = multiples(gemm.k, gemm.aK), bDepth = multiples(gemm.k, gemm.bK);
  auto cColumns = multiples(gemm.n, gemm.cN);
  forEachBatch(gemm, [&](int64_t aFirst, int64_t bFirst, int64_t cFirst) {
    if (!error.empty())
      return;
    auto aRows = multiples(gemm.m, gemm.aM, a.first + aFirst);
    auto bColumns = multiples(gemm.n, gemm.bN, b.first + bFirst);
    auto cRows = multiples(gemm.m, gemm.cM, cFirst);
    if (!isInside(a.value, aRows, aDepth) ||
        !isInside(b.value, bColumns, bDepth)) {
      error = "reads outside of its operands";
      return;
    }
    for (int64_t m = 0; m < gemm.m; ++m)
      for (int64_t n = 0; n < gemm.n; ++n) {
        int64_t at = cFirst + m * gemm.cM + n * gemm.cN;
        if (at < 0 || at >= elements || written[at]++) {
          error = "writes element " + std::to_string(at) + " of C's " +
                  std::to_string(elements) +
                  (at < 0 || at >= elements ? "" : " twice");
          return;
        }
      }
    addProduct({a.value.floats.data(), aRows, aDepth},
               {b.value.floats.data(), bColumns, bDepth}, result.floats.data(),
               cRows, cColumns);
  });
  auto missing = llvm::find(written, 0);
  if (error.empty() && missing != written.end())
    error = "does not write element " +
            std::to_string(missing - written.begin()) + " of C";
  if (!error.empty())
    return std::nullopt;
  return result;
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

namespace {
/// Rows [first, first + bound) of `extent`: the part of one member.
struct Part {
  int64_t first, count;
  Part(const rank::Collective::Cut &cut, int64_t member)
      : first(member * cut.bound),
        count(std::clamp<int64_t>(cut.extent - first, 0, cut.bound)) {}
};

/// One result, written at most once an element; what is left is padding.
class Result {
public:
  Result(ElementKind kind, int64_t elements)
      : tensor(Tensor::zeros(kind, {elements})) {}
  void set(int64_t i, const Tensor &source, int64_t j) {
    isValid &= i >= 0 && i < tensor.size() && j >= 0 && j < source.size();
    if (isValid)
      tensor.copyElement(i, source, j);
  }
  Tensor tensor;
  bool isValid = true;
};
} // namespace

/// Over all members, in their order.
static Tensor combineAll(Combiner combiner, Type element,
                         ArrayRef<Tensor> inputs) {
  Tensor result = inputs[0];
  for (const Tensor &input : inputs.drop_front())
    combineTensor(combiner, element, result, input);
  return result;
}

static Result allGather(const rank::Collective &c, ArrayRef<Tensor> inputs) {
  Result result(inputs[0].kind, c.outer * c.gather.extent * c.inner);
  for (auto [p, input] : llvm::enumerate(inputs)) {
    Part part(c.gather, int64_t(p));
    for (int64_t o = 0; o < c.outer; ++o)
      for (int64_t e = 0; e < part.count; ++e)
        for (int64_t i = 0; i < c.inner; ++i)
          result.set((o * c.gather.extent + part.first + e) * c.inner + i,
                     input, (o * c.gather.bound + e) * c.inner + i);
  }
  return result;
}

static Result scatter(const rank::Collective &c, const Tensor &whole,
                      int64_t member) {
  Result result(whole.kind, c.outer * c.scatter.bound * c.inner);
  Part part(c.scatter, member);
  for (int64_t o = 0; o < c.outer; ++o)
    for (int64_t e = 0; e < part.count; ++e)
      for (int64_t i = 0; i < c.inner; ++i)
        result.set((o * c.scatter.bound + e) * c.inner + i, whole,
                   (o * c.scatter.extent + part.first + e) * c.inner + i);
  return result;
}

static Result allToAll(const rank::Collective &c, ArrayRef<Tensor> inputs,
                       int64_t member) {
  const rank::Collective::Cut &g = c.gather, &s = c.scatter;
  Result result(inputs[0].kind,
                c.outer * s.bound * c.middle * g.extent * c.inner);
  Part mine(s, member);
  for (auto [p, input] : llvm::enumerate(inputs)) {
    Part theirs(g, int64_t(p));
    for (int64_t o = 0; o < c.outer; ++o)
      for (int64_t x = 0; x < mine.count; ++x)
        for (int64_t m = 0; m < c.middle; ++m)
          for (int64_t y = 0; y < theirs.count; ++y) {
            int64_t from = mine.first + x, to = theirs.first + y;
            int64_t in =
                c.scatterFirst
                    ? ((o * s.extent + from) * c.middle + m) * g.bound + y
                    : ((o * g.bound + y) * c.middle + m) * s.extent + from;
            int64_t out =
                c.scatterFirst
                    ? ((o * s.bound + x) * c.middle + m) * g.extent + to
                    : ((o * g.extent + to) * c.middle + m) * s.bound + x;
            for (int64_t i = 0; i < c.inner; ++i)
              result.set(out * c.inner + i, input, in * c.inner + i);
          }
  }
  return result;
}

std::optional<std::vector<Tensor>>
colossal::reference::evaluateCollective(const rank::Op &op, Type element,
                                        ArrayRef<Tensor> inputs,
                                        std::string &error) {
  const rank::Collective &c = op.collective;
  std::optional<Combiner> combiner = combinerNamed(c.combiner);
  if (!combiner || isTuple(*combiner)) {
    error = "found combiner '" + c.combiner + "', expected one of one value";
    return std::nullopt;
  }
  std::optional<Tensor> combined;
  if (op.kind == rank::OpKind::AllReduce ||
      op.kind == rank::OpKind::ReduceScatter)
    combined = combineAll(*combiner, element, inputs);
  std::vector<Tensor> results;
  for (size_t member = 0; member < inputs.size(); ++member) {
    if (op.kind == rank::OpKind::AllReduce) {
      results.push_back(*combined);
      continue;
    }
    Result result = op.kind == rank::OpKind::AllGather ? allGather(c, inputs)
                    : op.kind == rank::OpKind::ReduceScatter
                        ? scatter(c, *combined, int64_t(member))
                        : allToAll(c, inputs, int64_t(member));
    if (!result.isValid) {
      error = "reads or writes outside of its operands";
      return std::nullopt;
    }
    results.push_back(std::move(result.tensor));
  }
  return results;
}
