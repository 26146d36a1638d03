#include "recipes/kit/data/sources/vader.h"

#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kLexicon[] = "vaderSentiment-3.3.2/vaderSentiment/vader_lexicon.txt";
constexpr char kSnippets[] = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014/";

struct Kind {
  const char* name;
  const char* file;
};
constexpr Kind kKinds[] = {{"movie_reviews", "movieReviewSnippets_GroundTruth.txt"},
                           {"newspaper_editorials", "nytEditorialSnippets_GroundTruth.txt"},
                           {"tweets", "tweets_GroundTruth.txt"},
                           {"product_reviews", "amazonReviewSnippets_GroundTruth.txt"}};

// Calls use(fields) for each line, at least `count` fields by tabs, the last of which has the rest.
template <class Use>
absl::Status for_lines(const std::string& text, const std::string& path, size_t count, const Use& use) {
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripSuffix(line, "\r");
    if (line.empty()) continue;
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::MaxSplits('\t', static_cast<int>(count) - 1));
    if (fields.size() != count || !use(fields))
      return absl::DataLossError(absl::StrCat(path, ": line ", number, ": not the form of this file"));
  }
  return absl::OkStatus();
}

// "[2, -1, 3]"
bool parse_ratings(absl::string_view text, std::vector<int>& ratings) {
  if (!absl::ConsumePrefix(&text, "[") || !absl::ConsumeSuffix(&text, "]")) return false;
  for (const absl::string_view number : absl::StrSplit(text, ',')) {
    ratings.push_back(0);
    if (!absl::SimpleAtoi(number, &ratings.back())) return false;
  }
  return true;
}

}  // namespace

absl::StatusOr<Sourced<std::vector<RatedText>>> vader_lexicon(const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("vader", kLexicon, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(kLexicon));
  std::vector<RatedText> words;
  ROUX_RETURN_IF_ERROR(for_lines(text, kLexicon, 4, [&](const std::vector<std::string>& fields) {
    RatedText word{fields[0], fields[0], 0, {}};
    const bool good = absl::SimpleAtod(fields[1], &word.mean) && std::isfinite(word.mean) &&
                      parse_ratings(fields[3], word.ratings);
    words.push_back(std::move(word));
    return good;
  }));
  return Sourced<std::vector<RatedText>>{std::move(words), files.provenance()};
}

absl::StatusOr<Sourced<std::vector<RatedText>>> vader_snippets(const std::string& kind,
                                                               const SourceOptions& options) {
  std::string path, known;
  for (const Kind& k : kKinds) {
    if (kind == k.name) path = absl::StrCat(kSnippets, k.file);
    absl::StrAppend(&known, known.empty() ? "" : ", ", k.name);
  }
  if (path.empty())
    return absl::NotFoundError(absl::StrCat("there are no snippets '", kind, "'; there are ", known));
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("vader", path, options));
  ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(path));
  std::vector<RatedText> snippets;
  ROUX_RETURN_IF_ERROR(for_lines(text, path, 3, [&](const std::vector<std::string>& fields) {
    snippets.push_back({fields[0], fields[2], 0, {}});
    return absl::SimpleAtod(fields[1], &snippets.back().mean) && std::isfinite(snippets.back().mean);
  }));
  return Sourced<std::vector<RatedText>>{std::move(snippets), files.provenance()};
}

}  // namespace roux::kit
