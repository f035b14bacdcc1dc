//===- ApplyCollective.cpp - What a collective does to a sharding ---------===//

#include "Checks.h"
#include "colossal/Partition/Reshard.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {
using Axes = SmallVector<unsigned, 2>;

class Application {
public:
  Application(const ShardState &input, const Mesh &mesh, std::string &error)
      : input(input), mesh(mesh), error(error) {}

  bool readAxes(ArrayAttr list, bool timeAllowed);
  /// The sub-dimension with this place and local bound, cut by `axes` at last
  /// (`cut`) or free to be cut by them; -1.
  int find(int64_t outer, int64_t bound, int64_t innermost, bool cut) const;
  FailureOr<ShardState> reduce(FactorKind combiner);
  FailureOr<ShardState> gather(int64_t outer, int64_t extent,
                               int64_t innermost);
  FailureOr<ShardState> cut(int64_t outer, int64_t extent, int64_t innermost,
                            std::optional<FactorKind> combiner);
  FailureOr<ShardState> mask();
  FailureOr<ShardState> exchange(AllToAllOp op);

private:
  FailureOr<ShardState> fail(const std::string &text) {
    error = text + "; the operand is " + input.toString(mesh);
    return failure();
  }
  /// `major` then `axes` on `size` elements: parts fit into parts.
  bool nests(int64_t size, ArrayRef<unsigned> major) const {
    SubDim outerCut{size, Axes(major)}, bothCut = outerCut;
    llvm::append_range(bothCut.axes, axes);
    return major.empty() ||
           bothCut.bound(mesh) * mesh.sizeOf(axes) == outerCut.bound(mesh);
  }
  bool isReplicatedOverAxes() const {
    return llvm::all_of(axes, [&](unsigned axis) {
      return !input.partialOver(axis) && input.cutBy(axis) < 0;
    });
  }

  const ShardState &input;
  const Mesh &mesh;
  std::string &error;
  Axes axes;
};
} // namespace

bool Application::readAxes(ArrayAttr list, bool timeAllowed) {
  for (Attribute entry : list) {
    StringRef name = cast<StringAttr>(entry).getValue();
    std::optional<unsigned> axis = mesh.find(name);
    if (!axis || (*axis == mesh.timeAxis() && !timeAllowed)) {
      error = "found axis '" + name.str() + "', expected an axis of the mesh";
      return false;
    }
    if (llvm::is_contained(axes, *axis)) {
      error = "found axis '" + name.str() + "' twice";
      return false;
    }
    axes.push_back(*axis);
  }
  if (axes.empty())
    error = "found no axes, expected at least one";
  return !axes.empty();
}

int Application::find(int64_t outer, int64_t bound, int64_t innermost,
                      bool cut) const {
  for (unsigned d = 0; d < input.subDims.size(); ++d) {
    ArrayRef<unsigned> have = input.subDims[d].axes;
    if (input.outer(d, mesh) != outer || input.innermost(d, mesh) != innermost)
      continue;
    if (cut ? have.size() >= axes.size() &&
                  have.take_back(axes.size()) == ArrayRef<unsigned>(axes) &&
                  nests(input.subDims[d].size, have.drop_back(axes.size())) &&
                  SubDim{input.subDims[d].size,
                         Axes(have.drop_back(axes.size()))}
                          .bound(mesh) == bound
            : input.subDims[d].bound(mesh) == bound &&
                  nests(input.subDims[d].size, have))
      return d;
  }
  return -1;
}

FailureOr<ShardState> Application::reduce(FactorKind combiner) {
  ShardState state = input;
  for (unsigned axis : axes) {
    if (state.partialOver(axis) != combiner)
      return fail("found a reduction (" + stringifyFactorKind(combiner).str() +
                  ") over '" + mesh.axes[axis].name +
                  "', expected an operand that is partial over it");
    state.setPartial(axis, std::nullopt);
  }
  return state;
}

FailureOr<ShardState> Application::gather(int64_t outer, int64_t extent,
                                          int64_t innermost) {
  int d = find(outer, extent, innermost, /*cut=*/true);
  if (d < 0)
    return fail("found a gather of [" + std::to_string(outer) + ", " +
                std::to_string(extent) + ", " + std::to_string(innermost) +
                "], expected a sub-dimension there that these axes cut");
  ShardState state = input;
  state.subDims[d].axes.pop_back_n(axes.size());
  return state;
}

FailureOr<ShardState> Application::cut(int64_t outer, int64_t extent,
                                       int64_t innermost,
                                       std::optional<FactorKind> combiner) {
  ShardState state = input;
  if (combiner) {
    FailureOr<ShardState> reduced = reduce(*combiner);
    if (failed(reduced))
      return failure();
    state = *reduced;
  } else if (!isReplicatedOverAxes()) {
    return fail("found a slice, expected an operand that is replicated over "
                "its axes");
  }
  int d = find(outer, extent, innermost, /*cut=*/false);
  if (d < 0)
    return fail("found a cut of [" + std::to_string(outer) + ", " +
                std::to_string(extent) + ", " + std::to_string(innermost) +
                "], expected a sub-dimension there whose parts nest");
  llvm::append_range(state.subDims[d].axes, axes);
  return state;
}

FailureOr<ShardState> Application::mask() {
  if (!isReplicatedOverAxes())
    return fail(
        "found a mask, expected an operand that is replicated over its axes");
  ShardState state = input;
  for (unsigned axis : axes)
    state.setPartial(axis, FactorKind::Sum);
  return state;
}

FailureOr<ShardState> Application::exchange(AllToAllOp op) {
  int64_t g = mesh.sizeOf(axes);
  auto ceil = [&](int64_t extent) { return (extent + g - 1) / g; };
  bool gatherX = op.getGatherX();
  int64_t outer = op.getOuter(), x = op.getXExtent(), middle = op.getMiddle(),
          y = op.getYExtent(), innermost = op.getInnermost();
  int64_t localX = gatherX ? ceil(x) : x, localY = gatherX ? y : ceil(y);
  int dx = find(outer, x, middle * localY * innermost, gatherX);
  int dy = find(outer * localX * middle, y, innermost, !gatherX);
  if (dx < 0 || dy < 0 || dx >= dy)
    return fail("found an exchange of [" + std::to_string(outer) + ", " +
                std::to_string(x) + ", " + std::to_string(middle) + ", " +
                std::to_string(y) + ", " + std::to_string(innermost) +
                "], expected the axes to cut the gathered sub-dimension alone");
  ShardState state = input;
  state.subDims[gatherX ? dx : dy].axes.pop_back_n(axes.size());
  llvm::append_range(state.subDims[gatherX ? dy : dx].axes, axes);
  return state;
}

FailureOr<ShardState>
colossal::partition::applyCollective(Operation *op, const ShardState &input,
                                     const Mesh &mesh, std::string &error) {
  Application application(input, mesh, error);
  if (!application.readAxes(op->getAttrOfType<ArrayAttr>("axes"),
                            isa<ShardSliceOp>(op)))
    return failure();
  return llvm::TypeSwitch<Operation *, FailureOr<ShardState>>(op)
      .Case(
          [&](AllReduceOp op) { return application.reduce(op.getCombiner()); })
      .Case([&](AllGatherOp op) {
        return application.gather(op.getOuter(), op.getExtent(),
                                  op.getInnermost());
      })
      .Case([&](ReduceScatterOp op) {
        return application.cut(op.getOuter(), op.getExtent(), op.getInnermost(),
                               op.getCombiner());
      })
      .Case([&](ShardSliceOp op) {
        return application.cut(op.getOuter(), op.getExtent(), op.getInnermost(),
                               std::nullopt);
      })
      .Case([&](ShardMaskOp) { return application.mask(); })
      .Case([&](AllToAllOp op) { return application.exchange(op); })
      .Default([&](Operation *op) -> FailureOr<ShardState> {
        error = "found op '" + op->getName().getStringRef().str() +
                "', expected a collective";
        return failure();
      });
}
