//===- MixedPrograms.cpp - Batch, parameters and constants, mixed ---------===//

#include "MixedPrograms.h"

#include <vector>

namespace {
/// A value: its name, and which of the dims b, n (and c: samples again) it has.
struct Tensor {
  std::string name;
  std::string dims;
};

class Generator {
public:
  Generator(std::mt19937 &random, int batch) : random(random), batch(batch) {}
  std::string run();

private:
  unsigned pick(unsigned count) { return random() % count; }
  int boundOf(char dim) const { return dim == 'n' ? 6 : batch; }
  std::string typeOf(const std::string &dims) const {
    std::string type = "tensor<";
    for (char dim : dims)
      type += std::to_string(boundOf(dim)) + "x";
    return type + "f32>";
  }
  static std::string mapOf(const std::string &dims) {
    std::string map = "[";
    for (char dim : dims)
      map += (map.size() > 1 ? ", " : "") + std::string(1, dim);
    return map + "]";
  }
  const Tensor &any() { return values[pick(unsigned(values.size()))]; }
  /// One of the last: so that programs are deep.
  const Tensor &recent() {
    return values[values.size() - 1 - pick(std::min<size_t>(3, values.size()))];
  }
  void argument(const std::string &dims, const std::string &role) {
    std::string name = "%p" + std::to_string(values.size());
    arguments += (arguments.empty() ? "" : ", ") + name + ": " + typeOf(dims) +
                 " {colossal.name = \"" + name.substr(1) +
                 "\", colossal.role = #colossal.role<" + role + ">" +
                 (role == "batch" ? ", colossal.batch_dim = 0 : i64" : "") +
                 "}";
    values.push_back({name, dims});
  }
  /// `factors`: dims that are iterated; those not in `result` are reduced.
  void generic(const std::vector<Tensor> &operands, const std::string &result,
               const std::string &factors, const std::string &steps,
               const std::string &reduction = "sum",
               const std::string &attributes = "");
  /// `source` reduced along `dim` to a tuple, and a function of it.
  void tuple(const Tensor &source, char dim);
  void addOp();

  std::mt19937 &random;
  int batch;
  std::vector<Tensor> values;
  std::string arguments, body;
  int count = 0;
};
} // namespace

void Generator::generic(const std::vector<Tensor> &operands,
                        const std::string &result, const std::string &factors,
                        const std::string &steps, const std::string &reduction,
                        const std::string &attributes) {
  std::string name = "op." + std::to_string(count);
  std::string text = "    %v" + std::to_string(count) +
                     " = colossal.generic \"" + name + "\" [";
  for (char dim : factors) {
    text += (text.back() == '[' ? "" : ", ") + std::string(1, dim) + " = " +
            std::to_string(boundOf(dim));
    if (result.find(dim) == std::string::npos)
      text += " : " + reduction;
  }
  text += "] (";
  std::string block, types;
  for (size_t i = 0; i < operands.size(); ++i) {
    text +=
        (i ? ", " : "") + operands[i].name + " : " + mapOf(operands[i].dims);
    block += (i ? ", " : "") + std::string("%a") + std::to_string(i) + ": f32";
    types += (i ? ", " : "") + typeOf(operands[i].dims);
  }
  text += ") -> (" + mapOf(result) + ") " + attributes + "{\n    ^bb0(" +
          block + "):\n" + steps + "      colossal.yield %r : f32\n    } : (" +
          types + ") -> " + typeOf(result) + "\n";
  body += text;
  values.push_back({"%v" + std::to_string(count++), result});
}

/// The dims of both, in the order b, n, c.
static std::string unite(const std::string &a, const std::string &b) {
  std::string dims;
  for (char dim : {'b', 'n', 'c'})
    if (a.find(dim) != std::string::npos || b.find(dim) != std::string::npos)
      dims += dim;
  return dims;
}

static std::string without(std::string dims, char dim) {
  if (size_t at = dims.find(dim); at != std::string::npos)
    dims.erase(at, 1);
  return dims;
}

static const char *const unary[] = {
    "      %r = math.tanh %a0 : f32\n",
    "      %s = arith.mulf %a0, %a0 : f32\n"
    "      %o = arith.constant 1.0 : f32\n"
    "      %t = arith.addf %s, %o : f32\n"
    "      %r = math.sqrt %t : f32\n",
    "      %h = arith.constant 0.25 : f32\n"
    "      %r = arith.mulf %a0, %h : f32\n",
    "      %t = math.tanh %a0 : f32\n"
    "      %r = math.exp %t : f32\n",
};
static const char *const binary[] = {
    "      %r = arith.addf %a0, %a1 : f32\n",
    "      %r = arith.subf %a0, %a1 : f32\n",
    "      %r = arith.mulf %a0, %a1 : f32\n",
    "      %s = arith.mulf %a1, %a1 : f32\n"
    "      %o = arith.constant 1.0 : f32\n"
    "      %t = arith.addf %s, %o : f32\n"
    "      %r = arith.divf %a0, %t : f32\n",
};

void Generator::tuple(const Tensor &source, char dim) {
  struct Kind {
    const char *combiner;
    std::vector<std::string> types;
    const char *body, *function;
  };
  static const Kind kinds[] = {
      {"argmax",
       {"f32", "i64"},
       "      colossal.yield %a, %i : f32, i64\n",
       "      %d = arith.sitofp %b : i64 to f32\n"
       "      %r = arith.addf %a, %d : f32\n"},
      {"argmin",
       {"f32", "i64"},
       "      colossal.yield %a, %i : f32, i64\n",
       "      %d = arith.sitofp %b : i64 to f32\n"
       "      %r = arith.addf %a, %d : f32\n"},
      {"max_sum_exp",
       {"f32", "f32"},
       "      %o = arith.constant 1.0 : f32\n"
       "      colossal.yield %a, %o : f32, f32\n",
       "      %d = math.log %b : f32\n"
       "      %r = arith.addf %a, %d : f32\n"},
      {"welford",
       {"i64", "f32", "f32"},
       "      %o = arith.constant 1 : i64\n"
       "      %z = arith.constant 0.0 : f32\n"
       "      colossal.yield %o, %a, %z : i64, f32, f32\n",
       "      %r = arith.addf %b, %c : f32\n"},
  };
  const Kind &kind = kinds[pick(4)];
  std::string result = source.dims;
  result.erase(result.find(dim), 1);
  std::string tuple = "%v" + std::to_string(count),
              name = std::to_string(count);
  std::string factors, types, maps, block, operands;
  for (char own : source.dims)
    factors += (factors.empty() ? "" : ", ") + std::string(1, own) + " = " +
               std::to_string(boundOf(own)) +
               (own == dim ? std::string(" : ") + kind.combiner : "");
  std::string shape = typeOf(result);
  shape.resize(shape.size() - 4); // without f32>
  for (size_t i = 0; i < kind.types.size(); ++i) {
    std::string separator = i ? ", " : "";
    types += separator + shape + kind.types[i] + ">";
    maps += separator + mapOf(result);
    block +=
        separator + "%" + std::string(1, char('a' + i)) + ": " + kind.types[i];
    operands +=
        separator + tuple + "#" + std::to_string(i) + " : " + mapOf(result);
  }
  body += "    " + tuple + ":" + std::to_string(kind.types.size()) +
          " = colossal.generic \"op." + name + "\" [" + factors + "] (" +
          source.name + " : " + mapOf(source.dims) + ") -> (" + maps +
          ") {\n    ^bb0(%a: f32):\n      %i = colossal.index \"" +
          std::string(1, dim) + "\"\n" + kind.body + "    } : (" +
          typeOf(source.dims) + ") -> (" + types + ")\n";
  ++count;
  std::string parallel;
  for (char own : result)
    parallel += (parallel.empty() ? "" : ", ") + std::string(1, own) + " = " +
                std::to_string(boundOf(own));
  body += "    %v" + std::to_string(count) + " = colossal.generic \"op." +
          std::to_string(count) + "\" [" + parallel + "] (" + operands +
          ") -> (" + mapOf(result) + ") {\n    ^bb0(" + block + "):\n" +
          kind.function + "      colossal.yield %r : f32\n    } : (" + types +
          ") -> " + typeOf(result) + "\n";
  values.push_back({"%v" + std::to_string(count++), result});
}

void Generator::addOp() {
  switch (pick(9)) {
  case 0: { // constants: zeros, a mask
    static const char *const shapes[] = {"bn", "b", "n", "bn"};
    std::string dims = shapes[pick(4)];
    return generic({}, dims, dims,
                   "      %i = colossal.index \"" + dims.substr(0, 1) +
                       "\"\n      %k = arith.constant 3 : i64\n"
                       "      %l = arith.cmpi slt, %i, %k : i64\n"
                       "      %z = arith.constant 0.5 : f32\n"
                       "      %w = arith.constant 0.25 : f32\n"
                       "      %r = arith.select %l, %z, %w : f32\n");
  }
  case 1: { // expand
    Tensor source = any();
    std::string dims = unite(source.dims, pick(2) ? "b" : "bn");
    return generic({source}, dims, dims, "      %r = arith.negf %a0 : f32\n");
  }
  case 2:
  case 3: {
    Tensor source = recent();
    return generic({source}, source.dims, source.dims, unary[pick(4)]);
  }
  case 4: { // a tuple, a mean, or a maximum of which no gradient is taken
    Tensor source = recent();
    if (source.dims.empty())
      return;
    char dim = source.dims[pick(unsigned(source.dims.size()))];
    if (pick(3) == 0)
      return tuple(source, dim);
    if (pick(4) == 0)
      return generic({source}, without(source.dims, dim), source.dims,
                     "      %r = arith.addf %a0, %a0 : f32\n", "max",
                     "attributes {no_gradient} ");
    return generic({source}, without(source.dims, dim), source.dims,
                   "      %h = arith.constant 0.125 : f32\n"
                   "      %r = arith.mulf %a0, %h : f32\n");
  }
  case 5: { // samples against samples
    Tensor left = any(), right = any();
    if (left.dims != "bn" || right.dims != "bn" || pick(2))
      return;
    right.dims = "cn";
    generic({left, right}, "bc", "bcn",
            "      %s = arith.mulf %a0, %a1 : f32\n"
            "      %h = arith.constant 0.1 : f32\n"
            "      %r = arith.mulf %s, %h : f32\n");
    return generic({values.back()}, pick(2) ? "b" : "", "bc",
                   "      %r = math.tanh %a0 : f32\n");
  }
  default: {
    Tensor left = recent(), right = any();
    std::string dims = unite(left.dims, right.dims);
    return generic({left, right}, dims, dims, binary[pick(4)]);
  }
  }
}

std::string Generator::run() {
  argument("bn", "batch");
  argument("n", "parameter");
  argument("n", "buffer");
  if (pick(2))
    argument("", "parameter");
  if (pick(4) == 0)
    argument("bn", "parameter");
  generic({values[0], values[1]}, "bn", "bn", binary[2]);
  Tensor trained = values.back();
  for (unsigned ops = 4 + pick(8); ops > 0; --ops)
    addOp();
  // The loss takes the last values, and what a parameter made of the batch.
  Tensor last = values.back();
  Tensor earlier = values[values.size() - 2];
  generic({trained}, "", trained.dims, unary[0]);
  Tensor loss = values.back();
  for (const Tensor &other : {last, earlier}) {
    generic({other}, "", other.dims,
            "      %h = arith.constant 0.125 : f32\n"
            "      %r = arith.mulf %a0, %h : f32\n");
    generic({loss, values.back()}, "", "", binary[pick(3)]);
    loss = values.back();
  }
  if (pick(3) == 0)
    generic({loss}, "", "", unary[1]);
  return "module {\n  func.func @forward(" + arguments +
         ") -> tensor<f32> {\n" + body + "    return " + values.back().name +
         " : tensor<f32>\n  }\n}\n";
}

std::string colossal::partition::test::mixedProgram(std::mt19937 &random,
                                                    int batch) {
  return Generator(random, batch).run();
}
