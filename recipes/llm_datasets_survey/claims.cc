#include "recipes/llm_datasets_survey/claims.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <span>

#include "absl/strings/str_cat.h"
#include "recipes/kit/eval/agreement.h"
#include "recipes/kit/eval/distinct.h"
#include "recipes/kit/eval/ranking.h"
#include "recipes/kit/run/claim_list.h"
#include "recipes/kit/stats/resampling.h"
#include "tensor/error.h"

namespace roux::llm_datasets_survey {
namespace {

using kit::format_number;

// An untrained model's mean exposure is 1 / ln 2 = 1.44 bits; below this a model has not learnt the strings.
constexpr double kLearnt = 2.5;
constexpr NearOptions kSurveyBands = {.min_jaccard = kPipelineBands.min_jaccard};
constexpr const char* kModels[] = {"raw", "random", "filter", "dedup", "both"};
constexpr size_t kPlantedIn = 1000;  // documents at most of which copies are made to measure recall,
constexpr int64_t kCopiesOfEach = 8;
constexpr size_t kWordsInPairs = 100;

kit::SeedValues score(const Results& results, const std::string& arm, const std::string& name) {
  return results.values(arm, [&](const Outcome& o) { return o.scores.at(name); });
}
double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}
std::string mean(const std::vector<double>& values) { return format_number(mean_of(values), 4); }

Copies copies_of(const Data& data, double edits, const NearOptions& options) {
  const auto end = data.clean.begin() + static_cast<std::ptrdiff_t>(std::min(kPlantedIn, data.clean.size()));
  return find_copies({data.clean.begin(), end}, edits, kCopiesOfEach, options);
}
std::vector<double> removed_rightly(const Data& data) {
  const std::vector<std::string> texts = data.corpus.texts();
  return removals(data.corpus, near_duplicates(texts, kPipelineBands), exact_duplicates(texts));
}

kit::Measurement quality_auc(const Data& data) {
  stats::RandomStream random(1, 23);
  const auto auc = [&](std::span<const int64_t> drawn) {
    std::vector<int64_t> labels;
    std::vector<double> scores;
    for (const int64_t i : drawn) {
      labels.push_back(data.is_clean[static_cast<size_t>(i)]);
      scores.push_back(data.quality[static_cast<size_t>(i)]);
    }
    return kit::roc_auc(labels, scores);
  };
  const auto n = static_cast<int64_t>(data.quality.size());
  return kit::measured(stats::bootstrap_interval(n, auc, random), "document", n);
}

}  // namespace

void report_catalogue(const Catalogue& catalogue, kit::Run& run) {
  const std::vector<Record>& records = catalogue.records;
  kit::Table parts{
      "Catalogue: records and sizes by part; bytes in TB of 1000 GB and of 1024; units never added to each "
      "other",
      {"part", "records", "TB (1000)", "TB (1024)", "tokens (T)", "instances", "files", "data sets",
       "others"},
      {}};
  const CrossTable by_year = parts_by(records, "year");
  for (const char* part : kParts) {
    auto sizes = total_sizes(records, part), binary = total_sizes(records, part, 1024);
    int64_t count = 0;
    if (by_year.contains(part)) {
      for (const auto& [year, n] : by_year.at(part)) count += n;
    }
    std::string others;
    for (const auto& [unit, amount] : sizes) {
      if (unit != "bytes" && unit != "tokens" && unit != "instances" && unit != "files" && unit != "datasets")
        absl::StrAppend(&others, others.empty() ? "" : ", ", format_number(amount, 6), " ", unit);
    }
    parts.rows.push_back({part, absl::StrCat(count), format_number(sizes["bytes"] / 1e12, 5),
                          format_number(binary["bytes"] / 1099511627776.0, 5),
                          format_number(sizes["tokens"] / 1e12, 4), format_number(sizes["instances"], 7),
                          format_number(sizes["files"], 6), format_number(sizes["datasets"], 5),
                          others.empty() ? "-" : others});
  }
  run.table(parts);
  const CrossTable by_construction = parts_by(records, "construction");
  std::set<std::string> ways;
  for (const auto& [part, counted] : by_construction) {
    for (const auto& [way, n] : counted) ways.insert(way);
  }
  kit::Table made{"Catalogue: records by construction and part", {"construction"}, {}};
  made.columns.insert(made.columns.end(), kParts.begin(), kParts.end());
  for (const std::string& way : ways) {
    made.rows.push_back({way.empty() ? "not stated" : way});
    for (const char* part : kParts) {
      const auto row = by_construction.find(part);
      const bool any = row != by_construction.end() && row->second.contains(way);
      made.rows.back().push_back(absl::StrCat(any ? row->second.at(way) : 0));
    }
  }
  run.table(made);
  kit::Table counts{
      "Catalogue: how many records have a value (several values count each)", {"dimension", "values"}, {}};
  for (const char* dimension : {"language", "construction", "license_class", "public", "question_type",
                                "evaluation_method", "preference_method"}) {
    std::string cell;
    std::map<std::string, int64_t> values;
    for (const auto& [value, n] : count_by(records, dimension, true))
      values[value.substr(0, value.find('('))] += n;
    for (const auto& [value, n] : values) absl::StrAppend(&cell, cell.empty() ? "" : ", ", value, " ", n);
    counts.rows.push_back({dimension, cell});
  }
  run.table(counts);
  kit::Table missing{"Catalogue: share of the records that lack a dimension", {"dimension", "lack it"}, {}};
  for (const char* dimension : kDimensions)
    missing.rows.push_back({dimension, format_number(missing_share(records, dimension), 2)});
  run.table(missing);
  if (!catalogue.notes.empty()) {
    kit::Table notes{"Catalogue: what of the list was left out", {"what"}, {}};
    for (const std::string& note : catalogue.notes) notes.rows.push_back({note});
    run.table(notes);
  }
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
  kit::Table stages{
      "Corpus: what each version keeps and why the rest goes", {"", "raw", "filter", "dedup", "both"}, {}};
  for (const char* reason :
       {"documents in", "too short", "few letters", "mean word length", "bullet lines", "repeated lines",
        "gibberish", "exact duplicate", "near duplicate", "documents out", "bytes in", "bytes out"}) {
    std::vector<std::string> row = {reason};
    for (const char* arm : {"raw", "filter", "dedup", "both"})
      row.push_back(absl::StrCat(data.funnels.at(arm)[reason]));
    stages.rows.push_back(std::move(row));
  }
  run.table(stages);
  kit::Table recall{
      "Copies found with their document, by share of words replaced; curve: 1 - (1 - J^r)^b at each copy's J",
      {"edits", "copies", "J of a long text", "J", "16 x 8", "its curve", "32 x 4", "its curve"},
      {}};
  kit::Chart chart{"Near-duplicates found", "words replaced (%)", "share of copies found", {}};
  chart.series = {{"16 bands of 8", {}, {}}, {"32 bands of 4", {}, {}}};
  for (const double edits : kEdits) {
    const Copies survey = copies_of(data, edits, kSurveyBands), more = copies_of(data, edits, kPipelineBands);
    recall.rows.push_back({format_number(edits), absl::StrCat(more.found.size()),
                           format_number(jaccard_after_edits(edits), 3),
                           format_number(mean_of(more.jaccard), 3), format_number(mean_of(survey.found), 3),
                           format_number(mean_of(survey.expected), 3), format_number(mean_of(more.found), 3),
                           format_number(mean_of(more.expected), 3)});
    for (size_t i = 0; i < 2; ++i) {
      chart.series[i].x.push_back(100 * edits);
      chart.series[i].y.push_back(mean_of(i == 0 ? survey.found : more.found));
    }
  }
  run.table(recall);
  run.chart(std::move(chart));
  // Of those that no document has by itself.
  std::vector<std::string> items;
  for (size_t i = 0; i < data.questions.size(); ++i) {
    if (!data.leaked[i]) items.push_back(data.questions[i].prompt);
  }
  kit::Table leaks{absl::StrCat("Evaluation questions planted in clean documents and found by a run of ",
                                kContaminatedRun, " words"),
                   {"words replaced", "planted", "found"},
                   {}};
  for (const int64_t replaced : {0, 1, 2, 4}) {
    const std::vector<bool> found = find_leaks(data.clean, items, replaced, kContaminatedRun);
    leaks.rows.push_back({absl::StrCat(replaced), absl::StrCat(found.size()),
                          absl::StrCat(std::count(found.begin(), found.end(), true))});
  }
  run.table(leaks);
}

void report_arms(const Config& config, const Data& data, const Results& results, kit::Run& run) {
  run.name_metric("loss", "training loss (nats per byte; of pairs: nats)");
  run.name_metric("held_out", "loss on held-out clean text (nats per byte)");
  run.name_metric("unseen", "loss on a source that no corpus has (nats per byte)");
  kit::Table losses{
      "Pre-training at equal tokens: losses (nats per byte) and exposure (bits) of secrets by copies, mean "
      "over seeds",
      {"corpus", "kB", "times read", "held-out", "unseen", "1 copy", "16 copies", "64 copies"},
      {}};
  for (const char* arm : kModels) {
    const auto bytes = static_cast<double>(data.train.at(arm).target_count());
    losses.rows.push_back(
        {arm, format_number(bytes / 1000, 4),
         format_number(static_cast<double>(config.steps * config.batch * config.decoder.length) / bytes, 3)});
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
  const PairForms forms = pair_forms(data.rated, kWordsInPairs);
  const auto leaked = std::count(data.leaked.begin(), data.leaked.end(), true);
  run.table(
      {"Other roles, mean over seeds",
       {"what", "number"},
       {{"instructions made of WordNet's glosses", absl::StrCat(data.instructions.size())},
        {"distinct-2 of their prompts", format_number(kit::distinct_n(prompts, 2), 3)},
        {"questions for evaluation (OQ & CE)", absl::StrCat(data.questions.size())},
        {absl::StrCat("of them with ", kContaminatedRun, " words in a row in the clean corpus"),
         absl::StrCat(leaked)},
        {"accuracy after tuning", mean(score(results, "instruct", "accuracy"))},
        {"accuracy before tuning", mean(score(results, "instruct", "before"))},
        {"accuracy of the most frequent answer", mean(score(results, "instruct", "majority"))},
        {"words that ten people rated (HE)", absl::StrCat(data.rated.size())},
        {"Krippendorff's alpha of the people (interval)",
         format_number(kit::krippendorff_alpha(ratings, kit::AlphaMetric::kInterval), 3)},
        {absl::StrCat("pairs of ", forms.words, " of these words: votes / scores / one sort"),
         absl::StrCat(forms.votes, " / ", forms.scores, " / ", forms.sorts)},
        {"votes with which the scores agree; where these are 1 and more apart",
         absl::StrCat(format_number(forms.agree, 3), "; ", format_number(forms.agree_far, 3))},
        {"accuracy of the reward model on votes about words not trained on",
         mean(score(results, "reward", "accuracy"))},
        {"the same, words that begin like none of training",
         mean(score(results, "reward", "accuracy_unknown_stems"))},
        {"Cohen's kappa with the majority: reward model (ME)", mean(score(results, "reward", "model_kappa"))},
        {"Cohen's kappa of one of the people with the majority of the others",
         mean(score(results, "reward", "person_kappa"))}}});
}

absl::Status judge(const Config& config, const Data& data, const Results& results,
                   const std::vector<Record>& records, bool complete, kit::Run& run) {
  kit::ClaimList claims(run.seeds(),
                        absl::StrCat(config.decoder.parameters(256), " parameters, ",
                                     config.steps * config.batch * config.decoder.length, " bytes"));
  const auto difference = [&](const char* a, const char* b, const char* what) {
    return kit::minus(score(results, a, what), score(results, b, what));
  };
  claims.add("processing helps at equal tokens: held-out clean loss, filtered and deduplicated - raw",
             difference("both", "raw", "held_out"), kit::below(0), {.asserted = true});
  claims.add("processing helps on a source that no corpus has: loss, filtered and deduplicated - raw",
             difference("both", "raw", "unseen"), kit::below(0), {.asserted = true});
  claims.add(
      "it is what is kept, not how much: held-out loss, filtered and deduplicated - as many random bytes",
      difference("both", "random", "held_out"), kit::below(0), {.asserted = true});
  claims.add("filtering alone helps: held-out loss, filtered - raw", difference("filter", "raw", "held_out"),
             kit::below(0));
  claims.add("deduplication alone helps: held-out loss, deduplicated - raw",
             difference("dedup", "raw", "held_out"), kit::below(0));
  claims.add("deduplication helps after filtering: held-out loss, filtered and deduplicated - filtered",
             difference("both", "filter", "held_out"), kit::below(0));
  const kit::SeedValues exposed = score(results, "raw", "exposure_64");
  claims.add(
      "deduplication lowers memorisation: exposure (bits) of strings with 64 copies, deduplicated - raw",
      difference("dedup", "raw", "exposure_64"), kit::below(-1),
      {.asserted = true,
       .not_testable = *std::min_element(exposed.begin(), exposed.end()) > kLearnt
                           ? ""
                           : "the model on raw text did not learn the planted strings; --set steps=N "
                             "trains it longer"});
  const auto of_items = [&](const std::string& text, const kit::Measurement& measured,
                            kit::Relation relation) {
    claims.add({.text = text, .measured = measured, .relation = relation, .scale = "documents of 400 bytes"});
  };
  const auto recall = [&](const NearOptions& options) {
    const Copies copies = copies_of(data, 0.05, options);
    return kit::over_items(copies.found, {.unit = "document", .group = copies.origin});
  };
  of_items("32 bands of 4 find copies with 5 % of their words replaced: recall", recall(kPipelineBands),
           kit::above(0.95));
  of_items("16 bands of 8 miss most copies with 5 % of their words replaced: recall", recall(kSurveyBands),
           kit::below(0.5));
  const std::vector<double> rightly = removed_rightly(data);
  const std::string precise =
      "near-duplicates that are confirmed are copies: share of the removed documents, without exact copies";
  if (rightly.empty()) {
    claims.untested(precise, kit::above(0.95), "no document is a near-duplicate; a larger --set text_bytes");
  } else {
    of_items(precise, kit::over_items(rightly, {.unit = "document"}), kit::above(0.95));
  }
  of_items("a classifier of reference against raw tells clean documents from noise: ROC AUC",
           quality_auc(data), kit::above(0.8));
  claims.add("instructions made of a traditional task teach it: accuracy - that of the most frequent answer",
             kit::minus(score(results, "instruct", "accuracy"), score(results, "instruct", "majority")),
             kit::above(0.1));
  claims.add("a reward model learns what people vote for: accuracy on votes about other words",
             score(results, "reward", "accuracy"), kit::above(0.55), {.bounds = {0, 1}});
  // Trends of the catalogue.
  const auto trend = [&](const std::string& text, double share, kit::Relation relation) {
    kit::Claim& claim = claims.untested(
        text, relation,
        complete ? ""
                 : "the shipped records are a selection; --catalogue=README.md of the published list tells");
    claim.scale = "catalogue", claim.evidence = kit::Evidence::kPublishedData;
    if (complete) claim.measured = kit::single(share);
  };
  double recent = 0, all = 0, english_or_chinese = 0, with_language = 0, unlicensed = 0;
  for (const Record& record : records) {
    if (record.part() == "instruction" || record.part() == "evaluation")
      ++all, recent += record["release"].starts_with("2023");
    const std::string language = record["language"];
    with_language += !language.empty();
    english_or_chinese += language.find("EN") != language.npos || language.find("ZH") != language.npos;
    unlicensed += license_class(record["license"]) == "unknown";
  }
  trend("instruction and evaluation sets explode in 2023: share released in that year",
        all > 0 ? recent / all : 0, kit::above(0.5));
  trend("English and Chinese dominate: share of the data sets whose language is stated",
        with_language > 0 ? english_or_chinese / with_language : 0, kit::above(0.5));
  trend(
      "models and collections dominate instruction data: share of the sets made so, alone or among others "
      "(MC, CI)",
      derived_share(records, "instruction"), kit::above(0.5));
  trend("many data sets state no licence: share", unlicensed / static_cast<double>(records.size()),
        kit::above(0.2));
  return run.claim_all(claims.all());
}

}  // namespace roux::llm_datasets_survey
