// The named sources of a run in its config.json.
#ifndef ROUX_RECIPES_KIT_RUN_SOURCES_USED_H_
#define ROUX_RECIPES_KIT_RUN_SOURCES_USED_H_

#include <string>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

// `config` (the text of config.json, read from `path`) with one more entry of its object "sources":
// name -> kind, version, licence, sha256, command. FailedPrecondition if there is an entry of that name with
// other bytes: a resumed run, or another part of this one, read something else. DataLoss if it is no config.
absl::StatusOr<std::string> with_source(const std::string& config, const Provenance& from,
                                        const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_SOURCES_USED_H_
