//===- Combine.cpp - Combiners on tensors ---------------------------------===//

#include "colossal/Reference/Combine.h"
#include "Colossal/IR/UnsignedByte.h"
#include "colossal/Support/TupleCombiner.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

void colossal::reference::combineElement(Combiner combiner, Type element,
                                         Tensor &into, int64_t i,
                                         const Tensor &from, int64_t j) {
  withCombiner(combiner, [&](auto constant) {
    constexpr Combiner c = constant();
    if (into.kind == ElementKind::Float)
      into.floats[i] = combine<c>(into.floats[i], from.floats[j]);
    else if (into.kind == ElementKind::Integer)
      into.integers[i] =
          wrapped(element, combine<c>(into.integers[i], from.integers[j]));
    else
      into.booleans[i] = combine<c>(into.booleans[i], from.booleans[j]);
  });
}

void colossal::reference::combineTensor(Combiner combiner, Type element,
                                        Tensor &into, const Tensor &from) {
  for (int64_t i = 0, e = into.size(); i < e; ++i)
    combineElement(combiner, element, into, i, from, i);
}

template <class... T>
static void read(std::tuple<T...> &tuple, ArrayRef<Word> words) {
  unsigned next = 0;
  auto get = [&](auto &value) {
    const Word &word = words[next++];
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, double>)
      value = word.real;
    else
      value = word.integer;
  };
  std::apply([&](auto &...value) { (get(value), ...); }, tuple);
}

template <class... T>
static void write(const std::tuple<T...> &tuple, MutableArrayRef<Word> words) {
  unsigned next = 0;
  auto set = [&](auto value) {
    Word &word = words[next++];
    if constexpr (std::is_same_v<decltype(value), double>)
      word.real = value;
    else
      word.integer = value;
  };
  std::apply([&](auto... value) { (set(value), ...); }, tuple);
}

template <Combiner combiner, class T>
static void combineAs(MutableArrayRef<Word> into, ArrayRef<Word> from) {
  TupleOf<combiner, T> a, b;
  read(a, into);
  read(b, from);
  write(combineTuples<combiner, T>(a, b), into);
}

void colossal::reference::combineWords(Combiner combiner, bool ofFloats,
                                       MutableArrayRef<Word> into,
                                       ArrayRef<Word> from) {
  withTupleCombiner(combiner, [&](auto constant) {
    constexpr Combiner c = constant();
    if constexpr (factsOf(c).components[0] == Component::Number)
      if (!ofFloats)
        return combineAs<c, int64_t>(into, from);
    combineAs<c, double>(into, from);
  });
}

void colossal::reference::setNeutral(Combiner combiner, Type element,
                                     Tensor &tensor, int64_t i,
                                     unsigned component) {
  TypedAttr neutral = neutralElement(combiner, element, component);
  if (auto real = dyn_cast<FloatAttr>(neutral))
    tensor.floats[i] = real.getValueAsDouble();
  else if (tensor.kind == ElementKind::Integer)
    tensor.integers[i] = integerOf(cast<IntegerAttr>(neutral));
  else
    tensor.booleans[i] = integerOf(cast<IntegerAttr>(neutral));
}
