#include "recipes/results.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/claims.h"
#include "recipes/kit/run/json.h"
#include "recipes/kit/run/text_table.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kBegin[] = "<!-- Results: written by `bazel run //recipes:report`; a test compares. -->";
constexpr char kEnd[] = "<!-- End of results. -->";
constexpr const char* kVerdicts[] = {"holds", "fails", "not separated", "not testable"};

absl::Status damaged(const std::string& path, const std::string& what) {
  return absl::DataLossError(absl::StrCat(path, ": ", what));
}

absl::StatusOr<StoredClaim> claim_of(const Json& object, const std::string& path) {
  const auto text = [&](const char* key) {
    return object.contains(key) && object[key].is_string() ? object[key].get<std::string>() : "";
  };
  const auto number = [&](const char* key) -> std::optional<double> {
    if (!object.contains(key) || !object[key].is_number()) return std::nullopt;
    return object[key].get<double>();
  };
  if (!object.is_object() || text("claim").empty()) return damaged(path, "a claim without a text");
  StoredClaim claim{text("claim"), text("verdict"), text("relation"), text("scale")};
  if (std::find(std::begin(kVerdicts), std::end(kVerdicts), claim.verdict) == std::end(kVerdicts)) {
    return damaged(path, absl::StrCat("'", claim.text, "' has the verdict '", claim.verdict, "'"));
  }
  const std::string unit = text("unit");
  const std::optional<double> units = number("units");
  if (!unit.empty() && unit != "seed") {
    claim.unit = absl::StrCat("unit ", unit, units ? absl::StrCat(", n = ", format_number(*units)) : "");
  }
  claim.paper = number("paper");
  claim.measured = number("measured");
  if (object.contains("interval") && object["interval"].is_array() && object["interval"].size() == 2 &&
      object["interval"][0].is_number() && object["interval"][1].is_number()) {
    claim.interval = spread_text({object["interval"][0].get<double>(), object["interval"][1].get<double>()},
                                 unit, static_cast<int64_t>(units.value_or(0)));
  }
  claim.json = object.dump();
  return claim;
}

absl::Status add_claims(const Json& list, const std::string& path, StoredResult& result) {
  if (!list.is_array()) return damaged(path, "no list of claims");
  for (const Json& object : list) {
    ROUX_ASSIGN_OR_RETURN(StoredClaim claim, claim_of(object, path));
    result.claims.push_back(std::move(claim));
  }
  return absl::OkStatus();
}

int count_of(const StoredResult& result, const char* verdict) {
  return static_cast<int>(std::count_if(result.claims.begin(), result.claims.end(),
                                        [&](const StoredClaim& claim) { return claim.verdict == verdict; }));
}

std::string cell(const std::string& text) { return absl::StrReplaceAll(text, {{"|", "\\|"}, {"\n", " "}}); }

std::string number_cell(const std::optional<double>& value) { return value ? format_number(*value) : ""; }

// Bold where the reader must look.
std::string verdict_cell(const StoredClaim& claim) {
  return claim.verdict == "holds" ? claim.verdict : absl::StrCat("**", claim.verdict, "**");
}

std::string claim_cell(const StoredClaim& claim) {
  std::string text = claim.text;
  if (!claim.unit.empty()) absl::StrAppend(&text, " (", claim.unit, ")");
  const size_t reason = claim.scale.find("not testable: ");
  if (reason != std::string::npos) absl::StrAppend(&text, "; ", claim.scale.substr(reason));
  return cell(text);
}

std::string seeds_text(const std::vector<uint64_t>& seeds) {
  if (seeds.empty()) return "no seeds";
  if (seeds.size() == 1) return absl::StrCat("seed ", seeds[0]);
  return absl::StrCat("seeds ", seeds.front(), " to ", seeds.back());
}

std::string minutes_text(double minutes) { return absl::StrFormat("%.1f", minutes); }
std::string day(const std::string& date) { return date.substr(0, 10); }
std::string short_commit(const std::string& commit) { return commit.substr(0, 9); }
std::string machine_text(const StoredResult& result) {
  return absl::StrCat(cell(result.cpu), ", ", result.cores, result.cores == 1 ? " core" : " cores");
}

std::string claims_rows(const StoredResult& result) {
  std::string out =
      "| verdict | claim | paper | measured | 95 % interval | claimed |\n|---|---|---|---|---|---|\n";
  for (const StoredClaim& claim : result.claims) {
    absl::StrAppend(&out, "| ", verdict_cell(claim), " | ", claim_cell(claim), " | ",
                    number_cell(claim.paper), " | ", number_cell(claim.measured), " | ", claim.interval,
                    " | ", cell(claim.relation), " |\n");
  }
  return out;
}

absl::StatusOr<std::vector<StoredResult>> read_results(const std::string& recipes,
                                                       const std::vector<Paper>& papers) {
  std::vector<StoredResult> results;
  std::set<std::string> expected;
  for (const Paper& paper : papers) {
    if (!paper.available) continue;
    const std::string path = absl::StrCat(recipes, "/results/", paper.slug, ".json");
    const absl::StatusOr<std::string> text = read_file(path);
    if (!text.ok()) {
      return absl::NotFoundError(
          absl::StrCat(path, " is missing: bazel run //recipes:report -- ", paper.slug));
    }
    ROUX_ASSIGN_OR_RETURN(StoredResult result, parse_result(*text, path));
    if (result.slug != paper.slug) return damaged(path, absl::StrCat("it is of the recipe ", result.slug));
    expected.insert(paper.slug + ".json");
    results.push_back(std::move(result));
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(recipes + "/results", error)) {
    if (expected.count(entry.path().filename()) == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(entry.path().string(), " belongs to no recipe that papers.tsv calls available"));
    }
  }
  return results;
}

}  // namespace

absl::StatusOr<StoredResult> result_of_run(const std::string& config_text, const std::string& claims_text,
                                           const RunCost& cost, const std::string& sources,
                                           const std::string& folder) {
  const Json config = Json::parse(config_text, nullptr, /*allow_exceptions=*/false);
  const Json claims = Json::parse(claims_text, nullptr, /*allow_exceptions=*/false);
  const std::string config_path = folder + "/config.json";
  try {
    StoredResult result{
        .slug = config.at("recipe").get<std::string>(),
        .preset = config.at("preset").get<std::string>(),
        .seeds = config.at("seeds").get<std::vector<uint64_t>>(),
        .minutes = std::round(cost.seconds / 6) / 10,
        .cpu_seconds = std::round(cost.cpu_seconds),
        .peak_memory_mib = std::round(cost.peak_memory_mib),
        .cpu = config.at("machine").at("cpu").get<std::string>(),
        .cores = config.at("machine").at("cores").get<int>(),
        .date = config.at("date").get<std::string>(),
        .commit = config.at("commit").is_string() ? config.at("commit").get<std::string>() : "",
        .sources = sources};
    ROUX_RETURN_IF_ERROR(add_claims(claims, folder + "/claims.json", result));
    return result;
  } catch (const Json::exception&) {
    return damaged(config_path, "not the configuration of a run");
  }
}

std::string result_json(const StoredResult& result) {
  JsonObject machine;
  machine.add("cpu", result.cpu).add("cores", result.cores);
  std::vector<std::string> claims;
  for (const StoredClaim& claim : result.claims) claims.push_back("\n    " + claim.json);
  JsonObject object;
  object.add("recipe", result.slug).add("preset", result.preset).add("seeds", result.seeds);
  object.add("minutes", result.minutes).add("cpu_seconds", result.cpu_seconds);
  object.add("peak_memory_mib", result.peak_memory_mib).add_raw("machine", machine.text());
  object.add("date", result.date).add("commit", result.commit).add("sources", result.sources);
  object.add_raw("claims", absl::StrCat("[", absl::StrJoin(claims, ","), "\n  ]"));
  return object.text(JsonObject::kPretty) + "\n";
}

absl::StatusOr<StoredResult> parse_result(const std::string& text, const std::string& path) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  try {
    StoredResult result{.slug = json.at("recipe").get<std::string>(),
                        .preset = json.at("preset").get<std::string>(),
                        .seeds = json.at("seeds").get<std::vector<uint64_t>>(),
                        .minutes = json.at("minutes").get<double>(),
                        .cpu_seconds = json.at("cpu_seconds").get<double>(),
                        .peak_memory_mib = json.at("peak_memory_mib").get<double>(),
                        .cpu = json.at("machine").at("cpu").get<std::string>(),
                        .cores = json.at("machine").at("cores").get<int>(),
                        .date = json.at("date").get<std::string>(),
                        .commit = json.at("commit").get<std::string>(),
                        .sources = json.at("sources").get<std::string>()};
    ROUX_RETURN_IF_ERROR(add_claims(json.at("claims"), path, result));
    return result;
  } catch (const Json::exception&) {
    return damaged(path, "not a stored result");
  }
}

std::string source_digest(const std::map<std::string, std::string>& files) {
  Sha256 hash;
  for (const auto& file : files) {
    hash.update(absl::StrCat(file.first, "\n", file.second.size(), "\n"));
    hash.update(file.second);
  }
  return hash.hex();
}

std::string verdict_summary(const StoredResult& result) {
  std::vector<std::string> parts;
  for (const char* verdict : kVerdicts) {
    const int count = count_of(result, verdict);
    if (count == 0) continue;
    std::string name = verdict;
    if (count > 1 && (name == "holds" || name == "fails")) name.pop_back();
    parts.push_back(absl::StrCat(count, " ", name));
  }
  return absl::StrJoin(parts, ", ");
}

std::string results_markdown(const std::vector<StoredResult>& results) {
  std::string out =
      "<!-- Written by `bazel run //recipes:report` from results/; a test compares. -->\n# Results\n\n"
      "One run of the default preset of each recipe. Minutes are by the clock, CPU seconds of all threads, "
      "memory is the\n"
      "peak of the process. The claims stand in each recipe's README; what they mean in "
      "[README.md](README.md).\n\n"
      "| recipe | holds | fails | not separated | not testable | seeds | minutes | CPU seconds | MiB | "
      "machine | date | "
      "commit |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  std::string open;
  for (const StoredResult& result : results) {
    absl::StrAppend(&out, "| [", result.slug, "](", result.slug, "/)");
    for (const char* verdict : kVerdicts) absl::StrAppend(&out, " | ", count_of(result, verdict));
    absl::StrAppend(&out, " | ", result.seeds.size(), " | ", minutes_text(result.minutes), " | ",
                    format_number(result.cpu_seconds), " | ", format_number(result.peak_memory_mib), " | ",
                    machine_text(result), " | ", day(result.date), " | ", short_commit(result.commit),
                    " |\n");
    for (const StoredClaim& claim : result.claims) {
      if (claim.verdict == "holds") continue;
      absl::StrAppend(&open, "| ", result.slug, " | ", claim.verdict, " | ", claim_cell(claim), " | ",
                      number_cell(claim.measured), " | ", claim.interval, " | ", cell(claim.relation),
                      " |\n");
    }
  }
  absl::StrAppend(&out, "\n## What does not hold\n\n");
  if (open.empty()) return out + "Every claim holds.\n";
  return absl::StrCat(
      out, "| recipe | verdict | claim | measured | 95 % interval | claimed |\n|---|---|---|---|---|---|\n",
      open);
}

absl::StatusOr<std::string> with_results(const std::string& readme, const StoredResult& result,
                                         const std::string& path) {
  const size_t begin = readme.find(kBegin), end = readme.find(kEnd);
  if (begin == std::string::npos || end == std::string::npos || end < begin ||
      readme.find(kBegin, begin + 1) != std::string::npos ||
      readme.find(kEnd, end + 1) != std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": the claims table needs these two lines around it, once each:\n", kBegin, "\n", kEnd));
  }
  const std::string table =
      absl::StrCat("\nPreset ", result.preset, ", ", seeds_text(result.seeds), ", ", machine_text(result),
                   ": ", minutes_text(result.minutes), " minutes, ", format_number(result.cpu_seconds),
                   " CPU seconds, peak memory ", format_number(result.peak_memory_mib), " MiB, ",
                   day(result.date), ", commit ", short_commit(result.commit), ".\n\n", claims_rows(result));
  return absl::StrCat(readme.substr(0, begin + sizeof kBegin - 1), table, readme.substr(end));
}

absl::StatusOr<std::map<std::string, std::string>> generated_pages(const std::string& recipes) {
  const std::string table = recipes + "/papers.tsv";
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(table));
  ROUX_ASSIGN_OR_RETURN(const std::vector<Paper> papers, parse_papers(text, table));
  ROUX_ASSIGN_OR_RETURN(const std::vector<StoredResult> results, read_results(recipes, papers));
  std::map<std::string, std::string> pages;
  std::map<std::string, std::string> verdicts;
  for (const StoredResult& result : results) {
    const std::string name = result.slug + "/README.md";
    const std::string path = absl::StrCat(recipes, "/", name);
    ROUX_ASSIGN_OR_RETURN(const std::string readme, read_file(path));
    ROUX_ASSIGN_OR_RETURN(pages[name], with_results(readme, result, path));
    verdicts[result.slug] = verdict_summary(result);
  }
  pages["RESULTS.md"] = results_markdown(results);
  pages["README.md"] = index_readme(papers, verdicts);
  return pages;
}

absl::Status write_pages(const std::string& recipes) {
  ROUX_ASSIGN_OR_RETURN(const auto pages, generated_pages(recipes));
  for (const auto& page : pages) {
    ROUX_RETURN_IF_ERROR(write_file_atomically(absl::StrCat(recipes, "/", page.first), page.second));
  }
  return absl::OkStatus();
}

std::vector<std::string> disagreements(const std::string& recipes) {
  const absl::StatusOr<std::map<std::string, std::string>> pages = generated_pages(recipes);
  if (!pages.ok()) return {std::string(pages.status().message())};
  std::vector<std::string> out;
  for (const auto& page : *pages) {
    const std::string path = absl::StrCat(recipes, "/", page.first);
    const absl::StatusOr<std::string> there = read_file(path);
    if (!there.ok() || *there != page.second) {
      out.push_back(path + " is not what results/ and papers.tsv make: bazel run //recipes:index -- --write");
    }
  }
  return out;
}

}  // namespace roux::kit
