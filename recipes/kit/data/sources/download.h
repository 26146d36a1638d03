// Runs recipes/data/fetch as a child process.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_DOWNLOAD_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_DOWNLOAD_H_

#include <functional>
#include <string>

#include "absl/status/status.h"

namespace roux::kit {

// Brings one resource into the cache; what fetch says goes to stderr. Its signals are as in a fresh process,
// whatever this thread blocks; when `interrupted` turns true it and what it started are asked to end (without
// one, Ctrl-C in the terminal does that). Cancelled after either; Unavailable when it fails.
absl::Status download(const std::string& fetch_program, const std::string& resource,
                      const std::function<bool()>& interrupted);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_DOWNLOAD_H_
