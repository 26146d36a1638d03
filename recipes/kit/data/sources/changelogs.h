// The dated entries of Debian change logs: text that is ordered in time.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_CHANGELOGS_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_CHANGELOGS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct ChangelogEntry {
  std::string package;
  std::string version;
  int year = 0, month = 0, day = 0;
  std::string text;  // the changes, line by line, without the common indentation
};

// Of apt, dpkg, debhelper, lintian, devscripts and debconf, the oldest entry first: dpkg from 1995 on, the
// others, which Debian 12 trims, from 2019 on; 680 entries in all. Entries without a date (some of the 1990s)
// are left out.
absl::StatusOr<Sourced<std::vector<ChangelogEntry>>> changelogs(const SourceOptions& options);

// One file, newest entry first as it stands (deb-changelog(5)).
std::vector<ChangelogEntry> parse_changelog(std::string_view text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_CHANGELOGS_H_
