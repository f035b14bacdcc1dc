//===- RankTask.cpp - One rank as a cooperative task ----------------------===//

#include "RankTask.h"
#include "colossal/Reference/Combine.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

RankTask::RankTask(int64_t rank, const Mesh &mesh,
                   const std::vector<RankStep> &steps,
                   const NamedTensors &values, const RankOptions &options)
    : rank(rank), mesh(mesh), steps(steps), values(values), options(options),
      where(mesh.placeOf(rank)) {
  for (auto [number, step] : llvm::enumerate(steps)) {
    func::FuncOp function = step.function;
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
      if (auto link = linkOf(function.getArgAttrDict(i), step.microbatch))
        lastUses[*link] = number;
  }
}

/// The linked value that an argument or result with these attributes is.
std::optional<RankTask::Link> RankTask::linkOf(DictionaryAttr attributes,
                                               int64_t microbatch) {
  auto name = attributes ? attributes.getAs<StringAttr>(names::link) : nullptr;
  if (!name)
    return std::nullopt;
  bool each = attributes.contains(names::perMicrobatch);
  return Link(name.str(), each ? microbatch : -1);
}

/// "rank 1 (device group 0, data = 1)".
static std::string rankText(int64_t rank, const Mesh &mesh,
                            const Place &place) {
  std::string text = "rank " + std::to_string(rank) + " (device group " +
                     std::to_string(rank / mesh.devices());
  for (const auto &[axis, size] : mesh.axes)
    text += ", " + axis + " = " + std::to_string(place.coordinate(axis));
  return text + ")";
}

std::string RankTask::describe() const {
  std::string text = rankText(rank, mesh, where);
  if (isFinished())
    return text + " has finished";
  llvm::raw_string_ostream out(text);
  func::FuncOp function = steps[step].function;
  out << " in @" << function.getName();
  if (microbatch() >= 0)
    out << "[" << microbatch() << "]";
  if (order.empty())
    return text;
  out << " at " << op()->getName();
  if (auto name = op()->getAttrOfType<StringAttr>("name"))
    out << " \"" << name.getValue() << "\"";
  if (auto axes = op()->getAttrOfType<ArrayAttr>("axes"))
    out << " over " << axes;
  if (auto peer = op()->getAttrOfType<IntegerAttr>("peer"))
    out << (isa<SendOp>(op()) ? " to" : " from") << " device group "
        << peer.getInt();
  return text;
}

bool RankTask::bind(func::FuncOp function, unsigned index, std::string &error) {
  DictionaryAttr attributes = function.getArgAttrDict(index);
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
  std::optional<Link> link = linkOf(attributes, microbatch());
  Value argument = function.getArgument(index);
  std::string reason;
  auto fail = [&](const Twine &message) {
    error = (describe() + ": argument " + Twine(index) + " of @" +
             function.getName() + ": " + message)
                .str();
    return false;
  };
  if (link) {
    auto found = links.find(*link);
    if (found == links.end())
      return fail("found no value linked as '" + Twine(link->first) +
                  "', expected an earlier segment to return it");
    if (!fits(*found->second, type, reason))
      return fail(reason);
    live[argument] = found->second;
    return true;
  }
  std::string name = argumentName(function, index);
  auto found = values.find(name);
  if (found == values.end())
    return fail("found no value for '" + name + "'");
  TensorRef shard =
      shardArgument(function, index, found->second, where, reason);
  if (!shard)
    return fail(reason);
  live[argument] = shard;
  return true;
}

bool RankTask::enter(std::string &error) {
  func::FuncOp function = steps[step].function;
  live.clear();
  mesh.setMicrobatch(where, microbatch());
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    if (!bind(function, i, error))
      return false;
  // What no later step reads is dropped with its last use here.
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    if (auto link = linkOf(function.getArgAttrDict(i), microbatch()))
      if (lastUses.at(*link) == step)
        links.erase(*link);
  if (options.checker && !options.checker->entered(rank, steps[step], error)) {
    error = describe() + ": " + error;
    return false;
  }
  Block &block = function.getBody().front();
  if (steps[step].order)
    order = *steps[step].order;
  else
    for (Operation &op : block.without_terminator())
      order.push_back(&op);
  order.push_back(block.getTerminator());
  at = 0;
  usesLeft.clear();
  for (Operation *op : order)
    for (Value operand : op->getOperands())
      ++usesLeft[operand];
  return true;
}

bool RankTask::leave(std::string &error) {
  func::FuncOp function = steps[step].function;
  for (unsigned i = 0, e = op()->getNumOperands(); i < e; ++i) {
    TensorRef value = operand(i);
    DictionaryAttr attributes = function.getResultAttrDict(i);
    if (!attributes)
      continue;
    // Microbatches are added up; the attribute's contract knows no other way.
    bool accumulates = attributes.contains(names::accumulate);
    auto add = [&](TensorRef &total) {
      if (!accumulates || !total) {
        total = value;
        return;
      }
      Tensor sum = *total;
      combineTensor(Combiner::Sum,
                    getElementTypeOrSelf(function.getResultTypes()[i]), sum,
                    *value);
      total = share(std::move(sum));
    };
    if (auto link = linkOf(attributes, microbatch()))
      if (lastUses.count(*link))
        add(links[*link]);
    if (auto metric = attributes.getAs<StringAttr>(names::metric))
      add(metrics[metric.str()]);
    auto updated = attributes.getAs<StringAttr>(names::updates);
    auto output = attributes.getAs<StringAttr>(names::output);
    if (StringAttr name = updated ? updated : output) {
      std::string reason;
      auto type = cast<RankedTensorType>(function.getResultTypes()[i]);
      std::optional<Layout> layout =
          Layout::get(attributes, type, where, reason);
      if (!layout) {
        error = describe() + (updated ? ": state '" : ": output '") +
                name.str() + "': " + reason;
        return false;
      }
      if (updated)
        updates[name.str()] = {value, *layout};
      else
        outputs.push_back({{name.str(), microbatch(), value}, *layout, where});
    }
  }
  order.clear();
  ++step;
  return true;
}

Operation *RankTask::op() const { return order[at]; }

Operation *RankTask::current(std::string &error) {
  while (!isFinished()) {
    if (order.empty() && !enter(error))
      return nullptr;
    if (!isa<func::ReturnOp>(op()))
      return op();
    if (!leave(error))
      return nullptr;
  }
  return nullptr;
}

bool RankTask::executeLocal(std::string &error) {
  Tensors operands;
  for (Value value : op()->getOperands())
    operands.push_back(live.lookup(value));
  for (auto [number, operand] : llvm::enumerate(operands))
    if (!operand) {
      error = describe() + ": operand " + std::to_string(number) +
              " is not computed before";
      return false;
    }
  FailureOr<Tensors> results =
      evaluate(op(), operands, where, options.evaluation);
  if (failed(results)) {
    error = describe() + ": not evaluated";
    return false;
  }
  return complete(*results, error);
}

bool RankTask::complete(ArrayRef<TensorRef> results, std::string &error) {
  if (options.observer)
    options.observer(rank, where, microbatch(), op(), results);
  if (options.checker) {
    Tensors operands;
    for (Value value : op()->getOperands())
      operands.push_back(live.lookup(value));
    if (!options.checker->completed(rank, steps[step], at, operands, results,
                                    error)) {
      error = describe() + ": " + error;
      return false;
    }
  }
  for (auto [value, tensor] : llvm::zip(op()->getResults(), results))
    live[value] = tensor;
  // Values without a later use are dropped.
  for (Value operand : op()->getOperands())
    if (--usesLeft[operand] == 0)
      live.erase(operand);
  ++at;
  return true;
}
