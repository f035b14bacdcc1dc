//===- RankTask.cpp - One rank as a cooperative task ----------------------===//

#include "RankTask.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

RankTask::RankTask(int64_t rank, const Mesh &mesh,
                   const std::vector<RankStep> &steps,
                   const NamedTensors &values, const RankOptions &options)
    : rank(rank), mesh(mesh), steps(steps), values(values), options(options),
      where(mesh.placeOf(rank)) {}

/// "rank 1 (stage 0, data = 1)".
static std::string rankText(int64_t rank, const Mesh &mesh,
                            const Place &place) {
  std::string text = "rank " + std::to_string(rank) + " (stage " +
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
  if (!at)
    return text;
  out << " at " << at->getName();
  if (auto name = at->getAttrOfType<StringAttr>("name"))
    out << " \"" << name.getValue() << "\"";
  if (auto axes = at->getAttrOfType<ArrayAttr>("axes"))
    out << " over " << axes;
  if (auto peer = at->getAttrOfType<IntegerAttr>("peer"))
    out << (isa<SendOp>(at) ? " to" : " from") << " stage " << peer.getInt();
  return text;
}

bool RankTask::bind(func::FuncOp function, unsigned index, std::string &error) {
  DictionaryAttr attributes = function.getArgAttrDict(index);
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
  auto link = attributes ? attributes.getAs<StringAttr>(names::link) : nullptr;
  Value argument = function.getArgument(index);
  std::string reason;
  auto fail = [&](const Twine &message) {
    error = (describe() + ": argument " + Twine(index) + " of @" +
             function.getName() + ": " + message)
                .str();
    return false;
  };
  if (link) {
    bool each = attributes.contains(names::perMicrobatch);
    auto found = links.find({link.str(), each ? microbatch() : -1});
    if (found == links.end())
      return fail("found no value linked as '" + link.getValue() +
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
  std::optional<Layout> layout = Layout::get(attributes, type, where, reason);
  if (!layout)
    return fail(reason);
  TensorRef whole = found->second;
  if (whole->shape != layout->globalShape() ||
      whole->kind != elementKindOf(type.getElementType()))
    return fail("the value given for '" + name + "' has another shape or type");
  live[argument] = share(layout->shard(*whole, where));
  return true;
}

bool RankTask::enter(std::string &error) {
  func::FuncOp function = steps[step].function;
  live.clear();
  if (microbatch() >= 0) {
    where.coordinates[names::timeAxis.str()] = microbatch();
    where.sizes[names::timeAxis.str()] = mesh.microbatches;
  } else {
    where.coordinates.erase(names::timeAxis.str());
    where.sizes[names::timeAxis.str()] = 1;
  }
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    if (!bind(function, i, error))
      return false;
  at = &function.getBody().front().front();
  return true;
}

static Tensor combine(StringRef combiner, const Tensor &a, const Tensor &b) {
  Tensor result = a;
  for (int64_t i = 0, e = a.size(); i < e; ++i) {
    if (a.kind == ElementKind::Float)
      result.floats[i] = combiner == "sum" ? a.floats[i] + b.floats[i]
                                           : std::max(a.floats[i], b.floats[i]);
    else if (a.kind == ElementKind::Integer)
      result.integers[i] = combiner == "sum"
                               ? a.integers[i] + b.integers[i]
                               : std::max(a.integers[i], b.integers[i]);
    else
      result.booleans[i] = a.booleans[i] | b.booleans[i];
  }
  return result;
}

bool RankTask::leave(std::string &error) {
  func::FuncOp function = steps[step].function;
  for (unsigned i = 0, e = at->getNumOperands(); i < e; ++i) {
    TensorRef value = operand(i);
    DictionaryAttr attributes = function.getResultAttrDict(i);
    if (!attributes)
      continue;
    auto accumulate = attributes.getAs<StringAttr>(names::accumulate);
    auto add = [&](TensorRef &total) {
      total = accumulate && total
                  ? share(combine(accumulate.getValue(), *total, *value))
                  : value;
    };
    if (auto link = attributes.getAs<StringAttr>(names::link)) {
      bool each = attributes.contains(names::perMicrobatch);
      add(links[{link.str(), each ? microbatch() : -1}]);
    }
    if (auto metric = attributes.getAs<StringAttr>(names::metric))
      add(metrics[metric.str()]);
    if (auto name = attributes.getAs<StringAttr>(names::updates)) {
      std::string reason;
      auto type = cast<RankedTensorType>(function.getResultTypes()[i]);
      std::optional<Layout> layout =
          Layout::get(attributes, type, where, reason);
      if (!layout) {
        error = describe() + ": state '" + name.str() + "': " + reason;
        return false;
      }
      updates[name.str()] = {value, *layout};
    }
  }
  at = nullptr;
  ++step;
  return true;
}

Operation *RankTask::current(std::string &error) {
  while (!isFinished()) {
    if (!at && !enter(error))
      return nullptr;
    if (!isa<func::ReturnOp>(at))
      return at;
    if (!leave(error))
      return nullptr;
  }
  return nullptr;
}

bool RankTask::executeLocal(std::string &error) {
  Tensors operands;
  for (Value value : at->getOperands())
    operands.push_back(live.lookup(value));
  FailureOr<Tensors> results =
      evaluate(at, operands, where, options.evaluation);
  if (failed(results)) {
    error = describe() + ": not evaluated";
    return false;
  }
  complete(*results);
  return true;
}

void RankTask::complete(ArrayRef<TensorRef> results) {
  if (options.observer)
    options.observer(rank, where, microbatch(), at, results);
  for (auto [value, tensor] : llvm::zip(at->getResults(), results))
    live[value] = tensor;
  // Values without a later use are dropped.
  Operation *next = at->getNextNode();
  for (Value operand : at->getOperands()) {
    bool used = llvm::any_of(operand.getUsers(), [&](Operation *user) {
      return user == next || next->isBeforeInBlock(user);
    });
    if (!used)
      live.erase(operand);
  }
  at = next;
}
