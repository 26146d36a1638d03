#include "recipes/llm_datasets_survey/claims.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "recipes/kit/eval/agreement.h"
#include "recipes/kit/eval/distinct.h"
#include "tensor/error.h"

namespace roux::llm_datasets_survey {
namespace {

using kit::format_number;
using Values = std::vector<double>;

// An untrained model's mean exposure is 1 / ln 2 = 1.44 bits; below this a model has not learnt the strings.
constexpr double kLearnt = 2.5;
constexpr NearOptions kSurveyBands = {}, kMoreBands = {.bands = 32, .rows = 4};
constexpr const char* kModels[] = {"raw", "random", "filter", "dedup", "both"};

Values score(const Results& results, const std::string& arm, const std::string& name) {
  return results.values(arm, [&](const Outcome& o) { return o.scores.at(name); });
}
Values minus(Values a, const Values& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}
std::string mean(const Values& values) {
  return format_number(
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()), 4);
}

// Of each seed's corpus, in the order of the seeds.
template <class F>
Values of_seeds(const Data& data, F f) {
  Values values;
  for (const auto& [seed, own] : data.seeds) values.push_back(f(own));
  return values;
}
double share_found(const SeedData& own, const Clusters& clusters, double edits) {
  const Recall recall = recall_of(own.corpus, clusters, edits);
  return recall.copies == 0 ? 0 : static_cast<double>(recall.found) / static_cast<double>(recall.copies);
}

class Judge {
 public:
  Judge(std::string scale, kit::Run& run) : scale_(std::move(scale)), run_(run) {}

  absl::Status claim(const std::string& text, const Values& values, kit::Relation relation,
                     const std::string& not_testable = "") {
    kit::Claim claim{.text = text, .relation = relation, .scale = scale_};
    claim.not_testable = not_testable;
    if (not_testable.empty()) claim.measured = kit::over_seeds(run_.seeds(), values);
    return run_.claim(claim);
  }
  absl::Status trend(const std::string& text, double value, kit::Relation relation, bool complete) {
    kit::Claim claim{.text = text, .relation = relation, .scale = "catalogue"};
    claim.evidence = kit::Evidence::kPublishedData;
    if (complete) {
      claim.measured = kit::single(value);
    } else {
      claim.not_testable =
          "the shipped records are a selection; --catalogue=FILE with records of the whole list tells";
    }
    return run_.claim(claim);
  }

 private:
  std::string scale_;
  kit::Run& run_;
};

}  // namespace

void report_catalogue(const std::vector<Record>& records, kit::Run& run) {
  kit::Table parts{
      "Catalogue: records and sizes by part (1 TB = 10^12 bytes), units never added to each other",
      {"part", "records", "bytes (TB)", "bytes (TiB)", "tokens (T)", "instances", "files", "data sets"},
      {}};
  const CrossTable by_year = parts_by(records, "year");
  for (const char* part : kParts) {
    auto sizes = total_sizes(records, part);
    int64_t count = 0;
    if (by_year.contains(part)) {
      for (const auto& [year, n] : by_year.at(part)) count += n;
    }
    parts.rows.push_back({part, absl::StrCat(count), format_number(sizes["bytes"] / 1e12, 5),
                          format_number(sizes["bytes"] / 1099511627776.0, 5),
                          format_number(sizes["tokens"] / 1e12, 4), format_number(sizes["instances"], 7),
                          format_number(sizes["files"], 6), format_number(sizes["datasets"], 5)});
  }
  run.table(parts);
  kit::Table counts{
      "Catalogue: how many records have a value (several values count each)", {"dimension", "values"}, {}};
  for (const char* dimension : {"language", "construction", "license_class", "public", "question_type",
                                "evaluation_method", "preference_method"}) {
    std::string cell;
    for (const auto& [value, n] : count_by(records, dimension, true))
      absl::StrAppend(&cell, cell.empty() ? "" : ", ", value, " ", n);
    counts.rows.push_back({dimension, cell});
  }
  run.table(counts);
  kit::Table missing{"Catalogue: share of the records that lack a dimension", {"dimension", "lack it"}, {}};
  for (const char* dimension : kDimensions)
    missing.rows.push_back({dimension, format_number(missing_share(records, dimension), 2)});
  run.table(missing);
  kit::Chart years{"Catalogue: records by year of release", "year", "records", {}};
  for (const char* part : kParts) {
    kit::Series series{part, {}, {}};
    if (!by_year.contains(part)) continue;
    for (const auto& [year, n] : by_year.at(part)) {
      if (year.empty() || year == "X") continue;
      series.x.push_back(std::stod(year)), series.y.push_back(static_cast<double>(n));
    }
    if (!series.x.empty()) years.series.push_back(std::move(series));
  }
  run.chart(std::move(years));
}

void report_pipeline(const Data& data, kit::Run& run) {
  const SeedData& own = data.seeds.begin()->second;
  kit::Table stages{"Corpus of the first seed: what each version keeps and why the rest goes",
                    {"", "raw", "filter", "dedup", "both"},
                    {}};
  for (const char* reason :
       {"documents in", "too short", "few letters", "mean word length", "bullet lines", "repeated lines",
        "gibberish", "exact duplicate", "near duplicate", "documents out", "bytes in", "bytes out"}) {
    std::vector<std::string> row = {reason};
    for (const char* arm : {"raw", "filter", "dedup", "both"})
      row.push_back(absl::StrCat(own.funnels.at(arm)[reason]));
    stages.rows.push_back(std::move(row));
  }
  run.table(stages);
  const std::vector<std::string> texts = own.corpus.texts();
  const Clusters exact = exact_duplicates(texts), survey = near_duplicates(texts, kSurveyBands),
                 more = near_duplicates(texts, kMoreBands);
  kit::Table recall{
      "Planted copies found, by share of words replaced (first seed); curve: 1 - (1 - J^r)^b at the expected "
      "J",
      {"edits", "copies", "J", "exact", "16 x 8", "its curve", "32 x 4", "its curve"},
      {}};
  kit::Chart chart{"Near-duplicates found", "words replaced (%)", "share of copies found", {}};
  chart.series = {{"exact", {}, {}}, {"16 bands of 8", {}, {}}, {"32 bands of 4", {}, {}}};
  for (const double edits : kEdits) {
    const double j = jaccard_after_edits(edits);
    const auto share = [&](const Clusters& clusters) { return share_found(own, clusters, edits); };
    recall.rows.push_back(
        {format_number(edits), absl::StrCat(recall_of(own.corpus, exact, edits).copies), format_number(j, 3),
         format_number(share(exact), 3), format_number(share(survey), 3),
         format_number(stats::LshIndex(16, 8).collision_probability(j), 3), format_number(share(more), 3),
         format_number(stats::LshIndex(32, 4).collision_probability(j), 3)});
    const Values found = {share(exact), share(survey), share(more)};
    for (size_t i = 0; i < found.size(); ++i)
      chart.series[i].x.push_back(100 * edits), chart.series[i].y.push_back(found[i]);
  }
  recall.rows.push_back({"precision", "", "", format_number(precision_of(own.corpus, exact), 3),
                         format_number(precision_of(own.corpus, survey), 3), "",
                         format_number(precision_of(own.corpus, more), 3), ""});
  run.table(recall);
  run.chart(std::move(chart));
}

void report_arms(const Data& data, const Results& results, kit::Run& run) {
  run.name_metric("loss", "training loss (nats per byte; of pairs: nats)");
  run.name_metric("held_out", "loss on held-out clean text (nats per byte)");
  run.name_metric("unseen", "loss on a source that no corpus has (nats per byte)");
  kit::Table losses{
      "Pre-training at equal tokens: losses (nats per byte) and exposure (bits) of secrets by copies, mean "
      "over seeds",
      {"corpus", "held-out", "unseen", "1 copy", "16 copies", "64 copies"},
      {}};
  for (const char* arm : kModels) {
    losses.rows.push_back({arm});
    for (const char* name : {"held_out", "unseen", "exposure_1", "exposure_16", "exposure_64"})
      losses.rows.back().push_back(mean(score(results, arm, name)));
  }
  run.table(losses);
  // Instruction data, evaluation kinds, preference data.
  std::vector<std::vector<std::optional<double>>> ratings(10);
  for (const kit::RatedText& word : data.rated) {
    for (size_t r = 0; r < ratings.size(); ++r) ratings[r].push_back(static_cast<double>(word.ratings.at(r)));
  }
  std::vector<std::string> prompts;
  for (const kit::Example& item : data.instructions) prompts.push_back(item.prompt);
  const auto leaked = std::count(data.leaked.begin(), data.leaked.end(), true);
  run.table(
      {"Other roles, mean over seeds",
       {"what", "number"},
       {{"instructions made of WordNet's glosses", absl::StrCat(data.instructions.size())},
        {"distinct-2 of their prompts", format_number(kit::distinct_n(prompts, 2), 3)},
        {"questions for evaluation (OQ & CE)", absl::StrCat(data.questions.size())},
        {"of them with 8 words in a row in the clean corpus", absl::StrCat(leaked)},
        {"accuracy after tuning", mean(score(results, "instruct", "accuracy"))},
        {"accuracy before tuning", mean(score(results, "instruct", "before"))},
        {"accuracy of the most frequent answer", mean(score(results, "instruct", "majority"))},
        {"words that ten people rated (HE)", absl::StrCat(data.rated.size())},
        {"Krippendorff's alpha of the people (interval)",
         format_number(kit::krippendorff_alpha(ratings, kit::AlphaMetric::kInterval), 3)},
        {"accuracy of the reward model on votes about unseen words",
         mean(score(results, "reward", "accuracy"))},
        {"the same, votes of training turned around at random",
         mean(score(results, "reward_shuffled", "accuracy"))},
        {"Cohen's kappa with the majority: reward model (ME)", mean(score(results, "reward", "model_kappa"))},
        {"Cohen's kappa with the majority: one of the people",
         mean(score(results, "reward", "person_kappa"))}}});
}

absl::Status judge(const Config& config, const Data& data, const Results& results,
                   const std::vector<Record>& records, bool complete, kit::Run& run) {
  Judge judge(absl::StrCat(config.decoder.parameters(256), " parameters, ",
                           config.steps * config.batch * config.decoder.length, " bytes"),
              run);
  const auto difference = [&](const char* a, const char* b, const char* what) {
    return minus(score(results, a, what), score(results, b, what));
  };
  ROUX_RETURN_IF_ERROR(
      judge.claim("processing helps at equal tokens: held-out clean loss, filtered and deduplicated - raw",
                  difference("both", "raw", "held_out"), kit::below(0)));
  ROUX_RETURN_IF_ERROR(
      judge.claim("processing helps on a source that no corpus has: loss, filtered and deduplicated - raw",
                  difference("both", "raw", "unseen"), kit::below(0)));
  ROUX_RETURN_IF_ERROR(judge.claim(
      "it is what is kept, not how much: held-out loss, filtered and deduplicated - as many random bytes",
      difference("both", "random", "held_out"), kit::below(0)));
  ROUX_RETURN_IF_ERROR(judge.claim("filtering alone helps: held-out loss, filtered - raw",
                                   difference("filter", "raw", "held_out"), kit::below(0)));
  ROUX_RETURN_IF_ERROR(judge.claim("deduplication alone helps: held-out loss, deduplicated - raw",
                                   difference("dedup", "raw", "held_out"), kit::below(0)));
  const Values exposed = score(results, "raw", "exposure_64");
  const std::string unlearnt =
      *std::min_element(exposed.begin(), exposed.end()) > kLearnt
          ? ""
          : "the model on raw text did not learn the planted strings; --set steps=N trains it longer";
  ROUX_RETURN_IF_ERROR(judge.claim(
      "deduplication lowers memorisation: exposure (bits) of strings with 64 copies, deduplicated - raw",
      difference("dedup", "raw", "exposure_64"), kit::below(-1), unlearnt));
  const auto recall = [&](const NearOptions& options, double edits) {
    return of_seeds(data, [&](const SeedData& own) {
      return share_found(own, near_duplicates(own.corpus.texts(), options), edits);
    });
  };
  ROUX_RETURN_IF_ERROR(judge.claim("32 bands of 4 find copies with 5 % of their words replaced: recall",
                                   recall(kMoreBands, 0.05), kit::at_least(0.95)));
  ROUX_RETURN_IF_ERROR(judge.claim("16 bands of 8 miss most copies with 10 % of their words replaced: recall",
                                   recall(kSurveyBands, 0.1), kit::below(0.5)));
  ROUX_RETURN_IF_ERROR(judge.claim(
      "16 bands of 8 remove copies and nothing else: precision",
      of_seeds(data,
               [](const SeedData& own) {
                 return precision_of(own.corpus, near_duplicates(own.corpus.texts(), kSurveyBands));
               }),
      kit::at_least(0.95)));
  ROUX_RETURN_IF_ERROR(
      judge.claim("a classifier of reference against raw tells clean documents from noise: ROC AUC",
                  of_seeds(data, [](const SeedData& own) { return own.quality_auc; }), kit::above(0.8)));
  ROUX_RETURN_IF_ERROR(judge.claim(
      "instructions made of a traditional task teach it: accuracy - that of the most frequent answer",
      minus(score(results, "instruct", "accuracy"), score(results, "instruct", "majority")),
      kit::above(0.1)));
  ROUX_RETURN_IF_ERROR(
      judge.claim("a reward model learns what people vote for: accuracy on unseen words - with training "
                  "votes turned at random",
                  difference("reward", "reward_shuffled", "accuracy"), kit::above(0.05)));
  // Trends of the catalogue.
  double recent = 0, all = 0, english_or_chinese = 0, with_language = 0;
  for (const Record& record : records) {
    if (record.part() == "instruction" || record.part() == "evaluation")
      ++all, recent += record["release"].starts_with("2023");
    const std::string language = record["language"];
    with_language += !language.empty(),
        english_or_chinese += language.find("EN") != language.npos || language.find("ZH") != language.npos;
  }
  auto classes = count_by(records, "license_class");
  ROUX_RETURN_IF_ERROR(
      judge.trend("instruction and evaluation sets explode in 2023: share released in that year",
                  all > 0 ? recent / all : 0, kit::above(0.5), complete));
  ROUX_RETURN_IF_ERROR(
      judge.trend("English and Chinese dominate: share of the data sets whose language is stated",
                  with_language > 0 ? english_or_chinese / with_language : 0, kit::above(0.5), complete));
  return judge.trend("many data sets state no licence: share",
                     static_cast<double>(classes["unknown"]) / static_cast<double>(records.size()),
                     kit::above(0.2), complete);
}

}  // namespace roux::llm_datasets_survey
