//===- StructureHashTest.cpp - What makes a kernel another one ------------===//

#include "colossal/Lower/StructureHash.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using colossal::lower::StructureHash;

namespace {

/// A function in a context of its own.
class Parsed {
public:
  explicit Parsed(llvm::StringRef text) {
    context.loadDialect<arith::ArithDialect, func::FuncDialect, scf::SCFDialect,
                        LLVM::LLVMDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text.str();
  }
  StructureHash::Bits hash() {
    auto function = *module->getOps<func::FuncOp>().begin();
    StructureHash structure;
    StructureHash::Bits hash = structure.of(function);
    // Again, with what it remembers.
    EXPECT_EQ(hash, structure.of(function));
    return hash;
  }

private:
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

StructureHash::Bits hashOf(llvm::StringRef text) { return Parsed(text).hash(); }

constexpr const char *kLoop = R"(
#first = #llvm.access_group<id = distinct[0]<>>
#second = #llvm.access_group<id = distinct[1]<>>
func.func @k(%args: !llvm.ptr, %begin: i64, %end: i64) {
  %one = arith.constant 1 : i64
  %half = arith.constant 5.000000e-01 : f32
  scf.for %i = %begin to %end step %one : i64 {
    %at = llvm.getelementptr %args[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
    %x = llvm.load %at {access_groups = [#first]} : !llvm.ptr -> f32
    %y = llvm.load %at {access_groups = [#second]} : !llvm.ptr -> f32
    %z = arith.subf %x, %y fastmath<contract> : f32
    %w = arith.mulf %z, %half : f32
    llvm.store %w, %at {access_groups = [#first]} : f32, !llvm.ptr
  }
  return
}
)";

/// The loop with `from` replaced by `to` where it occurs first.
std::string changed(llvm::StringRef from, llvm::StringRef to) {
  std::string text = kLoop;
  size_t at = text.find(from.str());
  EXPECT_NE(at, std::string::npos) << from.str();
  return text.replace(at, from.size(), to.str());
}

} // namespace

TEST(StructureHash, DoesNotDependOnAddresses) {
  Parsed first(kLoop), second(kLoop);
  EXPECT_EQ(first.hash(), second.hash());
}

TEST(StructureHash, NamesAndPlacesDoNotCount) {
  StructureHash::Bits hash = hashOf(kLoop);
  EXPECT_EQ(hash, hashOf(changed("@k", "@another")));
  EXPECT_EQ(hash, hashOf(changed("return", "return loc(\"model.py\":3:1)")));
  EXPECT_EQ(hash, hashOf(changed("distinct[0]", "distinct[7]")));
}

TEST(StructureHash, AllElseCounts) {
  StructureHash::Bits hash = hashOf(kLoop);
  EXPECT_NE(hash, hashOf(changed("%x, %y", "%y, %x")));
  EXPECT_NE(hash, hashOf(changed("arith.subf", "arith.addf")));
  EXPECT_NE(hash, hashOf(changed(" fastmath<contract>", "")));
  EXPECT_NE(hash, hashOf(changed("5.000000e-01", "5.000001e-01")));
  EXPECT_NE(hash, hashOf(changed("constant 1 :", "constant 2 :")));
  EXPECT_NE(hash, hashOf(changed("-> !llvm.ptr, f32", "-> !llvm.ptr, f64")));
  EXPECT_NE(hash, hashOf(changed("[#second]", "[#first]")));
  EXPECT_NE(hash, hashOf(changed("%begin to %end", "%end to %begin")));
  EXPECT_NE(hash, hashOf(changed("  return", "  %z = arith.addi %one, %one "
                                             ": i64\n  return")));
  EXPECT_NE(hash, hashOf(changed("@k(", "@k(%more: i64, ")));
}
