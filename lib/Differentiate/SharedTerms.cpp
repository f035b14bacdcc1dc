//===- SharedTerms.cpp - Sums of what is computed anyway ------------------===//

#include "SharedTerms.h"
#include "Colossal/IR/ColossalDialect.h"
#include "mlir/IR/OperationSupport.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/Hashing.h"

using namespace mlir;
using namespace colossal;

static bool isWide(Value value) {
  Type type = getElementTypeOrSelf(value.getType());
  return type.isF32() || type.isF64();
}

/// What may be the terms of a sum, by the hash of its operands, in program
/// order. A value that everything reads has too many users to look at them all
/// for each of its sums.
using TermsByOperands = DenseMap<size_t, SmallVector<GenericOp, 1>>;

static size_t hashOfOperands(Operation *op) {
  size_t hash = 0;
  for (Value operand : op->getOperands())
    hash = llvm::hash_combine(hash, operand.getAsOpaquePointer());
  return hash;
}

/// Whether `elements` computes the terms of `sum`.
static bool computesTerms(GenericOp elements, GenericOp sum) {
  if (elements->getNumResults() != 1 || !isWide(elements->getResult(0)) ||
      !llvm::equal(elements->getOperands(), sum->getOperands()))
    return false;
  FactoredOp one(elements.getOperation()), other(sum.getOperation());
  if (one.getPass() != other.getPass() || one.getGroupAttr() ||
      !one.getResultMap(0).isPlain())
    return false;
  for (unsigned i = 0, e = sum->getNumOperands(); i < e; ++i)
    if (one.getOperandMap(i) != other.getOperandMap(i))
      return false;
  // The same factors, but for their kinds.
  auto isSame = [](FactorAttr a, FactorAttr b) {
    return a.getName() == b.getName() && a.getBound() == b.getBound();
  };
  return llvm::equal(one.getFactorList(), other.getFactorList(), isSame) &&
         OperationEquivalence::isRegionEquivalentTo(
             &elements.getBody(), &sum.getBody(),
             OperationEquivalence::IgnoreLocations);
}

static GenericOp findTerms(GenericOp sum, const TermsByOperands &before) {
  FactoredOp factored(sum.getOperation());
  bool adds = llvm::all_of(factored.getFactorList(), [](FactorAttr factor) {
    return factor.isParallel() || factor.getKind() == FactorKind::Sum;
  });
  if (!adds || factored.getGroupAttr() || sum->getNumResults() != 1 ||
      sum->getNumOperands() == 0 ||
      sum.getYielded()[0] == sum.getBody().front().getArgument(0))
    return {};
  auto found = before.find(hashOfOperands(sum));
  if (found == before.end())
    return {};
  // The nearest one first.
  for (GenericOp elements : llvm::reverse(found->second))
    if (computesTerms(elements, sum))
      return elements;
  return {};
}

static void readTerms(GenericOp sum, GenericOp elements) {
  FactoredOp terms(elements.getOperation());
  Block &body = sum.getBody().front();
  BlockArgument term = body.addArgument(
      getElementTypeOrSelf(elements->getResult(0).getType()), sum.getLoc());
  body.getTerminator()->setOperand(0, term);
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(body.getOperations())))
    if (&op != body.getTerminator())
      op.erase();
  body.eraseArguments(0, sum->getNumOperands());
  sum->setOperands(elements->getResult(0));
  sum->setAttr("operandMaps",
               ArrayAttr::get(sum->getContext(), {terms.getResultMap(0)}));
}

void colossal::shareTerms(func::FuncOp function) {
  TermsByOperands before;
  for (GenericOp op : function.front().getOps<GenericOp>()) {
    if (op.isAllParallel())
      before[hashOfOperands(op)].push_back(op);
    else if (GenericOp elements = findTerms(op, before))
      readTerms(op, elements);
  }
}
