//===- EmitReshard.cpp - Collectives of one reshard -----------------------===//

#include "Colossal/IR/Combiner.h"
#include "LocalProgram.h"
#include "colossal/Layout/Reshard.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::layout;
using namespace colossal::partition;

static int64_t bytesOf(Type elementType) {
  return std::max<int64_t>(1, elementType.getIntOrFloatBitWidth() / 8);
}

FailureOr<Value> colossal::partition::emitReshard(
    OpBuilder &builder, Location loc, StringRef name, Value input,
    const Layout &from, const Layout &to, const Mesh &mesh) {
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  std::optional<std::vector<ReshardStep>> steps =
      planReshard(from, to, mesh, bytesSent(mesh, bytesOf(element)));
  if (!steps) {
    emitError(loc, "reshard '")
        << name << "' from " << from.toString(mesh) << " to "
        << to.toString(mesh)
        << " would have to collect microbatches, cuts a batch into parts that "
           "do not nest, or makes parts of a product";
    return failure();
  }
  Value value = input;
  for (auto [index, step] : llvm::enumerate(*steps)) {
    if (step.kind == StepKind::Mask && factsOf(step.combiner).isIdempotent)
      continue; // equal values are their own maximum
    std::string stepName = name.str();
    if (steps->size() > 1)
      stepName += "/" + std::to_string(index);
    Type type = RankedTensorType::get(step.after.localShape(mesh), element);
    SmallVector<StringRef> axisNames =
        llvm::map_to_vector(step.axes, [&](unsigned axis) -> StringRef {
          return mesh.axes[axis].name;
        });
    ArrayAttr axes = builder.getStrArrayAttr(axisNames);
    StringAttr nameAttr = builder.getStringAttr(stepName);
    auto i64 = [&](int64_t number) {
      return builder.getI64IntegerAttr(number);
    };
    auto combiner =
        FactorKindAttr::get(builder.getContext(), kindOf(step.combiner));
    switch (step.kind) {
    case StepKind::AllReduce:
      value = AllReduceOp::create(builder, loc, type, nameAttr, value, axes,
                                  combiner);
      break;
    case StepKind::ReduceScatter:
      value = ReduceScatterOp::create(builder, loc, type, nameAttr, value, axes,
                                      combiner, i64(step.outer),
                                      i64(step.extent), i64(step.innermost));
      break;
    case StepKind::AllGather:
      value = AllGatherOp::create(builder, loc, type, nameAttr, value, axes,
                                  i64(step.outer), i64(step.extent),
                                  i64(step.innermost));
      break;
    case StepKind::Slice:
      value = ShardSliceOp::create(builder, loc, type, nameAttr, value, axes,
                                   i64(step.outer), i64(step.extent),
                                   i64(step.innermost));
      break;
    case StepKind::AllToAll:
      value = AllToAllOp::create(
          builder, loc, type, nameAttr, value, axes, i64(step.outer),
          i64(step.xExtent), i64(step.middle), i64(step.yExtent),
          i64(step.innermost), builder.getBoolAttr(step.gatherX));
      break;
    case StepKind::Mask:
      value = ShardMaskOp::create(builder, loc, type, nameAttr, value, axes);
      break;
    }
  }
  return value;
}
