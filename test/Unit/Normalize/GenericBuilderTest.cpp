//===- GenericBuilderTest.cpp - Generics that the builder makes -----------===//

#include "colossal/Normalize/GenericBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;

namespace {

class GenericBuilderTest : public ::testing::Test {
protected:
  GenericBuilderTest() : builder(&context) {
    context.loadDialect<ColossalDialect, func::FuncDialect>();
    module = ModuleOp::create(builder.getUnknownLoc());
  }

  /// Arguments of a new function, into which the builder writes.
  SmallVector<Value> arguments(ArrayRef<SmallVector<int64_t>> shapes) {
    SmallVector<Type> types;
    for (ArrayRef<int64_t> shape : shapes)
      types.push_back(RankedTensorType::get(shape, builder.getF32Type()));
    builder.setInsertionPointToEnd(module->getBody());
    auto function = func::FuncOp::create(builder, builder.getUnknownLoc(), "f",
                                         builder.getFunctionType(types, {}));
    Block *body = function.addEntryBlock();
    builder.setInsertionPointToEnd(body);
    func::ReturnOp::create(builder, builder.getUnknownLoc());
    builder.setInsertionPointToStart(body);
    return llvm::to_vector_of<Value>(body->getArguments());
  }

  GenericBuilder generic() {
    return GenericBuilder(builder, builder.getUnknownLoc(), "test");
  }

  MLIRContext context;
  OpBuilder builder;
  OwningOpRef<ModuleOp> module;
};

TEST_F(GenericBuilderTest, BuildsAContractionWithAMergedDimension) {
  SmallVector<Value> in = arguments({{4, 16, 8}, {8, 12}});
  GenericBuilder g = generic();
  g.factor("b", 4);
  g.factor("s", 16);
  g.factor("n", 12);
  g.factor("k", 8, FactorKind::Sum);
  g.operand(in[0], "[b, s, k]");
  g.operand(in[1], "[k, n]");
  g.result(builder.getF32Type(), "[(b, s), n]");
  Value y =
      g.build([](ScalarBuilder &s, ValueRange x) { return s.mul(x[0], x[1]); });
  EXPECT_TRUE(succeeded(verify(*module)));
  EXPECT_EQ(y.getType(), RankedTensorType::get({64, 12}, builder.getF32Type()));
}

TEST_F(GenericBuilderTest, ReadsEveryFormOfSubDimension) {
  GenericBuilder g = generic();
  g.factor("h", 5);
  g.factor("d", 4);
  IndexMapAttr map = g.map("[(1 of 3, h, d), h + 1 of 8, d - 2 of 2, ()]");
  EXPECT_EQ(map.getShape(), SmallVector<int64_t>({60, 8, 2, 1}));
  auto sub = [&](unsigned dim, unsigned position) {
    return map.getDims()[dim].getSubDims()[position];
  };
  EXPECT_TRUE(sub(0, 0).isConstant());
  EXPECT_EQ(sub(0, 0).getOffset(), 1);
  EXPECT_TRUE(sub(0, 1).isPlain());
  EXPECT_TRUE(sub(1, 0).getClipped());
  EXPECT_EQ(sub(1, 0).getOffset(), 1);
  EXPECT_EQ(sub(2, 0).getOffset(), -2);
  EXPECT_EQ(sub(2, 0).getFactor(), 1);
}

TEST_F(GenericBuilderTest, ClipsAWindowThatStartsAtZero) {
  SmallVector<Value> in = arguments({{8}});
  GenericBuilder g = generic();
  g.factor("s", 5);
  g.operand(in[0], "[s + 0 of 8]");
  g.result(builder.getF32Type(), "[s]");
  g.build([](ScalarBuilder &, ValueRange x) { return x[0]; });
  EXPECT_TRUE(succeeded(verify(*module)));
}

TEST_F(GenericBuilderTest, NumbersNamesThatAreTaken) {
  GenericBuilder g = generic();
  g.factor("d", 2);
  g.factor("d", 3);
  g.factor("d0", 4);
  g.factor("d0", 5);
  EXPECT_EQ(g.nameOf(1), "d1");
  EXPECT_EQ(g.nameOf(3), "d0_1");
  EXPECT_EQ(g.lookup("d1"), 1);
  EXPECT_EQ(g.lookup("x"), -1);
}

TEST_F(GenericBuilderTest, BuildsSeveralResultsAndAttributes) {
  SmallVector<Value> in = arguments({{3}});
  GenericBuilder g = generic();
  g.factor("i", 3);
  g.operand(in[0], "[i]");
  g.result(builder.getF32Type(), "[i]");
  g.result(builder.getI1Type(), "[i]");
  g.keep();
  GenericOp op = g.buildMany([](ScalarBuilder &s, ValueRange x) {
    return SmallVector<Value>{
        x[0], s.compare(Relation::Less, x[0], s.zero(x[0].getType()))};
  });
  EXPECT_TRUE(succeeded(verify(*module)));
  EXPECT_TRUE(op.getKeep());
  EXPECT_EQ(op.getNumResults(), 2u);
}

TEST_F(GenericBuilderTest, KeepsTheDigitsOfConstants) {
  arguments({});
  GenericBuilder g = generic();
  g.result(builder.getF32Type(), "[]");
  g.build([&](ScalarBuilder &s, ValueRange) {
    Value exact = s.constant(builder.getF32Type(), 0.5);
    EXPECT_TRUE(exact.getDefiningOp<arith::ConstantOp>());
    Value rounded = s.constant(builder.getF32Type(), 0.1);
    auto truncation = rounded.getDefiningOp<arith::TruncFOp>();
    EXPECT_TRUE(truncation);
    auto inner = truncation.getIn().getDefiningOp<arith::ConstantOp>();
    EXPECT_EQ(cast<FloatAttr>(inner.getValue()).getValueAsDouble(), 0.1);
    return s.add(exact, rounded);
  });
  EXPECT_TRUE(succeeded(verify(*module)));
}

} // namespace
