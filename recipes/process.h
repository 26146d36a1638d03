// Running another program and what it cost.
#ifndef ROUX_RECIPES_PROCESS_H_
#define ROUX_RECIPES_PROCESS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

struct Finished {
  int code = 0;            // exit code, or 128 + the signal that ended it
  double seconds = 0;      // by the clock
  double cpu_seconds = 0;  // user and system time of its threads
  double peak_memory_mib = 0;
};

// Runs argv[0] (looked up in PATH) in the folder `directory` and waits. Its stdout goes to the file `output`
// if that is not empty. Ctrl-C reaches this program only (the other has its own process group), which passes
// it on once as SIGINT and goes on waiting; if this program dies the other gets SIGTERM. An error if it
// cannot be started.
absl::StatusOr<Finished> run_program(const std::vector<std::string>& argv, const std::string& directory,
                                     const std::string& output = "");

}  // namespace roux::kit

#endif  // ROUX_RECIPES_PROCESS_H_
