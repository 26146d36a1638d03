#include "recipes/kit/data/sources/changelogs.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr const char* kPackages[] = {"apt", "dpkg", "debhelper", "lintian", "devscripts", "debconf"};
constexpr absl::string_view kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// "Name <mail>  Fri, 03 Feb 2012 19:43:25 +0100"
bool parse_date(absl::string_view line, ChangelogEntry& entry) {
  const size_t mail = line.rfind('>');
  if (mail == absl::string_view::npos) return false;
  const std::vector<absl::string_view> words = absl::StrSplit(line.substr(mail + 1), ' ', absl::SkipEmpty());
  if (words.size() < 4) return false;
  const auto month = std::find(std::begin(kMonths), std::end(kMonths), words[2]);
  entry.month = static_cast<int>(month - std::begin(kMonths)) + 1;
  return month != std::end(kMonths) && absl::SimpleAtoi(words[1], &entry.day) && entry.day >= 1 &&
         entry.day <= 31 && absl::SimpleAtoi(words[3], &entry.year) && entry.year >= 1990;
}

// "apt (1.0) unstable; urgency=low"
bool parse_heading(absl::string_view line, ChangelogEntry& entry) {
  const size_t open = line.find(" (");
  const size_t close = line.find(')', open == absl::string_view::npos ? 0 : open);
  if (line.empty() || absl::ascii_isspace(static_cast<unsigned char>(line[0])) ||
      open == absl::string_view::npos || close == absl::string_view::npos ||
      !absl::StrContains(line.substr(close), ';'))
    return false;
  entry = {
      std::string(line.substr(0, open)), std::string(line.substr(open + 2, close - open - 2)), 0, 0, 0, ""};
  return true;
}

}  // namespace

std::vector<ChangelogEntry> parse_changelog(std::string_view text) {
  std::vector<ChangelogEntry> entries;
  ChangelogEntry entry;
  bool inside = false;
  for (absl::string_view line : absl::StrSplit(absl::string_view(text.data(), text.size()), '\n')) {
    line = absl::StripTrailingAsciiWhitespace(line);
    if (parse_heading(line, entry)) {
      inside = true;
    } else if (inside && absl::ConsumePrefix(&line, " -- ")) {
      inside = false;
      while (absl::EndsWith(entry.text, "\n\n")) entry.text.pop_back();
      if (parse_date(line, entry) && !entry.text.empty()) entries.push_back(entry);
    } else if (inside && (!line.empty() || !entry.text.empty())) {
      absl::ConsumePrefix(&line, "  ");
      entry.text.append(line.data(), line.size());
      entry.text += '\n';
    }
  }
  return entries;
}

absl::StatusOr<Sourced<std::vector<ChangelogEntry>>> changelogs(const SourceOptions& options) {
  const auto path_of = [](const std::string& package, const char* name) {
    return "usr/share/doc/" + package + "/" + name;
  };
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("changelogs", path_of("lintian", "changelog.gz"), options));
  std::vector<ChangelogEntry> entries;
  for (const std::string package : kPackages) {
    const std::string debian = path_of(package, "changelog.Debian.gz"),
                      native = path_of(package, "changelog.gz");
    ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(files.has(debian) ? debian : native));
    for (ChangelogEntry& entry : parse_changelog(text)) entries.push_back(std::move(entry));
  }
  std::stable_sort(entries.begin(), entries.end(), [](const ChangelogEntry& a, const ChangelogEntry& b) {
    return std::tie(a.year, a.month, a.day) < std::tie(b.year, b.month, b.day);
  });
  return Sourced<std::vector<ChangelogEntry>>{std::move(entries), files.provenance()};
}

}  // namespace roux::kit
