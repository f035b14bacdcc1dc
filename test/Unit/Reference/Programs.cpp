//===- Programs.cpp - Programs from text, for tests -----------------------===//

#include "Programs.h"
#include "Colossal/Ops/WholeOps.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

MLIRContext &colossal::reference::testContext() {
  static MLIRContext *context = [] {
    auto *result = new MLIRContext(MLIRContext::Threading::DISABLED);
    loadDialects(*result);
    return result;
  }();
  return *context;
}

OwningOpRef<ModuleOp> colossal::reference::parse(const std::string &text) {
  auto module = parseSourceString<ModuleOp>(text, &testContext());
  EXPECT_TRUE(module) << text;
  return module;
}

func::FuncOp colossal::reference::functionOf(ModuleOp module) {
  return *module.getOps<func::FuncOp>().begin();
}

Tensors colossal::reference::run(ModuleOp module, ArrayRef<TensorRef> arguments,
                                 const Options &options) {
  FailureOr<Tensors> results = evaluate(functionOf(module), arguments, options);
  EXPECT_TRUE(succeeded(results));
  return succeeded(results) ? *results : Tensors();
}

Tensors colossal::reference::randomArguments(func::FuncOp function,
                                             Random &random, int64_t low,
                                             int64_t high) {
  Tensors result;
  for (Type type : function.getArgumentTypes())
    result.push_back(share(
        randomTensor(cast<RankedTensorType>(type), random, 1.0, low, high)));
  return result;
}

TensorRef colossal::reference::reals(ArrayRef<int64_t> shape,
                                     std::vector<double> values) {
  Tensor result = Tensor::zeros(ElementKind::Float, shape);
  EXPECT_EQ(result.floats.size(), values.size());
  result.floats = std::move(values);
  return share(std::move(result));
}

TensorRef colossal::reference::integers(ArrayRef<int64_t> shape,
                                        std::vector<int64_t> values) {
  Tensor result = Tensor::zeros(ElementKind::Integer, shape);
  EXPECT_EQ(result.integers.size(), values.size());
  result.integers = std::move(values);
  return share(std::move(result));
}

const char *const colossal::reference::kDataParallel = R"(
module attributes {colossal.mesh = #colossal.mesh<data = 2>, colossal.stages = 1 : i64,
                   colossal.microbatches = 2 : i64, colossal.schedule = #colossal.schedule<gpipe>} {
  func.func @stage0.forward(
      %x: tensor<2xf32> {colossal.name = "x", colossal.role = #colossal.role<batch>, colossal.per_microbatch, colossal.global_shape = [[7]],
                         colossal.sharding = #colossal.sharding<[time * data]>},
      %w: tensor<f32> {colossal.name = "w", colossal.role = #colossal.role<parameter>})
      -> (tensor<f32> {colossal.link = "sum", colossal.accumulate = "sum"},
          tensor<2xf32> {colossal.link = "each", colossal.per_microbatch}) {
    %0 = colossal.generic "scale" [b = 2 of 7 {time(2) * 4, data(2) * 2}] (%x : [b], %w : []) -> ([b]) {
      ^bb0(%a: f32, %c: f32):
        %one = arith.constant 1.0 : f32
        %p = arith.mulf %a, %c : f32
        %q = arith.addf %p, %one : f32
        colossal.yield %q : f32
    } : (tensor<2xf32>, tensor<f32>) -> tensor<2xf32>
    %1 = colossal.generic "sum" [b = 2 of 7 {time(2) * 4, data(2) * 2} : sum] (%0 : [b]) -> ([]) {
      ^bb0(%a: f32):
        colossal.yield %a : f32
    } : (tensor<2xf32>) -> tensor<f32>
    return %1, %0 : tensor<f32>, tensor<2xf32>
  }
  func.func @stage0.backward(
      %y: tensor<2xf32> {colossal.link = "each", colossal.per_microbatch})
      -> (tensor<f32> {colossal.link = "squares", colossal.accumulate = "sum"}) {
    %1 = colossal.generic "squares" [b = 2 of 7 {time(2) * 4, data(2) * 2} : sum] (%y : [b]) -> ([]) {
      ^bb0(%a: f32):
        %p = arith.mulf %a, %a : f32
        colossal.yield %p : f32
    } : (tensor<2xf32>) -> tensor<f32>
    return %1 : tensor<f32>
  }
  func.func @group0.update(%s: tensor<f32> {colossal.link = "sum"}, %q: tensor<f32> {colossal.link = "squares"})
      -> (tensor<f32> {colossal.metric = "loss"}, tensor<f32> {colossal.updates = "w"}) {
    %0 = colossal.all_reduce "sum/reduce" sum %s over ["data"] : tensor<f32> -> tensor<f32>
    %1 = colossal.all_reduce "squares/reduce" sum %q over ["data"] : tensor<f32> -> tensor<f32>
    return %0, %1 : tensor<f32>, tensor<f32>
  }
})";
