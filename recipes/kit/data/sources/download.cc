#include "recipes/kit/data/sources/download.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

#include "absl/strings/str_cat.h"

namespace roux::kit {
namespace {

constexpr int kInterruptedCode = 130;  // of fetch, after SIGINT or SIGTERM
constexpr std::chrono::milliseconds kPoll(50);

}  // namespace

absl::Status download(const std::string& fetch_program, const std::string& resource,
                      const std::function<bool()>& interrupted) {
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);  // stdout is the recipe's
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  // To be ended it needs a group of its own: bash waits for what it started before it looks at a signal.
  // Ctrl-C in a terminal then reaches this process alone, which passes it on.
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, static_cast<short>(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                           (interrupted ? POSIX_SPAWN_SETPGROUP : 0)));
  std::string program = fetch_program, name = resource;
  char* const arguments[] = {program.data(), name.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, program.c_str(), &files, &attributes, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (failed != 0)
    return absl::UnavailableError(absl::StrCat(program, ": cannot be started: ", std::strerror(failed)));

  bool asked = false;
  int state = 0;
  for (;;) {
    const pid_t ended = ::waitpid(child, &state, WNOHANG);
    if (ended == child) break;
    if (ended < 0 && errno != EINTR)
      return absl::UnavailableError(absl::StrCat(program, ": ", std::strerror(errno)));
    if (!asked && interrupted && interrupted()) {
      asked = true;
      ::kill(-child, SIGTERM);
    }
    std::this_thread::sleep_for(kPoll);
  }
  const bool cancelled =
      asked || WIFSIGNALED(state) || (WIFEXITED(state) && WEXITSTATUS(state) == kInterruptedCode);
  if (cancelled)
    return absl::CancelledError(absl::StrCat("the download of '", resource, "' was interrupted"));
  if (WEXITSTATUS(state) != 0)
    return absl::UnavailableError(absl::StrCat("'", resource, "' could not be downloaded"));
  return absl::OkStatus();
}

}  // namespace roux::kit
