//===- RunFailureTest.cpp - Runs that go wrong say so and end -------------===//
//
// Damaged bundles, full disks, values that are not finite, ranks that stop.
//
//===----------------------------------------------------------------------===//

#include "BundleFixture.h"

#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <set>

using namespace colossal::rank;
using namespace colossal::rank::test;
namespace fs = std::filesystem;

namespace {

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

//===----------------------------------------------------------------------===//
// Damage
//===----------------------------------------------------------------------===//

TEST_F(Bundle, EveryFlippedBitIsNoticed) {
  writeBundle(1, 1, 1);
  std::string bundle = (folder / "model.colossal").string(), error;
  std::set<std::string> files = {"manifest.json"};
  for (const FileEntry &entry : manifest.files)
    files.insert(entry.name);
  EXPECT_EQ(files,
            (std::set<std::string>{"kernels.so", "manifest.json", "run",
                                   "train/group-0.json", "weights.bin"}));
  auto isWhole = [&] {
    std::optional<std::string> text =
        readRegularFile(bundle + "/manifest.json", error);
    std::optional<Manifest> read =
        text ? readManifest(*text, "manifest.json", error) : std::nullopt;
    return read && checkBundleFiles(bundle, *read, error);
  };
  ASSERT_TRUE(isWhole()) << error;
  for (const std::string &name : files) {
    fs::path path = fs::path(bundle) / name;
    std::string text = readText(path);
    size_t stride = text.size() / 25 + 1;
    for (size_t at = 0; at < text.size(); at += stride) {
      std::string bad = text;
      bad[at] ^= char(1 << at % 7);
      writeText(path, bad);
      EXPECT_FALSE(isWhole()) << name << ", byte " << at;
    }
    writeText(path, text.substr(0, text.size() - 1));
    EXPECT_FALSE(isWhole()) << name;
    writeText(path, text);
  }
  ASSERT_TRUE(isWhole()) << error;
  // The launcher looks before it executes any of them.
  for (const char *name : {"run", "kernels.so", "train/group-0.json"}) {
    fs::path path = fs::path(bundle) / name;
    std::string text = readText(path), bad = text;
    for (size_t at = 0; at < bad.size(); at += 64)
      bad[at] ^= 0x55;
    writeText(path, bad);
    expectError("", {name, "damaged or edited"});
    writeText(path, text);
  }
  fs::remove(fs::path(bundle) / "weights.bin");
  ASSERT_EQ(mkfifo((bundle + "/weights.bin").c_str(), 0600), 0);
  expectError("", {"weights.bin", "no regular file"});
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

TEST_F(Bundle, EveryWriteIsChecked) {
  writeBundle(2, 1, 1);
  for (const char *option : {"--metrics", "--report", "--profile"})
    expectError(std::string(option) + " /dev/full --steps 3",
                {option, "/dev/full", "No space left"});
  EXPECT_TRUE(fs::exists("/dev/full"));
  // A dump fails in its middle: what it has written goes, and no rank waits.
  fs::create_directories(folder / "dump/w1.npy");
  expectError("--dump-state dump --quiet", {"--dump-state", "w1.npy"});
  EXPECT_FALSE(fs::exists(folder / "dump/w0.npy"));
  expectError("--dump-state x.npy", {"--dump-state", "x.npy", "a folder"});
  ASSERT_EQ(mkfifo((folder / "pipe.npy").c_str(), 0600), 0);
  expectError("--data x=pipe.npy --data t=t.npy", {"pipe.npy", "a pipe"},
              false);
  expectError("--threads 1e9", {"--threads", "4096"});
  expectError("--timeout nan", {"--timeout", "nan"});
  expectError("--control lr=nan", {"--control", "lr=nan"});
  expectError("--mpirun /no/mpirun", {"/no/mpirun", "No such file"});
  expectError("--hostfile none", {"--hostfile", "none", "No such file"});
  writeText(folder / "hosts", "localhost slots=none\n");
  expectError("--hostfile hosts", {"mpirun:", "slots"});
}

TEST_F(Bundle, DataForUnusedInputsIsNoted) {
  writeBundle(2, 1, 1);
  manifest.programs[0].unusedInputs = {"mask"};
  writeManifestFile();
  Outcome outcome = run("--data mask=none.npy --quiet");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  size_t at = outcome.output.find("input 'mask' is not used");
  EXPECT_NE(at, std::string::npos) << outcome.output;
  EXPECT_EQ(outcome.output.find("not used", at + 20), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

/// Row 30, in the second batch, is `value`.
void spoil(const fs::path &folder, const char *name, int64_t columns,
           float value) {
  std::vector<float> values;
  for (int64_t i = 0; i < kSamples * columns; ++i)
    values.push_back(i / columns == 30 ? value : sample(i));
  writeNpy(folder / name, {kSamples, columns}, values);
}

TEST_F(Bundle, TheOpThatMakesAValueNotFiniteIsNamed) {
  struct Plan {
    int64_t data, microbatches, groups;
  };
  for (Plan plan : {Plan{1, 1, 1}, Plan{2, 2, 1}, Plan{1, 2, 2}}) {
    // The last group's product y becomes NaN before the loss.
    writeBundle(plan.data, plan.microbatches, plan.groups,
                [&](Program &program) {
                  auto &ops = program.segments[1].ops;
                  if (program.group + 1 < plan.groups)
                    return;
                  Op op;
                  op.kind = OpKind::Fill;
                  op.name = "h.1/log.0";
                  op.source = "model.py:99";
                  op.value = NAN;
                  op.operands = {ops.back().operands[0]};
                  ops.insert(ops.end() - 1, op);
                });
    Outcome outcome = run("--no-shuffle --steps 20 --nonfinite-steps 3 "
                          "--metrics m.jsonl");
    EXPECT_EQ(outcome.code, 1) << outcome.output;
    EXPECT_NE(outcome.output.find("warning: step 1: loss is nan; first made "
                                  "by 'h.1/log.0' (model.py:99) on rank "),
              std::string::npos)
        << outcome.output;
    EXPECT_NE(outcome.output.find("error: step 3: loss is nan, as in 3 steps"),
              std::string::npos)
        << outcome.output;
    size_t warnings = 0;
    for (size_t at = 0;
         (at = outcome.output.find("warning:", at + 1)) != std::string::npos;)
      ++warnings;
    EXPECT_EQ(warnings, 1u) << outcome.output;
    std::vector<nlohmann::json> steps = metrics("m.jsonl");
    ASSERT_EQ(steps.size(), 3u);
    EXPECT_TRUE(steps[0]["loss"].is_null());
    EXPECT_EQ(steps[0]["not_finite"]["loss"], "nan");
  }
  // Infinite is another word, and a run may go on.
  writeBundle(2, 1, 1);
  spoil(folder, "x.npy", kIn, sample(3));
  spoil(folder, "t.npy", kOut, 3e38f);
  Outcome outcome =
      run("--no-shuffle --steps 2 --metrics m.jsonl --nonfinite-steps 0");
  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_NE(outcome.output.find("step 2: loss is inf; first made by 'loss' "
                                "(model.py:"),
            std::string::npos)
      << outcome.output;
  EXPECT_TRUE(metrics("m.jsonl")[0]["loss"].is_number());
  EXPECT_FALSE(metrics("m.jsonl")[0].contains("not_finite"));
  EXPECT_EQ(metrics("m.jsonl")[1]["not_finite"]["loss"], "inf");
  spoil(folder, "t.npy", kOut, NAN);
  outcome = run("--no-shuffle --steps 2 --quiet");
  EXPECT_NE(outcome.output.find("made by the data: input 't' has nan"),
            std::string::npos)
      << outcome.output;
}

/// Looking leaves no trace: the run is the same, bit by bit.
TEST_F(Bundle, CheckedStepsAreTheSame) {
  for (int64_t groups : {1, 2}) {
    writeBundle(2, 2, groups);
    ASSERT_EQ(run("--steps 4 --dump-state a --quiet").code, 0);
    Outcome checked = run("--steps 4 --dump-state b --quiet --check-values");
    ASSERT_EQ(checked.code, 0) << checked.output;
    EXPECT_EQ(checked.output.find("warning"), std::string::npos)
        << checked.output;
    EXPECT_EQ(dumped("a/w0.npy"), dumped("b/w0.npy"));
    EXPECT_EQ(dumped("a/w1.npy"), dumped("b/w1.npy"));
  }
}

//===----------------------------------------------------------------------===//
// Ranks and signals
//===----------------------------------------------------------------------===//

/// A job that runs for ever, and its processes.
class Job {
public:
  Job(const fs::path &folder, const std::vector<std::string> &options,
      const char *logName = "job.log")
      : log(folder / logName) {
    std::vector<std::string> words = {
        COLOSSAL_RUN, "model.colossal", "--data", "x=x.npy", "--data",
        "t=t.npy",    "--steps",        "1e12",   "--quiet"};
    words.insert(words.end(), options.begin(), options.end());
    child = fork();
    if (child == 0) {
      // As a shell starts a job in the background.
      signal(SIGINT, SIG_IGN);
      signal(SIGQUIT, SIG_IGN);
      int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
      dup2(file, 1);
      dup2(file, 2);
      if (chdir(folder.c_str()) != 0)
        _exit(1);
      std::vector<char *> arguments;
      for (std::string &word : words)
        arguments.push_back(word.data());
      arguments.push_back(nullptr);
      execv(arguments[0], arguments.data());
      _exit(1);
    }
  }
  ~Job() {
    if (!ended)
      for (pid_t process : below(child))
        kill(process, SIGKILL);
    if (!ended) {
      kill(child, SIGKILL);
      waitpid(child, nullptr, 0);
    }
  }

  /// The process of a rank; waits until it is there.
  pid_t rank(int number) const {
    std::string wanted = "OMPI_COMM_WORLD_RANK=" + std::to_string(number);
    for (double end = now() + 20; now() < end; usleep(1000))
      for (pid_t process : below(child)) {
        std::string place = "/proc/" + std::to_string(process);
        if (readText(place + "/comm") != "run\n")
          continue;
        std::istringstream words(readText(place + "/environ"));
        for (std::string word; std::getline(words, word, '\0');)
          if (word == wanted)
            return process;
      }
    ADD_FAILURE() << "no rank " << number;
    return 0;
  }
  /// Waits until the first step is done.
  void waitForSteps(const fs::path &metrics) const {
    for (double end = now() + 30; now() < end; usleep(10000))
      if (fs::exists(metrics) && fs::file_size(metrics) > 0)
        return;
    ADD_FAILURE() << "no step: " << readText(log);
  }
  /// The exit code within `seconds`; -1 where it hangs, -2 after a signal.
  int wait(double seconds) {
    int status = 0;
    for (double end = now() + seconds; now() < end; usleep(10000))
      if (waitpid(child, &status, WNOHANG) == child) {
        ended = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -2;
      }
    return -1;
  }
  std::string output() const { return readText(log); }
  int errors() const {
    int count = 0;
    std::istringstream lines(output());
    for (std::string line; std::getline(lines, line);)
      count += line.find("error:") != std::string::npos;
    return count;
  }
  pid_t child = 0;

private:
  static std::vector<pid_t> below(pid_t parent) {
    std::vector<pid_t> all;
    std::string name = std::to_string(parent);
    std::istringstream children(
        readText("/proc/" + name + "/task/" + name + "/children"));
    for (pid_t child; children >> child;) {
      all.push_back(child);
      for (pid_t other : below(child))
        all.push_back(other);
    }
    return all;
  }
  fs::path log;
  bool ended = false;
};

TEST_F(Bundle, AHangingRankEndsTheJob) {
  writeBundle(2, 1, 1, [](Program &program) {
    // Coordinate 1 of `data` sleeps before the gradients meet.
    Op op;
    op.kind = OpKind::Kernel;
    op.name = op.symbol = "stall";
    op.numOutputs = 0;
    op.indices = {{0, {{"data", 1}}}};
    auto &ops = program.segments[3].ops;
    ops.insert(ops.begin(), op);
  });
  for (const char *transport : {"window", "p2p"}) {
    auto start = std::chrono::steady_clock::now();
    Outcome outcome = run("--timeout 1 --transport " + std::string(transport));
    double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
            .count();
    EXPECT_NE(outcome.code, 0);
    EXPECT_LT(seconds, 20);
    EXPECT_NE(outcome.output.find("rank 0 waited 1 s for rank 1 in step 1 at "
                                  "reshard (model.py:"),
              std::string::npos)
        << outcome.output;
  }
}

TEST_F(Bundle, AStoppedRankEndsTheJob) {
  writeBundle(2, 1, 1);
  // At the start, in MPI's own calls, and in the steps.
  {
    Job job(folder, {"--timeout", "2"});
    kill(job.rank(1), SIGSTOP);
    EXPECT_EQ(job.wait(30), 1) << job.output();
    EXPECT_NE(job.output().find("rank 0 waited 10 s for rank 1, which is "
                                "stopped (process "),
              std::string::npos)
        << job.output();
    EXPECT_NE(job.output().find(") before step 1 while "), std::string::npos)
        << job.output();
    EXPECT_EQ(job.errors(), 1) << job.output();
  }
  fs::remove(folder / "m.jsonl");
  Job job(folder, {"--timeout", "2", "--metrics", "m.jsonl"});
  job.waitForSteps(folder / "m.jsonl");
  kill(job.rank(1), SIGSTOP);
  EXPECT_EQ(job.wait(20), 1) << job.output();
  EXPECT_NE(job.output().find("rank 0 waited 2 s for rank 1 in step"),
            std::string::npos)
      << job.output();
  EXPECT_EQ(job.errors(), 1) << job.output();
}

// Outside the steps: while state is collected, and in the agreement behind the
// report. A pipe without a reader keeps rank 0 there until rank 1 is stopped.
TEST_F(Bundle, ARankStoppedAfterTheStepsEndsTheJob) {
  writeBundle(2, 1, 1);
  fs::create_directories(folder / "dump");
  ASSERT_EQ(mkfifo((folder / "dump/w0.npy").c_str(), 0600), 0);
  ASSERT_EQ(mkfifo((folder / "report").c_str(), 0600), 0);
  Job dump(folder,
           {"--timeout", "2", "--metrics", "dump.jsonl", "--dump-state", "dump",
            "--steps", "2"},
           "dump.log");
  Job report(folder,
             {"--timeout", "2", "--metrics", "report.jsonl", "--report",
              "report", "--steps", "2"},
             "report.log");
  dump.waitForSteps(folder / "dump.jsonl");
  report.waitForSteps(folder / "report.jsonl");
  usleep(500000);
  kill(dump.rank(1), SIGSTOP);
  kill(report.rank(1), SIGSTOP);
  int pipes[] = {open((folder / "dump/w0.npy").c_str(), O_RDONLY | O_NONBLOCK),
                 open((folder / "report").c_str(), O_RDONLY | O_NONBLOCK)};
  for (Job *job : {&dump, &report}) {
    EXPECT_EQ(job->wait(30), 1) << job->output();
    EXPECT_NE(job->output().find("rank 0 waited 10 s for rank 1, which is "
                                 "stopped (process "),
              std::string::npos)
        << job->output();
    EXPECT_NE(job->output().find(") after step 2 while "), std::string::npos)
        << job->output();
    EXPECT_EQ(job->errors(), 1) << job->output();
  }
  EXPECT_NE(dump.output().find("collecting state"), std::string::npos);
  for (int file : pipes)
    close(file);
}

// Names from outside are shown, not obeyed.
TEST_F(Bundle, ControlCharactersDoNotReachTheTerminal) {
  writeBundle(2, 1, 1);
  const std::string escape = "\x1b[31mred\x07\xc2\x9b\xff";
  for (const std::string &options :
       {"--data '" + escape + "'=x", "--metrics '/none/" + escape + "'",
        "'--" + escape + "' 1", "--control '" + escape + "'=1"}) {
    Outcome outcome = run(options);
    EXPECT_EQ(outcome.code, 1) << outcome.output;
    EXPECT_NE(outcome.output.find("\\x1b[31mred\\x07\\xc2\\x9b\\xff"),
              std::string::npos)
        << outcome.output;
    EXPECT_EQ(outcome.output.find_first_of("\x1b\x07\xff"), std::string::npos);
  }
  // In the bundle itself.
  writeBundle(2, 1, 1, [&](Program &program) {
    program.segments[1].ops.back().name = "h\x1b[2J";
    program.segments[1].ops.back().numOutputs = 99;
  });
  Outcome outcome = run("");
  EXPECT_NE(outcome.output.find("h\\x1b[2J"), std::string::npos)
      << outcome.output;
  EXPECT_EQ(outcome.output.find('\x1b'), std::string::npos);
}

TEST_F(Bundle, SignalsEndTheJobAndAreNamed) {
  writeBundle(2, 1, 1);
  for (int number : {SIGQUIT, SIGTERM, SIGINT, SIGKILL}) {
    fs::remove(folder / "m.jsonl");
    Job job(folder, {"--metrics", "m.jsonl"});
    job.waitForSteps(folder / "m.jsonl");
    pid_t rank = job.rank(0);
    kill(job.child, number);
    EXPECT_EQ(job.wait(10), number == SIGKILL ? -2 : 1) << job.output();
    // The ranks go, too; where nobody waits for them they stay as zombies.
    std::string state;
    for (double end = now() + 10; now() < end; usleep(10000)) {
      state = readText("/proc/" + std::to_string(rank) + "/stat");
      state = state.empty() ? "Z" : state.substr(state.rfind(')') + 2, 1);
      if (state == "Z")
        break;
    }
    EXPECT_EQ(state, "Z") << "after signal " << number;
  }
  fs::remove(folder / "m.jsonl");
  Job job(folder, {"--metrics", "m.jsonl"});
  job.waitForSteps(folder / "m.jsonl");
  kill(job.rank(1), SIGKILL);
  EXPECT_EQ(job.wait(10), 128 + SIGKILL) << job.output();
  EXPECT_NE(job.output().find("rank 1 was ended by signal 9 (Killed)"),
            std::string::npos)
      << job.output();
  EXPECT_EQ(job.errors(), 1) << job.output();
}

// With checkpoints a signal ends the run after its step, all ranks after the
// same; a second signal ends it at once.
TEST_F(Bundle, SignalsEndARunWithACheckpoint) {
  writeBundle(2, 1, 2);
  int64_t last = 0;
  for (int number : {SIGTERM, SIGINT, SIGHUP}) {
    fs::remove(folder / "m.jsonl");
    Job job(folder, {"--metrics", "m.jsonl", "--checkpoint", "c", "--resume"});
    job.waitForSteps(folder / "m.jsonl");
    kill(job.child, number);
    EXPECT_EQ(job.wait(20), 128 + number) << job.output();
    EXPECT_EQ(job.errors(), 0) << job.output();
    int64_t step = metrics("m.jsonl").back()["step"];
    EXPECT_GT(step, last);
    last = step;
    char name[40];
    snprintf(name, sizeof(name), "c/step-%08lld", static_cast<long long>(step));
    EXPECT_TRUE(fs::exists(folder / name / "training.json")) << job.output();
    EXPECT_NE(job.output().find("note: a signal ends the run after step " +
                                std::to_string(step) + " of"),
              std::string::npos)
        << job.output();
  }
  // One rank alone, as some schedulers do.
  {
    fs::remove(folder / "m.jsonl");
    Job job(folder, {"--metrics", "m.jsonl", "--checkpoint", "c", "--resume"});
    job.waitForSteps(folder / "m.jsonl");
    kill(job.rank(3), SIGTERM);
    EXPECT_EQ(job.wait(20), 128 + SIGTERM) << job.output();
    EXPECT_EQ(job.errors(), 0) << job.output();
  }
  fs::remove(folder / "m.jsonl");
  Job job(folder, {"--metrics", "m.jsonl", "--checkpoint", "c", "--resume"});
  job.waitForSteps(folder / "m.jsonl");
  pid_t stopped = job.rank(1);
  kill(stopped, SIGSTOP);
  kill(job.child, SIGTERM);
  EXPECT_EQ(job.wait(0.5), -1) << job.output();
  kill(job.child, SIGTERM);
  EXPECT_GT(job.wait(20), 0) << job.output();
}

// A line of progress that moves ends in a carriage return: it is shown at once,
// and the error behind it begins a line.
TEST_F(Bundle, ProgressMovesOnATerminal) {
  writeBundle(1, 1, 1);
  fs::path launcher = folder / "launcher";
  writeText(launcher, "#!/bin/sh\n"
                      "printf 'step 1/2\\r' >&2\n"
                      "while [ ! -e go ]; do sleep 0.01; done\n"
                      "printf 'step 2/2\\r' >&2\n"
                      "echo 'colossal-engine: error: the first' >&2\n"
                      "echo 'colossal-engine: error: the second' >&2\n"
                      "exit 3\n");
  fs::permissions(launcher, fs::perms::owner_all);
  int terminal = -1;
  pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (chdir(folder.c_str()) == 0)
      execl(COLOSSAL_RUN, COLOSSAL_RUN, "model.colossal", "--mpirun",
            "./launcher", nullptr);
    _exit(99);
  }
  std::string shown;
  // Reads until `wanted` is shown or the other side is closed.
  auto readUntil = [&](const std::string &wanted) {
    for (double end = now() + 20; now() < end;) {
      if (!wanted.empty() && shown.find(wanted) != std::string::npos)
        return true;
      pollfd wait = {terminal, POLLIN, 0};
      char piece[512];
      if (poll(&wait, 1, 100) <= 0)
        continue;
      ssize_t got = read(terminal, piece, sizeof(piece));
      if (got <= 0)
        return wanted.empty();
      shown.append(piece, size_t(got));
    }
    return false;
  };
  EXPECT_TRUE(readUntil("step 1/2")) << shown;
  writeText(folder / "go", "");
  EXPECT_TRUE(readUntil("")) << shown;
  int status = 0;
  waitpid(child, &status, 0);
  close(terminal);
  EXPECT_EQ(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 3);
  EXPECT_NE(shown.find("step 2/2"), std::string::npos) << shown;
  EXPECT_NE(shown.find("the first"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("the second"), std::string::npos) << shown;
  EXPECT_EQ(shown.find("without a message"), std::string::npos) << shown;
}

} // namespace
