//===- RankProgramOps.cpp - Rank programs in the IR -----------------------===//

#include "colossal/Schedule/RankProgramOps.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::rank;

//===----------------------------------------------------------------------===//
// JSON and attributes
//===----------------------------------------------------------------------===//

static Attribute attributeOf(const llvm::json::Value &value, Builder &builder);

static DictionaryAttr attributesOf(const llvm::json::Object &object,
                                   Builder &builder) {
  NamedAttrList list;
  for (const auto &[name, value] : object)
    list.append(StringRef(name), attributeOf(value, builder));
  return list.getDictionary(builder.getContext());
}

static Attribute attributeOf(const llvm::json::Value &value, Builder &builder) {
  if (auto text = value.getAsString())
    return builder.getStringAttr(*text);
  if (auto truth = value.getAsBoolean())
    return builder.getBoolAttr(*truth);
  if (auto integer = value.getAsInteger())
    return builder.getI64IntegerAttr(*integer);
  if (auto number = value.getAsNumber())
    return builder.getF64FloatAttr(*number);
  if (const llvm::json::Array *array = value.getAsArray()) {
    SmallVector<Attribute> elements;
    for (const llvm::json::Value &element : *array)
      elements.push_back(attributeOf(element, builder));
    return builder.getArrayAttr(elements);
  }
  return attributesOf(*value.getAsObject(), builder);
}

/// Null where an attribute has no form in JSON, which its reader then reports.
static llvm::json::Value jsonOf(Attribute attribute) {
  if (auto text = dyn_cast<StringAttr>(attribute))
    return llvm::json::fixUTF8(text.getValue());
  if (auto truth = dyn_cast<BoolAttr>(attribute))
    return truth.getValue();
  if (auto integer = dyn_cast<IntegerAttr>(attribute))
    return integer.getInt();
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return number.getValueAsDouble();
  if (auto array = dyn_cast<ArrayAttr>(attribute)) {
    llvm::json::Array elements;
    for (Attribute element : array)
      elements.push_back(jsonOf(element));
    return elements;
  }
  auto dictionary = dyn_cast<DictionaryAttr>(attribute);
  if (!dictionary)
    return nullptr;
  llvm::json::Object object;
  for (NamedAttribute entry : dictionary)
    object[entry.getName().getValue()] = jsonOf(entry.getValue());
  return object;
}

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

/// The path of a state's archive is bytes, which JSON cannot hold.
static void setFile(EntryOp entry, StringRef file) {
  auto initial = entry->getAttrOfType<DictionaryAttr>("initial");
  if (file.empty() || !initial)
    return;
  NamedAttrList fields(initial);
  fields.set("file", StringAttr::get(entry.getContext(), file));
  entry->setAttr("initial", fields.getDictionary(entry.getContext()));
}

static StringRef fileOf(EntryOp entry) {
  auto initial = entry->getAttrOfType<DictionaryAttr>("initial");
  auto file = initial ? initial.getAs<StringAttr>("file") : StringAttr();
  return file ? file.getValue() : StringRef();
}

ProgramOp colossal::rank::writeProgramOp(OpBuilder &builder, Location loc,
                                         const Program &program) {
  llvm::json::Value text =
      llvm::cantFail(llvm::json::parse(writeProgram(program)));
  llvm::json::Object &fields = *text.getAsObject();
  auto op = ProgramOp::create(builder, loc);
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&op.getEntries());
  auto addEntry = [&](StringRef list, const llvm::json::Object &fields) {
    auto entry = EntryOp::create(builder, loc, list);
    entry->setDiscardableAttrs(attributesOf(fields, builder));
    return entry;
  };
  // In the order of the text: the one that a reader expects.
  for (StringRef list : {"mesh", "buffers", "states", "inputs", "controls",
                         "metrics", "outputs", "segments", "schedule"}) {
    std::optional<llvm::json::Value> found;
    if (auto it = fields.find(list); it != fields.end()) {
      found = std::move(it->second);
      fields.erase(it);
    }
    if (!found)
      continue;
    for (auto [number, element] : llvm::enumerate(*found->getAsArray())) {
      llvm::json::Object &entry = *element.getAsObject();
      std::optional<llvm::json::Value> ops;
      if (auto it = entry.find("ops"); it != entry.end()) {
        ops = std::move(it->second);
        entry.erase(it);
      }
      EntryOp added = addEntry(list, entry);
      if (list == "states")
        setFile(added, program.states[number].initial.file);
      if (ops)
        for (llvm::json::Value &one : *ops->getAsArray())
          addEntry("ops", *one.getAsObject());
    }
  }
  op->setDiscardableAttrs(attributesOf(fields, builder));
  return op;
}

FailureOr<Program> colossal::rank::readProgramOp(ProgramOp op) {
  llvm::json::Object fields =
      *jsonOf(op->getDiscardableAttrDictionary()).getAsObject();
  auto listOf = [](llvm::json::Object &object,
                   StringRef name) -> llvm::json::Array & {
    llvm::json::Value &list = object[name];
    if (!list.getAsArray())
      list = llvm::json::Array();
    return *list.getAsArray();
  };
  SmallVector<std::string> files;
  for (Operation &inner : op.getEntries().front()) {
    auto entry = dyn_cast<EntryOp>(inner);
    if (!entry)
      return inner.emitError("found '")
             << inner.getName() << "', expected entries of a rank program";
    llvm::json::Value value = jsonOf(entry->getDiscardableAttrDictionary());
    if (entry.getList() == "states")
      files.push_back(fileOf(entry).str());
    if (entry.getList() != "ops") {
      listOf(fields, entry.getList()).push_back(std::move(value));
      continue;
    }
    llvm::json::Array &segments = listOf(fields, "segments");
    if (segments.empty())
      return entry.emitError("found an op above the first segment");
    listOf(*segments.back().getAsObject(), "ops").push_back(std::move(value));
  }
  std::string text, error;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(fields));
  std::optional<Program> program = readProgram(text, "rank.program", error);
  if (!program)
    return op.emitError() << error;
  for (auto [state, file] : llvm::zip_equal(program->states, files))
    state.initial.file = file;
  return std::move(*program);
}

FailureOr<std::vector<Program>> colossal::rank::readPrograms(ModuleOp module) {
  std::vector<Program> programs;
  for (ProgramOp op : module.getOps<ProgramOp>()) {
    FailureOr<Program> program = readProgramOp(op);
    if (failed(program))
      return failure();
    if (program->group != int64_t(programs.size()))
      return op.emitError("found the program of device group ")
             << program->group << ", expected that of device group "
             << programs.size();
    programs.push_back(std::move(*program));
  }
  if (programs.empty() || programs.front().groups != int64_t(programs.size()))
    return module.emitError("found ")
           << programs.size()
           << " rank programs, expected one for each device group: run "
              "colossal-schedule first";
  return std::move(programs);
}

LogicalResult colossal::rank::reportFaults(ModuleOp module,
                                           ArrayRef<std::string> faults) {
  for (const std::string &fault : faults)
    module.emitError("rank program: ") << fault;
  return success(faults.empty());
}
