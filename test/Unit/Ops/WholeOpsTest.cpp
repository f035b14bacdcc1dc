//===- WholeOpsTest.cpp - Every whole op is complete and unnamed ----------===//
//
// Generated from the list of registered ops, so that none can be left out.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Lower/LibraryOp.h"
#include "colossal/Reference/EvaluableOp.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace colossal;

static std::vector<RegisteredOperationName> wholeOps(MLIRContext &context) {
  std::vector<RegisteredOperationName> ops;
  for (RegisteredOperationName name : context.getRegisteredOperations())
    if (name.hasInterface<FactoredOp>() &&
        name.getStringRef() != GenericOp::getOperationName())
      ops.push_back(name);
  return ops;
}

TEST(WholeOps, HaveAllParts) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  std::vector<RegisteredOperationName> ops = wholeOps(context);
  EXPECT_GE(ops.size(), 2u);
  for (RegisteredOperationName op : ops) {
    std::string name = op.getStringRef().str();
    EXPECT_TRUE(op.hasInterface<reference::EvaluableOp>()) << name;
    EXPECT_TRUE(op.hasInterface<lower::LibraryOp>()) << name;
    // A derivative is not differentiated again.
    if (!op.getStringRef().ends_with("_backward"))
      EXPECT_TRUE(op.hasInterface<DifferentiableOp>()) << name;
  }
}

// The phases ask interfaces: a name in their sources, comments included, is
// knowledge of an op that belongs to the op's folder.
TEST(WholeOps, AreNamedByNoPhase) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  std::vector<std::string> names;
  for (RegisteredOperationName op : wholeOps(context))
    names.push_back(op.stripDialect().str());
  unsigned files = 0;
  for (const char *phase : {"Differentiate", "Plan", "Partition", "Schedule",
                            "Lower", "Reference", "Emit", "Timeline", "Cost"})
    for (const char *root : {"/lib/", "/include/colossal/"}) {
      std::error_code error;
      std::string folder =
          std::string(COLOSSAL_SOURCE_DIR) + root + std::string(phase);
      for (llvm::sys::fs::recursive_directory_iterator it(folder, error), end;
           it != end && !error; it.increment(error)) {
        if (it->type() != llvm::sys::fs::file_type::regular_file)
          continue;
        auto buffer = llvm::MemoryBuffer::getFile(it->path(), /*IsText=*/true);
        ASSERT_TRUE(bool(buffer)) << it->path();
        ++files;
        for (const std::string &name : names)
          EXPECT_FALSE((*buffer)->getBuffer().contains_insensitive(name))
              << it->path() << " names " << name;
      }
      EXPECT_FALSE(error) << folder << ": " << error.message();
    }
  EXPECT_GT(files, 100u);
}
