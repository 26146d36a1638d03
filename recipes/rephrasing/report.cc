#include "recipes/rephrasing/report.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace roux::rephrasing {
namespace {

using kit::format_number;
using kit::Table;

std::string percent(double share) { return absl::StrFormat("%.0f%%", 100 * share); }

Table funnel_table(const Texts& texts) {
  Table table{"Passages by what became of them", {"text"}, {}};
  for (const std::string& reason : texts.pipelines.front().result.funnel.reasons)
    table.columns.push_back(reason);
  for (const PipelineRun& pipeline : texts.pipelines) {
    table.rows.push_back({pipeline.name});
    for (size_t i = 1; i < table.columns.size(); ++i)
      table.rows.back().push_back(absl::StrCat(pipeline.result.funnel[table.columns[i]]));
  }
  return table;
}

Table quality_table(const Texts& texts) {
  Table table{
      "What was kept: words out / in, trigrams and content words in common, facts kept, "
      "type/token ratio and bigram perplexity under modern English, before and after",
      {"text", "length", "trigrams", "content", "facts", "types", "types after", "perplexity", "after"},
      {}};
  for (const PipelineRun& pipeline : texts.pipelines) {
    const Quality& q = pipeline.result.quality;
    table.rows.push_back({pipeline.name, format_number(q.length_ratio, 3), percent(q.overlap),
                          percent(q.content), percent(q.fidelity), format_number(q.types_source, 3),
                          format_number(q.types_output, 3),
                          q.perplexity_source > 0 ? format_number(q.perplexity_source, 3) : "-",
                          q.perplexity_output > 0 ? format_number(q.perplexity_output, 3) : "-"});
  }
  return table;
}

Table faults_table(const Texts& texts) {
  Table table{
      "Planted faults of all texts", {"fault", "planted", "dropped", "repaired", "slipped through"}, {}};
  for (size_t f = 0; f < std::size(kFaults); ++f) {
    PlantedFault sum;
    for (const PipelineRun& pipeline : texts.pipelines) {
      const PlantedFault& one = pipeline.result.faults[f];
      sum.planted += one.planted, sum.dropped += one.dropped, sum.repaired += one.repaired;
    }
    table.rows.push_back({fault_name(kFaults[f]), absl::StrCat(sum.planted), absl::StrCat(sum.dropped),
                          absl::StrCat(sum.repaired),
                          absl::StrCat(sum.planted - sum.dropped - sum.repaired)});
  }
  return table;
}

std::string cell(const Outcomes& o, const Arm& arm, const std::string& set) {
  const Trained& first = o.trained.results[static_cast<size_t>(&arm - o.arms.data())];
  return first.bits.contains(set) ? format_number(mean(o.bits(arm.name, set))) : "-";
}

Table arms_table(const Outcomes& o) {
  Table table{
      "Bits per character on held-out text, mean over seeds; different tokens that were trained on; right "
      "halves of verses",
      {"arm"},
      {}};
  for (const JudgedOn& held : o.data.judged) table.columns.push_back(held.name);
  for (const char* column : {"mean of main", "spread of seeds", "tokens", "different", "cloze"})
    table.columns.push_back(column);
  for (const Arm& arm : o.arms) {
    table.rows.push_back({arm.name});
    for (const JudgedOn& held : o.data.judged) table.rows.back().push_back(cell(o, arm, held.name));
    const Trained& first = o.trained.results[static_cast<size_t>(&arm - o.arms.data())];
    const std::vector<double> bits = o.bits(arm.name);
    const auto [low, high] = std::minmax_element(bits.begin(), bits.end());
    table.rows.back().insert(
        table.rows.back().end(),
        {format_number(mean(bits)), format_number(*high - *low, 2), absl::StrCat(o.config.budget()),
         format_number(mean(o.unique_tokens(arm.name)), 6),
         first.cloze.empty() ? "-" : percent(mean(o.cloze(arm.name)))});
  }
  return table;
}

// The paper's figure: what rephrased text adds, by the quality of the source.
kit::Chart quality_chart(const Outcomes& o, const kit::Run& run) {
  kit::Chart chart{.title = "What rephrased text adds, by the noise of the source",
                   .x_label = "noise (share of words hit, doubled)",
                   .y_label = "gain over original text (bits per character)"};
  for (const char* set : {"older", "modern"}) {
    for (const char* arm : {"mix", "synthetic"}) {
      for (size_t s = 0; s < run.seeds().size(); ++s) {
        kit::Series series{.label = absl::StrCat(arm, ", ", set, " wording")};
        for (size_t t = 0; t < o.config.noises.size(); ++t) {
          const std::string& tier = o.data.sources[t].first;
          series.x.push_back(o.config.noises[t]);
          series.y.push_back(o.gain("original." + tier, absl::StrCat(arm, ".", tier), set)[s]);
        }
        chart.series.push_back(std::move(series));
      }
    }
  }
  return chart;
}

}  // namespace

void report_pipeline(const Data& data, kit::Run& run) {
  const Texts& texts = data.texts;
  run.table(funnel_table(texts));
  run.table(quality_table(texts));
  run.table(faults_table(texts));
  Table samples{"Passages and what became of them", {"text", "passage", "rephrased"}, {}};
  for (const PipelineRun& pipeline : texts.pipelines) {
    if (pipeline.result.samples.empty()) continue;
    const auto& [source, output] = pipeline.result.samples.front();
    samples.rows.push_back(
        {pipeline.name, source.substr(0, source.find('\n')), output.substr(0, output.find('\n'))});
  }
  run.table(samples);
  if (data.chrf.empty()) return;
  Table chrf{"chrF of unseen verses against the modern wording", {"rephraser", "chrF"}, {}};
  for (const auto& [name, scores] : data.chrf) chrf.rows.push_back({name, format_number(mean(scores), 4)});
  run.table(chrf);
}

void report_arms(const Outcomes& outcomes, kit::Run& run) {
  run.table(arms_table(outcomes));
  if (!outcomes.data.users) run.chart(quality_chart(outcomes, run));
}

}  // namespace roux::rephrasing
