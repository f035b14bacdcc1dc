//===- UntrackedBlocksTest.cpp - no_grad blocks that a trace lost ---------===//

#include "colossal/Import/UntrackedBlocks.h"
#include <gtest/gtest.h>

#include <sstream>
#include <sys/stat.h>

using namespace colossal::torchscript;

static const char source[] = R"(class M(nn.Module):
    @torch.no_grad()
    def teacher(self, x):
        # a remark
        return self.t(
            x)

    def forward(self, x):
        h = self.a(x)
        with torch.no_grad():

            if True:
                t = self.t(x)
        with torch.inference_mode(): u = self.t(x)
        with open("x"):
            v = self.t(x)
        with torch.set_grad_enabled(False):
            w = self.t(x)
        return h + t
)";

TEST(UntrackedBlocks, AreFoundByIndentation) {
  std::vector<std::string> lines;
  std::istringstream stream(source);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  // Line -> line of the block.
  const int64_t expected[][2] = {
      {5, 2},  {6, 2}, {9, 0},  {12, 10}, {13, 10}, {14, 14}, {16, 0}, {18, 17},
      {19, 0}, {4, 0}, {11, 0}, {1, 0},   {0, 0},   {-3, 0},  {999, 0}};
  for (auto [line, block] : expected)
    EXPECT_EQ(untrackedBlockAt(lines, line), block) << "line " << line;
}

/// One node in line 13 of the source above, from a trained state to the loss.
static Graph oneNode(const std::string &file) {
  Graph graph;
  graph.states.emplace_back();
  Node node;
  node.schema = "aten::relu(Tensor self) -> Tensor";
  node.name = "t/relu.0";
  node.operands = {0};
  node.results = {1};
  node.frames = {{file, 13, "forward"}};
  graph.nodes = {node};
  graph.outputs = {1};
  return graph;
}

TEST(UntrackedBlocks, WarnsOnlyWhereAGradientFlows) {
  std::string file = testing::TempDir() + "untracked.py";
  FILE *stream = fopen(file.c_str(), "w");
  ASSERT_TRUE(stream);
  fputs(source, stream);
  fclose(stream);
  Graph graph = oneNode(file);
  std::vector<std::string> warnings = warnOfUntrackedBlocks(graph);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_NE(warnings[0].find("'t/relu.0'"), std::string::npos);
  EXPECT_NE(warnings[0].find("untracked.py:10"), std::string::npos);

  Graph frozen = graph;
  frozen.states[0].trained = false;
  EXPECT_TRUE(warnOfUntrackedBlocks(frozen).empty());
  Graph unused = graph;
  unused.outputs = {0};
  EXPECT_TRUE(warnOfUntrackedBlocks(unused).empty());
  Graph detached = graph;
  Node detach;
  detach.schema = "aten::detach(Tensor self) -> Tensor";
  detach.operands = {1};
  detach.results = {2};
  detached.nodes.push_back(detach);
  detached.outputs = {2};
  EXPECT_TRUE(warnOfUntrackedBlocks(detached).empty());
  EXPECT_TRUE(warnOfUntrackedBlocks(oneNode("no such file.py")).empty());
  remove(file.c_str());
  // Names come from the archive: a pipe would wait for ever, a device never
  // end, and what is no Python is nobody's source.
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  EXPECT_TRUE(warnOfUntrackedBlocks(oneNode(file)).empty());
  remove(file.c_str());
  EXPECT_TRUE(warnOfUntrackedBlocks(oneNode("/dev/zero")).empty());
}
