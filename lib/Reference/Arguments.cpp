//===- Arguments.cpp - What a program's arguments hold --------------------===//

#include "colossal/Reference/Arguments.h"
#include "Colossal/IR/UnsignedByte.h"
#include "colossal/Reference/Npy.h"
#include "colossal/Support/Random.h"
#include "colossal/Support/StoredFloat.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CRC.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static std::string describe(const Tensor &tensor) {
  std::string text = tensor.kind == ElementKind::Float     ? "floats"
                     : tensor.kind == ElementKind::Integer ? "integers"
                                                           : "booleans";
  std::string sizes;
  for (int64_t size : tensor.shape)
    sizes += (sizes.empty() ? "" : "x") + std::to_string(size);
  return text + " [" + sizes + "]";
}

static std::string describe(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

/// NumPy's name of how an element type is stored.
static StringRef storedAs(Type type) {
  if (type.isF32())
    return "<f4";
  if (type.isF64())
    return "<f8";
  if (type.isInteger(64))
    return "<i8";
  if (type.isInteger(32))
    return "<i4";
  if (type.isInteger(16))
    return "<i2";
  if (type.isUnsignedInteger(8))
    return "|u1";
  if (type.isInteger(8))
    return "|i1";
  return type.isInteger(1) ? "|b1" : "";
}

std::optional<Tensor>
colossal::reference::readSource(DictionaryAttr source, RankedTensorType type,
                                ArrayRef<std::string> folders,
                                std::string &error) {
  auto fail = [&](const Twine &message) {
    error = message.str();
    return std::nullopt;
  };
  if (auto fill = source.getAs<FloatAttr>("fill")) {
    Tensor result = Tensor::zeros(type);
    for (int64_t i = 0, e = result.size(); i < e; ++i)
      result.setNumber(i, fill.getValueAsDouble());
    return result;
  }
  if (auto normal = source.getAs<FloatAttr>("normal")) {
    auto seed = source.getAs<IntegerAttr>("seed");
    auto stream = source.getAs<StringAttr>("stream");
    Tensor result = Tensor::zeros(type);
    if (!seed || !stream || result.kind != ElementKind::Float)
      return fail("found normal numbers without seed and stream, or for " +
                  describe(type));
    uint64_t hash = random::streamOf(stream.getValue());
    for (int64_t i = 0, e = result.size(); i < e; ++i) {
      double value =
          normal.getValueAsDouble() * random::normal(hash, seed.getInt(), i);
      result.setNumber(i, type.getElementType().isF32() ? float(value) : value);
    }
    return result;
  }
  auto file = source.getAs<StringAttr>("file");
  auto offset = source.getAs<IntegerAttr>("offset");
  auto bytes = source.getAs<IntegerAttr>("bytes");
  auto crc = source.getAs<IntegerAttr>("crc");
  if (!file || !offset || !bytes)
    return fail("found a colossal.source without file, offset and bytes");
  StringRef stored = storedAs(type.getElementType());
  auto elements = source.getAs<StringAttr>("elements");
  int64_t elementBytes = elements ? bytesOfFloat(elements.getValue())
                                  : (type.getElementTypeBitWidth() + 7) / 8;
  int64_t expected = type.getNumElements() * elementBytes;
  if (stored.empty() || bytes.getInt() != expected)
    return fail("found " + Twine(bytes.getInt()) + " bytes for " +
                describe(type) + ", expected " + Twine(expected));
  llvm::SmallString<256> path(file.getValue());
  if (!llvm::sys::path::is_absolute(path))
    for (const std::string &folder : folders) {
      path = folder;
      llvm::sys::path::append(path, file.getValue());
      if (llvm::sys::fs::exists(path))
        break;
    }
  auto buffer =
      llvm::MemoryBuffer::getFileSlice(path, bytes.getInt(), offset.getInt());
  if (!buffer || int64_t((*buffer)->getBufferSize()) != bytes.getInt())
    return fail(Twine(path) + ": cannot read " + Twine(bytes.getInt()) +
                " bytes at " + Twine(offset.getInt()));
  StringRef data = (*buffer)->getBuffer();
  if (crc) {
    uint32_t found = llvm::crc32(llvm::arrayRefFromStringRef(data));
    if (found != uint32_t(crc.getInt()))
      return fail(Twine(path) + ": the bytes at " + Twine(offset.getInt()) +
                  " have CRC " + Twine(found) + ", expected " +
                  Twine(uint32_t(crc.getInt())) + "; the file has changed");
  }
  std::string converted;
  if (elements) {
    bool wide = type.getElementType().isF64();
    converted.resize(type.getNumElements() * (wide ? 8 : 4));
    convertFloats(data.data(), elements.getValue(), converted.data(),
                  wide ? "f64" : "f32", type.getNumElements());
    data = converted;
  }
  return decodeElements(stored, data, type.getShape());
}

bool colossal::reference::fits(const Tensor &tensor, RankedTensorType type,
                               std::string &error) {
  Type element = type.getElementType();
  if (ArrayRef<int64_t>(tensor.shape) == type.getShape() &&
      tensor.kind == elementKindOf(element)) {
    auto beyond = llvm::find_if(tensor.integers, [&](int64_t value) {
      return wrapped(element, value) != value;
    });
    if (beyond == tensor.integers.end())
      return true;
    error = "found the number " + std::to_string(*beyond) + ", expected " +
            describe(element) + " elements";
    return false;
  }
  error = "found " + describe(tensor) + ", expected " + describe(type);
  return false;
}

bool colossal::reference::isExecutable(func::FuncOp function,
                                       std::string &error) {
  std::string name = "@" + function.getName().str();
  if (!llvm::hasSingleElement(function.getBody())) {
    error = name + ": expected a function of one block";
    return false;
  }
  for (Type type : llvm::concat<const Type>(function.getArgumentTypes(),
                                            function.getResultTypes())) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || !tensor.hasStaticShape() ||
        !tensor.getElementType().isIntOrFloat()) {
      error = name + ": found type " + describe(type) +
              ", expected tensors of static shape";
      return false;
    }
  }
  return true;
}

std::optional<Tensors> colossal::reference::bindArguments(
    func::FuncOp function, const NamedTensors &given,
    ArrayRef<std::string> folders, std::string &error) {
  if (!isExecutable(function, error))
    return std::nullopt;
  std::vector<std::string> names;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    names.push_back(argumentName(function, i));
  for (const auto &[name, tensor] : given)
    if (!llvm::is_contained(names, name)) {
      error = "found a value for '" + name + "', but @" +
              function.getName().str() + " has no argument of this name: it " +
              "has " + llvm::join(names, ", ");
      return std::nullopt;
    }
  Tensors result;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    const std::string &name = names[i];
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    auto fail = [&](const Twine &message) {
      std::optional<ArgumentRole> role = argumentRole(function, i);
      error = (Twine(role ? nameOf(*role) : "argument") + " '" + name +
               "': " + message)
                  .str();
      return std::nullopt;
    };
    auto found = given.find(name);
    std::string reason;
    if (found != given.end()) {
      TensorRef value = found->second;
      if (argumentRole(function, i) == ArgumentRole::Control &&
          value->shape.empty()) {
        Tensor converted = Tensor::zeros(type);
        if (converted.size() == 1)
          converted.setNumber(0, value->number(0));
        value = share(std::move(converted));
      }
      if (!fits(*value, type, reason))
        return fail(reason);
      result.push_back(value);
      continue;
    }
    auto source = function.getArgAttrOfType<DictionaryAttr>(i, names::source);
    if (!source)
      return fail("found no value, expected one on the command line or a "
                  "colossal.source");
    std::optional<Tensor> value = readSource(source, type, folders, reason);
    if (!value)
      return fail(reason);
    result.push_back(share(std::move(*value)));
  }
  return result;
}

std::string colossal::reference::argumentName(func::FuncOp function,
                                              unsigned index) {
  if (auto name = function.getArgAttrOfType<StringAttr>(index, names::name))
    return name.str();
  return "arg" + std::to_string(index);
}

std::optional<ArgumentRole>
colossal::reference::argumentRole(func::FuncOp function, unsigned index) {
  auto role = function.getArgAttrOfType<RoleAttr>(index, names::role);
  return role ? std::optional(role.getValue()) : std::nullopt;
}

std::string colossal::reference::resultName(func::FuncOp function,
                                            unsigned index) {
  for (StringRef attribute : {names::metric, names::output, names::name})
    if (auto name = function.getResultAttrOfType<StringAttr>(index, attribute))
      return name.str();
  Attribute updates = function.getResultAttr(index, names::updates);
  if (auto number = dyn_cast_if_present<IntegerAttr>(updates))
    return argumentName(function, number.getInt());
  if (auto name = dyn_cast_if_present<StringAttr>(updates))
    return name.str();
  return "result" + std::to_string(index);
}
