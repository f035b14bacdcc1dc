//===- Generic.cpp - A nest of factors with a scalar body -----------------===//

#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Colossal/IR/Where.h"
#include "GenericEvaluation.h"
#include "colossal/Reference/Combine.h"
#include "colossal/Reference/ScalarProgram.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Parallel.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

//===----------------------------------------------------------------------===//
// Evaluation
//===----------------------------------------------------------------------===//

/// Iterations from which on threads are worth their start, and the parts that
/// they share.
static constexpr int64_t kParallel = int64_t(1) << 16, kParts = 32;

namespace {
class GenericEvaluation {
public:
  GenericEvaluation(GenericOp op, ArrayRef<TensorRef> operands,
                    const Place &place, const Options &options)
      : op(op), nest(FactoredOp(op.getOperation()), place), operands(operands),
        options(options), indices(nest.factors.size(), 0),
        solved(nest.factors.size()), moving(nest.factors.size()) {
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
  int64_t chooseSplit() const;
  void runPart(ArrayRef<unsigned> outer);
  void load(ScalarProgram &program, int64_t begin, int64_t count);
  struct Scalars;
  void setIndices(Scalars &scalars, int64_t begin, int64_t count);
  void store(unsigned j, const Word *values, int64_t begin, int64_t count);
  LogicalResult compile();
  FailureOr<Scalars> compile(Block &block, ValueRange values) const;
  LogicalResult addEquation(const SolvedEquation &equation, Block &block,
                            const IRMapping &mapping);
  bool solve();
  void storeTuples(int64_t count);

  GenericOp op;
  LoopNest nest;
  ArrayRef<TensorRef> operands;
  const Options &options;
  SmallVector<int64_t> indices;
  SmallVector<Access> reads, writes;
  MutableArrayRef<Tensor> results;
  std::optional<Combiner> combiner; ///< of the reduction factors, if any
  /// What computes scalars, and the factors whose indices it asks.
  struct Scalars {
    ScalarProgram program;
    SmallVector<int64_t> factors;
  };
  /// An equation that determines indices, and what computes its id.
  struct Determined {
    SolvedEquation equation;
    std::optional<Scalars> id;
  };
  std::vector<Determined> determined;
  llvm::SmallBitVector solved; ///< factors that equations determine
  llvm::SmallBitVector moving; ///< and those that move their solutions
  std::optional<Scalars> body;
  int64_t strip = -1; ///< the factor that a strip runs over; -1: none
  int64_t stripBegin = 0, stripEnd = 1; ///< its iterations
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
               writes[j].base + position, j);
}

/// The factor with the cheapest iterations, of those that move no index which
/// an equation determines. Terms are combined in the order of the reduction
/// factors, the last one fastest, so of these only the last may run in a strip.
void GenericEvaluation::chooseStrip() {
  int64_t last = -1;
  for (auto [number, factor] : llvm::enumerate(nest.factors))
    if (!factor.isParallel())
      last = number;
  // Roughly, in additions: decoding, elements that are not side by side, terms
  // that wait for the one before.
  auto costOf = [&](unsigned f) {
    double cost = 128.0 / double(std::min(nest.valid[f], kStrip));
    for (const Access &read : reads)
      cost += read.strides[f] <= 1 ? 1.0 : 3.0;
    for (const Access &write : writes)
      cost += write.strides[f] == 1 ? 1.0 : write.strides[f] == 0 ? 4.0 : 3.0;
    return cost;
  };
  for (unsigned number = 0; number < nest.valid.size(); ++number) {
    bool mayRun = nest.factors[number].isParallel() || int64_t(number) == last;
    if (mayRun && nest.valid[number] > 0 && !solved.test(number) &&
        !moving.test(number) && (strip < 0 || costOf(number) < costOf(strip)))
      strip = number;
  }
}

/// A parallel factor, whose iterations write apart, so that threads may share
/// them, that of the strip if there is no other and it is long; -1 where they
/// are not worth their start.
int64_t GenericEvaluation::chooseSplit() const {
  int64_t work = 1, split = -1;
  for (auto [number, factor] : llvm::enumerate(nest.factors)) {
    if (solved.test(number))
      continue;
    work *= nest.valid[number];
    if (factor.isParallel() && int64_t(number) != strip &&
        (split < 0 || nest.valid[number] > nest.valid[split]))
      split = number;
  }
  bool isLong = strip >= 0 && nest.factors[strip].isParallel() &&
                nest.valid[strip] >= kParts * kStrip;
  if ((split < 0 || nest.valid[split] < 2) && isLong)
    split = strip;
  return work < kParallel || split < 0 || nest.valid[split] < 2 ? -1 : split;
}

template <typename T, typename Set>
static void gather(const std::vector<T> &data, int64_t position, int64_t stride,
                   int64_t count, Word *out, Set set) {
  // A loop of its own for elements side by side, which most are.
  if (stride == 1) {
    const T *from = data.data() + position;
    for (int64_t e = 0; e < count; ++e)
      set(out[e], from[e]);
    return;
  }
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

void GenericEvaluation::setIndices(Scalars &scalars, int64_t begin,
                                   int64_t count) {
  for (auto [index, factor] :
       llvm::zip(scalars.program.indices(), scalars.factors)) {
    int64_t value = indices[factor] + nest.offset[factor];
    int64_t step = factor == strip ? 1 : 0;
    Word *out = scalars.program.registerOf(index.number);
    for (int64_t e = 0; e < count; ++e)
      out[e].integer = value + e * step;
  }
}

template <typename T, typename Get, typename Combine>
static void scatter(std::vector<T> &data, int64_t position, int64_t stride,
                    const Word *values, int64_t count, Get get,
                    Combine combine) {
  if (stride == 0) {
    T target = data[position];
    for (int64_t e = 0; e < count; ++e)
      target = combine(target, get(values[e]));
    data[position] = target;
    return;
  }
  if (stride == 1) {
    T *to = data.data() + position;
    for (int64_t e = 0; e < count; ++e)
      to[e] = combine(to[e], get(values[e]));
    return;
  }
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
  Type element = getElementTypeOrSelf(op.getResult(j));
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
          return wrapped(element, combined);
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

/// Combines what the iterations of a strip yield with the results, which are
/// the components of tuples.
void GenericEvaluation::storeTuples(int64_t count) {
  SmallVector<Word> old(results.size()), term(results.size());
  bool ofFloats = llvm::any_of(results, [](const Tensor &result) {
    return result.kind == ElementKind::Float;
  });
  for (int64_t e = 0; e < count; ++e) {
    auto place = [&](unsigned j) {
      int64_t stride = strip < 0 ? 0 : writes[j].strides[strip];
      return writes[j].at(indices) + e * stride;
    };
    for (auto [j, result] : llvm::enumerate(results)) {
      term[j] = body->program.value(j)[e];
      if (result.kind == ElementKind::Float)
        old[j].real = result.floats[place(j)];
      else
        old[j].integer = result.integers[place(j)];
    }
    combineWords(*combiner, ofFloats, old, term);
    for (auto [j, result] : llvm::enumerate(results)) {
      if (result.kind == ElementKind::Float)
        result.floats[place(j)] = old[j].real;
      else
        result.integers[place(j)] = old[j].integer;
    }
  }
}

/// Sets the indices that the equations determine; false if there are none.
bool GenericEvaluation::solve() {
  for (Determined &own : determined) {
    const SolvedEquation &equation = own.equation;
    int64_t rest = equation.constant;
    for (const SolvedEquation::Term &term : equation.known)
      rest += term.stride * (indices[term.factor] + nest.offset[term.factor]);
    if (own.id) {
      load(own.id->program, 0, 1);
      setIndices(*own.id, 0, 1);
      own.id->program.run(1);
      // An id may be any number.
      int64_t id = own.id->program.value(0)->integer;
      if (equation.idSign < 0 ? llvm::SubOverflow(rest, id, rest)
                              : llvm::AddOverflow(rest, id, rest))
        return false;
    }
    for (const SolvedEquation::Term &term : equation.solved) {
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

FailureOr<GenericEvaluation::Scalars>
GenericEvaluation::compile(Block &block, ValueRange values) const {
  FailureOr<ScalarProgram> program =
      ScalarProgram::compile(block, values, options.float32);
  if (failed(program))
    return failure();
  Scalars scalars = {std::move(*program), {}};
  scalars.program.prepare();
  for (const ScalarProgram::Index &index : scalars.program.indices())
    scalars.factors.push_back(nest.find(index.factor));
  return scalars;
}

LogicalResult GenericEvaluation::addEquation(const SolvedEquation &equation,
                                             Block &block,
                                             const IRMapping &mapping) {
  Determined &added = determined.emplace_back();
  added.equation = equation;
  for (const SolvedEquation::Term &term : equation.solved)
    solved.set(term.factor);
  for (const SolvedEquation::Term &term : equation.known)
    moving.set(term.factor);
  if (!equation.id)
    return success();
  moving |= factorsOf(FactoredOp(op.getOperation()), equation.id);
  FailureOr<Scalars> id = compile(block, mapping.lookup(equation.id));
  if (failed(id))
    return failure();
  added.id = std::move(*id);
  return success();
}

/// The body and the ids. Iterations that equations exclude are left out; in the
/// others the body asks them all once more.
LogicalResult GenericEvaluation::compile() {
  Region asked;
  IRMapping mapping;
  op.getBody().cloneInto(&asked, mapping);
  Block &block = asked.front();
  for (auto where : llvm::make_early_inc_range(block.getOps<WhereOp>()))
    expandWhere(where);
  FailureOr<Scalars> compiled =
      compile(block, block.getTerminator()->getOperands());
  if (failed(compiled))
    return failure();
  body = std::move(*compiled);
  std::optional<Selection> selection;
  if (options.fastPaths)
    selection = analyzeSelection(op);
  if (!selection)
    return success();
  for (const SolvedEquation &equation : selection->sums)
    if (failed(addEquation(equation, block, mapping)))
      return failure();
  return selection->scatter ? addEquation(*selection->scatter, block, mapping)
                            : success();
}

/// All iterations of the `outer` factors and those of the strip.
void GenericEvaluation::runPart(ArrayRef<unsigned> outer) {
  do {
    bool skip = !solve();
    for (int64_t begin = stripBegin; begin < stripEnd && !skip;
         begin += kStrip) {
      int64_t count = std::min(kStrip, stripEnd - begin);
      if (strip >= 0)
        indices[strip] = begin;
      load(body->program, begin, count);
      setIndices(*body, begin, count);
      body->program.run(count);
      if (combiner && isTuple(*combiner)) {
        storeTuples(count);
        continue;
      }
      for (unsigned j = 0; j < results.size(); ++j)
        store(j, body->program.value(j), begin, count);
    }
    if (strip >= 0)
      indices[strip] = 0;
    for (unsigned factor : solved.set_bits())
      indices[factor] = 0;
  } while (advance(indices, outer, nest.valid));
}

FailureOr<Tensors> GenericEvaluation::run() {
  SmallVector<Tensor> tensors;
  for (Type type : op.getResultTypes())
    tensors.push_back(Tensor::zeros(cast<RankedTensorType>(type)));
  results = tensors;
  for (unsigned j = 0; j < results.size(); ++j)
    initialise(j);
  if (failed(compile()))
    return failure();
  if (llvm::all_of(nest.valid, [](int64_t n) { return n > 0; })) {
    if (options.fastPaths) {
      llvm::SmallBitVector asked = solved;
      asked |= moving;
      for (int64_t factor : body->factors)
        asked.set(factor);
      mergeLoops(nest, reads, writes, asked);
    }
    chooseStrip();
    stripEnd = strip < 0 ? 1 : nest.valid[strip];
    int64_t split = options.fastPaths ? chooseSplit() : -1;
    SmallVector<unsigned> outer;
    for (unsigned factor = 0; factor < nest.factors.size(); ++factor)
      if (int64_t(factor) != strip && int64_t(factor) != split &&
          !solved.test(factor))
        outer.push_back(factor);
    if (split < 0)
      runPart(outer);
    else
      llvm::parallelFor(0, std::min(kParts, nest.valid[split]), [&](size_t p) {
        int64_t parts = std::min(kParts, nest.valid[split]);
        GenericEvaluation part(*this);
        int64_t begin = nest.valid[split] * p / parts,
                end = nest.valid[split] * (p + 1) / parts;
        if (split == strip) {
          part.stripBegin = begin;
          part.stripEnd = end;
          return part.runPart(outer);
        }
        for (int64_t i = begin; i < end; ++i) {
          part.indices[split] = i;
          part.runPart(outer);
        }
      });
  }
  Tensors shared;
  for (auto [result, type] : llvm::zip(tensors, op.getResultTypes())) {
    if (options.float32 && getElementTypeOrSelf(type).isF32())
      for (double &value : result.floats)
        value = double(float(value));
    shared.push_back(share(std::move(result)));
  }
  return shared;
}

FailureOr<Tensors>
colossal::reference::evaluateLoops(GenericOp op, ArrayRef<TensorRef> operands,
                                   const Place &place, const Options &options) {
  return GenericEvaluation(op, operands, place, options).run();
}
