#include "recipes/kit/run/machine.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
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

double peak_memory_mib() {
  struct rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

}  // namespace roux::kit
