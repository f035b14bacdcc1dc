//===- RandomOps.cpp - Random factored ops --------------------------------===//

#include "RandomOps.h"
#include "colossal/Support/Combiner.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
struct Factor {
  std::string name;
  int64_t bound;
  bool reduced = false;
};

/// A tensor operand or result: its map and type in text.
struct TensorText {
  std::string map, type;
};

/// Collects the text of a function with one op.
class OpText {
public:
  explicit OpText(Random &random) : random(random) {}

  void addFactor(const std::string &name, int64_t bound,
                 const std::string &kind = "") {
    factors.push_back({name, bound, !kind.empty()});
    list += (list.empty() ? "" : ", ") + name + " = " + std::to_string(bound) +
            (kind.empty() ? "" : " : " + kind);
  }
  /// Sub-dimensions in random order; some merge into one dimension. `extras`:
  /// constants and clipped accesses may join.
  TensorText tensor(std::vector<const Factor *> used, bool extras,
                    const std::string &element);
  void addOperand(const TensorText &text) { operands.push_back(text); }
  void addResult(const TensorText &text) { results.push_back(text); }
  std::string function(const std::string &op, const std::string &body) const;

  Random &random;
  std::vector<Factor> factors;
  std::string list;
  std::vector<TensorText> operands, results;
  std::string attributes; ///< " attributes {...}"
};
} // namespace

TensorText OpText::tensor(std::vector<const Factor *> used, bool extras,
                          const std::string &element) {
  for (size_t i = used.size(); i > 1; --i)
    std::swap(used[i - 1], used[random.integer(0, i - 1)]);
  std::vector<std::pair<std::string, int64_t>> subs;
  for (const Factor *factor : used) {
    std::string text = factor->name;
    int64_t bound = factor->bound;
    if (extras && random.integer(0, 7) == 0) {
      int64_t offset = random.integer(-2, 2);
      bound = std::max<int64_t>(1, bound + random.integer(-1, 2));
      text += (offset < 0 ? " - " : " + ") + std::to_string(std::abs(offset)) +
              " of " + std::to_string(bound);
    }
    subs.push_back({text, bound});
  }
  if (extras && random.integer(0, 5) == 0)
    subs.insert(subs.begin() + random.integer(0, subs.size()), {"1 of 2", 2});
  TensorText result;
  result.map = "[";
  result.type = "tensor<";
  for (size_t i = 0; i < subs.size();) {
    size_t count = std::min<size_t>(random.integer(1, 2), subs.size() - i);
    int64_t size = 1;
    std::string dim;
    for (size_t j = i; j < i + count; ++j) {
      dim += (j > i ? ", " : "") + subs[j].first;
      size *= subs[j].second;
    }
    result.map += (i ? ", " : "") + (count > 1 ? "(" + dim + ")" : dim);
    result.type += std::to_string(size) + "x";
    i += count;
  }
  result.map += "]";
  result.type += element + ">";
  return result;
}

std::string OpText::function(const std::string &op,
                             const std::string &body) const {
  auto join = [](size_t count, auto text) {
    std::string joined;
    for (size_t i = 0; i < count; ++i)
      joined += (i ? ", " : "") + text(i);
    return joined;
  };
  auto number = [](const char *prefix, size_t i) {
    return prefix + std::to_string(i);
  };
  std::string in =
      join(operands.size(), [&](size_t i) { return operands[i].type; });
  std::string out =
      join(results.size(), [&](size_t i) { return results[i].type; });
  std::string names =
      join(results.size(), [&](size_t i) { return number("%r", i); });
  return "func.func @f(" +
         join(operands.size(),
              [&](size_t i) {
                return number("%a", i) + ": " + operands[i].type;
              }) +
         ") -> (" + out + ") {\n" + names + " = colossal." + op + " [" + list +
         "]\n (" +
         join(operands.size(),
              [&](size_t i) {
                return number("%a", i) + " : " + operands[i].map;
              }) +
         ") -> (" +
         join(results.size(), [&](size_t i) { return results[i].map; }) + ")" +
         attributes + " {\n" + body + "} : (" + in + ") -> (" + out +
         ")\n return " + names + " : " + out + "\n}";
}

/// Random factors; reductions are by `kind`.
static void addRandomFactors(OpText &text, const std::string &kind) {
  Random &random = text.random;
  for (int64_t i = 0, e = random.integer(2, 5); i < e; ++i)
    text.addFactor("f" + std::to_string(i), random.integer(1, 7),
                   random.integer(0, 2) == 0 ? kind : "");
}

static std::vector<const Factor *> randomSubset(OpText &text) {
  std::vector<const Factor *> used;
  for (const Factor &factor : text.factors)
    if (text.random.integer(0, 2) != 0)
      used.push_back(&factor);
  return used;
}

static void addResult(OpText &text, const std::string &element) {
  std::vector<const Factor *> parallel;
  for (const Factor &factor : text.factors)
    if (!factor.reduced)
      parallel.push_back(&factor);
  text.addResult(text.tensor(parallel, false, element));
}

std::string colossal::reference::randomGeneric(Random &random, bool positive) {
  OpText text(random);
  // Sums often; else any combiner. Truth values and tuples are not told apart
  // by size.
  CombinerFacts facts = factsOf(Combiner::Sum);
  if (random.integer(0, 1))
    do
      facts = combiners[random.integer(0, combiners.size() - 1)];
    while (positive && (facts.ofBooleans || facts.isTuple()));
  addRandomFactors(text, facts.name);
  // Without a reduction there are no tuples.
  bool reduces = llvm::any_of(
      text.factors, [](const Factor &factor) { return factor.reduced; });
  bool ofTuples = facts.isTuple() && reduces;
  // Block arguments %0, %1, ...; the last operand may be integers.
  std::string arguments, body;
  std::vector<std::string> values;
  int64_t count = random.integer(1, 3);
  std::string id;
  for (int64_t i = 0; i < count; ++i) {
    bool isInteger = i > 0 && i + 1 == count && random.integer(0, 1);
    text.addOperand(
        text.tensor(randomSubset(text), true, isInteger ? "i64" : "f32"));
    std::string name = "%" + std::to_string(i);
    arguments += (i ? ", " : "") + name + ": " + (isInteger ? "i64" : "f32");
    if (isInteger)
      id = name;
    else
      values.push_back(name);
  }
  int64_t next = 0;
  auto define = [&](const std::string &expression) {
    std::string name = "%v" + std::to_string(next++);
    body += name + " = " + expression + "\n";
    return name;
  };
  auto pick = [&]() { return values[random.integer(0, values.size() - 1)]; };
  auto factor = [&]() {
    return text.factors[random.integer(0, text.factors.size() - 1)].name;
  };
  std::string zero = define("arith.constant 0.0 : f32");
  for (int64_t i = 0, e = random.integer(1, 4); i < e; ++i) {
    std::string a = pick(), b = pick();
    switch (random.integer(0, 5)) {
    case 0:
      values.push_back(define("arith.mulf " + a + ", " + b + " : f32"));
      break;
    case 1:
      values.push_back(define("arith.addf " + a + ", " + b + " : f32"));
      break;
    case 2:
      values.push_back(define("math.tanh " + a + " : f32"));
      break;
    case 3: {
      // A predicate on two indices.
      std::string f = define("colossal.index \"" + factor() + "\"");
      std::string g = define("colossal.index \"" + factor() + "\"");
      std::string keep = define("arith.cmpi sle, " + f + ", " + g + " : i64");
      values.push_back(
          define("arith.select " + keep + ", " + a + ", " + b + " : f32"));
      break;
    }
    case 4: {
      // The index as a number.
      std::string f = define("colossal.index \"" + factor() + "\"");
      std::string real = define("arith.sitofp " + f + " : i64 to f32");
      values.push_back(define("arith.subf " + a + ", " + real + " : f32"));
      break;
    }
    case 5: {
      if (id.empty())
        break;
      // A question: is the factor at the id?
      std::string f = define("colossal.index \"" + factor() + "\"");
      std::string hit = define("arith.cmpi eq, " + id + ", " + f + " : i64");
      values.push_back(
          define("arith.select " + hit + ", " + a + ", " + zero + " : f32"));
      break;
    }
    }
  }
  int64_t results = ofTuples                    ? facts.width()
                    : random.integer(0, 3) == 0 ? 2
                                                : 1;
  // All results where equations hold: of a factor and the id, of two factors.
  std::string statement;
  if (!positive && !ofTuples) {
    std::string place = factor();
    if (!id.empty() && random.integer(0, 1) &&
        !StringRef(text.operands.back().map).contains(place))
      statement = place + " == " + id + " : i64";
    if (random.integer(0, 2) == 0)
      statement += (statement.empty() ? "" : ", ") + ("2 * " + factor()) +
                   " + " + factor() + " == " + factor() + " + 1";
  }
  if (!statement.empty())
    statement = " [" + statement + "]";
  std::string yields, types;
  for (int64_t i = 0; i < results; ++i) {
    std::string value = i == 0 ? values.back() : pick();
    std::string element = facts.ofBooleans ? "i1" : "f32";
    if (ofTuples && facts.components[i] == Component::Index) {
      value = define("colossal.index \"" + factor() + "\"");
      element = "i64";
    } else if (positive || (ofTuples && i > 0 && i + 1 == results)) {
      // The last component of a tuple is a sum of what is not negative.
      std::string one = define("arith.constant 1.0 : f32");
      std::string square =
          define("arith.mulf " + value + ", " + value + " : f32");
      value = define("arith.addf " + square + ", " + one + " : f32");
    }
    if (facts.ofBooleans)
      value = define("arith.cmpf ogt, " + value + ", " + zero + " : f32");
    if (!statement.empty())
      value = define("colossal.where " + value + statement + " : " + element);
    addResult(text, element);
    yields += (i ? ", " : "") + value;
    types += (i ? ", " : "") + element;
  }
  return text.function("generic \"g\"", " ^bb0(" + arguments + "):\n" + body +
                                            "colossal.yield " + yields + " : " +
                                            types + "\n");
}

std::string colossal::reference::randomLinear(Random &random) {
  OpText text(random);
  addRandomFactors(text, "sum");
  int64_t count = random.integer(1, 3);
  std::string arguments, body, value = "%0";
  for (int64_t i = 0; i < count; ++i) {
    text.addOperand(text.tensor(randomSubset(text), true, "f32"));
    arguments += (i ? ", %" : "%") + std::to_string(i) + ": f32";
    if (i == 0)
      continue;
    std::string result = "%p" + std::to_string(i);
    body += result +
            (random.integer(0, 1) ? " = arith.mulf " : " = arith.addf ") +
            value + ", %" + std::to_string(i) + " : f32\n";
    value = result;
  }
  addResult(text, "f32");
  return text.function("generic \"g\"", " ^bb0(" + arguments + "):\n" + body +
                                            "colossal.yield " + value +
                                            " : f32\n");
}

std::string colossal::reference::randomAttention(Random &random,
                                                 bool backward) {
  OpText text(random);
  // b, h: batch; g: heads that share a key, a query factor.
  text.addFactor("b", random.integer(1, 3));
  text.addFactor("h", random.integer(1, 3));
  text.addFactor("g", random.integer(1, 2));
  text.addFactor("q", random.integer(1, 5));
  text.addFactor("k", random.integer(1, 5));
  text.addFactor("d", random.integer(1, 3));
  text.addFactor("e", random.integer(1, 3));
  const Factor *b = &text.factors[0], *h = b + 1, *g = b + 2, *q = b + 3,
               *k = b + 4, *d = b + 5, *e = b + 6;
  auto add = [&](std::vector<const Factor *> used) {
    text.addOperand(text.tensor(used, false, "f32"));
  };
  add({b, h, g, q, d});
  add({b, h, k, d});
  add({b, h, k, e});
  if (backward) {
    add({b, h, g, q, e});
    add({b, h, g, q});
    add({b, h, g, q, e});
  }
  bool bias = random.integer(0, 1);
  if (bias)
    add({h, q, k});
  auto result = [&](std::vector<const Factor *> used) {
    text.addResult(text.tensor(used, false, "f32"));
  };
  if (backward) {
    result({b, h, g, q, d});
    result({b, h, k, d});
    result({b, h, k, e});
  } else {
    result({b, h, g, q, e});
    result({b, h, g, q});
  }
  std::string body = bias ? " ^bb0(%s: f32, %x: f32):\n"
                            " %t = arith.addf %s, %x : f32\n"
                          : " ^bb0(%t: f32):\n";
  if (random.integer(0, 1))
    body += " %i = colossal.index \"q\"\n %j = colossal.index \"k\"\n"
            " %c = arith.cmpi sle, %j, %i : i64\n"
            " %m = arith.constant 0xFF800000 : f32\n"
            " %y = arith.select %c, %t, %m : f32\n colossal.yield %y : f32\n";
  else
    body += " colossal.yield %t : f32\n";
  return text.function(
      std::string(backward ? "attention_backward" : "attention") +
          " \"a\" scale 0.5",
      body);
}

std::string colossal::reference::randomConvolution(Random &random, int pass) {
  OpText text(random);
  enum { X, W, Y };
  int result = pass == 0 ? Y : pass == 1 ? X : W;
  std::vector<std::string> dims[3];
  std::vector<int64_t> shapes[3];
  // Adds factors of a role to the tensors that have it; returns their names,
  // with a comma at the end.
  int64_t size = 1;
  auto add = [&](const std::string &name, int64_t most,
                 std::initializer_list<int> tensors) {
    bool inResult = llvm::is_contained(tensors, result);
    std::string list;
    size = 1;
    for (int64_t i = 0, e = random.integer(1, 7) / 3; i < e; ++i) {
      int64_t bound = random.integer(2, i == 0 ? most : 2);
      text.addFactor(name + (i ? "_" : ""), bound, inResult ? "" : "sum");
      list += name + (i ? "_" : "") + ", ";
      size *= bound;
    }
    return list;
  };
  auto dim = [&](int tensor, const std::string &names, int64_t extent) {
    dims[tensor].push_back(names.empty()
                               ? "0 of 1"
                               : "(" + names.substr(0, names.size() - 2) + ")");
    shapes[tensor].push_back(extent);
  };
  std::string n = add("n", 5, {X, Y});
  int64_t samples = size;
  std::string g = add("g", 3, {X, W, Y});
  int64_t groups = size;
  std::string o = add("o", 5, {W, Y});
  int64_t outputs = size;
  std::string c = add("c", 5, {X, W});
  int64_t channels = size;
  dim(X, n, samples);
  dim(X, g + c, groups * channels);
  dim(W, g + o, groups * outputs);
  dim(W, c, channels);
  dim(Y, n, samples);
  dim(Y, g + o, groups * outputs);
  std::string steps[3];
  for (int64_t d = 0, e = random.integer(1, 3); d < e; ++d) {
    const char *positions[] = {"x", "k", "y"};
    for (int tensor : {X, W, Y}) {
      std::string names = add(positions[tensor] + std::to_string(d),
                              tensor == W ? 3 : 6 - e, {tensor});
      dim(tensor, names, size);
    }
    for (int i = 0; i < 3; ++i)
      steps[i] +=
          (d ? ", " : "") +
          std::to_string(i == 1 ? random.integer(0, 2) : random.integer(1, 3));
  }
  if (random.integer(0, 1)) {
    text.attributes = " attributes {channels_last}";
    for (int image : {X, Y}) {
      std::rotate(dims[image].begin() + 1, dims[image].begin() + 2,
                  dims[image].end());
      std::rotate(shapes[image].begin() + 1, shapes[image].begin() + 2,
                  shapes[image].end());
    }
  }
  auto tensor = [&](int which) {
    std::string map = "[", type = "tensor<";
    for (auto [dimension, extent] : llvm::zip(dims[which], shapes[which])) {
      map += (map.size() > 1 ? ", " : "") + dimension;
      type += std::to_string(extent) + "x";
    }
    return TensorText{map + "]", type + "f32>"};
  };
  text.addOperand(tensor(pass == 1 ? Y : X));
  text.addOperand(tensor(pass == 2 ? Y : W));
  text.addResult(tensor(result));
  static const char *const names[] = {"convolution",
                                      "convolution_backward_data",
                                      "convolution_backward_weights"};
  return text.function(std::string(names[pass]) + " \"c\" stride array<i64: " +
                           steps[0] + "> padding array<i64: " + steps[1] +
                           "> dilation array<i64: " + steps[2] + ">",
                       "colossal.yield\n");
}

std::string colossal::reference::randomPool(Random &random, bool max,
                                            bool backward) {
  OpText text(random);
  std::vector<std::string> batch, inputs, outputs;
  for (int64_t i = 0, e = random.integer(0, 3); i < e; ++i) {
    batch.push_back("b" + std::to_string(i));
    text.addFactor(batch.back(), random.integer(1, 4));
  }
  // The factors of one spatial dimension: one, two that make it up, or none.
  auto add = [&](std::vector<std::string> &names, const std::string &name,
                 int64_t size, bool reduced) {
    std::vector<int64_t> bounds = {size};
    if (size % 2 == 0 && random.integer(0, 1))
      bounds = {2, size / 2};
    if (size == 1 && random.integer(0, 1))
      bounds.clear();
    for (auto [i, bound] : llvm::enumerate(bounds)) {
      names.push_back(name + (i ? "_" : ""));
      text.addFactor(names.back(), bound,
                     !reduced           ? ""
                     : max && !backward ? "max"
                                        : "sum");
    }
  };
  enum { Input, Output, Kernel, Stride, Padding, Dilation };
  std::string lists[6];
  bool adaptive = random.integer(0, 3) == 0;
  for (int64_t d = 0, e = random.integer(1, 3); d < e; ++d) {
    int64_t input = random.integer(1, 7 - e), kernel = random.integer(1, 3),
            stride = random.integer(1, 3), dilation = random.integer(1, 2);
    int64_t padding = random.integer(0, ((kernel - 1) * dilation + 1) / 2);
    int64_t output =
        adaptive ? random.integer(1, 4)
                 : random.integer(1, (input + padding - 1) / stride + 1);
    add(inputs, "x" + std::to_string(d), input, !backward);
    add(outputs, "y" + std::to_string(d), output, backward);
    const int64_t values[] = {input, output, kernel, stride, padding, dilation};
    for (int i = 0; i < (adaptive ? 2 : 6); ++i)
      lists[i] += (d ? ", " : ": ") + std::to_string(values[i]);
  }
  auto tensor = [&](const std::vector<std::string> &positions) {
    std::vector<const Factor *> used;
    for (const Factor &factor : text.factors)
      if (llvm::is_contained(batch, factor.name) ||
          llvm::is_contained(positions, factor.name))
        used.push_back(&factor);
    return text.tensor(used, false, "f32");
  };
  if (max || !backward)
    text.addOperand(tensor(inputs));
  if (backward)
    text.addOperand(tensor(outputs));
  text.addResult(tensor(backward ? inputs : outputs));
  static const char *const names[] = {"input",  "output",  "kernel",
                                      "stride", "padding", "dilation"};
  text.attributes = " attributes {";
  for (int i = 0; i < 6; ++i)
    text.attributes += (i ? std::string(", ") : "") + names[i] +
                       " = array<i64" + lists[i] + ">";
  if (!max && random.integer(0, 2) == 0)
    text.attributes += ", divisor = 3 : i64";
  if (!max && random.integer(0, 2) == 0)
    text.attributes += ", count_padding";
  text.attributes += "}";
  return text.function((max ? "max_pool" : "average_pool") +
                           std::string(backward ? "_backward" : "") + " \"p\"",
                       "colossal.yield\n");
}
