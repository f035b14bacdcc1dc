//===- AttributeContracts.cpp - Forms of the attributes of phases ---------===//
//
// Phases attach `colossal.` attributes and rely on the forms of docs/
// Architecture.md, sections 1 and 4. The verifier holds every module to them,
// so that no pass has to ask again.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace colossal;

/// More devices, stages or microbatches than this are a damaged text.
static constexpr int64_t kMaxCount = 1 << 20;

/// An i64 (or index) from `least` to `most`.
static bool isInteger(Attribute attribute, int64_t least, int64_t most) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer &&
         (integer.getType().isInteger(64) || integer.getType().isIndex()) &&
         integer.getInt() >= least && integer.getInt() <= most;
}

template <class Check> static bool isList(Attribute attribute, Check check) {
  auto list = dyn_cast_or_null<ArrayAttr>(attribute);
  return list && llvm::all_of(list, check);
}

/// {fill = 0.0}, or {file, record, offset, bytes, crc}.
static bool isSource(Attribute attribute) {
  auto source = dyn_cast<DictionaryAttr>(attribute);
  if (!source)
    return false;
  if (Attribute fill = source.get("fill"))
    return isa<FloatAttr>(fill);
  for (StringRef text : {"file", "record"})
    if (source.get(text) && !isa<StringAttr>(source.get(text)))
      return false;
  for (StringRef number : {"offset", "bytes", "crc"})
    if (source.get(number) && !isInteger(source.get(number), 0, INT64_MAX))
      return false;
  return true;
}

static bool isMesh(Attribute attribute) {
  llvm::StringSet<> names;
  int64_t devices = 1;
  return isList(attribute, [&](Attribute entry) {
    auto pair = dyn_cast<ArrayAttr>(entry);
    if (!pair || pair.size() != 2 || !isa<StringAttr>(pair[0]) ||
        !isInteger(pair[1], 1, kMaxCount))
      return false;
    StringRef name = cast<StringAttr>(pair[0]).getValue();
    devices *= cast<IntegerAttr>(pair[1]).getInt();
    return devices <= kMaxCount && name != names::timeAxis &&
           names.insert(name).second;
  });
}

/// What an attribute of this name must be; empty if `attribute` is that.
static StringRef expectedOf(StringRef name, Attribute attribute) {
  if (name == names::role) {
    auto role = dyn_cast<StringAttr>(attribute);
    bool known = role && llvm::StringSwitch<bool>(role.getValue())
                             .Cases({"parameter", "buffer", "optimizer"}, true)
                             .Cases({"batch", "control"}, true)
                             .Default(false);
    return known ? ""
                 : "\"parameter\", \"buffer\", \"optimizer\", \"batch\" or "
                   "\"control\"";
  }
  if (llvm::is_contained(
          {names::name, names::metric, names::link, names::schedule}, name))
    return isa<StringAttr>(attribute) ? "" : "a string";
  if (name == names::accumulate)
    return attribute == StringAttr::get(attribute.getContext(), "sum")
               ? ""
               : "\"sum\"";
  if (name == names::source)
    return isSource(attribute) ? "" : "{fill} or {file, record, offset, bytes}";
  if (name == names::aliases)
    return isList(attribute, llvm::IsaPred<StringAttr>) ? ""
                                                        : "a list of strings";
  if (name == names::batchDim)
    return isInteger(attribute, 0, 64) ? "" : "a dimension";
  if (name == names::sharding)
    return isa<ShardingAttr>(attribute) ? "" : "a #colossal.sharding";
  if (name == names::globalShape)
    return isList(attribute,
                  [](Attribute dim) {
                    return isList(dim, [](Attribute size) {
                      return isInteger(size, 0, kMaxElements);
                    });
                  })
               ? ""
               : "a list of lists of sizes";
  if (name == names::updates)
    return isa<StringAttr>(attribute) || isInteger(attribute, 0, INT32_MAX)
               ? ""
               : "the number or the name of a state";
  if (name == names::perMicrobatch)
    return isa<UnitAttr>(attribute) ? "" : "no value";
  if (name == names::mesh)
    return isMesh(attribute) ? ""
                             : "pairs of an axis name (not \"time\") and a "
                               "size, such as [[\"data\", 2]]";
  if (name == names::stages || name == names::microbatches)
    return isInteger(attribute, 1, kMaxCount) ? "" : "a positive i64";
  if (name == names::learningRate)
    return isa<FloatAttr>(attribute) ? "" : "a float";
  return "";
}

static LogicalResult verifyForm(Operation *op, NamedAttribute attribute) {
  StringRef expected = expectedOf(attribute.getName(), attribute.getValue());
  if (expected.empty())
    return success();
  return op->emitError("found ")
         << attribute.getName() << " = " << attribute.getValue()
         << ", expected " << expected;
}

/// What depends on the value that carries the attribute.
static LogicalResult verifyFits(Operation *op, Type type,
                                NamedAttribute attribute) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto fail = [&] {
    return op->emitError("found ")
           << attribute.getName() << " = " << attribute.getValue()
           << " on a value of type " << type
           << ", expected one that fits its dimensions";
  };
  if (attribute.getName() == names::batchDim)
    if (!tensor ||
        cast<IntegerAttr>(attribute.getValue()).getInt() >= tensor.getRank())
      return fail();
  if (auto sharding = dyn_cast<ShardingAttr>(attribute.getValue()))
    if (!tensor || int64_t(sharding.getDims().size()) != tensor.getRank())
      return fail();
  if (attribute.getName() == names::globalShape)
    if (!tensor || int64_t(cast<ArrayAttr>(attribute.getValue()).size()) !=
                       tensor.getRank())
      return fail();
  return success();
}

LogicalResult
ColossalDialect::verifyOperationAttribute(Operation *op,
                                          NamedAttribute attribute) {
  return verifyForm(op, attribute);
}

LogicalResult ColossalDialect::verifyRegionArgAttribute(
    Operation *op, unsigned, unsigned argument, NamedAttribute attribute) {
  if (failed(verifyForm(op, attribute)))
    return failure();
  auto function = dyn_cast<FunctionOpInterface>(op);
  return function && argument < function.getNumArguments()
             ? verifyFits(op, function.getArgumentTypes()[argument], attribute)
             : success();
}

LogicalResult ColossalDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned result, NamedAttribute attribute) {
  if (failed(verifyForm(op, attribute)))
    return failure();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function || result >= function.getNumResults())
    return success();
  if (attribute.getName() == names::updates)
    if (auto number = dyn_cast<IntegerAttr>(attribute.getValue());
        number && number.getInt() >= function.getNumArguments())
      return op->emitError("found ")
             << attribute.getName() << " = " << number.getInt()
             << ", expected the number of one of " << function.getNumArguments()
             << " arguments";
  return verifyFits(op, function.getResultTypes()[result], attribute);
}
