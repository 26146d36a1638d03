#include "recipes/kit/run/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/run/atomic_file.h"

namespace roux::kit {
namespace {

// Value of the first `key<separator>value` line of a file.
std::string value_of(const std::string& path, absl::string_view key, char separator) {
  const absl::StatusOr<std::string> text = read_file(path);
  if (!text.ok()) return "";
  for (const absl::string_view line : absl::StrSplit(*text, '\n')) {
    if (!absl::StartsWith(line, key)) continue;
    const size_t at = line.find(separator);
    if (at == absl::string_view::npos) continue;
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(at + 1));
    return std::string(absl::StripSuffix(absl::StripPrefix(value, "\""), "\""));
  }
  return "";
}

std::string first_line(const std::string& path) {
  const absl::StatusOr<std::string> text = read_file(path);
  return text.ok() ? text->substr(0, text->find('\n')) : "";
}

// The number that `text` begins with; -1 if there is none ("max").
int64_t number_of(absl::string_view text) {
  int64_t number = -1;
  const absl::string_view first = text.substr(0, text.find(' '));
  return absl::SimpleAtoi(first, &number) ? number : -1;
}

// Bytes below the limit of one control group, whose file cache can be dropped; -1 without a limit.
int64_t left_in_group(const std::string& directory, bool version2) {
  const int64_t limit =
      number_of(first_line(directory + (version2 ? "/memory.max" : "/memory.limit_in_bytes")));
  const int64_t used =
      number_of(first_line(directory + (version2 ? "/memory.current" : "/memory.usage_in_bytes")));
  if (limit < 0 || used < 0) return -1;
  const char* cache = version2 ? "inactive_file " : "total_inactive_file ";
  const int64_t reclaimable = number_of(value_of(directory + "/memory.stat", cache, ' '));
  return std::max<int64_t>(0, limit - used + std::max<int64_t>(0, reclaimable));
}

}  // namespace

Machine this_machine() {
  Machine machine;
  machine.cpu = value_of("/proc/cpuinfo", "model name", ':');
  cpu_set_t set;
  machine.cores = ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
  machine.memory_mib = ::sysconf(_SC_PHYS_PAGES) / 1024 * ::sysconf(_SC_PAGESIZE) / 1024;
  machine.system = value_of("/etc/os-release", "PRETTY_NAME", '=');
  return machine;
}

std::string utc_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts;
  ::gmtime_r(&now, &parts);
  char buffer[32];
  std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer;
}

std::string head_commit(const std::string& directory) {
  std::string git = directory + "/.git";
  // In a linked worktree .git is a file that points elsewhere, and refs lie in the common directory.
  const std::string pointer = first_line(git);
  if (absl::StartsWith(pointer, "gitdir: ")) git = pointer.substr(8);
  const std::string head = first_line(git + "/HEAD");
  if (!absl::StartsWith(head, "ref: ")) return head;
  const std::string ref = head.substr(5);
  const std::string common = first_line(git + "/commondir");
  const std::string refs = common.empty() ? git : absl::StartsWith(common, "/") ? common : git + "/" + common;
  const std::string loose = first_line(refs + "/" + ref);
  if (!loose.empty()) return loose;
  const absl::StatusOr<std::string> packed = read_file(refs + "/packed-refs");
  if (!packed.ok()) return "";
  for (const absl::string_view line : absl::StrSplit(*packed, '\n')) {
    if (absl::EndsWith(line, absl::StrCat(" ", ref))) return std::string(line.substr(0, line.find(' ')));
  }
  return "";
}

std::optional<bool> has_uncommitted_changes(const std::string& directory) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const char* arguments[] = {"git",         "--no-optional-locks",  "-C",   directory.c_str(), "status",
                             "--porcelain", "--untracked-files=no", nullptr};
  pid_t child = -1;
  const int failed =
      ::posix_spawnp(&child, "git", &actions, &attributes, const_cast<char**>(arguments), environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  bool changed = false;
  char buffer[4096];
  for (ssize_t got = 1; !failed && got != 0;) {
    got = ::read(ends[0], buffer, sizeof buffer);
    if (got < 0 && errno != EINTR) break;
    changed = changed || got > 0;
  }
  ::close(ends[0]);
  int status = 0;
  if (failed) return std::nullopt;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? std::optional<bool>(changed) : std::nullopt;
}

double peak_memory_mib() {
  struct rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double cpu_seconds() {
  struct rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

int64_t available_memory(const std::string& proc, const std::string& cgroup) {
  int64_t available = number_of(value_of(proc + "/meminfo", "MemAvailable:", ':'));
  if (available >= 0) available *= 1024;
  const absl::StatusOr<std::string> groups = read_file(proc + "/self/cgroup");
  if (!groups.ok()) return available;
  for (const absl::string_view line : absl::StrSplit(*groups, '\n')) {
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    const bool version2 = fields[0] == "0" && fields[1].empty();
    const bool version1 = std::find(controllers.begin(), controllers.end(), "memory") != controllers.end();
    if (!version1 && !version2) continue;
    const std::string root = version2 ? cgroup : cgroup + "/memory";
    // Each group and all above it limit; in a container the path may not exist below its own root.
    for (std::string path = fields[2];;) {
      const int64_t left = left_in_group(root + (path == "/" ? "" : path), version2);
      if (left >= 0) available = available < 0 ? left : std::min(available, left);
      if (path.empty() || path == "/") break;
      path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
  }
  return available;
}

}  // namespace roux::kit
