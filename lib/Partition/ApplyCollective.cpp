//===- ApplyCollective.cpp - What a collective does to a sharding ---------===//

#include "Checks.h"
#include "Colossal/IR/Combiner.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;

namespace {

class Application {
public:
  Application(const Layout &input, const Mesh &mesh, std::string &error)
      : input(input), mesh(mesh), error(error) {}

  bool readAxes(ArrayAttr list, bool timeAllowed);
  /// The sub-dimension with this place and local bound, cut by `axes` at last
  /// (`cut`) or free to be cut by them; -1.
  int find(int64_t outer, int64_t bound, int64_t innermost, bool cut) const;
  FailureOr<Layout> reduce(Combiner combiner);
  FailureOr<Layout> gather(int64_t outer, int64_t extent, int64_t innermost);
  FailureOr<Layout> cut(int64_t outer, int64_t extent, int64_t innermost,
                        std::optional<Combiner> combiner);
  FailureOr<Layout> mask();
  FailureOr<Layout> exchange(AllToAllOp op);

private:
  FailureOr<Layout> fail(const std::string &text) {
    error = text + "; the operand is " + input.toString(mesh);
    return failure();
  }
  void dropMinor(SubDim &sub) const {
    sub.axes.resize(sub.axes.size() - axes.size());
  }

  const Layout &input;
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
    const SubDim &sub = input.subDims[d];
    if (input.outer(d, mesh) != outer || input.innermost(d, mesh) != innermost)
      continue;
    SubDim whole = sub;
    if (cut) {
      if (sub.axes.size() < axes.size() ||
          !std::equal(axes.rbegin(), axes.rend(), sub.axes.rbegin()))
        continue;
      whole.axes.resize(sub.axes.size() - axes.size());
    }
    if (whole.bound(mesh) == bound &&
        layout::nests(sub.size, whole.axes, axes, mesh))
      return int(d);
  }
  return -1;
}

FailureOr<Layout> Application::reduce(Combiner combiner) {
  Layout state = input;
  for (unsigned axis : axes) {
    if (state.partialOver(axis) != combiner)
      return fail("found a reduction (" + std::string(factsOf(combiner).name) +
                  ") over '" + mesh.axes[axis].name +
                  "', expected an operand that is partial over it");
    state.setPartial(axis, std::nullopt);
  }
  return state;
}

FailureOr<Layout> Application::gather(int64_t outer, int64_t extent,
                                      int64_t innermost) {
  int d = find(outer, extent, innermost, /*cut=*/true);
  if (d < 0)
    return fail("found a gather of [" + std::to_string(outer) + ", " +
                std::to_string(extent) + ", " + std::to_string(innermost) +
                "], expected a sub-dimension there that these axes cut");
  Layout state = input;
  dropMinor(state.subDims[d]);
  return state;
}

FailureOr<Layout> Application::cut(int64_t outer, int64_t extent,
                                   int64_t innermost,
                                   std::optional<Combiner> combiner) {
  Layout state = input;
  if (combiner) {
    FailureOr<Layout> reduced = reduce(*combiner);
    if (failed(reduced))
      return failure();
    state = *reduced;
  } else if (!input.isReplicatedOver(axes)) {
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

FailureOr<Layout> Application::mask() {
  if (!input.isReplicatedOver(axes))
    return fail(
        "found a mask, expected an operand that is replicated over its axes");
  Layout state = input;
  for (unsigned axis : axes)
    state.setPartial(axis, Combiner::Sum);
  return state;
}

FailureOr<Layout> Application::exchange(AllToAllOp op) {
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
  Layout state = input;
  dropMinor(state.subDims[gatherX ? dx : dy]);
  llvm::append_range(state.subDims[gatherX ? dy : dx].axes, axes);
  return state;
}

FailureOr<Layout> colossal::partition::applyCollective(Operation *op,
                                                       const Layout &input,
                                                       const Mesh &mesh,
                                                       std::string &error) {
  Application application(input, mesh, error);
  if (!application.readAxes(op->getAttrOfType<ArrayAttr>("axes"),
                            isa<ShardSliceOp>(op)))
    return failure();
  return llvm::TypeSwitch<Operation *, FailureOr<Layout>>(op)
      .Case([&](AllReduceOp op) {
        return application.reduce(combinerOf(op.getCombiner()));
      })
      .Case([&](AllGatherOp op) {
        return application.gather(op.getOuter(), op.getExtent(),
                                  op.getInnermost());
      })
      .Case([&](ReduceScatterOp op) {
        return application.cut(op.getOuter(), op.getExtent(), op.getInnermost(),
                               combinerOf(op.getCombiner()));
      })
      .Case([&](ShardSliceOp op) {
        return application.cut(op.getOuter(), op.getExtent(), op.getInnermost(),
                               std::nullopt);
      })
      .Case([&](ShardMaskOp) { return application.mask(); })
      .Case([&](AllToAllOp op) { return application.exchange(op); })
      .Default([&](Operation *op) -> FailureOr<Layout> {
        error = "found op '" + op->getName().getStringRef().str() +
                "', expected a collective";
        return failure();
      });
}
