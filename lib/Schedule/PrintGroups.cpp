//===- PrintGroups.cpp - Groups as text -----------------------------------===//

#include "colossal/Schedule/Grouping.h"
#include "colossal/Schedule/GroupingNames.h"

#include "mlir/IR/AsmState.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

static void printGroup(const Group &group, AsmState &state,
                       raw_ostream &stream) {
  stream << nameOf(group.kind) << " \"" << group.name() << "\" (";
  llvm::interleaveComma(group.inputs, stream, [&](Value value) {
    value.printAsOperand(stream, state);
  });
  stream << ") -> (";
  for (auto [number, value] : llvm::enumerate(group.outputs)) {
    stream << (number ? ", " : "");
    value.printAsOperand(stream, state);
    if (group.accumulate[number])
      stream << " +=";
    for (auto [input, output] : group.inPlace)
      if (output == number) {
        stream << " on ";
        group.inputs[input].printAsOperand(stream, state);
      }
  }
  stream << ")";
  if (group.aliasOffset)
    stream << " at " << group.aliasOffset;
  if (group.ops.size() > 1) {
    stream << " { ";
    llvm::interleave(
        group.ops, stream, [&](Operation *op) { stream << nameOfOp(op); },
        "; ");
    stream << " }";
  }
  stream << "\n";
}

void colossal::schedule::printGroups(ArrayRef<Group> groups,
                                     raw_ostream &stream) {
  if (groups.empty())
    return;
  auto function = groups[0].ops[0]->getParentOfType<func::FuncOp>();
  AsmState state(function);
  for (const Group &group : groups)
    printGroup(group, state, stream);
}
