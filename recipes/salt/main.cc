// SALT: a larger student that learns from a smaller teacher first, and then from the data alone.
#include "recipes/kit/run/main.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/salt/arms.h"
#include "recipes/salt/bigram.h"
#include "recipes/salt/claims.h"
#include "recipes/salt/report.h"
#include "tensor/error.h"

namespace roux::salt {
namespace {

using kit::Run;

// The first batch of stage 1, but for the arms that select its rows.
absl::Status show_data(const Config& config, const kit::Corpus& corpus, Run& run) {
  const auto passes = [&](int64_t steps) {
    return kit::format_number(
        static_cast<double>(steps * config.batch) / static_cast<double>(corpus.train.size()), 2);
  };
  run.print(absl::StrCat(corpus.description, ": ", corpus.train.size(), " windows; a student makes ",
                         passes(config.steps), " passes over them, the teacher ",
                         passes(config.teacher_steps), "\n"));
  return kit::show_first_batch(run, corpus, config.batch);
}

// 1. The teacher learns; what it was early selects rows, what it is in the end gives soft labels. 2.
// Students: l_omega for n_KD steps, then l_CE (SALT); l_CE alone (BASELINE); l_omega to the end (RKD);
// controls and ablations. 3. The theory's risk in a world of bigrams.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const kit::Corpus corpus, load_data(config, run));
  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, corpus, run));
  const int64_t vocab_size = corpus.tokenizer.vocab_size();
  const std::vector<Arm> all = arms(config, vocab_size);
  ROUX_ASSIGN_OR_RETURN(const Results results,
                        kit::train_arms(run, all, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                          return train_arm(config, corpus, arm, seed, part);
                        }));
  report(config, corpus, all, results, run);
  const BigramWorld world = peaked_and_flat(/*classes=*/50, /*smoothing=*/0.2, /*seed=*/1);
  report_bigrams(world, run);
  run.table(risks_table(bigram_risks({world, {500, 5000, 50000}, {0.3, config.omega, 1}}),
                        "World of bigrams: squared risks, and the bound on the excess risk"));
  const Compute compute = config.compute(vocab_size);
  return judge(config, results,
               absl::StrCat(compute.student, " parameters, teacher of ", compute.teacher, ", ",
                            config.steps * compute.tokens, " bytes"),
               run);
}

// The risk of both estimators from counts of bigrams.
absl::Status table(const Config&, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  ROUX_ASSIGN_OR_RETURN(const BigramTable bigrams, parse_bigram_table(text, path));
  const std::vector<BigramRisk> risks = bigram_risks(bigrams);
  run.table(risks_table(risks, absl::StrCat("Squared risks by the bigrams of ", path)));
  return run.write("table.json", risks_json(risks));
}

}  // namespace
}  // namespace roux::salt

int main(int argc, char** argv) {
  using roux::salt::Config;
  Config smoke, standard, gpu;
  smoke.student = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 32, .init_std = 0.25};
  smoke.teacher_hidden = 16, smoke.batch = 4, smoke.steps = 30, smoke.teacher_steps = 20,
  smoke.early_steps = 8;
  smoke.eval_windows = 12, smoke.regime = "limited";
  gpu.student = {
      .layers = 8, .hidden = 512, .heads = 8, .intermediate = 1376, .length = 256, .init_std = 0.044};
  gpu.teacher_hidden = 256, gpu.batch = 64, gpu.lr = 1e-3, gpu.teacher_lr = 2e-3, gpu.steps = 1500;
  gpu.teacher_steps = 1500, gpu.early_steps = 200, gpu.excerpts = false, gpu.arms = "main";
  gpu.texts = {"manpages", "bible_web", "wordnet", "gcide"};
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "salt",
                .title = "A Little Help Goes a Long Way: Efficient LLM Training by Leveraging Small LMs",
                .arxiv = "2410.18779",
                .model_help = "",
                .data_help = "a text file, or a folder of them: each file and each folder in it a domain",
                .table_help =
                    "JSON of bigram counts, n and omega: the risk of both estimators, into table.json",
                .data_kind = roux::kit::InputKind::kAny},
       .presets = {{{.name = "smoke", .what = "a toy model, 30 steps", .minutes = 0.05, .seeds = 1}, smoke},
                   {{.name = "default", .what = "19 students of 0.13M parameters, 600 steps", .minutes = 2},
                    standard},
                   {{.name = "gpu", .what = "a 25M student on whole texts (never run yet)", .minutes = 10},
                    gpu}},
       .reproduce = roux::salt::reproduce,
       .table = roux::salt::table});
}
