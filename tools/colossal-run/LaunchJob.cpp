//===- LaunchJob.cpp - Runs mpirun and says how it ended ------------------===//

#include "LaunchJob.h"

#include "colossal/Support/Message.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <fstream>
#include <poll.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr const char *kRankError = "colossal-engine: error:";
const std::string kClear = "\033[K";

void sayError(const std::string &text) {
  fprintf(stderr, "colossal-run: error: %s\n", colossal::oneLine(text).c_str());
  fflush(stderr);
}

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return double(time.tv_sec) + double(time.tv_nsec) * 1e-9;
}

/// The number after the last `word` of a text; empty if there is none.
std::string numberAfter(const std::string &text, const std::string &word) {
  size_t at = text.rfind(word);
  if (at == std::string::npos)
    return "";
  at += word.size();
  size_t end = at;
  while (end < text.size() && isdigit(static_cast<unsigned char>(text[end])))
    ++end;
  return text.substr(at, end - at);
}

/// What Open MPI and libevent say of their own insides while a job ends: a
/// paragraph, or a rank, says the reason.
bool isChatter(const std::string &line) {
  for (const char *begin :
       {"[warn] ", "mpirun: Forwarding signal", "*** An error occurred in MPI",
        "*** on a NULL", "*** MPI_ERRORS_ARE_FATAL",
        "***    and potentially your MPI job"})
    if (line.compare(0, std::strlen(begin), begin) == 0)
      return true;
  if (line.empty() || line[0] != '[')
    return false;
  for (const char *part :
       {"] PMIX ERROR", "ORTE_ERROR_LOG", "more process has sent help message",
        "Set MCA parameter", "mca_base_component_repository_open",
        "Local abort before MPI_INIT", "Unable to start listen thread"})
    if (line.find(part) != std::string::npos)
      return true;
  return false;
}

/// Passes lines on and collects what Open MPI says between lines of dashes.
class Relay {
public:
  void add(const char *data, size_t bytes) {
    text.append(data, bytes);
    // A line of progress that moves ends in a carriage return.
    for (size_t end; (end = text.find_first_of("\r\n")) != std::string::npos;) {
      line(text.substr(0, end), text[end]);
      text.erase(0, end + 1);
    }
  }
  void finish() {
    if (!text.empty())
      line(text, '\n');
    if (inside)
      endParagraph();
  }
  /// Says why the job ended, if no rank has. `code`: of the launcher.
  void explain(int code) {
    if (code == 0 || ranksSaid)
      return;
    if (!signalled.empty())
      sayError(signalled);
    else if (!other.empty())
      sayError(other);
    else if (!exited.empty())
      sayError(exited);
    else if (code > 128 && code < 128 + NSIG)
      // Open MPI leaves its paragraph out where it is in a hurry.
      sayError("a rank was ended by signal " + std::to_string(code - 128) +
               " (" + strsignal(code - 128) + "); the job ends");
    else
      sayError("the launcher ended with exit code " + std::to_string(code) +
               " without a message");
  }

private:
  void line(const std::string &words, char end) {
    if (words.size() > 40 &&
        words.find_first_not_of('-') == std::string::npos) {
      if (inside)
        endParagraph();
      inside = !inside;
      return;
    }
    if (inside) {
      std::istringstream in(words);
      for (std::string word; in >> word;)
        paragraph += (paragraph.empty() ? "" : " ") + word;
      return;
    }
    if (isChatter(words))
      return;
    if (words.compare(0, std::strlen(kRankError), kRankError) == 0) {
      // The others follow from the first: they waited for that rank.
      if (ranksSaid)
        return;
      ranksSaid = true;
    }
    // The ranks' own order to clear a line of progress is obeyed, no other.
    size_t clear =
        words.compare(0, kClear.size(), kClear) == 0 ? kClear.size() : 0;
    fprintf(stderr, "%s%s%c", words.substr(0, clear).c_str(),
            colossal::printable(words.substr(clear)).c_str(), end);
    fflush(stderr);
  }

  void endParagraph() {
    std::string found;
    found.swap(paragraph);
    if (found.find("exited on signal") != std::string::npos) {
      std::string number = numberAfter(found, "exited on signal ");
      signalled =
          "rank " + numberAfter(found, "process rank ") +
          " was ended by signal " + number + " (" +
          strsignal(atoi(number.c_str())) + ")" +
          (number == "9" ? ": killed from outside, or by the system for want "
                           "of memory"
                         : "") +
          "; the job ends";
    } else if (found.find("Exit code:") != std::string::npos) {
      exited = "rank " + numberAfter(found, ",1],") + " ended with exit code " +
               numberAfter(found, "Exit code: ") +
               " without a message; the job ends";
    } else if (found.find("MPI_ABORT was invoked") == std::string::npos &&
               found.find("Primary job terminated") == std::string::npos &&
               other.empty()) {
      other = "mpirun: " + found.substr(0, 600);
    }
  }

  std::string text, paragraph;
  bool inside = false, ranksSaid = false;
  std::string signalled, exited, other;
};

/// The processes below `parent`, in /proc.
void descendants(pid_t parent, std::vector<pid_t> &all) {
  std::string path = "/proc/" + std::to_string(parent) + "/task/" +
                     std::to_string(parent) + "/children";
  std::ifstream file(path);
  for (pid_t child; file >> child;) {
    all.push_back(child);
    descendants(child, all);
  }
}

void killAll(pid_t child) {
  std::vector<pid_t> all;
  descendants(child, all);
  kill(child, SIGKILL);
  for (pid_t process : all)
    kill(process, SIGKILL);
}

/// Ends what the launcher has left: its descendants are ours by now. Ranks that
/// go on, if only for a moment, would still write into the folder of
/// checkpoints when the next job reads it.
void endOrphans() {
  while (true) {
    std::vector<pid_t> orphans;
    descendants(getpid(), orphans);
    for (pid_t process : orphans)
      kill(process, SIGKILL);
    if (orphans.empty() || waitpid(-1, nullptr, 0) < 0)
      return;
  }
}

/// Of ranks that have ended as asked (StopSignal.h).
constexpr int kStoppedCode = 128 + SIGTERM;

[[noreturn]] void becomeLauncher(const std::vector<std::string> &command,
                                 int standardError, int failure, pid_t parent,
                                 bool stopsCleanly) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent)
    _exit(1);
  sigset_t none;
  sigemptyset(&none);
  // A terminal gives its SIGINT to the launcher, too, which would end the
  // ranks.
  if (stopsCleanly)
    sigaddset(&none, SIGINT);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGINT, SIG_DFL);
  signal(SIGQUIT, SIG_DFL);
  dup2(standardError, STDERR_FILENO);
  std::vector<char *> arguments;
  for (const std::string &word : command)
    arguments.push_back(const_cast<char *>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  int reason = errno;
  if (write(failure, &reason, sizeof(reason)) < 0)
    _exit(126);
  _exit(127);
}

} // namespace

int launchJob(const std::vector<std::string> &command, bool stopsCleanly) {
  sigset_t signals;
  sigemptyset(&signals);
  for (int number : {SIGINT, SIGTERM, SIGQUIT, SIGCHLD})
    sigaddset(&signals, number);
  // nohup: whoever ignores it wants the job to stay.
  struct sigaction hangup;
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN)
    sigaddset(&signals, SIGHUP);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  // Ignored signals are not delivered to a descriptor.
  for (int number : {SIGINT, SIGTERM, SIGQUIT, SIGCHLD})
    signal(number, SIG_DFL);
  int output[2], failure[2];
  int events = signalfd(-1, &signals, SFD_CLOEXEC);
  if (events < 0 || pipe2(output, O_CLOEXEC) != 0 ||
      pipe2(failure, O_CLOEXEC) != 0) {
    sayError(std::string("found ") + std::strerror(errno) +
             ", expected pipes to start the launcher");
    return 1;
  }
  // Of processes that lose the launcher, colossal-run becomes the parent.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  pid_t parent = getpid(), child = fork();
  if (child < 0) {
    sayError(std::string("found ") + std::strerror(errno) +
             ", expected to start the launcher");
    return 1;
  }
  if (child == 0)
    becomeLauncher(command, output[1], failure[1], parent, stopsCleanly);
  close(output[1]);
  close(failure[1]);
  int reason = 0;
  if (read(failure[0], &reason, sizeof(reason)) == ssize_t(sizeof(reason))) {
    waitpid(child, nullptr, 0);
    sayError(command[0] + ": found " + std::strerror(reason) +
             ", expected Open MPI's launcher; install openmpi-bin");
    return 1;
  }
  close(failure[0]);

  Relay relay;
  bool ended = false, open = true;
  int status = 0, asked = 0;
  double killAt = 0, drainUntil = 0;
  while (!ended || (open && now() < drainUntil)) {
    pollfd waits[2] = {{events, POLLIN, 0}, {output[0], POLLIN, 0}};
    poll(waits, open ? 2 : 1, ended || killAt > 0 ? 100 : -1);
    if (open && waits[1].revents) {
      char piece[4096];
      ssize_t got = read(output[0], piece, sizeof(piece));
      if (got > 0)
        relay.add(piece, size_t(got));
      else if (got == 0 || errno != EINTR)
        open = false;
    }
    if (waits[0].revents & POLLIN) {
      signalfd_siginfo info;
      if (read(events, &info, sizeof(info)) == ssize_t(sizeof(info)) &&
          int(info.ssi_signo) != SIGCHLD && !ended) {
        int number = int(info.ssi_signo);
        if (stopsCleanly && asked == 0 && number != SIGQUIT) {
          asked = number;
          kill(child, SIGUSR1);
          continue;
        }
        // A terminal gives its signals to the child, too.
        bool both = info.ssi_code == SI_KERNEL && number == SIGINT;
        if (stopsCleanly)
          kill(child, SIGTERM);
        else if (!both)
          kill(child, number == SIGINT ? SIGINT : SIGTERM);
        killAt = killAt > 0 ? killAt : now() + 5;
      }
    }
    if (!ended && waitpid(child, &status, WNOHANG) == child) {
      ended = true;
      // What it has written is here; who still holds the pipe writes nothing.
      drainUntil = now() + 0.5;
    }
    if (!ended && killAt > 0 && now() > killAt)
      killAll(child);
  }
  endOrphans();
  relay.finish();
  int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  // The ranks have said so: asked by us, or by who knows them.
  if (stopsCleanly && code == kStoppedCode)
    return asked != 0 ? 128 + asked : code;
  if (killAt == 0)
    relay.explain(code);
  return code;
}
