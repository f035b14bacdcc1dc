//===- CheckpointTest.cpp - Runs that stop and go on ----------------------===//
//
// Plans, models and kills are in test/Execution/checkpoints.py; here is what a
// run says, refuses and leaves.
//
//===----------------------------------------------------------------------===//

#include "BundleFixture.h"
#include "colossal/Run/CheckpointFiles.h"
#include "colossal/Support/SafeTensors.h"

#include <fcntl.h>
#include <set>
#include <sys/file.h>
#include <sys/mount.h>

using namespace colossal;
using namespace colossal::rank;
using namespace colossal::rank::test;
namespace fs = std::filesystem;

namespace {

class Checkpoint : public Bundle {
protected:
  std::set<std::string> namesIn(const std::string &path) {
    std::set<std::string> names;
    for (const auto &entry : fs::directory_iterator(folder / path))
      names.insert(entry.path().filename().string());
    return names;
  }
  Outcome good(const std::string &arguments) {
    Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << ": " << outcome.output;
    return outcome;
  }
  void expectSame(const std::string &a, const std::string &b) {
    EXPECT_EQ(dumped(a + "/w0.npy"), dumped(b + "/w0.npy"));
    EXPECT_EQ(dumped(a + "/w1.npy"), dumped(b + "/w1.npy"));
  }
};

TEST_F(Checkpoint, ARunGoesOnAsIfItHadNotStopped) {
  struct Plan {
    int64_t data, microbatches, groups;
  };
  for (Plan plan : {Plan{1, 1, 1}, Plan{2, 2, 2}}) {
    writeBundle(plan.data, plan.microbatches, plan.groups);
    fs::remove_all(folder / "c");
    for (const char *name : {"m.jsonl", "n.jsonl"})
      fs::remove(folder / name);
    good("--quiet --seed 3 --control lr=0.03 --steps 9 --dump-state whole "
         "--metrics m.jsonl");
    good("--quiet --seed 3 --control lr=0.03 --steps 9 --metrics n.jsonl "
         "--checkpoint c --every 2 --keep 3");
    EXPECT_EQ(namesIn("c"),
              (std::set<std::string>{"step-00000006", "step-00000008",
                                     "step-00000009"}));
    // As after a kill in step 9: the metrics are ahead of the checkpoint.
    fs::remove_all(folder / "c/step-00000009");
    fs::remove_all(folder / "c/step-00000008");
    writeText(folder / "n.jsonl",
              readText(folder / "n.jsonl") + "{\"step\": 10, \"lo");
    Outcome outcome = good("--checkpoint c --resume --steps 9 --dump-state "
                           "again --metrics n.jsonl");
    EXPECT_NE(outcome.output.find("note: control 'lr' is 0.03, as in"),
              std::string::npos)
        << outcome.output;
    EXPECT_NE(outcome.output.find("note: goes on from c/step-00000006 with "
                                  "step 7 of 9"),
              std::string::npos)
        << outcome.output;
    expectSame("whole", "again");
    std::vector<nlohmann::json> a = metrics("m.jsonl"), b = metrics("n.jsonl");
    ASSERT_EQ(a.size(), 9u);
    ASSERT_EQ(b.size(), 9u);
    for (size_t i = 0; i < 9; ++i)
      for (const char *field : {"step", "loss", "lr"})
        EXPECT_EQ(a[i][field], b[i][field]) << i;
    // Nothing is left to do, but what it has can be had.
    outcome = good("--checkpoint c --resume --steps 9 --dump-state done");
    EXPECT_NE(outcome.output.find("found step 9 of 9 done"), std::string::npos)
        << outcome.output;
    expectSame("whole", "done");
  }
}

TEST_F(Checkpoint, OtherRanksGoOnFromTheSameFiles) {
  writeBundle(2, 1, 2);
  good("--quiet --steps 3 --checkpoint c");
  good("--quiet --steps 6 --dump-state whole");
  struct Plan {
    int64_t data, microbatches, groups;
  };
  for (Plan plan : {Plan{1, 1, 1}, Plan{3, 2, 1}}) {
    writeBundle(plan.data, plan.microbatches, plan.groups);
    good("--quiet --steps 6 --resume=c/step-00000003 --dump-state other");
    for (const char *name : {"/w0.npy", "/w1.npy"}) {
      std::vector<float> a = dumped(std::string("whole") + name),
                         b = dumped(std::string("other") + name);
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i)
        EXPECT_NEAR(a[i], b[i], 1e-5);
    }
  }
}

/// A buffer that both groups have: one writes it, both read it.
TEST_F(Checkpoint, StatesOfSeveralGroups) {
  auto write = [&](int64_t data, int64_t groups) {
    writeBundle(data, 1, groups, [](Program &program) {
      State state;
      state.name = "both";
      state.role = "buffer";
      state.globalShape = {5};
      state.layout.dimensions = {{{5, 5, {}}}};
      state.initial.fill = 0.25;
      Buffer buffer;
      buffer.id = state.buffer = int64_t(program.buffers.size());
      buffer.name = state.name;
      buffer.bytes = 20;
      buffer.offset = program.arenaBytes;
      program.arenaBytes += 64;
      program.buffers.push_back(buffer);
      program.states.push_back(state);
    });
    manifest.states.push_back({"both", "buffer", DType::F32, {5}});
    writeManifestFile();
  };
  write(2, 2);
  good("--quiet --steps 3 --every 2 --checkpoint c --dump-state whole");
  good("--quiet --steps 3 --resume=c/step-00000002 --dump-state again");
  expectSame("whole", "again");
  EXPECT_EQ(dumped("again/both.npy"), std::vector<float>(5, 0.25f));
  write(2, 1);
  good("--quiet --steps 3 --resume=c/step-00000002 --dump-state one");
  EXPECT_EQ(dumped("one/both.npy"), std::vector<float>(5, 0.25f));
}

TEST_F(Checkpoint, WhatIsRefused) {
  writeBundle(1, 1, 1);
  expectError("--every 2", {"--every", "no --checkpoint"});
  expectError("--keep 2", {"--keep", "no --checkpoint"});
  expectError("--resume", {"--resume", "no --checkpoint"});
  expectError("--checkpoint c --every 0", {"--every", "from 1"});
  expectError("--checkpoint c --keep 0", {"--keep", "from 1"});
  expectError("--checkpoint c --max-file-bytes 0", {"--max-file-bytes"});
  expectError("--checkpoint c --resume=", {"--resume="});
  expectError("--resume=none/step-1",
              {"--resume", "none/step-1/training.json", "No such file"});
  writeText(folder / "file", "");
  expectError("--checkpoint file", {"--checkpoint file", "folder"});
  expectError("--checkpoint file/c", {"--checkpoint file/c", "Not a dir"});

  // Two runs in one folder: at once, one behind the other, or an older branch.
  Outcome first = good("--checkpoint c --resume --steps 4 --every 2 --quiet");
  EXPECT_NE(first.output.find("c has no checkpoint yet"), std::string::npos)
      << first.output;
  expectError(
      "--checkpoint c --steps 8",
      {"--checkpoint c", "step-00000004 of an earlier run", "--resume"});
  expectError("--checkpoint c --steps 8 --resume=step-00000002",
              {"c/step-00000004", "newer than c/step-00000002"});
  good("--checkpoint d --steps 6 --resume=c/step-00000002 --quiet");
  int lock = open((folder / "c").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(flock(lock, LOCK_EX), 0);
  expectError("--checkpoint c --resume --steps 8",
              {"--checkpoint c", "another run"});
  close(lock);

  // What would not be the same run.
  expectError("--checkpoint c --resume --steps 8 --seed 5",
              {"--seed: found 5", "has 0"});
  expectError("--checkpoint c --resume --steps 8 --no-shuffle",
              {"--no-shuffle", "other order"});
  Outcome more = good("--resume=c/step-00000004 --steps 8 --control lr=0.05");
  EXPECT_NE(more.output.find("schedule is one of 8 steps now, of 4"),
            std::string::npos)
      << more.output;
  EXPECT_EQ(more.output.find("control 'lr'"), std::string::npos);
  writeText(folder / "n.jsonl", "my diary\n");
  expectError("--checkpoint c --resume --steps 8 --metrics n.jsonl",
              {"n.jsonl", "none of a run's"});
  EXPECT_EQ(readText(folder / "n.jsonl"), "my diary\n");
  std::vector<float> few(size_t(48 * kIn), 0.5f), out(size_t(48 * kOut), 1.0f);
  writeNpy(folder / "x.npy", {48, kIn}, few);
  writeNpy(folder / "t.npy", {48, kOut}, out);
  more = good("--resume=c/step-00000004 --steps 5");
  EXPECT_NE(more.output.find("data have 48 samples, those of the checkpoint's "
                             "run 60"),
            std::string::npos)
      << more.output;
}

/// A tensor of another shape, one that is missing, one too many.
TEST_F(Checkpoint, AnotherModelIsRefusedByItsNames) {
  writeBundle(1, 1, 1);
  good("--quiet --steps 2 --checkpoint c");
  auto rename = [&](const std::string &from, const std::string &to) {
    for (const StateSchema &state : manifest.states)
      EXPECT_NE(state.name, to);
    writeBundle(1, 1, 1, [&](Program &program) {
      for (State &state : program.states)
        if (state.name == from)
          state.name = to;
    });
    for (StateSchema &state : manifest.states)
      if (state.name == from)
        state.name = to;
    writeManifestFile();
  };
  rename("w1", "v");
  expectError("--checkpoint c --resume --steps 4",
              {"c/step-00000002", "another model or optimizer", "lacks 'v'",
               "does not have 'w1'"});
  writeBundle(1, 1, 1, [&](Program &program) {
    for (State &state : program.states)
      if (state.name == "w0") {
        state.globalShape = {kIn * kHidden};
        state.layout.dimensions = {{{kIn, kIn, {}}, {kHidden, kHidden, {}}}};
      }
  });
  manifest.states[0].globalShape = {kIn * kHidden};
  writeManifestFile();
  expectError("--checkpoint c --resume --steps 4",
              {"'w0' (6x5xf32, expected 30xf32)"});
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

TEST_F(Checkpoint, DamageIsNamed) {
  writeBundle(1, 1, 2);
  good("--quiet --steps 2 --every 1 --checkpoint c --max-file-bytes 64");
  fs::path newest = folder / "c/step-00000002";
  EXPECT_EQ(
      namesIn("c/step-00000002"),
      (std::set<std::string>{"model-00001-of-00002.safetensors",
                             "model-00002-of-00002.safetensors",
                             "model.safetensors.index.json", "training.json"}));
  const std::string again = "--quiet --steps 3 --checkpoint c --resume";
  fs::path file = newest / "model-00001-of-00002.safetensors";
  std::string text = readText(file), bad = text;
  bad[text.size() - 3] ^= 4;
  writeText(file, bad);
  expectError(again, {"model-00001-of-00002.safetensors", "'w0'", "checksum",
                      "damaged", "--resume=step-"});
  writeText(file, text.substr(0, text.size() - 5));
  expectError(again,
              {"model-00001-of-00002.safetensors", "outside of its data"});
  writeText(file, text.substr(0, 4));
  expectError(again, {"model-00001-of-00002.safetensors", "safetensors"});
  bad = text;
  bad[bad.find("w0")] = 'v';
  writeText(file, bad);
  expectError(again, {"model-00001-of-00002.safetensors", "another header"});
  fs::remove(file);
  expectError(again, {"model-00001-of-00002.safetensors"});
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);
  expectError(again, {"model-00001-of-00002.safetensors"});
  fs::remove(file);
  writeText(file, text);
  text = readText(newest / "training.json");
  writeText(newest / "training.json", text.substr(0, text.size() / 2));
  expectError(again, {"training.json"});
  fs::remove(newest / "training.json");
  expectError(again, {"training.json", "No such file"});
  // The one before it is whole.
  fs::rename(newest, folder / "damaged");
  good(again);
}

TEST_F(Checkpoint, LeftoversGoAndStrangersStay) {
  writeBundle(1, 1, 1);
  fs::create_directories(folder / "c/.step-00000007.0123456789abcdef");
  writeText(folder / "c/.step-00000007.0123456789abcdef/x", "");
  writeText(folder / "c/.run-0123456789abcdef", "");
  for (const char *name : {"step-7", "step-00000007.bak", "notes"})
    fs::create_directories(folder / "c" / name);
  good("--quiet --steps 3 --every 1 --keep 1 --checkpoint c");
  EXPECT_EQ(namesIn("c"),
            (std::set<std::string>{"notes", "step-00000003",
                                   "step-00000007.bak", "step-7"}));
}

/// A disk that becomes full in the middle of a run.
TEST_F(Checkpoint, AFullDiskLosesNothing) {
  writeBundle(2, 1, 1);
  fs::create_directories(folder / "small");
  if (mount("tmpfs", (folder / "small").c_str(), "tmpfs", 0, "size=36k") != 0)
    GTEST_SKIP() << "needs the right to mount";
  expectError("--quiet --steps 50 --every 1 --checkpoint small/c",
              {"small/c/.step-", "No space left"});
  std::set<std::string> left = namesIn("small/c");
  EXPECT_GE(left.size(), 1u);
  for (const std::string &name : left)
    EXPECT_EQ(name.compare(0, 5, "step-"), 0) << name;
  std::string last = *left.rbegin();
  fs::copy(folder / "small/c", folder / "c", fs::copy_options::recursive);
  umount((folder / "small").c_str());
  int64_t step = std::stoll(last.substr(5));
  good("--quiet --checkpoint c --resume --steps " + std::to_string(step + 2));
}

/// A state that is not finite never takes the place of a good one.
TEST_F(Checkpoint, NoCheckpointOfValuesThatAreNotFinite) {
  writeBundle(2, 1, 1);
  std::vector<float> x;
  for (int64_t i = 0; i < kSamples * kIn; ++i)
    x.push_back(i / kIn == 30 ? NAN : sample(i));
  writeNpy(folder / "x.npy", {kSamples, kIn}, x);
  // Row 30 is in the second batch.
  Outcome outcome = run("--no-shuffle --steps 4 --every 1 --keep 1 "
                        "--nonfinite-steps 0 --checkpoint c");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("step 4: no checkpoint is written"),
            std::string::npos)
      << outcome.output;
  EXPECT_EQ(namesIn("c"), (std::set<std::string>{"step-00000001"}));
}

} // namespace
