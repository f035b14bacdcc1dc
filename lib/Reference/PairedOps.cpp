//===- PairedOps.cpp - Ops of rank programs and their groups --------------===//

#include "PairedOps.h"
#include "colossal/Run/ProgramFaults.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::Group;
using schedule::GroupKind;

//===----------------------------------------------------------------------===//
// Which group
//===----------------------------------------------------------------------===//

/// Whether Schedule has put the op there: it stands for no group.
static bool isOwn(const rank::Op &op) {
  return op.kind == rank::OpKind::Fill || op.kind == rank::OpKind::Copy ||
         op.kind == rank::OpKind::Wait;
}

static GroupKind groupKindOf(rank::OpKind kind) {
  switch (kind) {
  case rank::OpKind::Kernel:
    return GroupKind::Kernel;
  case rank::OpKind::Gemm:
    return GroupKind::Gemm;
  case rank::OpKind::Library:
    return GroupKind::Library;
  case rank::OpKind::Send:
    return GroupKind::Send;
  case rank::OpKind::Recv:
    return GroupKind::Recv;
  default:
    return GroupKind::Collective;
  }
}

namespace {
/// The groups of a segment by kind and name.
class GroupFinder {
public:
  explicit GroupFinder(const schedule::SegmentSchedule &segment) {
    for (const Group &group : segment.groups)
      if (group.kind != GroupKind::Alias)
        groups[{group.kind, group.name()}].push_back(&group);
  }

  /// The next one; where all are taken, the last: an op may occur twice. Null
  /// if there is none.
  const Group *take(const rank::Op &op) {
    auto found = groups.find({groupKindOf(op.kind), op.name});
    if (found == groups.end())
      return nullptr;
    size_t &number = taken[found->first];
    const Group *group =
        found->second[std::min(number, found->second.size() - 1)];
    ++number;
    return group;
  }

  /// A group that no op was paired with.
  const Group *left() const {
    for (const auto &[key, list] : groups) {
      auto found = taken.find(key);
      size_t number = found == taken.end() ? 0 : found->second;
      if (number < list.size())
        return list[number];
    }
    return nullptr;
  }

private:
  using Key = std::pair<GroupKind, std::string>;
  std::map<Key, std::vector<const Group *>> groups;
  std::map<Key, size_t> taken;
};
} // namespace

//===----------------------------------------------------------------------===//
// As Lower calls it
//===----------------------------------------------------------------------===//

static std::string textOf(int64_t value) { return std::to_string(value); }
static std::string textOf(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.17g", value);
  return text;
}
static std::string textOf(const std::string &text) { return "'" + text + "'"; }
static std::string textOf(const rank::AffineOffset &index) {
  std::string text = textOf(index.constant);
  for (const auto &[axis, stride] : index.terms)
    text += " + " + axis + " * " + textOf(stride);
  return text;
}
template <class A, class B>
static std::string textOf(const std::pair<A, B> &entry) {
  return entry.first + " = " + textOf(entry.second);
}
template <class List> static std::string textOf(const List &list) {
  return "(" +
         llvm::join(llvm::map_range(
                        list, [](const auto &entry) { return textOf(entry); }),
                    ", ") +
         ")";
}

/// Kernels are known by their structure; the rest of a symbol is the name of
/// the first op that has it, in whatever program that was.
static std::string structureOf(const std::string &symbol) {
  return StringRef(symbol).split('_').first.str();
}

namespace {
/// The first thing that an op says otherwise than Lower.
struct Difference {
  std::string text;

  template <class T>
  void compare(const char *what, const T &found, const T &expected) {
    if (text.empty() && textOf(found) != textOf(expected))
      text = std::string("found ") + what + " " + textOf(found) +
             ", expected " + textOf(expected);
  }
};
} // namespace

static std::string differenceOf(const rank::Op &found,
                                const rank::Op &expected) {
  Difference difference;
  difference.compare("a number of outputs", found.numOutputs,
                     expected.numOutputs);
  if (found.kind == rank::OpKind::Gemm)
    return difference.text; // computed as the program says
  difference.compare("kernel", structureOf(found.symbol),
                     structureOf(expected.symbol));
  difference.compare("a range of", found.range, expected.range);
  difference.compare("indices", found.indices, expected.indices);
  difference.compare("a number of scratch operands",
                     int64_t(found.scratch.size()),
                     int64_t(expected.scratch.size()));
  const rank::LibraryCall &a = found.library, &b = expected.library;
  difference.compare("function", a.function, b.function);
  difference.compare("integers", a.integers, b.integers);
  difference.compare("reals", a.reals, b.reals);
  difference.compare("strides", a.strides, b.strides);
  difference.compare("kernel", structureOf(a.kernel), structureOf(b.kernel));
  return difference.text;
}

/// Finds the values of the operands.
static bool resolve(PairedOp &paired, lower::Lowering &lowering,
                    std::string &error) {
  const Group &group = *paired.group;
  Operation *last = group.ops.back();
  switch (group.kind) {
  case GroupKind::Kernel:
  case GroupKind::Gemm:
  case GroupKind::Library: {
    FailureOr<lower::LoweredGroup> lowered = lowering.lowerGroup(group);
    if (failed(lowered)) {
      error = paired.place + ": its group was not lowered";
      return false;
    }
    paired.operands = lowered->operands;
    paired.offsets = lowered->offsets;
    paired.numInputs = lowered->operands.size() - lowered->op.numOutputs;
    error = differenceOf(*paired.op, lowered->op);
    break;
  }
  case GroupKind::Send:
    paired.operands = {last->getOperand(0)};
    paired.numInputs = 1;
    break;
  case GroupKind::Recv:
    paired.operands = {last->getResult(0)};
    break;
  default:
    paired.operands = {last->getOperand(0), last->getResult(0)};
    paired.numInputs = 1;
  }
  paired.offsets.resize(paired.operands.size(), 0);
  if (error.empty() && paired.op->operands.size() != paired.operands.size())
    error = "found " + textOf(int64_t(paired.op->operands.size())) +
            " operands, expected " + textOf(int64_t(paired.operands.size()));
  if (!error.empty())
    error = paired.place + ": " + error;
  return error.empty();
}

//===----------------------------------------------------------------------===//
// All segments
//===----------------------------------------------------------------------===//

static bool pairSegment(PairedSegment &paired,
                        const schedule::SegmentSchedule &segment,
                        lower::Lowering &lowering, std::string &error) {
  GroupFinder finder(segment);
  for (PairedOp &op : paired.ops) {
    if (isOwn(*op.op))
      continue;
    op.group = finder.take(*op.op);
    if (!op.group) {
      error = op.place + ": found no op of this kind and name in @" +
              paired.function.getName().str();
      return false;
    }
    if (!resolve(op, lowering, error))
      return false;
  }
  if (const Group *group = finder.left()) {
    error = "segment " + paired.name + ": found no op for " +
            schedule::nameOf(group->kind).str() + " \"" + group->name() +
            "\" of @" + paired.function.getName().str();
    return false;
  }
  for (const Group &group : segment.groups)
    if (group.kind == GroupKind::Alias)
      paired.aliases.insert(group.ops.back());
  return true;
}

std::optional<std::vector<PairedSegment>>
colossal::reference::pairOps(const schedule::RankSchedule &schedule,
                             const rank::Program &program,
                             lower::Lowering &lowering, std::string &error) {
  std::vector<PairedSegment> result;
  for (const rank::Segment &segment : program.segments) {
    PairedSegment paired;
    paired.name = segment.name;
    for (auto [number, op] : llvm::enumerate(segment.ops)) {
      paired.ops.emplace_back();
      paired.ops.back().op = &op;
      paired.ops.back().place = rank::describePlace(program, segment, number);
    }
    auto found = llvm::find_if(schedule.segments, [&](const auto &candidate) {
      return candidate.name == segment.name;
    });
    if (found != schedule.segments.end()) {
      paired.function = found->function;
      if (!pairSegment(paired, *found, lowering, error))
        return std::nullopt;
    } else if (!llvm::all_of(segment.ops, isOwn)) {
      error =
          "found no function for segment " + segment.name + ", which computes";
      return std::nullopt;
    }
    result.push_back(std::move(paired));
  }
  for (const schedule::SegmentSchedule &segment : schedule.segments)
    if (llvm::none_of(result, [&](const PairedSegment &paired) {
          return paired.name == segment.name;
        })) {
      error = "device group " + std::to_string(program.group) +
              ": found no segment " + segment.name;
      return std::nullopt;
    }
  return result;
}
