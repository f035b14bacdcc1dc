//===- LinkPrograms.cpp - Programs of one bundle, put together ------------===//

#include "colossal/Emit/LinkPrograms.h"
#include "colossal/Lower/LowerGroup.h"
#include "colossal/Schedule/RankProgramOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::emit;

static void forEachOp(std::vector<rank::Program> &groups,
                      function_ref<void(rank::Op &)> visit) {
  for (rank::Program &group : groups)
    for (rank::Segment &segment : group.segments)
      for (rank::Op &op : segment.ops)
        visit(op);
}

/// Transfers of different programs are told apart by their tags.
static void shiftTags(std::vector<rank::Program> &groups, int64_t &next) {
  int64_t first = next;
  forEachOp(groups, [&](rank::Op &op) {
    if (op.kind == rank::OpKind::Send || op.kind == rank::OpKind::Recv) {
      op.tag += first;
      next = std::max(next, op.tag + 1);
    }
  });
}

/// Takes the kernels of a module over; fails where a call has none.
static LogicalResult adoptKernels(ModuleOp module,
                                  std::vector<rank::Program> &groups,
                                  lower::Lowering &lowering) {
  auto kernels = module.lookupSymbol<ModuleOp>(rank::names::kernels);
  if (!kernels)
    return module.emitError("found no module '")
           << rank::names::kernels << "': run colossal-lower first";
  std::map<std::string, std::string> renamed = lowering.adopt(kernels);
  LogicalResult result = success();
  forEachOp(groups, [&](rank::Op &op) {
    for (std::string *symbol : {&op.symbol, &op.library.kernel}) {
      if (symbol->empty())
        continue;
      auto found = renamed.find(*symbol);
      if (found == renamed.end())
        result = module.emitError("rank program: '")
                 << op.name << "' calls the kernel '" << *symbol
                 << "', which is not in '" << rank::names::kernels << "'";
      else
        *symbol = found->second;
    }
  });
  return result;
}

FailureOr<LinkedPrograms> emit::linkPrograms(ArrayRef<ModuleOp> modules,
                                             ArrayRef<std::string> names,
                                             ArrayRef<bool> isChecked) {
  ModuleOp first = modules.front();
  LinkedPrograms linked;
  lower::Lowering lowering(first.getContext());
  int64_t nextTag = 0;
  for (auto [index, module, name] : llvm::enumerate(modules, names)) {
    FailureOr<std::vector<rank::Program>> groups = rank::readPrograms(module);
    if (failed(groups) || failed(adoptKernels(module, *groups, lowering)))
      return failure();
    for (rank::Program &group : *groups)
      group.name = name;
    shiftTags(*groups, nextTag);
    if (isChecked.empty() || !isChecked[index])
      if (failed(rank::reportFaults(module, rank::checkPrograms(*groups))))
        return failure();
    linked.programs.push_back(std::move(*groups));
  }
  LogicalResult sound = success();
  for (size_t group = 0; group < linked.programs.front().size(); ++group) {
    std::vector<rank::Program> shared;
    for (const std::vector<rank::Program> &groups : linked.programs)
      shared.push_back(groups[group]);
    if (failed(rank::reportFaults(first, rank::checkShared(shared))))
      sound = failure();
  }
  if (failed(sound))
    return failure();
  linked.kernels = lowering.take();
  return std::move(linked);
}
