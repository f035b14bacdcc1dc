//===- InputDescriptions.cpp - What values the inputs may have ------------===//

#include "InputDescriptions.h"
#include "Colossal/Analysis/IntegerUse.h"
#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/InputsAttribute.h"
#include "Colossal/IR/Locations.h"

using namespace mlir;
using namespace colossal;

static DictionaryAttr attributeOf(Builder &builder,
                                  const rank::InputSchema &input) {
  NamedAttrList fields;
  fields.set("name", builder.getStringAttr(input.name));
  if (input.isBounded()) {
    fields.set("lowest", builder.getI64IntegerAttr(input.lowest));
    fields.set("highest", builder.getI64IntegerAttr(input.highest));
    fields.set("lookup", builder.getStringAttr(input.lookup));
    if (!input.otherValues.empty())
      fields.set("others", builder.getDenseI64ArrayAttr(input.otherValues));
  }
  return fields.getDictionary(builder.getContext());
}

std::vector<rank::InputSchema> colossal::inputsOf(ModuleOp module) {
  std::vector<rank::InputSchema> inputs;
  auto list = module->getAttrOfType<ArrayAttr>(names::inputs);
  if (!list)
    return inputs;
  for (auto fields : list.getAsRange<DictionaryAttr>()) {
    rank::InputSchema &input = inputs.emplace_back();
    input.name = fields.getAs<StringAttr>("name").str();
    if (auto lowest = fields.getAs<IntegerAttr>("lowest"))
      input.lowest = lowest.getInt();
    if (auto highest = fields.getAs<IntegerAttr>("highest"))
      input.highest = highest.getInt();
    if (auto lookup = fields.getAs<StringAttr>("lookup"))
      input.lookup = lookup.str();
    if (auto others = fields.getAs<DenseI64ArrayAttr>("others"))
      input.otherValues = others.asArrayRef();
  }
  return inputs;
}

static void describe(BlockArgument argument, rank::InputSchema &input) {
  Type type = getElementTypeOrSelf(argument.getType());
  if (!isa<IntegerType>(type) || type.isInteger(1))
    return;
  IntegerUse use = analyzeIntegerUse(argument);
  if (!use.required)
    return;
  input.lowest = use.fromEnd ? -*use.required : 0;
  input.highest = *use.required - 1;
  input.otherValues.clear();
  for (int64_t constant : use.constants)
    if (constant < input.lowest || constant > input.highest)
      input.otherValues.push_back(constant);
  input.lookup = "'" + use.lookup + "'";
  if (std::string line = sourceLineOf(use.location); !line.empty())
    input.lookup += " (" + line + ")";
}

void colossal::describeInputs(ModuleOp module) {
  std::vector<rank::InputSchema> inputs = inputsOf(module);
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      if (!role || !name || role.getValue() != ArgumentRole::Batch)
        continue;
      auto it = llvm::find_if(inputs, [&](const rank::InputSchema &input) {
        return input.name == name.getValue();
      });
      if (it == inputs.end())
        it = inputs.emplace(inputs.end());
      it->name = name.str();
      describe(argument, *it);
    }
  Builder builder(module.getContext());
  SmallVector<Attribute> list;
  for (const rank::InputSchema &input : inputs)
    list.push_back(attributeOf(builder, input));
  if (!list.empty())
    module->setAttr(names::inputs, builder.getArrayAttr(list));
}
