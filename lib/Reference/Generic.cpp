//===- Generic.cpp - A nest of factors with a scalar body -----------------===//

#include "Colossal/Analysis/Placement.h"
#include "GenericEvaluation.h"
#include "colossal/Reference/Combine.h"
#include "colossal/Reference/ScalarProgram.h"
#include "mlir/IR/Matchers.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

//===----------------------------------------------------------------------===//
// One-hot bodies
//===----------------------------------------------------------------------===//

namespace {
/// The body is zero wherever index(factor) differs from `id`.
struct Selected {
  unsigned factor;
  Value id;
};
} // namespace

static bool isZero(Value value) {
  return matchPattern(value, m_AnyZeroFloat()) || matchPattern(value, m_Zero());
}

/// Whether `value` is the same for all iterations of `factor`.
static bool isInvariant(Value value, unsigned factor, GenericOp op,
                        const LoopNest &nest) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return !FactoredOp(op.getOperation())
                .getOperandMap(argument.getArgNumber())
                .uses(factor);
  Operation *defining = value.getDefiningOp();
  if (auto index = dyn_cast<IndexOp>(defining))
    return nest.find(index.getFactor()) != int64_t(factor);
  return llvm::all_of(defining->getOperands(), [&](Value operand) {
    return isInvariant(operand, factor, op, nest);
  });
}

/// `id == index(v)` with an id that does not depend on v; a conjunction holds
/// if one of its sides does.
static std::optional<Selected> matchPredicate(Value condition, GenericOp op,
                                              const LoopNest &nest) {
  if (auto conjunction = condition.getDefiningOp<arith::AndIOp>()) {
    if (auto found = matchPredicate(conjunction.getLhs(), op, nest))
      return found;
    return matchPredicate(conjunction.getRhs(), op, nest);
  }
  auto compare = condition.getDefiningOp<arith::CmpIOp>();
  if (!compare || compare.getPredicate() != arith::CmpIPredicate::eq)
    return std::nullopt;
  Value sides[] = {compare.getLhs(), compare.getRhs()};
  for (unsigned side : {0, 1}) {
    auto index = sides[side].getDefiningOp<IndexOp>();
    if (!index)
      continue;
    int64_t factor = nest.find(index.getFactor());
    if (factor >= 0 && isInvariant(sides[1 - side], factor, op, nest))
      return Selected{unsigned(factor), sides[1 - side]};
  }
  return std::nullopt;
}

/// The predicate outside of which every yielded value is zero.
static std::optional<Selected> matchOneHot(GenericOp op, const LoopNest &nest) {
  if (!isZeroNeutral(FactoredOp(op.getOperation())))
    return std::nullopt;
  std::optional<Selected> common;
  for (Value value : op.getYielded()) {
    while (auto *cast = value.getDefiningOp()) {
      if (!isa<arith::ExtFOp, arith::TruncFOp>(cast))
        break;
      value = cast->getOperand(0);
    }
    auto select = value.getDefiningOp<arith::SelectOp>();
    if (!select || !isZero(select.getFalseValue()))
      return std::nullopt;
    auto found = matchPredicate(select.getCondition(), op, nest);
    if (!found || (common && (common->factor != found->factor ||
                              common->id != found->id)))
      return std::nullopt;
    common = found;
  }
  return common;
}

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

namespace {
class GenericEvaluation {
public:
  GenericEvaluation(GenericOp op, ArrayRef<TensorRef> operands,
                    const Place &place, const Options &options)
      : op(op), nest(FactoredOp(op.getOperation()), place), operands(operands),
        options(options), indices(nest.factors.size(), 0) {
    FactoredOp factored(op.getOperation());
    for (unsigned i = 0; i < operands.size(); ++i)
      reads.emplace_back(factored.getOperandMap(i), nest.factors.size());
    for (unsigned j = 0; j < op.getNumResults(); ++j)
      writes.emplace_back(factored.getResultMap(j), nest.factors.size());
    combiner = combinerOf(factored);
  }

  FailureOr<Tensors> run();

private:
  void initialise(unsigned j);
  void chooseStrip();
  void load(ScalarProgram &program, int64_t begin, int64_t count);
  void setIndices(ScalarProgram &program, int64_t begin, int64_t count);
  void store(unsigned j, const Word *values, int64_t begin, int64_t count);
  std::optional<int64_t> selectedIndex();
  bool solvePlacement();

  GenericOp op;
  LoopNest nest;
  ArrayRef<TensorRef> operands;
  const Options &options;
  SmallVector<int64_t> indices;
  SmallVector<Access> reads, writes;
  SmallVector<Tensor> results;
  std::optional<Combiner> combiner; ///< of the reduction factors, if any
  std::optional<Selected> selected;
  std::optional<Placement> placement;
  std::optional<ScalarProgram> body, idProgram;
  int64_t strip = -1; ///< the factor that a strip runs over; -1: none
};
} // namespace

/// The neutral element at all positions but padding, which is zero.
void GenericEvaluation::initialise(unsigned j) {
  if (!combiner || factsOf(*combiner).isZeroNeutral)
    return;
  SmallVector<unsigned> parallel;
  for (auto [number, factor] : llvm::enumerate(nest.factors))
    if (factor.isParallel())
      parallel.push_back(number);
  for (int64_t position : positions(writes[j], parallel, nest.valid))
    setNeutral(*combiner, getElementTypeOrSelf(op.getResult(j)), results[j],
               writes[j].base + position);
}

/// True if the factor is determined by an equation, or determines others.
static bool movesPlacement(const Placement &placement, unsigned factor) {
  return llvm::any_of(placement.equations, [&](const auto &equation) {
    auto isFactor = [&](const Placement::Term &term) {
      return term.factor == factor;
    };
    return llvm::any_of(equation.solved, isFactor) ||
           llvm::any_of(equation.known, isFactor);
  });
}

/// The longest factor, not one that moves the selected index if possible.
void GenericEvaluation::chooseStrip() {
  for (auto [number, bound] : llvm::enumerate(nest.valid)) {
    if (placement && movesPlacement(*placement, number))
      continue;
    if (selected && (number == selected->factor ||
                     !isInvariant(selected->id, number, op, nest)))
      continue;
    // Of similar ones the innermost of a tensor is read in order.
    auto isInner = [&](unsigned f) {
      return !writes.empty() && writes[0].strides[f] == 1;
    };
    auto score = [&](unsigned f) {
      return std::min(nest.valid[f], kStrip) * (isInner(f) ? 2 : 1);
    };
    if (strip < 0 || score(number) > score(strip))
      strip = number;
  }
}

template <typename T, typename Set>
static void gather(const std::vector<T> &data, int64_t position, int64_t stride,
                   int64_t count, Word *out, Set set) {
  for (int64_t e = 0; e < count; ++e)
    set(out[e], data[position + e * stride]);
}

void GenericEvaluation::load(ScalarProgram &program, int64_t begin,
                             int64_t count) {
  for (auto [number, access] : llvm::enumerate(reads)) {
    Word *out = program.argument(number);
    if (!out)
      continue;
    int64_t first = begin, last = begin + count;
    int64_t stride = strip < 0 ? 0 : access.strides[strip];
    if (!access.inside(indices, strip))
      last = first;
    else if (strip >= 0)
      access.clip(strip, first, last);
    // Outside the tensor: zero (the same bits for integers).
    if (first > begin || last < begin + count)
      for (int64_t e = 0; e < count; ++e)
        out[e].real = 0.0;
    if (last <= first)
      continue;
    int64_t position = access.at(indices) + (first - begin) * stride;
    out += first - begin;
    const Tensor &tensor = *operands[number];
    if (tensor.kind == ElementKind::Float)
      gather(tensor.floats, position, stride, last - first, out,
             [](Word &word, double value) { word.real = value; });
    else if (tensor.kind == ElementKind::Integer)
      gather(tensor.integers, position, stride, last - first, out,
             [](Word &word, int64_t value) { word.integer = value; });
    else
      gather(tensor.booleans, position, stride, last - first, out,
             [](Word &word, uint8_t value) { word.integer = value; });
  }
}

void GenericEvaluation::setIndices(ScalarProgram &program, int64_t begin,
                                   int64_t count) {
  for (const ScalarProgram::Index &index : program.indices()) {
    int64_t factor = nest.find(index.factor);
    int64_t value = indices[factor] + nest.offset[factor];
    int64_t step = factor == strip ? 1 : 0;
    Word *out = program.registerOf(index.number);
    for (int64_t e = 0; e < count; ++e)
      out[e].integer = value + e * step;
  }
}

template <typename T, typename Get, typename Combine>
static void scatter(std::vector<T> &data, int64_t position, int64_t stride,
                    const Word *values, int64_t count, Get get,
                    Combine combine) {
  for (int64_t e = 0; e < count; ++e) {
    T &target = data[position + e * stride];
    target = combine(target, get(values[e]));
  }
}

void GenericEvaluation::store(unsigned j, const Word *values, int64_t begin,
                              int64_t count) {
  const Access &access = writes[j];
  int64_t position = access.at(indices);
  int64_t stride = strip < 0 ? 0 : access.strides[strip];
  unsigned width =
      getElementTypeOrSelf(op.getResult(j)).getIntOrFloatBitWidth();
  auto store = [&](auto &data, auto get) {
    using T = std::decay_t<decltype(data[0])>;
    auto put = [&](auto combine) {
      scatter(data, position, stride, values, count, get, combine);
    };
    if (!combiner)
      return put([](T, T value) { return value; });
    withCombiner(*combiner, [&](auto constant) {
      constexpr Combiner c = constant();
      put([&](T old, T value) {
        T combined = combine<c>(old, value);
        // Integers of every width are held in 64 bits.
        if constexpr (std::is_same_v<T, int64_t>)
          return llvm::SignExtend64(combined, width);
        return combined;
      });
    });
  };
  Tensor &result = results[j];
  if (result.kind == ElementKind::Float)
    store(result.floats, [](Word word) { return word.real; });
  else if (result.kind == ElementKind::Integer)
    store(result.integers, [](Word word) { return word.integer; });
  else
    store(result.booleans, [](Word word) { return uint8_t(word.integer); });
}

/// The local index of the selected factor at the current point.
std::optional<int64_t> GenericEvaluation::selectedIndex() {
  load(*idProgram, 0, 1);
  setIndices(*idProgram, 0, 1);
  idProgram->run(1);
  int64_t index = idProgram->value(0)->integer - nest.offset[selected->factor];
  if (index < 0 || index >= nest.valid[selected->factor])
    return std::nullopt;
  return index;
}

/// Sets the indices that the equations determine; false if there are none.
bool GenericEvaluation::solvePlacement() {
  for (const Placement::Equation &equation : placement->equations) {
    int64_t rest = equation.constant;
    for (const Placement::Term &term : equation.known)
      rest += term.stride * (indices[term.factor] + nest.offset[term.factor]);
    for (const Placement::Term &term : equation.solved) {
      int64_t index = rest / term.stride;
      rest -= index * term.stride;
      index -= nest.offset[term.factor];
      if (rest < 0 || index < 0 || index >= nest.valid[term.factor])
        return false;
      indices[term.factor] = index;
    }
    if (rest != 0)
      return false;
  }
  return true;
}

FailureOr<Tensors> GenericEvaluation::run() {
  for (auto [j, type] : llvm::enumerate(op.getResultTypes())) {
    results.push_back(Tensor::zeros(cast<RankedTensorType>(type)));
    initialise(j);
  }
  Block &block = op.getBody().front();
  FailureOr<ScalarProgram> compiled =
      ScalarProgram::compile(block, op.getYielded(), options.float32);
  if (failed(compiled))
    return failure();
  body = std::move(*compiled);
  body->prepare();
  if (options.fastPaths)
    placement = analyzePlacement(op);
  if (options.fastPaths && !placement)
    selected = matchOneHot(op, nest);
  if (selected) {
    FailureOr<ScalarProgram> id =
        ScalarProgram::compile(block, selected->id, options.float32);
    if (failed(id))
      return failure();
    idProgram = std::move(*id);
    idProgram->prepare();
  }
  bool empty = llvm::any_of(nest.valid, [](int64_t n) { return n <= 0; });
  chooseStrip();
  SmallVector<unsigned> outer;
  for (unsigned factor = 0; factor < nest.factors.size(); ++factor)
    if (int64_t(factor) != strip && !(selected && selected->factor == factor) &&
        !(placement && placement->solves(factor)))
      outer.push_back(factor);
  int64_t length = strip < 0 ? 1 : nest.valid[strip];
  while (!empty) {
    bool skip = false;
    if (selected) {
      std::optional<int64_t> index = selectedIndex();
      skip = !index;
      indices[selected->factor] = index.value_or(0);
    }
    if (placement)
      skip = !solvePlacement();
    for (int64_t begin = 0; begin < length && !skip; begin += kStrip) {
      int64_t count = std::min(kStrip, length - begin);
      if (strip >= 0)
        indices[strip] = begin;
      load(*body, begin, count);
      setIndices(*body, begin, count);
      body->run(count);
      for (unsigned j = 0; j < results.size(); ++j)
        store(j, body->value(j), begin, count);
    }
    if (strip >= 0)
      indices[strip] = 0;
    if (selected)
      indices[selected->factor] = 0;
    if (placement)
      for (const Placement::Equation &equation : placement->equations)
        for (const Placement::Term &term : equation.solved)
          indices[term.factor] = 0;
    if (!advance(indices, outer, nest.valid))
      break;
  }
  Tensors shared;
  for (auto [result, type] : llvm::zip(results, op.getResultTypes())) {
    if (options.float32 && getElementTypeOrSelf(type).isF32())
      for (double &value : result.floats)
        value = double(float(value));
    shared.push_back(share(std::move(result)));
  }
  return shared;
}

FailureOr<Tensors>
colossal::reference::evaluateGeneric(GenericOp op, ArrayRef<TensorRef> operands,
                                     const Place &place,
                                     const Options &options) {
  if (options.fastPaths) {
    LoopNest nest(FactoredOp(op.getOperation()), place);
    if (std::optional<Tensor> result =
            evaluateContraction(op, nest, operands, options))
      return Tensors{share(std::move(*result))};
  }
  return GenericEvaluation(op, operands, place, options).run();
}
