//===- StructureHash.cpp - Which functions are the same -------------------===//

#include "colossal/Lower/StructureHash.h"

#include "mlir/IR/SymbolTable.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;
using namespace colossal::lower;

template <typename T> static uint64_t hashOfText(T printed) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  printed.print(stream);
  return llvm::xxh3_64bits(text);
}

const StructureHash::Text &StructureHash::textOf(Attribute attribute) {
  auto [it, isNew] = texts.try_emplace(attribute);
  if (isNew) {
    it->second.hash = hashOfText(attribute);
    attribute.walk([&](DistinctAttr distinct) {
      it->second.distinct.push_back(distinct);
    });
  }
  return it->second;
}

void StructureHash::add(Type type) {
  auto [it, isNew] = types.try_emplace(type);
  if (isNew)
    it->second = hashOfText(type);
  words.push_back(it->second);
}

void StructureHash::add(Attribute attribute) {
  const Text &text = textOf(attribute);
  words.push_back(text.hash);
  for (DistinctAttr distinct : text.distinct)
    words.push_back(numberOf(distinct.getAsOpaquePointer()));
}

void StructureHash::add(Operation *op) {
  words.push_back(llvm::xxh3_64bits(op->getName().getStringRef()));
  words.push_back(op->getNumOperands());
  for (Value operand : op->getOperands())
    words.push_back(numberOf(operand.getAsOpaquePointer()));
  words.push_back(op->getNumResults());
  for (Value result : op->getResults()) {
    words.push_back(numberOf(result.getAsOpaquePointer()));
    add(result.getType());
  }
  DictionaryAttr attributes = op->getAttrDictionary();
  words.push_back(attributes.size());
  for (NamedAttribute attribute : attributes) {
    words.push_back(llvm::xxh3_64bits(attribute.getName().getValue()));
    add(attribute.getValue());
  }
  words.push_back(op->getNumSuccessors());
  for (Block *successor : op->getSuccessors())
    words.push_back(numberOf(successor));
  words.push_back(op->getNumRegions());
  for (Region &region : op->getRegions())
    add(region);
}

void StructureHash::add(Region &region) {
  words.push_back(region.getBlocks().size());
  for (Block &block : region) {
    words.push_back(numberOf(&block));
    words.push_back(block.getNumArguments());
    for (BlockArgument argument : block.getArguments()) {
      words.push_back(numberOf(argument.getAsOpaquePointer()));
      add(argument.getType());
    }
    words.push_back(block.getOperations().size());
    for (Operation &op : block)
      add(&op);
  }
}

StructureHash::Bits StructureHash::of(func::FuncOp function) {
  words.clear();
  numbers.clear();
  for (NamedAttribute attribute : function->getAttrDictionary()) {
    if (attribute.getName() == SymbolTable::getSymbolAttrName())
      continue;
    words.push_back(llvm::xxh3_64bits(attribute.getName().getValue()));
    add(attribute.getValue());
  }
  add(function.getBody());
  llvm::XXH128_hash_t hash =
      llvm::xxh3_128bits({reinterpret_cast<const uint8_t *>(words.data()),
                          words.size() * sizeof(uint64_t)});
  return {hash.high64, hash.low64};
}
