//===- Interpreter.cpp - Tensors, views and writes ------------------------===//

#include "Interpreter.h"
#include "Lookup.h"
#include "Strides.h"
#include "colossal/Normalize/ControlArgument.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

const Item &Interpreter::lookup(Value value) const {
  static const Item none;
  auto it = items.find(value);
  return it == items.end() ? none : it->second;
}

Value Interpreter::control(StringRef name, std::optional<double> fill) {
  return controlArgument(
      cast<func::FuncOp>(builder.getInsertionBlock()->getParentOp()), name,
      fill);
}

std::optional<Scalar> Interpreter::numberOf(const Item &item) {
  if (item.isScalar())
    return item.scalar;
  if (!item.isTensor() || item.tensor->type.getNumElements() != 1)
    return std::nullopt;
  reference::TensorRef value = known.of(read(item.tensor));
  if (!value)
    return std::nullopt;
  Scalar number;
  number.type = item.tensor->type.getElementType();
  number.weak = false;
  number.isTensor = true;
  if (number.isFloat())
    number.real = value->floats[0];
  else if (number.type.isInteger(1))
    number.integer = value->booleans[0];
  else
    number.integer = value->integers[0];
  return number;
}

std::optional<SmallVector<int64_t>> Interpreter::integersOf(const Item &item) {
  if (item.isScalar())
    return SmallVector<int64_t>{item.scalar.asInteger()};
  if (!item.isTensor())
    return std::nullopt;
  reference::TensorRef value = known.of(read(item.tensor));
  if (!value || value->kind != reference::ElementKind::Integer)
    return std::nullopt;
  return SmallVector<int64_t>(value->integers.begin(), value->integers.end());
}

std::optional<SmallVector<bool>> Interpreter::truthsOf(const Item &item) {
  if (!item.isTensor())
    return std::nullopt;
  reference::TensorRef value = known.of(read(item.tensor));
  if (!value || value->kind != reference::ElementKind::Boolean)
    return std::nullopt;
  return SmallVector<bool>(value->booleans.begin(), value->booleans.end());
}

std::string Interpreter::uniqueName(StringRef wanted) {
  if (names.insert(wanted).second)
    return wanted.str();
  for (unsigned count = 2;; ++count) {
    std::string candidate = (wanted + "." + Twine(count)).str();
    if (names.insert(candidate).second)
      return candidate;
  }
}

TensorRef Interpreter::fresh(Value value, StringRef name, Location loc) {
  auto tensor = std::make_shared<Alias>();
  tensor->storage = std::make_shared<Storage>();
  tensor->storage->value = value;
  tensor->type = cast<RankedTensorType>(value.getType());
  tensor->strides = rowMajor(tensor->type.getShape());
  tensor->areStridesAssumed = true;
  tensor->name = name.str();
  tensor->loc = loc;
  return tensor;
}

TensorRef Interpreter::viewOf(const TensorRef &parent, View view,
                              StringRef name, Location loc) {
  auto tensor = std::make_shared<Alias>();
  tensor->storage = parent->storage;
  tensor->parent = parent;
  tensor->type =
      RankedTensorType::get(view.to.getShape(), parent->type.getElementType());
  if (parent->strides)
    tensor->strides =
        stridesOfView(view, *parent->strides, parent->type.getShape());
  tensor->view = std::move(view);
  tensor->name = name.str();
  tensor->loc = loc;
  return tensor;
}

TensorRef Interpreter::partOf(const TensorRef &parent, ChosenPart chosen,
                              StringRef name, Location loc) {
  auto tensor = std::make_shared<Alias>();
  tensor->storage = parent->storage;
  tensor->parent = parent;
  SmallVector<int64_t> shape(parent->type.getShape());
  shape.erase(shape.begin() + chosen.dim);
  tensor->type = RankedTensorType::get(shape, parent->type.getElementType());
  tensor->chosen = chosen;
  if (parent->strides) {
    tensor->strides = parent->strides;
    tensor->strides->ofDims.erase(tensor->strides->ofDims.begin() + chosen.dim);
    tensor->strides->offset.reset();
  }
  tensor->name = name.str();
  tensor->loc = loc;
  return tensor;
}

TensorRef Interpreter::detachedFrom(const TensorRef &parent, StringRef name,
                                    Location loc) {
  GenericBuilder g(builder, loc, "");
  IndexMapAttr map = plainMap(g, addFactors(g, dimsOf(read(parent))));
  View view;
  view.factors.assign(g.getFactors().begin(), g.getFactors().end());
  view.from = view.to = map;
  TensorRef tensor = viewOf(parent, view, name, loc);
  tensor->isDetached = true;
  return tensor;
}

TensorRef Interpreter::stridedOf(const TensorRef &root, RankedTensorType type,
                                 const Strides &strides, StringRef name,
                                 Location loc) {
  auto tensor = std::make_shared<Alias>();
  tensor->storage = root->storage;
  tensor->parent = root;
  tensor->type = type;
  tensor->strided = tensor->strides = strides;
  tensor->name = name.str();
  tensor->loc = loc;
  return tensor;
}

/// The elements of `parent`, which lies in memory in this order of dimensions,
/// at these strides.
static Value readByStrides(Interpreter &state, Value parent,
                           ArrayRef<unsigned> order, const Alias &tensor) {
  GenericBuilder flat(state.builder, *tensor.loc,
                      state.uniqueName(tensor.name + ".flat"));
  DimFactors factors = addFactors(flat, dimsOf(parent));
  SmallVector<int64_t> inMemory;
  for (unsigned dim : order)
    inMemory.append(factors[dim]);
  flat.operand(parent, plainMap(flat, factors));
  flat.result(tensor.type.getElementType(), plainMap(flat, {inMemory}));
  Value elements =
      flat.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  GenericBuilder ids(state.builder, *tensor.loc,
                     state.uniqueName(tensor.name + ".number"));
  DimFactors own = addFactors(ids, plainDims(tensor.type.getShape()));
  ids.result(state.builder.getI64Type(), plainMap(ids, own));
  Value numbers = ids.build([&](ScalarBuilder &s, ValueRange) {
    Type i64 = s.getBuilder().getI64Type();
    Value number = s.integer(i64, *tensor.strided->offset);
    for (auto [dim, stride] : llvm::zip(own, tensor.strided->ofDims))
      number =
          s.add(number, s.mul(mixedRadix(ids, s, dim), s.integer(i64, stride)));
    return number;
  });
  return lookUp(
      GenericBuilder(state.builder, *tensor.loc, state.uniqueName(tensor.name)),
      elements, 0, numbers);
}

Value Interpreter::read(const TensorRef &tensor) {
  if (!tensor->parent)
    return tensor->storage->value;
  if (tensor->cached && tensor->version == tensor->storage->version)
    return tensor->cached;
  Value parent = read(tensor->parent);
  if (tensor->strided) {
    tensor->cached =
        readByStrides(*this, parent, *orderInMemory(*tensor->parent), *tensor);
    tensor->version = tensor->storage->version;
    return tensor->cached;
  }
  GenericBuilder g(builder, *tensor->loc, uniqueName(tensor->name));
  if (tensor->chosen) {
    tensor->cached = lookUp(std::move(g), parent, tensor->chosen->dim,
                            tensor->chosen->number);
  } else {
    for (FactorAttr factor : tensor->view.factors)
      g.factor(factor);
    if (tensor->isDetached)
      g.noGradient();
    g.operand(parent, tensor->view.from);
    g.result(tensor->type.getElementType(), tensor->view.to);
    tensor->cached =
        g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  }
  tensor->version = tensor->storage->version;
  return tensor->cached;
}

/// The parent's contents after a write of `value` to a view of it. Iterates
/// over the parent: inside the view's window the element comes from `value`.
static FailureOr<Value> rebuildParent(OpBuilder &builder, Location loc,
                                      StringRef name, const View &view,
                                      Value parent, Value value) {
  GenericBuilder g(builder, loc, name);
  // A condition on a factor of the rebuilt parent: lower <= index < upper.
  struct Window {
    int64_t factor, lower, upper;
  };
  SmallVector<Window> windows;
  // How the view's factors index the parent.
  SmallVector<SubDimAttr> written(view.factors.size(), nullptr);
  SmallVector<SmallVector<SubDimAttr>> parentDims;
  for (DimAttr dim : view.from.getDims()) {
    SmallVector<SubDimAttr> &subs = parentDims.emplace_back();
    for (SubDimAttr sub : dim.getSubDims()) {
      if (sub.isConstant()) {
        if (sub.getBound() == 1) {
          subs.push_back(g.constant(0, 1));
          continue;
        }
        int64_t factor = g.factor("i", sub.getBound());
        windows.push_back({factor, sub.getOffset(), sub.getOffset() + 1});
        subs.push_back(g.plain(factor));
        continue;
      }
      FactorAttr old = view.factors[sub.getFactor()];
      int64_t factor = g.factor(old.getName(), sub.getBound());
      subs.push_back(g.plain(factor));
      if (sub.getClipped()) {
        windows.push_back(
            {factor, sub.getOffset(), sub.getOffset() + old.getBound()});
        written[sub.getFactor()] =
            g.clipped(factor, -sub.getOffset(), old.getBound());
      } else {
        written[sub.getFactor()] = g.plain(factor);
      }
    }
  }
  // A factor that does not index the parent: its elements overlap.
  if (llvm::is_contained(written, nullptr))
    return failure();
  IndexMapAttr valueMap = view.to.replace([&](SubDimAttr sub) {
    return SmallVector<SubDimAttr>{sub.isConstant() ? sub
                                                    : written[sub.getFactor()]};
  });
  IndexMapAttr parentMap = g.map(parentDims);
  if (windows.empty()) {
    g.operand(value, valueMap);
    g.result(getElementTypeOrSelf(value.getType()), parentMap);
    return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
  }
  g.operand(parent, parentMap);
  g.operand(value, valueMap);
  g.result(getElementTypeOrSelf(value.getType()), parentMap);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value inside;
    Type i64 = s.getBuilder().getI64Type();
    auto require = [&](Value condition) {
      inside = inside ? s.logicalAnd(inside, condition) : condition;
    };
    for (const Window &window : windows) {
      Value index = s.index(g.nameOf(window.factor));
      if (window.upper == window.lower + 1) {
        require(
            s.compare(Relation::Equal, index, s.integer(i64, window.lower)));
        continue;
      }
      if (window.lower > 0)
        require(s.compare(Relation::GreaterEqual, index,
                          s.integer(i64, window.lower)));
      if (window.upper < g.getFactor(window.factor).getBound())
        require(s.compare(Relation::Less, index, s.integer(i64, window.upper)));
    }
    return inside ? s.select(inside, in[1], in[0]) : in[1];
  });
}

/// The same for a part that data choose.
static Value replacePart(OpBuilder &builder, Location loc, StringRef name,
                         const ChosenPart &chosen, Value parent, Value value) {
  GenericBuilder g(builder, loc, name);
  DimFactors factors = addFactors(g, dimsOf(parent)), others = factors;
  others.erase(others.begin() + chosen.dim);
  g.operand(parent, plainMap(g, factors));
  g.operand(value, plainMap(g, others));
  g.operand(chosen.number, "[]");
  g.result(getElementTypeOrSelf(parent.getType()), plainMap(g, factors));
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value index = mixedRadix(g, s, factors[chosen.dim]);
    return s.select(s.compare(Relation::Equal, index, in[2]), in[1], in[0]);
  });
}

/// What is written into a buffer, without a derivative: a step that reads it
/// afterwards would take its gradient through all steps before, which PyTorch
/// refuses; so the author stopped it (detach, or no_grad, which leaves no mark
/// in a trace).
static Value withoutGradientInBuffer(Interpreter &state, const Storage &storage,
                                     Value value, StringRef name,
                                     Location loc) {
  OpBuilder &builder = state.builder;
  auto function = dyn_cast_or_null<func::FuncOp>(
      builder.getInsertionBlock()->getParentOp());
  auto role =
      function && storage.argument >= 0
          ? function.getArgAttrOfType<RoleAttr>(storage.argument, names::role)
          : RoleAttr();
  auto generic = value.getDefiningOp<GenericOp>();
  if (!role || role.getValue() != ArgumentRole::Buffer || !generic ||
      generic.getNoGradient() ||
      !isa<FloatType>(getElementTypeOrSelf(value.getType())))
    return value;
  GenericBuilder g(builder, loc, state.uniqueName((name + ".stored").str()));
  g.noGradient();
  IndexMapAttr map = plainMap(g, addFactors(g, dimsOf(value)));
  g.operand(value, map);
  g.result(getElementTypeOrSelf(value.getType()), map);
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}

/// What is written into a tensor that shares its elements with one that has a
/// derivative: the derivative of that one stays as if nothing was written.
static Value withDerivativeOf(Interpreter &state, Value before, Value value,
                              StringRef name, Location loc) {
  Type type = getElementTypeOrSelf(value.getType());
  if (!isa<FloatType>(type))
    return value;
  GenericBuilder g(state.builder, loc,
                   state.uniqueName((name + ".constant").str()));
  IndexMapAttr map = plainMap(g, addFactors(g, dimsOf(before)));
  g.operand(before, map);
  g.operand(value, map);
  g.result(type, map);
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    return s.withDerivative(in[1], {in[0]}, {s.one(type)});
  });
}

LogicalResult Interpreter::write(const TensorRef &tensor, Value value,
                                 StringRef name, Location loc) {
  if (tensor->type.getNumElements() == 0)
    return success();
  value = withoutGradientInBuffer(*this, *tensor->storage, value, name, loc);
  if (tensor->strided)
    return failure();
  if (tensor->parent) {
    std::string base = uniqueName((name + ".base").str());
    Value before = read(tensor->parent);
    if (tensor->isDetached)
      value = withDerivativeOf(*this, before, value, name, loc);
    FailureOr<Value> parent =
        tensor->chosen
            ? replacePart(builder, loc, base, *tensor->chosen, before, value)
            : rebuildParent(builder, loc, base, tensor->view, before, value);
    if (failed(parent) || failed(write(tensor->parent, *parent, name, loc)))
      return failure();
  } else {
    std::shared_ptr<Storage> storage = tensor->storage;
    storage->value = value;
    ++storage->version;
    if (storage->argument >= 0 &&
        !llvm::is_contained(writtenArguments, storage))
      writtenArguments.push_back(storage);
  }
  tensor->cached = value;
  tensor->version = tensor->storage->version;
  return success();
}
