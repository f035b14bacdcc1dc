//===- CombinerKernelsTest.cpp - Kernels of every combiner and type -------===//
//
// The interpreter's combiners are tested against their definition; here the
// loops of kernels against the interpreter.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "colossal/Support/Combiner.h"

using namespace colossal;
using namespace colossal::lower::test;

namespace {
/// A function of one result for each size: reductions of one combiner along
/// rows (kept: i), along columns (kept: k), or over everything.
class Program {
public:
  Program(std::string type) : type(std::move(type)) {}

  void add(const std::string &combiner, int64_t rows, int64_t columns,
           const std::string &kept) {
    std::string i = std::to_string(rows), k = std::to_string(columns);
    std::string in = "tensor<" + i + "x" + k + "x" + type + ">";
    std::string out = "tensor<" +
                      (kept == "i"   ? i + "x"
                       : kept == "k" ? k + "x"
                                     : "") +
                      type + ">";
    std::string kind = " : " + combiner;
    text += "func.func @" + combiner + "_" + k + "_" +
            (kept.empty() ? "all" : kept) + "(%x: " + in + ") -> " + out +
            " {\n %y = colossal.generic \"r\" [i = " + i +
            (kept == "i" ? "" : kind) + ", k = " + k +
            (kept == "k" ? "" : kind) + "] (%x : [i, k]) -> ([" + kept +
            "]) {\n ^bb0(%0: " + type + "):\n colossal.yield %0 : " + type +
            "\n } : (" + in + ") -> " + out + "\n return %y : " + out + "\n}\n";
  }

  std::string type, text;
};
} // namespace

TEST(CombinerKernels, AreTheInterpreters) {
  for (std::string type :
       {"f32", "f64", "i64", "i32", "i16", "i8", "ui8", "i1"}) {
    Program program(type), sums(type);
    for (const CombinerFacts &facts : combiners) {
      if (facts.isTuple() || facts.ofBooleans != (type == "i1"))
        continue;
      // Kernels round sums and products in another order, and may begin a sum
      // at one of its terms: -0 for +0.
      Program &own = facts.combiner == Combiner::Sum ? sums : program;
      for (int64_t size : {1, 37, 130})
        for (std::string kept : {"i", "k"})
          own.add(facts.name, 8, size, kept);
      own.add(facts.name, 8, 37, "");
    }
    Conditions setup;
    int width = type == "ui8" || type == "i8" ? 7
                : type == "i16"               ? 15
                : type == "i32"               ? 31
                                              : 62;
    setup.low = -(int64_t(1) << width);
    setup.high = -setup.low - 1;
    if (type == "ui8") {
      setup.low = 0;
      setup.high = 255;
    }
    // Products of about 1.
    setup.deviation = 1.9;
    setup.tolerance = type == "f64" ? 1e-12 : 2e-5;
    setup.special = true;
    SCOPED_TRACE(type);
    compare(program.text, setup);
    setup.special = type[0] != 'f';
    if (!sums.text.empty())
      compare(sums.text, setup);
  }
}
