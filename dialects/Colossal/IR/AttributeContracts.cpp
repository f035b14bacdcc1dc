//===- AttributeContracts.cpp - Forms of the attributes of phases ---------===//
//
// Phases attach `colossal.` attributes and rely on the forms of docs/
// Architecture.md, sections 1 and 4. The verifier holds every module to them,
// so that no pass has to ask again.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/InputsAttribute.h"
#include "Colossal/IR/MeshAttribute.h"
#include "colossal/Support/StoredFloat.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace colossal;

/// An i64 (or index) from `least` to `most`.
bool colossal::isInteger(Attribute attribute, int64_t least, int64_t most) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  return integer &&
         (integer.getType().isInteger(64) || integer.getType().isIndex()) &&
         integer.getInt() >= least && integer.getInt() <= most;
}

template <class Check> static bool isList(Attribute attribute, Check check) {
  auto list = dyn_cast_or_null<ArrayAttr>(attribute);
  return list && llvm::all_of(list, check);
}

/// {fill = 0.0}, {normal = 0.02, seed, stream}, or {file, record, offset,
/// bytes, crc} and, for floats of another type, {elements}.
static bool isSource(Attribute attribute) {
  auto source = dyn_cast<DictionaryAttr>(attribute);
  if (!source)
    return false;
  if (Attribute fill = source.get("fill"))
    return isa<FloatAttr>(fill);
  if (Attribute normal = source.get("normal")) {
    auto deviation = dyn_cast<FloatAttr>(normal);
    return deviation && deviation.getValueAsDouble() >= 0.0 &&
           isInteger(source.get("seed"), INT64_MIN, INT64_MAX) &&
           isa_and_nonnull<StringAttr>(source.get("stream"));
  }
  if (Attribute elements = source.get("elements")) {
    auto type = dyn_cast<StringAttr>(elements);
    if (!type || bytesOfFloat(type.getValue()) == 0)
      return false;
  }
  for (StringRef text : {"file", "record"})
    if (source.get(text) && !isa<StringAttr>(source.get(text)))
      return false;
  for (StringRef number : {"offset", "bytes", "crc"})
    if (source.get(number) && !isInteger(source.get(number), 0, INT64_MAX))
      return false;
  return true;
}

/// {name}, and of integers with bounds {lowest, highest, lookup} and, where
/// other values are allowed, {others}.
static bool isInputDescription(Attribute attribute) {
  auto input = dyn_cast<DictionaryAttr>(attribute);
  if (!input || !isa_and_nonnull<StringAttr>(input.get("name")))
    return false;
  Attribute lookup = input.get("lookup"), others = input.get("others");
  for (StringRef bound : {"lowest", "highest"})
    if (lookup ? !isInteger(input.get(bound), INT64_MIN, INT64_MAX)
               : bool(input.get(bound)))
      return false;
  return (!lookup || isa<StringAttr>(lookup)) &&
         (!others || (lookup && isa<DenseI64ArrayAttr>(others)));
}

/// What an attribute of this name must be; empty if `attribute` is that.
static StringRef expectedOf(StringRef name, Attribute attribute) {
  if (name == names::role)
    return isa<RoleAttr>(attribute) ? "" : "a #colossal.role";
  if (llvm::is_contained(
          {names::name, names::metric, names::output, names::link}, name)) {
    auto text = dyn_cast<StringAttr>(attribute);
    return text && !text.getValue().empty() ? "" : "a name";
  }
  if (name == names::schedule)
    return isa<ScheduleAttr>(attribute) ? "" : "a #colossal.schedule";
  if (name == names::inputs)
    return isList(attribute, isInputDescription)
               ? ""
               : "a list of {name} or {name, lowest, highest, lookup, others}";
  if (name == names::accumulate)
    return attribute == StringAttr::get(attribute.getContext(), "sum")
               ? ""
               : "\"sum\"";
  if (name == names::source)
    return isSource(attribute)
               ? ""
               : "{fill}, {normal, seed, stream} or {file, record, offset, "
                 "bytes}";
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
    return isa<MeshAttr>(attribute) ? "" : "a #colossal.mesh";
  if (name == names::segment)
    return isa<SegmentAttr>(attribute) ? "" : "a #colossal.segment";
  if (name == names::stage)
    return isInteger(attribute, 0, kMaxCount) ? "" : "the number of a stage";
  if (llvm::is_contained(
          {names::stages, names::deviceGroups, names::microbatches}, name))
    return isCount(attribute) ? "" : "an i64 from 1 to 1048576";
  return "";
}

//===----------------------------------------------------------------------===//
// Constraints
//===----------------------------------------------------------------------===//

/// The constraint that an attribute of this name meets; empty if the dialect
/// has no attribute of this name.
static StringRef labelOf(StringRef name) {
  return llvm::StringSwitch<StringRef>(name)
      .Case(names::mesh, "M1")
      .Cases({names::stages, names::microbatches}, "M2")
      .Case(names::schedule, "M3")
      .Case(names::deviceGroups, "M4")
      .Case(names::inputs, "M5")
      .Case(names::role, "F1")
      .Cases({names::name, names::metric, names::output, names::link}, "F2")
      .Case(names::source, "F3")
      .Case(names::aliases, "F4")
      .Case(names::batchDim, "F5")
      .Case(names::updates, "F6")
      .Cases({names::perMicrobatch, names::accumulate}, "F7")
      .Case(names::globalShape, "F8")
      .Case(names::sharding, "S3")
      .Case(names::segment, "D3")
      .Case(names::stage, "D4")
      .Default("");
}

static LogicalResult verifyForm(Operation *op, NamedAttribute attribute) {
  StringRef label = labelOf(attribute.getName());
  if (label.empty())
    return op->emitError("F9: found ")
           << attribute.getName() << ", expected a known attribute";
  StringRef expected = expectedOf(attribute.getName(), attribute.getValue());
  if (expected.empty())
    return success();
  return op->emitError(label)
         << ": found " << attribute.getName() << " = " << attribute.getValue()
         << ", expected " << expected;
}

/// What depends on the value that carries the attribute.
static LogicalResult verifyFits(Operation *op, Type type,
                                NamedAttribute attribute) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto fail = [&](StringRef label) {
    return op->emitError(label)
           << ": found " << attribute.getName() << " = " << attribute.getValue()
           << " on a value of type " << type
           << ", expected one that fits its dimensions";
  };
  if (attribute.getName() == names::batchDim)
    if (!tensor ||
        cast<IntegerAttr>(attribute.getValue()).getInt() >= tensor.getRank())
      return fail("F5");
  if (attribute.getName() == names::globalShape)
    if (!tensor || int64_t(cast<ArrayAttr>(attribute.getValue()).size()) !=
                       tensor.getRank())
      return fail("F8");
  if (auto sharding = dyn_cast<ShardingAttr>(attribute.getValue()))
    return verifySharding(op, sharding, type);
  return success();
}

/// F9: an attribute where nobody reads it.
static LogicalResult verifyHolder(Operation *op, NamedAttribute attribute,
                                  ArrayRef<StringRef> misplaced,
                                  StringRef holder) {
  if (!llvm::is_contained(misplaced, attribute.getName()))
    return success();
  return op->emitError("F9: found ") << attribute.getName() << " on " << holder;
}

/// M4: stages are dealt out evenly.
static LogicalResult verifyGroups(ModuleOp module) {
  Stages stages = stagesOf(module).value_or(Stages());
  auto count = module->getAttrOfType<IntegerAttr>(names::stages);
  if (count && count.getInt() == stages.count())
    return success();
  return module.emitError("M4: found ")
         << stages.groups << " device groups, expected a divisor of the "
         << names::stages;
}

//===----------------------------------------------------------------------===//
// Hooks
//===----------------------------------------------------------------------===//

LogicalResult
ColossalDialect::verifyOperationAttribute(Operation *op,
                                          NamedAttribute attribute) {
  if (failed(verifyForm(op, attribute)))
    return failure();
  StringRef label = labelOf(attribute.getName());
  if (isa<ModuleOp>(op)) {
    if (attribute.getName() == names::deviceGroups)
      return verifyGroups(cast<ModuleOp>(op));
    if (label.starts_with("M"))
      return success();
  } else if (isa<FunctionOpInterface>(op)) {
    if (attribute.getName() == names::stage)
      return verifyStage(op, cast<IntegerAttr>(attribute.getValue()));
    if (attribute.getName() == names::segment)
      return success();
  } else if (isa<RecvOp>(op) && (attribute.getName() == names::sharding ||
                                 attribute.getName() == names::globalShape)) {
    // A receive defines a value of a local program.
    return verifyFits(op, op->getResult(0).getType(), attribute);
  }
  return op->emitError("F9: found ")
         << attribute.getName() << " on '" << op->getName()
         << "', expected it on "
         << (label.starts_with("M") ? "a module"
             : label.starts_with("D")
                 ? "a function"
                 : "an argument or a result of a function");
}

/// F2, once for all arguments: at the first one that has a name.
static LogicalResult verifyNames(FunctionOpInterface function,
                                 unsigned argument) {
  // The nearest first: links, which have no name, may be in front of all names.
  for (unsigned earlier = argument; earlier-- > 0;)
    if (function.getArgAttr(earlier, names::name))
      return success();
  llvm::DenseSet<Attribute> seen;
  for (unsigned i = argument, e = function.getNumArguments(); i < e; ++i)
    if (Attribute name = function.getArgAttr(i, names::name);
        name && !seen.insert(name).second)
      return function->emitError("F2: found ")
             << names::name << " = " << name
             << " on two arguments, expected unique names";
  return success();
}

LogicalResult ColossalDialect::verifyRegionArgAttribute(
    Operation *op, unsigned, unsigned argument, NamedAttribute attribute) {
  if (failed(verifyForm(op, attribute)) ||
      failed(verifyHolder(op, attribute,
                          {names::mesh, names::stages, names::deviceGroups,
                           names::microbatches, names::schedule, names::segment,
                           names::updates, names::metric, names::output,
                           names::accumulate},
                          "an argument")))
    return failure();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function || argument >= function.getNumArguments())
    return success();
  if (attribute.getName() == names::name &&
      failed(verifyNames(function, argument)))
    return failure();
  if (attribute.getName() == names::stage)
    return verifyStage(op, cast<IntegerAttr>(attribute.getValue()));
  return verifyFits(op, function.getArgumentTypes()[argument], attribute);
}

/// F6, once for all results: at the last one that updates.
static LogicalResult verifyDistinctUpdates(FunctionOpInterface function,
                                           unsigned result) {
  for (unsigned later = result + 1, e = function.getNumResults(); later < e;
       ++later)
    if (function.getResultAttr(later, names::updates))
      return success();
  llvm::DenseSet<Attribute> seen;
  for (unsigned i = 0; i <= result; ++i)
    if (Attribute updates = function.getResultAttr(i, names::updates);
        updates && !seen.insert(updates).second)
      return function->emitError("F6: found ")
             << names::updates << " = " << updates
             << ", expected one new value of each state";
  return success();
}

/// F6: a state that exists, of this type.
static LogicalResult verifyUpdate(FunctionOpInterface function, unsigned result,
                                  Attribute updates) {
  auto fail = [&] {
    return function->emitError("F6: found ")
           << names::updates << " = " << updates << ", expected ";
  };
  auto number = dyn_cast<IntegerAttr>(updates);
  if (!number)
    return success();
  if (number.getInt() >= function.getNumArguments())
    return fail() << "the number of one of " << function.getNumArguments()
                  << " arguments";
  auto role = function.getArgAttrOfType<RoleAttr>(number.getInt(), names::role);
  if (role && !isState(role.getValue()))
    return fail() << "a parameter, a buffer or a state of the optimizer";
  Type type = function.getArgumentTypes()[number.getInt()];
  if (type != function.getResultTypes()[result])
    return fail() << "a result of the state's type, " << type;
  return success();
}

LogicalResult ColossalDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned result, NamedAttribute attribute) {
  if (failed(verifyForm(op, attribute)) ||
      failed(verifyHolder(op, attribute,
                          {names::mesh, names::stages, names::deviceGroups,
                           names::microbatches, names::schedule, names::segment,
                           names::stage, names::role, names::source,
                           names::aliases},
                          "a result")))
    return failure();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function || result >= function.getNumResults())
    return success();
  if (attribute.getName() == names::updates &&
      (failed(verifyUpdate(function, result, attribute.getValue())) ||
       failed(verifyDistinctUpdates(function, result))))
    return failure();
  return verifyFits(op, function.getResultTypes()[result], attribute);
}
