//===- OutsideLoss.cpp - A loss of what the model returns -----------------===//

#include "OutsideLoss.h"
#include "Constants.h"
#include "Rows.h"
#include "colossal/Support/Message.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Outputs that a message lists.
static constexpr size_t kMaxListed = 12;

namespace {

/// A tensor among the model's outputs, with the path to it.
struct Output {
  std::string path;
  TensorRef tensor;
};

class OutsideLoss {
public:
  OutsideLoss(Interpreter &state, func::FuncOp function,
              const LossOptions &options)
      : state(state), function(function), options(options),
        loc(NameLoc::get(state.builder.getStringAttr("loss"),
                         function.getLoc())) {}

  FailureOr<Item> run(const std::vector<Item> &outputs);

private:
  void collect(const Item &item, const std::string &path);
  FailureOr<Output> choose();
  std::string listed() const;
  FailureOr<Item> crossEntropy(const Output &output);
  /// The argument that holds the labels, of that type.
  FailureOr<Item> labels(RankedTensorType type, StringRef why);

  Value valueOf(const Item &item);
  Item number(Attribute attribute) { return Item(*numberOf(attribute)); }
  Item integer(int64_t value) {
    return number(state.builder.getI64IntegerAttr(value));
  }
  /// The result of an aten op.
  FailureOr<Item> call(StringRef schema, ArrayRef<Item> operands);

  Interpreter &state;
  func::FuncOp function;
  const LossOptions &options;
  Location loc;
  std::vector<Output> found;
  SmallVector<Operation *> made;
  std::map<std::string, int> ordinals;
};

} // namespace

static std::string spelled(RankedTensorType type) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  for (int64_t size : type.getShape())
    stream << size << "x";
  stream << type.getElementType();
  return text;
}

void OutsideLoss::collect(const Item &item, const std::string &path) {
  if (item.isTensor())
    found.push_back({path, item.tensor});
  for (auto [index, element] : llvm::enumerate(item.list))
    collect(element, pathOfElement(item, index, path));
}

std::string OutsideLoss::listed() const {
  std::vector<std::string> outputs;
  for (const Output &output : found)
    outputs.push_back("'" + output.path + "' (" + spelled(output.tensor->type) +
                      ")");
  return firstFew(outputs, kMaxListed);
}

FailureOr<Output> OutsideLoss::choose() {
  if (found.empty())
    return function.emitError("--loss: the model returns no tensor");
  if (options.output.empty()) {
    if (found.size() == 1)
      return found.front();
    return function.emitError("--loss: the model returns ")
           << found.size() << " tensors, " << listed()
           << ": choose one with output=, such as output="
           << found.front().path;
  }
  for (const Output &output : found)
    if (output.path == options.output)
      return output;
  return function.emitError("--loss: found output=")
         << options.output
         << ", expected one of what the model returns: " << listed();
}

Value OutsideLoss::valueOf(const Item &item) {
  auto constant = AtenConstantOp::create(
      state.builder, loc, AnyType::get(state.builder.getContext()),
      state.builder.getUnitAttr(), nullptr);
  made.push_back(constant);
  state.bind(constant.getResult(), item);
  return constant.getResult();
}

FailureOr<Item> OutsideLoss::call(StringRef schema, ArrayRef<Item> operands) {
  SmallVector<Value> values;
  for (const Item &operand : operands)
    values.push_back(valueOf(operand));
  StringRef base = schema.split("::").second.split('.').first;
  std::string name =
      ("loss/" + base + "." + Twine(ordinals[base.str()]++)).str();
  auto op = AtenOp::create(
      state.builder,
      NameLoc::get(state.builder.getStringAttr(name), function.getLoc()),
      TypeRange{AnyType::get(state.builder.getContext())}, schema, name,
      values);
  made.push_back(op);
  if (failed(interpret(state, op)))
    return failure();
  return state.lookup(op->getResult(0));
}

FailureOr<Item> OutsideLoss::labels(RankedTensorType type, StringRef why) {
  for (BlockArgument argument : function.getArguments()) {
    unsigned number = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
    if (!name || name.getValue() != options.labels)
      continue;
    // The model reads them, too (to make its decoder's inputs of them).
    auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
    if (role && role.getValue() == ArgumentRole::Batch &&
        argument.getType() == type)
      return state.lookup(argument);
    return function.emitError("--loss: the model has '")
           << options.labels << "' already, as "
           << (role ? nameOf(role.getValue()) : "argument") << " of type "
           << argument.getType() << ", expected an input of type " << type
           << why << ": name the labels with labels=";
  }
  Builder &builder = state.builder;
  NamedAttrList attributes;
  attributes.append(names::role,
                    RoleAttr::get(builder.getContext(), ArgumentRole::Batch));
  attributes.append(names::name, builder.getStringAttr(options.labels));
  if (options.labelsBatchDim >= type.getRank())
    return function.emitError("--batch: input '")
           << options.labels << "' has " << type.getRank()
           << " dimensions, found dimension " << options.labelsBatchDim;
  if (options.labelsBatchDim >= 0)
    attributes.append(names::batchDim,
                      builder.getI64IntegerAttr(options.labelsBatchDim));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(
      index, type, attributes.getDictionary(builder.getContext()),
      NameLoc::get(builder.getStringAttr(options.labels), function.getLoc()));
  BlockArgument argument = function.getArgument(index);
  return Item(state.fresh(argument, "argument", argument.getLoc()));
}

FailureOr<Item> OutsideLoss::crossEntropy(const Output &output) {
  RankedTensorType type = output.tensor->type;
  int64_t rank = type.getRank();
  if (rank < 2)
    return function.emitError("--loss: the output '")
           << output.path << "' has type " << type
           << ", expected scores with samples and classes";
  bool last = options.classes == LossOptions::Classes::Last ||
              (options.classes == LossOptions::Classes::ByRank && rank == 3);
  int64_t classes = last ? rank - 1 : 1;
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + classes);
  FailureOr<Item> target =
      labels(RankedTensorType::get(shape, state.builder.getI64Type()),
             " (one for each place of the scores)");
  if (failed(target))
    return failure();
  if (options.shift) {
    // Behind the last label there is none: it is one that does not count.
    if (shape.size() < 2)
      return function.emitError("--loss: found shift with an output of type ")
             << type << ", expected one with samples, positions and classes";
    target = call("aten::constant_pad_nd",
                  {*target, Item::makeList({integer(0), integer(1)}),
                   integer(options.ignored)});
    if (succeeded(target))
      target = call("aten::slice.Tensor", {*target, integer(-1), integer(1),
                                           integer(INT64_MAX), integer(1)});
  }
  FailureOr<Item> scores{Item(output.tensor)};
  if (last && rank > 2) {
    scores = call("aten::flatten.using_ints",
                  {*scores, integer(0), integer(rank - 2)});
    if (succeeded(target))
      target =
          call("aten::flatten.using_ints", {*target, integer(0), integer(-1)});
  }
  if (failed(scores) || failed(target))
    return failure();
  return call("aten::cross_entropy_loss",
              {*scores, *target, Item(), integer(1), integer(options.ignored),
               number(state.builder.getF64FloatAttr(options.smoothing))});
}

FailureOr<Item> OutsideLoss::run(const std::vector<Item> &outputs) {
  // A tuple is one result; a tensor alone is number 0 like that of a tuple.
  if (outputs.size() == 1 && outputs.front().isList())
    collect(outputs.front(), "");
  else
    collect(Item::makeList(outputs), "");
  FailureOr<Output> output = choose();
  if (failed(output))
    return failure();
  RankedTensorType type = output->tensor->type;
  if (!isa<FloatType>(type.getElementType()))
    return function.emitError("--loss: the output '")
           << output->path << "' has type " << type << ", expected floats";
  FailureOr<Item> loss = failure();
  if (options.kind == LossOptions::Kind::CrossEntropy) {
    loss = crossEntropy(*output);
  } else {
    FailureOr<Item> target = labels(type, " (as the output)");
    if (failed(target))
      return failure();
    if (options.kind == LossOptions::Kind::SquaredError)
      loss =
          call("aten::mse_loss", {Item(output->tensor), *target, integer(1)});
    else
      loss = call("aten::binary_cross_entropy_with_logits",
                  {Item(output->tensor), *target, Item(), Item(), integer(1)});
  }
  for (Operation *op : llvm::reverse(made))
    op->erase();
  return loss;
}

FailureOr<Item> normalize::addOutsideLoss(Interpreter &state,
                                          func::FuncOp function,
                                          const std::vector<Item> &outputs,
                                          const LossOptions &options) {
  return OutsideLoss(state, function, options).run(outputs);
}
