//===- Constants.cpp - TorchScript constants as plain data ----------------===//

#include "ModuleWalk.h"

#include <stdexcept>

using namespace colossal::torchscript;

ElementType colossal::torchscript::elementOf(at::ScalarType type) {
  switch (type) {
  case at::kDouble:
    return ElementType::F64;
  case at::kFloat:
    return ElementType::F32;
  case at::kHalf:
    return ElementType::F16;
  case at::kBFloat16:
    return ElementType::BF16;
  case at::kLong:
    return ElementType::I64;
  case at::kInt:
    return ElementType::I32;
  case at::kShort:
    return ElementType::I16;
  case at::kChar:
    return ElementType::I8;
  case at::kByte:
    return ElementType::U8;
  case at::kBool:
    return ElementType::I1;
  case at::kComplexFloat:
    return ElementType::C64;
  case at::kComplexDouble:
    return ElementType::C128;
  default:
    throw std::runtime_error(std::string("a constant tensor of type '") +
                             c10::toString(type) +
                             "' (expected float, integer, bool or complex)");
  }
}

namespace {

TensorConstant tensorConstant(const at::Tensor &tensor) {
  TensorConstant constant;
  constant.type.element = elementOf(tensor.scalar_type());
  constant.type.shape = tensor.sizes().vec();
  if (tensor.is_meta())
    throw std::runtime_error("a constant tensor without values (the model was "
                             "made on the meta device)");
  if (tensor.numel() > maximumConstantElements)
    throw std::runtime_error(
        "a constant tensor of " + std::to_string(tensor.numel()) +
        " elements with strides other than row-major: call .contiguous() on "
        "it, or register it as a buffer of the module");
  at::Tensor dense = tensor.contiguous();
  constant.bytes.assign(static_cast<const char *>(dense.data_ptr()),
                        static_cast<size_t>(dense.nbytes()));
  return constant;
}

} // namespace

Constant colossal::torchscript::constantOf(const torch::jit::IValue &value) {
  if (value.isNone())
    return None{};
  if (value.isBool())
    return value.toBool();
  if (value.isInt())
    return static_cast<int64_t>(value.toInt());
  if (value.isDouble())
    return value.toDouble();
  if (value.isString())
    return value.toStringRef();
  if (value.isDevice())
    return value.toDevice().str();
  if (value.isTensor())
    return tensorConstant(value.toTensor());
  if (value.isIntList()) {
    std::vector<int64_t> list;
    for (int64_t item : value.toIntVector())
      list.push_back(item);
    return list;
  }
  if (value.isDoubleList())
    return value.toDoubleVector();
  if (value.isBoolList()) {
    std::vector<bool> list;
    for (bool item : value.toBoolList())
      list.push_back(item);
    return list;
  }
  throw std::runtime_error("a constant of the unsupported type '" +
                           value.tagKind() + "'");
}
