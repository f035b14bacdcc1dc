//===- RandomProgramsTest.cpp - Random programs of generics ---------------===//
//
// Straight-line programs over a few dims: ops with one to three operands,
// random bodies, results with any order of any subset of the dims, the others
// summed or maximised, sometimes with two results; gathers and scatter-adds by
// ids along any dims, repeated and out of range; some dims are cut and padded.
// Whatever is grouped how, results must be those of the interpreter,
// and bits must not depend on how ranges are cut.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "colossal/Reference/Compare.h"

#include <algorithm>

using namespace colossal;
using namespace colossal::lower::test;

namespace {

struct Dim {
  std::string name;
  int bound;
  std::string cut; ///< " of E {axis(size) * stride}", or nothing
};

struct Tensor {
  std::string name;
  std::vector<int> dims;
  bool used = false;
};

class Generator {
public:
  explicit Generator(uint64_t seed) : random(seed) {
    static const int sizes[] = {2, 3, 5, 17, 40, 70, 130, 300};
    for (int i = 0; i < 4; ++i) {
      Dim dim{std::string(1, char('a' + i)), sizes[pick(8)], ""};
      // The last of two shards, with one to three rows of padding.
      if (pick(4) == 0 && dim.bound > 3) {
        int extent = 2 * dim.bound - 1 - pick(3);
        dim.cut = " of " + std::to_string(extent) + " {data(2) * " +
                  std::to_string(dim.bound) + "}";
      }
      dims.push_back(dim);
    }
  }

  std::string program(int numOps) {
    std::string arguments, body;
    for (int i = 0; i < 3; ++i) {
      Tensor tensor{"%arg" + std::to_string(i), someDims(3), false};
      arguments += (i ? ", " : "") + tensor.name + ": " + typeOf(tensor.dims);
      values.push_back(tensor);
    }
    for (int i = 0; i < 2; ++i) {
      ids.push_back({"%ids" + std::to_string(i), someDims(2), false});
      arguments += ", " + ids[i].name + ": " + typeOf(ids[i].dims, "i64");
    }
    for (int i = 0; i < numOps; ++i)
      body += op(i);
    std::string returned, types;
    for (const Tensor &value : values) {
      bool isArgument = value.name[1] == 'a';
      if (isArgument || (value.used && pick(3)))
        continue;
      returned += (returned.empty() ? "" : ", ") + value.name;
      types += (types.empty() ? "" : ", ") + typeOf(value.dims);
    }
    return "func.func @f(" + arguments + ") -> (" + types + ") {\n" + body +
           "  return " + returned + " : " + types + "\n}\n";
  }

private:
  reference::Random random;
  std::vector<Dim> dims;
  std::vector<Tensor> values, ids;

  int pick(int count) { return int(random.integer(0, count - 1)); }

  std::vector<int> someDims(int most) {
    std::vector<int> all = {0, 1, 2, 3};
    shuffle(all);
    all.resize(1 + pick(most));
    // Few elements, so that the interpreter is quick.
    while (all.size() > 1 && elements(all) > 20000)
      all.pop_back();
    return all;
  }
  int64_t elements(const std::vector<int> &list) const {
    int64_t product = 1;
    for (int dim : list)
      product *= dims[dim].bound;
    return product;
  }
  void shuffle(std::vector<int> &list) {
    for (size_t i = list.size(); i > 1; --i)
      std::swap(list[i - 1], list[pick(int(i))]);
  }
  std::string typeOf(const std::vector<int> &list,
                     const char *element = "f32") const {
    std::string text = "tensor<";
    for (int dim : list)
      text += std::to_string(dims[dim].bound) + "x";
    return text + element + ">";
  }
  std::string mapOf(const std::vector<int> &list) const {
    std::string text = "[";
    for (size_t i = 0; i < list.size(); ++i)
      text += (i ? ", " : "") + dims[list[i]].name;
    return text + "]";
  }

  std::string op(int number) {
    // Operands whose dims together make no large space.
    std::vector<size_t> operands;
    std::vector<int> space;
    for (int tries = 0; tries < 8 && operands.size() < 3; ++tries) {
      // Late values are likelier: chains.
      size_t candidate =
          pick(2) ? values.size() - 1 - pick(std::min<int>(3, values.size()))
                  : pick(int(values.size()));
      std::vector<int> joined = space;
      for (int dim : values[candidate].dims)
        if (std::find(joined.begin(), joined.end(), dim) == joined.end())
          joined.push_back(dim);
      if (elements(joined) > 200000)
        continue;
      space = joined;
      operands.push_back(candidate);
      if (pick(2))
        break;
    }
    if (operands.empty())
      return "";
    std::vector<int> kept = space;
    shuffle(kept);
    bool reduces = pick(2) == 0;
    if (reduces && !kept.empty())
      kept.resize(kept.size() - 1 - pick(int(kept.size())));
    bool isMax = pick(3) == 0;
    // A gather sums over the dim that an id is an index of; a scatter-add keeps
    // it and sums over another one.
    const Tensor &id = ids[pick(2)];
    int selected = pick(4);
    if (std::find(id.dims.begin(), id.dims.end(), selected) != id.dims.end() ||
        pick(3) != 0)
      selected = -1;
    bool isGather = pick(2) == 0;
    if (selected >= 0) {
      isMax = false;
      kept.clear();
      for (int dim : id.dims)
        if (std::find(space.begin(), space.end(), dim) == space.end())
          space.push_back(dim);
      auto place = std::find(space.begin(), space.end(), selected);
      // Without an index of its own the value is repeated along it.
      if (place == space.end())
        place = space.insert(space.end(), selected);
      if (elements(space) > 200000)
        return "";
      for (int dim : space)
        if (dim != selected && pick(3))
          kept.push_back(dim);
      if (!isGather) {
        if (kept.size() + 1 == space.size())
          kept.pop_back();
        if (space.size() == 1)
          return "";
        kept.push_back(selected);
      }
      shuffle(kept);
    }

    std::string factors;
    for (int dim : space) {
      bool isKept = std::find(kept.begin(), kept.end(), dim) != kept.end();
      factors += (factors.empty() ? "" : ", ") + dims[dim].name + " = " +
                 std::to_string(dims[dim].bound) + dims[dim].cut +
                 (isKept  ? ""
                  : isMax ? " : max"
                          : " : sum");
    }
    std::string inputs, types, arguments;
    for (size_t i = 0; i < operands.size(); ++i) {
      Tensor &value = values[operands[i]];
      value.used = true;
      inputs += (i ? ", " : "") + value.name + " : " + mapOf(value.dims);
      types += (i ? ", " : "") + typeOf(value.dims);
      arguments += (i ? ", %x" : "%x") + std::to_string(i) + ": f32";
    }
    if (selected >= 0) {
      inputs += ", " + id.name + " : " + mapOf(id.dims);
      types += ", " + typeOf(id.dims, "i64");
      arguments += ", %id: i64";
    }
    std::vector<std::vector<int>> results = {kept};
    if (pick(4) == 0 && selected < 0) {
      results.push_back(kept);
      shuffle(results.back());
    }
    std::string text = "  ", maps, resultTypes, yields, yieldTypes;
    std::string scalars = body(int(operands.size()), space);
    const char *yielded = "%y";
    if (selected >= 0) {
      scalars += "      %z = colossal.where %y [" + dims[selected].name +
                 " == %id : i64] : f32\n";
      yielded = "%z";
    }
    for (size_t i = 0; i < results.size(); ++i) {
      std::string name = "%v" + std::to_string(number) + (i ? "b" : "");
      text += (i ? ", " : "") + name;
      maps += (i ? ", " : "") + mapOf(results[i]);
      resultTypes += (i ? ", " : "") + typeOf(results[i]);
      yields += i ? ", %last" : yielded;
      yieldTypes += (i ? ", f32" : "f32");
      values.push_back({name, results[i], false});
    }
    return text + " = colossal.generic \"op" + std::to_string(number) + "\" [" +
           factors + "] (" + inputs + ") -> (" + maps + ") {\n    ^bb0(" +
           arguments + "):\n" + scalars + "      colossal.yield " + yields +
           " : " + yieldTypes + "\n  } : (" + types + ") -> (" + resultTypes +
           ")\n";
  }

  /// Scalars %last and %y, of size about one.
  std::string body(int operands, const std::vector<int> &space) {
    std::string text = "      %half = arith.constant 0.5 : f32\n"
                       "      %s0 = arith.mulf %x0, %half : f32\n";
    std::string last = "%s0";
    int count = 1;
    for (int i = 1; i < operands; ++i) {
      static const char *ops[] = {"arith.addf", "arith.subf", "arith.mulf",
                                  "arith.maximumf"};
      std::string next = "%s" + std::to_string(count++);
      text += "      " + next + " = " + ops[pick(4)] + " " + last + ", %x" +
              std::to_string(i) + " : f32\n";
      last = next;
    }
    if (!space.empty() && pick(3) == 0) {
      // A predicate on a global index.
      const Dim &dim = dims[space[pick(int(space.size()))]];
      std::string next = "%s" + std::to_string(count++);
      text += "      %i = colossal.index \"" + dim.name +
              "\"\n      %limit = arith.constant " +
              std::to_string(pick(2 * dim.bound)) +
              " : i64\n      %c = arith.cmpi slt, %i, %limit : i64\n      " +
              next + " = arith.select %c, " + last + ", %half : f32\n";
      last = next;
    }
    text += "      %last = arith.addf " + last + ", %half : f32\n";
    // Costly functions get row buffers; all keep values small.
    static const char *functions[] = {"math.tanh", "math.erf", "math.absf"};
    int function = pick(5);
    if (function == 4)
      text += "      %t = math.tanh %last : f32\n"
              "      %y = math.exp %t : f32\n";
    else if (function == 3)
      text += "      %y = arith.mulf %last, %half : f32\n";
    else
      text +=
          std::string("      %y = ") + functions[function] + " %last : f32\n";
    return text;
  }
};

} // namespace

TEST(RandomPrograms, AgreeWithTheInterpreter) {
  Conditions conditions;
  conditions.place.sizes = {{"data", 2}};
  conditions.place.coordinates = {{"data", 1}};
  // Sums of thousands of terms of about one, in f32, then differences of them.
  conditions.tolerance = 3e-4;
  conditions.low = -2;
  const char *count = std::getenv("COLOSSAL_RANDOM_PROGRAMS");
  uint64_t programs = count ? std::strtoull(count, nullptr, 10) : 25;
  size_t ops = 0, groups = 0;
  for (uint64_t seed = 1; seed <= programs; ++seed) {
    Generator generator(seed);
    std::string program = generator.program(4 + int(seed % 6));
    for (size_t at = 0;
         (at = program.find("colossal.generic", at)) != std::string::npos; ++at)
      ++ops;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + program);
    groups += compare(program, conditions).kinds.size();
    if (testing::Test::HasFailure())
      return;
  }
  // Fusion must have had work to do.
  EXPECT_LT(groups, ops * 3 / 4) << groups << " groups of " << ops << " ops";
}
