// Datasets for large language models: the catalogue's statistics, the pipeline that makes a corpus, and a
// small model trained or scored on data of each of the survey's five roles.
#include "recipes/kit/run/main.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/llm_datasets_survey/arms.h"
#include "recipes/llm_datasets_survey/catalogue.h"
#include "recipes/llm_datasets_survey/claims.h"
#include "recipes/llm_datasets_survey/corpus.h"
#include "tensor/error.h"

namespace roux::llm_datasets_survey {
namespace {

using kit::Run;

absl::StatusOr<Catalogue> load_catalogue(const Config& config) {
  std::string path = config.catalogue;
  if (path.empty()) {
    ROUX_ASSIGN_OR_RETURN(path, kit::find_runfile("recipes/llm_datasets_survey/catalogue.jsonl"));
  }
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  return parse_catalogue(text, config.catalogue.empty() ? "catalogue.jsonl" : path);
}

// 1. Count the catalogue. 2. Collect, filter, deduplicate, review. 3. Train on what is left; tune on
// instructions; fit a reward model to votes; evaluate each as its kind of data is evaluated.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Catalogue catalogue, load_catalogue(config));
  ROUX_ASSIGN_OR_RETURN(const Data data, load_data(config, run));
  if (!run.planning()) {
    ROUX_RETURN_IF_ERROR(kit::show_first_batch(run, {&data.train.at("raw")}, {1}, config.batch));
    report_catalogue(catalogue, run);
    ROUX_RETURN_IF_ERROR(run.write("catalogue.jsonl", to_json_lines(catalogue.records)));
    report_pipeline(data, run);
  }
  ROUX_ASSIGN_OR_RETURN(
      const Results results,
      kit::train_arms(run, arms(), 5 * config.steps + config.instruct_steps + config.reward_steps,
                      [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                        return train_arm(config, data, arm, seed, part);
                      }));
  report_arms(config, data, results, run);
  return judge(config, data, results, catalogue.records, !config.catalogue.empty(), run);
}

// Statistics, duplicates and quality of the user's corpus.
absl::Status table(const Config& config, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const UserDocuments documents, read_documents(path));
  kit::SourceOptions source = run.source_options();
  source.excerpt = true;
  ROUX_ASSIGN_OR_RETURN(const auto reference, kit::text_domain(config.reference, source));
  ROUX_RETURN_IF_ERROR(run.uses(reference.from));
  run.print(absl::StrCat(documents.texts.size(), " documents of ", path, ", scored against ",
                         config.reference, "\n"));
  return run.write("table.json", table_json(documents, documents_of(reference.value.substr(0, 100000), 400)));
}

}  // namespace
}  // namespace roux::llm_datasets_survey

int main(int argc, char** argv) {
  using roux::llm_datasets_survey::Config;
  Config smoke, standard, gpu;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 48, .init_std = 0.25};
  smoke.steps = 20, smoke.batch = 4, smoke.instruct_steps = 10, smoke.reward_steps = 10,
  smoke.reward_pairs = 16;
  smoke.text_bytes = 12000, smoke.eval_windows = 8, smoke.candidates = 8;
  gpu.decoder = {
      .layers = 8, .hidden = 512, .heads = 8, .intermediate = 1376, .length = 256, .init_std = 0.044};
  gpu.steps = 2000, gpu.batch = 64, gpu.lr = 1e-3, gpu.instruct_steps = 2000, gpu.instruct_lr = 2e-4;
  gpu.text_bytes = 20'000'000, gpu.excerpts = false, gpu.eval_windows = 1000, gpu.candidates = 1000;
  // No text is part of another, nor of the unseen or the reference one.
  gpu.texts = {"manpages", "changelogs", "bible_kjv", "gcide"}, gpu.reference = "libreoffice_help_en_us";
  gpu.unseen = "foldoc";
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "llm_datasets_survey",
                .title = "Datasets for Large Language Models: A Comprehensive Survey",
                .arxiv = "2402.18041",
                .model_help = "",
                .data_help = "a text file, or a folder of them: the clean documents of the corpus",
                .table_help =
                    "a corpus (JSON lines with \"text\", a text, a folder of texts): duplicates, statistics "
                    "and quality scores, into table.json",
                .data_kind = roux::kit::InputKind::kAny,
                .table_kind = roux::kit::InputKind::kAny},
       .presets = {{{.name = "smoke", .what = "toy models, 20 steps", .minutes = 0.05, .seeds = 1}, smoke},
                   {{.name = "default", .what = "five corpora, models of 0.13M parameters", .minutes = 2},
                    standard},
                   {{.name = "gpu", .what = "25M parameters on whole texts (never run yet)", .minutes = 10},
                    gpu}},
       .reproduce = roux::llm_datasets_survey::reproduce,
       .table = roux::llm_datasets_survey::table});
}
