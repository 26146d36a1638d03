#include "recipes/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/interrupt.h"

namespace roux::kit {
namespace {

constexpr int kNotStarted = 127;
constexpr std::chrono::milliseconds kPoll(20);

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// In the child: signals as a shell would leave them, then the program. Returns only on failure, with errno.
void become(std::vector<char*>& argv, const std::string& directory, const std::string& output) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ}) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (::chdir(directory.c_str()) != 0) return;
  if (!output.empty()) {
    const int fd = ::open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || ::dup2(fd, STDOUT_FILENO) < 0) return;
  }
  ::execvp(argv[0], argv.data());
}

}  // namespace

absl::StatusOr<Finished> run_program(const std::vector<std::string>& argv, const std::string& directory,
                                     const std::string& output) {
  std::vector<std::string> texts = argv;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  // The child reports a failed start through a pipe that a successful one closes.
  int failed[2];
  if (::pipe2(failed, O_CLOEXEC) != 0) return absl::InternalError(std::strerror(errno));
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = ::fork();
  if (child < 0)
    return absl::InternalError(absl::StrCat("cannot start ", argv[0], ": ", std::strerror(errno)));
  if (child == 0) {
    become(pointers, directory, output);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(failed[1], &error, sizeof error);
    ::_exit(kNotStarted);
  }
  ::setpgid(child, child);  // here too: whichever comes first
  ::close(failed[1]);
  int error = 0;
  const bool started = ::read(failed[0], &error, sizeof error) != sizeof error;
  ::close(failed[0]);
  Finished finished;
  int status = 0;
  rusage usage = {};
  for (bool passed_on = false;;) {
    if (interrupt_requested() && !passed_on) {
      ::kill(-child, SIGINT);  // the group: a script and what it started
      passed_on = true;
    }
    if (::wait4(child, &status, WNOHANG, &usage) == child) break;
    std::this_thread::sleep_for(kPoll);
  }
  if (!started)
    return absl::NotFoundError(absl::StrCat("cannot start ", argv[0], ": ", std::strerror(error)));
  finished.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  finished.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  finished.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  finished.peak_memory_mib = static_cast<double>(usage.ru_maxrss) / 1024;
  return finished;
}

}  // namespace roux::kit
