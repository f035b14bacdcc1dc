//===- CompileTest.cpp - The compiler as a library ------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "Colossal/Ops/WholeOps.h"
#include "colossal/Diagnostics/Messages.h"
#include "gtest/gtest.h"

using namespace colossal;

namespace {
/// What a compilation says, by severity, and whether it was done.
struct Said {
  std::string errors, warnings, notes, stderrText;
  bool done = false;
};
} // namespace

static Said compileFile(const std::string &name, Phase last) {
  Said said;
  mlir::DialectRegistry registry;
  registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  CompileOptions options;
  options.model = std::string(COLOSSAL_SOURCE_DIR) + "/" + name;
  options.cluster =
      std::string(COLOSSAL_SOURCE_DIR) + "/examples/clusters/cpu-2.json";
  options.stopAfter = last;
  options.output = testing::TempDir() + "compiled.mlir";
  testing::internal::CaptureStderr();
  {
    ScopedMessages messages([&](Severity severity, llvm::StringRef text) {
      (severity == Severity::Error     ? said.errors
       : severity == Severity::Warning ? said.warnings
                                       : said.notes) += text.str() + "|";
    });
    said.done = succeeded(compile(context, options));
  }
  said.stderrText = testing::internal::GetCapturedStderr();
  return said;
}

TEST(Compile, SaysWhatItDoes) {
  Said said = compileFile("test/Differentiate/linear.mlir", Phase::Plan);
  EXPECT_TRUE(said.done) << said.errors;
  EXPECT_NE(said.notes.find("differentiate"), std::string::npos) << said.notes;
  EXPECT_NE(said.notes.find("plan for 2 devices"), std::string::npos)
      << said.notes;
  EXPECT_EQ(said.errors, "");
  EXPECT_EQ(said.stderrText, "");
}

TEST(Compile, SaysWhyItFails) {
  Said said = compileFile("no/such/file.mlir", Phase::Plan);
  EXPECT_FALSE(said.done);
  EXPECT_NE(said.errors.find("found no file"), std::string::npos)
      << said.errors;
  EXPECT_EQ(said.stderrText, "");
  // An error of a pass, as one line with its place.
  said = compileFile("test/Plan/errors.mlir", Phase::Partition);
  EXPECT_FALSE(said.done);
  EXPECT_FALSE(said.errors.empty());
  EXPECT_EQ(said.errors.find('\n'), std::string::npos) << said.errors;
  EXPECT_EQ(said.stderrText, "");
}
