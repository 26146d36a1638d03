// Where and when a run was made, for config.json. Nothing here can fail: what is unknown is empty or 0.
#ifndef ROUX_RECIPES_KIT_RUN_MACHINE_H_
#define ROUX_RECIPES_KIT_RUN_MACHINE_H_

#include <cstdint>
#include <optional>
#include <string>

namespace roux::kit {

struct Machine {
  std::string cpu;         // model name
  int cores = 0;           // logical cores this process may use
  int64_t memory_mib = 0;  // physical memory
  std::string system;      // e.g. "Debian GNU/Linux 12 (bookworm)"
};
Machine this_machine();

// UTC, ISO 8601: 2026-11-23T01:30:00Z.
std::string utc_date();

// Commit that HEAD of the git checkout at `directory` points to, read without running git; empty if there is
// none.
std::string head_commit(const std::string& directory);

// Whether tracked files of that checkout differ from HEAD, as `git status` sees it; unknown without git.
std::optional<bool> has_uncommitted_changes(const std::string& directory);

// Largest resident memory of this process so far, in MiB.
double peak_memory_mib();

// Processor time of all threads of this process so far.
double cpu_seconds();

// Bytes that can be allocated without swapping: MemAvailable, or what the limits of the process's control
// groups (version 1 or 2; file cache there counts as free) leave, if that is less. -1 if unknown. `proc` and
// `cgroup` are "/proc" and "/sys/fs/cgroup".
int64_t available_memory(const std::string& proc, const std::string& cgroup);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_MACHINE_H_
