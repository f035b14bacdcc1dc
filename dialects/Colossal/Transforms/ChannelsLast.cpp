//===- ChannelsLast.cpp - Layouts of images along chains ------------------===//
//
// Values that should have one layout are a class: the images of a whole op, and
// what an elementwise op reads and writes at the same place. A class changes as
// a whole, by the order of dimensions in types and index maps. A generic has
// any order for nothing; where a value leaves its class (arguments, results,
// contractions, ops without a choice), a generic moves the elements.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Analysis/Contraction.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/LayoutOp.h"
#include "Colossal/Transforms/Passes.h"
#include "llvm/ADT/IntEqClasses.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace colossal;

#include "Colossal/Transforms/LayoutOp.cpp.inc"

namespace colossal {
#define GEN_PASS_DEF_CHANNELSLASTPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

//===----------------------------------------------------------------------===//
// Orders of dimensions
//===----------------------------------------------------------------------===//

/// [n, c, ...] as [n, ..., c].
template <class T> static SmallVector<T> channelsLast(ArrayRef<T> dims) {
  SmallVector<T> order(dims);
  std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

static IndexMapAttr channelsLast(IndexMapAttr map) {
  return IndexMapAttr::get(map.getContext(), channelsLast(map.getDims()));
}

static IndexMapAttr channelsFirst(IndexMapAttr map) {
  SmallVector<DimAttr> dims(map.getDims());
  std::rotate(dims.begin() + 1, dims.end() - 1, dims.end());
  return IndexMapAttr::get(map.getContext(), dims);
}

static Type channelsLast(Type type) {
  auto tensor = cast<RankedTensorType>(type);
  return RankedTensorType::get(channelsLast(tensor.getShape()),
                               tensor.getElementType());
}

static bool isImage(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() >= 3;
}

/// True if both maps have the same factors in the same dimensions.
static bool areAligned(IndexMapAttr a, IndexMapAttr b) {
  return a.getDims().size() == b.getDims().size() &&
         llvm::all_of(llvm::zip(a.getDims(), b.getDims()), [&](auto dims) {
           return std::get<0>(dims).getFactors() ==
                  std::get<1>(dims).getFactors();
         });
}

static SmallVector<Value> imagesOf(LayoutOp op) {
  SmallVector<Value> images;
  for (unsigned image : op.getImages())
    images.push_back(image < op->getNumOperands()
                         ? op->getOperand(image)
                         : op->getResult(image - op->getNumOperands()));
  return images;
}

/// A generic whose maps may have any order of dimensions.
static GenericOp asFlexible(Operation *op) {
  auto generic = dyn_cast_or_null<GenericOp>(op);
  return generic && !isSumOfProducts(generic) ? generic : GenericOp();
}

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

namespace {

class Layouts {
public:
  explicit Layouts(func::FuncOp function) : function(function) {}

  void run() {
    number();
    join();
    judge();
    change();
  }

private:
  void number();
  void join();
  void judge();
  void change();
  void changeOperands(FactoredOp op);
  void changeResults(FactoredOp op);
  Value moved(Value value, bool last, StringRef user);
  std::string uniqueName(const Twine &base);

  bool changes(Value value) const {
    auto it = numbers.find(value);
    return it != numbers.end() &&
           changing.count(classes.findLeader(it->second));
  }

  func::FuncOp function;
  llvm::MapVector<Value, unsigned> numbers; ///< of values that have a class
  llvm::IntEqClasses classes;
  DenseSet<unsigned> changing; ///< leaders
  /// Copies of values in the other layout.
  DenseMap<Value, Value> copies;
  llvm::StringSet<> names; ///< of ops
};

} // namespace

/// Results of ops that can write either layout.
void Layouts::number() {
  auto add = [&](Value value) {
    if (isImage(value))
      numbers.insert({value, numbers.size()});
  };
  function.walk([&](FactoredOp op) {
    if (auto generic = asFlexible(op))
      llvm::for_each(generic.getOutputs(), add);
    else if (auto layout = dyn_cast<LayoutOp>(op.getOperation()))
      for (unsigned image : layout.getImages())
        if (image >= op->getNumOperands())
          add(op->getResult(image - op->getNumOperands()));
  });
  classes.grow(numbers.size());
}

void Layouts::join() {
  auto joinValues = [&](Value a, Value b) {
    auto first = numbers.find(a), second = numbers.find(b);
    if (first != numbers.end() && second != numbers.end())
      classes.join(first->second, second->second);
  };
  function.walk([&](FactoredOp op) {
    if (auto layout = dyn_cast<LayoutOp>(op.getOperation())) {
      SmallVector<Value> images = imagesOf(layout);
      for (Value image : images)
        joinValues(images.back(), image);
    } else if (auto generic = asFlexible(op)) {
      for (auto [r, result] : llvm::enumerate(generic.getOutputs()))
        for (auto [i, operand] : llvm::enumerate(generic.getInputs()))
          if (areAligned(op.getResultMap(r), op.getOperandMap(i)))
            joinValues(result, operand);
    }
  });
}

/// Classes in which some op prefers channels last and none prefers them as they
/// are.
void Layouts::judge() {
  DenseSet<unsigned> refusing;
  function.walk([&](LayoutOp op) {
    LayoutWish wish = op.getLayoutWish();
    for (Value value : imagesOf(op)) {
      auto it = numbers.find(value);
      if (it == numbers.end())
        continue;
      unsigned leader = classes.findLeader(it->second);
      if (wish == LayoutWish::First)
        refusing.insert(leader);
      else if (wish == LayoutWish::Last)
        changing.insert(leader);
    }
  });
  for (unsigned leader : refusing)
    changing.erase(leader);
}

//===----------------------------------------------------------------------===//
// Changes
//===----------------------------------------------------------------------===//

std::string Layouts::uniqueName(const Twine &base) {
  std::string name = base.str();
  for (unsigned i = 1; !names.insert(name).second; ++i)
    name = (base + "." + Twine(i)).str();
  return name;
}

/// `value` in the other layout (`last`: with its channels last), moved where it
/// is defined.
Value Layouts::moved(Value value, bool last, StringRef user) {
  Value &copy = copies[value];
  if (copy)
    return copy;
  OpBuilder builder(function.getContext());
  builder.setInsertionPointAfterValue(value);
  IdentitySpace space = identitySpaceOf(value);
  auto definition = value.getDefiningOp<FactoredOp>();
  GenericOp op = createGeneric(
      builder, value.getLoc(),
      uniqueName((definition ? definition.getFactoredName() : user) +
                 (last ? ".channels_last" : ".channels_first")),
      space.factors, {value}, {space.map},
      {getElementTypeOrSelf(value.getType())},
      {last ? channelsLast(space.map) : channelsFirst(space.map)},
      [](OpBuilder &, ValueRange in) -> SmallVector<Value> { return {in[0]}; });
  return copy = op.getOutputs()[0];
}

static void setMaps(FactoredOp op, StringRef name,
                    ArrayRef<IndexMapAttr> maps) {
  op->setAttr(name,
              ArrayAttr::get(op->getContext(),
                             SmallVector<Attribute>(maps.begin(), maps.end())));
}

void Layouts::changeResults(FactoredOp op) {
  SmallVector<IndexMapAttr> maps;
  bool any = false;
  for (OpResult result : op->getResults()) {
    IndexMapAttr map = op.getResultMap(result.getResultNumber());
    if (changes(result)) {
      any = true;
      map = channelsLast(map);
      result.setType(channelsLast(result.getType()));
    }
    maps.push_back(map);
  }
  if (any)
    setMaps(op, "resultMaps", maps);
}

/// After all results have their layout.
void Layouts::changeOperands(FactoredOp op) {
  auto layout = dyn_cast<LayoutOp>(op.getOperation());
  bool isFlexible = bool(asFlexible(op));
  bool isLast = layout && llvm::any_of(imagesOf(layout), [&](Value image) {
                  return changes(image);
                });
  SmallVector<IndexMapAttr> maps;
  for (OpOperand &operand : op->getOpOperands()) {
    unsigned number = operand.getOperandNumber();
    IndexMapAttr map = op.getOperandMap(number);
    bool isChanged = changes(operand.get());
    bool wanted = isLast && llvm::is_contained(layout.getImages(), number);
    if (wanted || (isChanged && isFlexible))
      map = channelsLast(map);
    if (wanted && !isChanged)
      operand.set(moved(operand.get(), /*last=*/true, op.getFactoredName()));
    else if (isChanged && !wanted && !isFlexible)
      operand.set(moved(operand.get(), /*last=*/false, op.getFactoredName()));
    maps.push_back(map);
  }
  setMaps(op, "operandMaps", maps);
  if (isLast)
    layout.setChannelsLast();
}

void Layouts::change() {
  if (changing.empty())
    return;
  SmallVector<FactoredOp> ops;
  function.walk([&](FactoredOp op) { ops.push_back(op); });
  for (FactoredOp op : ops) {
    names.insert(op.getFactoredName());
    changeResults(op);
  }
  for (FactoredOp op : ops)
    changeOperands(op);
  for (OpOperand &operand :
       function.getBody().front().getTerminator()->getOpOperands())
    if (changes(operand.get()))
      operand.set(moved(operand.get(), /*last=*/false, ""));
}

namespace {
struct ChannelsLast : colossal::impl::ChannelsLastPassBase<ChannelsLast> {
  void runOnOperation() override { Layouts(getOperation()).run(); }
};
} // namespace
