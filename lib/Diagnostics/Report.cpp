//===- Report.cpp - What a tool says when it fails ------------------------===//

#include "colossal/Diagnostics/Report.h"
#include "colossal/Diagnostics/Messages.h"
#include "colossal/Support/Message.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <memory>
#include <new>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace colossal;

namespace {
struct Tool {
  std::string prefix;
  /// What `Unfinished` removes; one at a time.
  std::string unfinished;
  /// Given back when memory runs out, so that there is some to clean up with.
  std::unique_ptr<char[]> reserve;
};
} // namespace

static constexpr size_t kReserve = 1 << 20;

static Tool &tool() {
  // Lives until the process ends: threads may fail while others leave main.
  static Tool *instance = new Tool;
  return *instance;
}

/// The end of a tool that cannot go on.
[[noreturn]] static void stop(const std::string &message) {
  // A second failure on the way out, or in another thread, says nothing more.
  static std::atomic<bool> stopping{false};
  if (!stopping.exchange(true)) {
    tool().reserve.reset();
    std::string line = tool().prefix + "error: " + oneLine(message) + "\n";
    (void)!write(STDERR_FILENO, line.data(), line.size());
    if (!tool().unfinished.empty())
      (void)llvm::sys::fs::remove_directories(tool().unfinished);
  }
  _exit(1);
}

static void outOfMemory() {
  std::set_new_handler(nullptr);
  stop("memory ran out; expected more than this process may use (see ulimit "
       "-v, ulimit -d)");
}

static void uncaught() {
  if (!std::current_exception())
    stop("internal error: the program was ended by itself");
  stop("internal error: an exception that nobody catches");
}

static void fatal(void *, const char *reason, bool) {
  // What the destructor of a stream says of a disk that is full.
  bool disk = llvm::StringRef(reason).starts_with("IO failure");
  stop((disk ? "cannot write the output: " : "internal error: ") +
       std::string(reason));
}

static void badAlloc(void *, const char *, bool) { outOfMemory(); }

/// A folder and all below it, by system calls alone: the signal may come while
/// the process is inside malloc. Links are removed, not followed.
static void removeTree(int at, const char *name) {
  if (unlinkat(at, name, 0) == 0)
    return;
  int folder =
      openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0)
    return;
  struct Entry {
    uint64_t number;
    int64_t offset;
    unsigned short bytes;
    unsigned char type;
    char name[];
  };
  alignas(8) char block[2048];
  for (long got;
       (got = syscall(SYS_getdents64, folder, block, sizeof block)) > 0;)
    for (long i = 0; i < got;) {
      auto *entry = reinterpret_cast<Entry *>(block + i);
      i += entry->bytes;
      if (std::strcmp(entry->name, ".") != 0 &&
          std::strcmp(entry->name, "..") != 0)
        removeTree(folder, entry->name);
    }
  close(folder);
  unlinkat(at, name, AT_REMOVEDIR);
}

/// Only what may be called inside a signal handler.
static void interrupted(int number) {
  std::signal(number, SIG_DFL);
  if (!tool().unfinished.empty())
    removeTree(AT_FDCWD, tool().unfinished.c_str());
  raise(number);
}

void colossal::beginTool(llvm::StringRef prefix) {
  tool().prefix = prefix.str();
  tool().reserve = std::make_unique<char[]>(kReserve);
  std::set_new_handler(outOfMemory);
  std::set_terminate(uncaught);
  llvm::install_bad_alloc_error_handler(badAlloc);
  llvm::install_fatal_error_handler(fatal);
  // A file that grows beyond its limit is an error of write(), not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
}

int colossal::endTool(int status) {
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    std::string reason = llvm::outs().error().message();
    llvm::outs().clear_error();
    (void)reportError("cannot write the output: " + reason);
    status = status ? status : 1;
  }
  // Progress that stderr does not take is no failure; the destructor of the
  // stream would make it one.
  llvm::errs().clear_error();
  return status;
}

/// Runs `work` and returns what it wrote to stderr: options report errors in
/// their values there, whatever stream the parser is given.
template <class Work> static std::string captureStderr(Work work) {
  int file = memfd_create("stderr", MFD_CLOEXEC), before = dup(STDERR_FILENO);
  bool captures = file >= 0 && before >= 0 && dup2(file, STDERR_FILENO) >= 0;
  work();
  std::string text;
  if (captures) {
    dup2(before, STDERR_FILENO);
    char block[4096];
    lseek(file, 0, SEEK_SET);
    for (ssize_t count; (count = read(file, block, sizeof block)) > 0;)
      text.append(block, size_t(count));
  }
  close(file);
  close(before);
  return text;
}

bool colossal::parseCommandLine(int argc, const char *const *argv,
                                llvm::StringRef overview) {
  bool parsed = false;
  std::string errors, others;
  others = captureStderr([&] {
    llvm::raw_string_ostream stream(errors);
    parsed = llvm::cl::ParseCommandLineOptions(argc, argv, overview, &stream);
  });
  if (parsed) {
    // LLVM lets the last of several win.
    for (auto &[name, option] : llvm::cl::getRegisteredOptions())
      if (option->getNumOccurrences() > 1 &&
          (option->getNumOccurrencesFlag() == llvm::cl::Optional ||
           option->getNumOccurrencesFlag() == llvm::cl::Required)) {
        (void)reportError((name.size() == 1 ? "-" : "--") + name +
                          ": found it " +
                          llvm::Twine(option->getNumOccurrences()) +
                          " times, expected it once");
        return false;
      }
    return true;
  }
  errors = others + errors;
  // "tool: Unknown command line argument '--x'.  Try: 'tool --help'", and a
  // guess on the next line.
  llvm::StringRef text = llvm::StringRef(errors).trim();
  text.consume_front(llvm::sys::path::filename(argv[0]));
  text.consume_front(": ");
  (void)reportError(text.split('\n').first);
  return false;
}

llvm::LogicalResult colossal::reportError(const llvm::Twine &message) {
  say(Severity::Error, message);
  return llvm::failure();
}

llvm::StringRef colossal::toolPrefix() { return tool().prefix; }

Unfinished::Unfinished(llvm::StringRef path) : path(path.str()) {
  tool().unfinished = this->path;
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    std::signal(number, interrupted);
}

Unfinished::~Unfinished() {
  if (!path.empty())
    (void)llvm::sys::fs::remove_directories(path);
  keep();
}

void Unfinished::keep() {
  for (int number : {SIGINT, SIGTERM, SIGHUP})
    std::signal(number, SIG_DFL);
  tool().unfinished.clear();
  path.clear();
}
