//===- ImportGraph.cpp - Graph to the colossal dialect --------------------===//

#include "colossal/Import/ImportGraph.h"
#include "Colossal/IR/ControlOps.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace colossal::torchscript;

namespace {

class GraphImporter {
public:
  GraphImporter(const Graph &graph, MLIRContext *context)
      : graph(graph), builder(context) {}

  OwningOpRef<ModuleOp> run(const BatchDimensions &dimensions);

private:
  Type elementType(ElementType type);
  RankedTensorType tensorType(const TensorInfo &type);
  Attribute constantAttribute(const Constant &constant);
  DictionaryAttr stateAttributes(const State &state);
  DictionaryAttr inputAttributes(const Input &input,
                                 const BatchDimensions &dimensions);
  Location location(const Node &node);
  void importNode(const Node &node);
  SmallVector<Value> valuesOf(ArrayRef<int64_t> numbers);
  Operation *importControl(const Node &node, Location loc);
  void importBlock(const colossal::torchscript::Block &block, Region &region);

  const Graph &graph;
  OpBuilder builder;
  DenseMap<int64_t, Value> values;
};

Type GraphImporter::elementType(ElementType type) {
  switch (type) {
  case ElementType::F64:
    return builder.getF64Type();
  case ElementType::F32:
    return builder.getF32Type();
  case ElementType::F16:
    return builder.getF16Type();
  case ElementType::BF16:
    return builder.getBF16Type();
  case ElementType::I64:
    return builder.getI64Type();
  case ElementType::I32:
    return builder.getI32Type();
  case ElementType::I16:
    return builder.getIntegerType(16);
  case ElementType::I8:
    return builder.getIntegerType(8);
  case ElementType::U8:
    return builder.getIntegerType(8, /*isSigned=*/false);
  case ElementType::I1:
    return builder.getI1Type();
  case ElementType::C64:
    return ComplexType::get(builder.getF32Type());
  case ElementType::C128:
    return ComplexType::get(builder.getF64Type());
  }
  llvm_unreachable("all element types are listed");
}

RankedTensorType GraphImporter::tensorType(const TensorInfo &type) {
  return RankedTensorType::get(type.shape, elementType(type.element));
}

Attribute GraphImporter::constantAttribute(const Constant &constant) {
  auto array = [&](const auto &list, auto make) -> Attribute {
    SmallVector<Attribute> items;
    for (const auto &item : list)
      items.push_back(make(item));
    return builder.getArrayAttr(items);
  };
  if (auto *value = std::get_if<bool>(&constant))
    return builder.getBoolAttr(*value);
  if (auto *value = std::get_if<int64_t>(&constant))
    return builder.getI64IntegerAttr(*value);
  if (auto *value = std::get_if<double>(&constant))
    return builder.getF64FloatAttr(*value);
  if (auto *value = std::get_if<std::string>(&constant))
    return builder.getStringAttr(*value);
  if (auto *list = std::get_if<std::vector<int64_t>>(&constant))
    return array(*list,
                 [&](int64_t i) { return builder.getI64IntegerAttr(i); });
  if (auto *list = std::get_if<std::vector<double>>(&constant))
    return array(*list, [&](double d) { return builder.getF64FloatAttr(d); });
  if (auto *list = std::get_if<std::vector<bool>>(&constant))
    return array(*list, [&](bool b) { return builder.getBoolAttr(b); });
  if (auto *tensor = std::get_if<TensorConstant>(&constant)) {
    RankedTensorType type = tensorType(tensor->type);
    if (tensor->type.element == ElementType::I1) {
      // MLIR does not keep booleans as one byte each.
      SmallVector<bool> bits;
      for (char byte : tensor->bytes)
        bits.push_back(byte != 0);
      return DenseElementsAttr::get(type, ArrayRef<bool>(bits));
    }
    return DenseElementsAttr::getFromRawBuffer(
        type, ArrayRef<char>(tensor->bytes.data(), tensor->bytes.size()));
  }
  return builder.getUnitAttr();
}

DictionaryAttr GraphImporter::stateAttributes(const State &state) {
  NamedAttrList attributes;
  // Of parameters that forward reads, frozen ones are buffers: constants for
  // the derivative. The others have no derivative anyway.
  bool isParameter = state.trained || !state.isRead;
  attributes.append(
      colossal::names::role,
      colossal::RoleAttr::get(builder.getContext(),
                              isParameter ? colossal::ArgumentRole::Parameter
                                          : colossal::ArgumentRole::Buffer));
  attributes.append(colossal::names::name, builder.getStringAttr(state.name));
  if (state.hasValues) {
    NamedAttrList source;
    source.append("file", builder.getStringAttr(graph.file));
    source.append("record", builder.getStringAttr(state.record));
    source.append("offset", builder.getI64IntegerAttr(state.offset));
    source.append("bytes", builder.getI64IntegerAttr(state.bytes));
    source.append("crc", builder.getI64IntegerAttr(state.crc));
    attributes.append(colossal::names::source,
                      source.getDictionary(builder.getContext()));
  }
  if (!state.aliases.empty()) {
    SmallVector<StringRef> aliases(state.aliases.begin(), state.aliases.end());
    attributes.append(colossal::names::aliases,
                      builder.getStrArrayAttr(aliases));
  }
  return attributes.getDictionary(builder.getContext());
}

DictionaryAttr
GraphImporter::inputAttributes(const Input &input,
                               const BatchDimensions &dimensions) {
  NamedAttrList attributes;
  attributes.append(colossal::names::role,
                    colossal::RoleAttr::get(builder.getContext(),
                                            colossal::ArgumentRole::Batch));
  attributes.append(colossal::names::name, builder.getStringAttr(input.name));
  auto given = dimensions.find(input.name);
  int64_t dimension = given == dimensions.end() ? 0 : given->second;
  if (dimension >= 0 && !input.type.shape.empty())
    attributes.append(colossal::names::batchDim,
                      builder.getI64IntegerAttr(dimension));
  return attributes.getDictionary(builder.getContext());
}

/// The op's name around the Python lines: innermost line of the model first,
/// then who called it.
Location GraphImporter::location(const Node &node) {
  MLIRContext *context = builder.getContext();
  Location place = UnknownLoc::get(context);
  for (size_t i = node.frames.size(); i-- > 0;) {
    const Frame &frame = node.frames[i];
    Location line = FileLineColLoc::get(context, frame.file, frame.line, 0);
    place = i + 1 == node.frames.size()
                ? line
                : Location(CallSiteLoc::get(line, place));
  }
  if (node.name.empty())
    return place;
  return NameLoc::get(builder.getStringAttr(node.name), place);
}

void GraphImporter::importNode(const Node &node) {
  Type any = colossal::AnyType::get(builder.getContext());
  Location loc = location(node);
  if (node.constant) {
    Attribute value = constantAttribute(*node.constant);
    Type type = any;
    bool weak = false;
    if (auto dense = dyn_cast<DenseElementsAttr>(value)) {
      // Saving turns Python numbers into 0-d Double, Long and ComplexDouble
      // tensors.
      type = dense.getType();
      Type element = dense.getElementType();
      if (auto complex = dyn_cast<ComplexType>(element))
        element = complex.getElementType();
      weak = dense.getType().getRank() == 0 &&
             (element.isF64() || element.isInteger(64));
    }
    values[node.results[0]] = colossal::AtenConstantOp::create(
        builder, loc, type, value, weak ? builder.getUnitAttr() : nullptr);
    return;
  }
  SmallVector<Type> types(node.results.size(), any);
  Operation *op =
      node.blocks.empty()
          ? colossal::AtenOp::create(builder, loc, types, node.schema,
                                     node.name, valuesOf(node.operands))
          : importControl(node, loc);
  for (auto [number, result] : llvm::zip(node.results, op->getResults()))
    values[number] = result;
}

SmallVector<Value> GraphImporter::valuesOf(ArrayRef<int64_t> numbers) {
  SmallVector<Value> list;
  for (int64_t number : numbers)
    list.push_back(values.lookup(number));
  return list;
}

Operation *GraphImporter::importControl(const Node &node, Location loc) {
  Type any = colossal::AnyType::get(builder.getContext());
  SmallVector<Type> types(node.results.size(), any);
  SmallVector<Value> operands = valuesOf(node.operands);
  Operation *op;
  if (node.blocks.size() == 2)
    op =
        colossal::AtenIfOp::create(builder, loc, types, operands[0], node.name);
  else
    op = colossal::AtenLoopOp::create(
        builder, loc, types, operands[0], operands[1],
        ValueRange(operands).drop_front(2), node.name);
  for (auto [block, region] : llvm::zip(node.blocks, op->getRegions()))
    importBlock(block, region);
  return op;
}

void GraphImporter::importBlock(const colossal::torchscript::Block &block,
                                Region &region) {
  OpBuilder::InsertionGuard guard(builder);
  Location loc = region.getLoc();
  SmallVector<Type> types(block.arguments.size(),
                          colossal::AnyType::get(builder.getContext()));
  SmallVector<Location> locations(types.size(), loc);
  mlir::Block *body = builder.createBlock(&region, {}, types, locations);
  for (auto [number, argument] :
       llvm::zip(block.arguments, body->getArguments()))
    values[number] = argument;
  for (const Node &node : block.nodes)
    importNode(node);
  colossal::AtenYieldOp::create(builder, loc, valuesOf(block.outputs));
}

OwningOpRef<ModuleOp> GraphImporter::run(const BatchDimensions &dimensions) {
  MLIRContext *context = builder.getContext();
  Location file = FileLineColLoc::get(context, graph.file, 0, 0);
  OwningOpRef<ModuleOp> module = ModuleOp::create(file);

  SmallVector<Type> types;
  SmallVector<DictionaryAttr> attributes;
  SmallVector<Location> locations;
  for (const State &state : graph.states) {
    types.push_back(tensorType(state.type));
    attributes.push_back(stateAttributes(state));
    locations.push_back(NameLoc::get(builder.getStringAttr(state.name), file));
  }
  for (const Input &input : graph.inputs) {
    types.push_back(tensorType(input.type));
    attributes.push_back(inputAttributes(input, dimensions));
    locations.push_back(NameLoc::get(builder.getStringAttr(input.name), file));
  }

  builder.setInsertionPointToEnd(module->getBody());
  auto function = func::FuncOp::create(builder, file, "forward",
                                       builder.getFunctionType(types, {}));
  mlir::Block *body =
      builder.createBlock(&function.getBody(), {}, types, locations);
  for (auto [index, argument] : llvm::enumerate(body->getArguments()))
    values[static_cast<int64_t>(index)] = argument;
  function.setAllArgAttrs(attributes);
  for (const Node &node : graph.nodes)
    importNode(node);
  SmallVector<Value> results;
  for (int64_t output : graph.outputs)
    results.push_back(values.lookup(output));
  func::ReturnOp::create(builder, file, results);
  function.setFunctionType(
      builder.getFunctionType(types, ValueRange(results).getTypes()));
  return module;
}

} // namespace

bool colossal::torchscript::parseBatch(StringRef text,
                                       BatchDimensions &dimensions,
                                       std::string &error) {
  auto [name, dimension] = text.split(':');
  int64_t number = 0;
  if (dimension == "none")
    number = -1;
  else if (name.empty() ||
           (!dimension.empty() &&
            (dimension.getAsInteger(10, number) || number < 0))) {
    error = ("--batch '" + text +
             "' is not of the form NAME, NAME:DIM or NAME:none")
                .str();
    return false;
  }
  dimensions[name] = number;
  return true;
}

OwningOpRef<ModuleOp>
colossal::torchscript::importGraph(const Graph &graph,
                                   const BatchDimensions &dimensions,
                                   MLIRContext *context, std::string &error) {
  for (const auto &entry : dimensions) {
    const Input *found = nullptr;
    for (const Input &input : graph.inputs)
      if (input.name == entry.first())
        found = &input;
    if (!found) {
      error = ("--batch names '" + entry.first() +
               "', which is not an input of the model")
                  .str();
      return nullptr;
    }
    if (entry.second >= static_cast<int64_t>(found->type.shape.size())) {
      error = ("--batch wants dimension " + Twine(entry.second) + " of '" +
               entry.first() + "', which has " +
               Twine(found->type.shape.size()) + " dimensions")
                  .str();
      return nullptr;
    }
  }
  context->loadDialect<ColossalDialect, func::FuncDialect>();
  return GraphImporter(graph, context).run(dimensions);
}
