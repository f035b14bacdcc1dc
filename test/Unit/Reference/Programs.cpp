//===- Programs.cpp - Programs from text, for tests -----------------------===//

#include "Programs.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

MLIRContext &colossal::reference::testContext() {
  static MLIRContext *context = [] {
    auto *result = new MLIRContext(MLIRContext::Threading::DISABLED);
    result->loadDialect<ColossalDialect, func::FuncDialect, arith::ArithDialect,
                        math::MathDialect>();
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
