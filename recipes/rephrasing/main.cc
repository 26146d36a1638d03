// Rephrasing of training text: passages, prompts, a rephraser, filters, and models on original, rephrased and
// mixed text at one budget of tokens.
#include "recipes/kit/run/main.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/train/train_arms.h"
#include "recipes/rephrasing/arms.h"
#include "recipes/rephrasing/claims.h"
#include "recipes/rephrasing/report.h"
#include "recipes/rephrasing/table.h"
#include "tensor/error.h"

namespace roux::rephrasing {
namespace {

using kit::Run;

absl::Status show_data(const Config& config, const World& world, const Data& data, const Arm& mix, Run& run) {
  for (const Source& source : world.sources) {
    run.print(absl::StrCat(source.name, ": ", source.documents.size(), " documents to draw from, language ",
                           source.language, ", noise ", source.noise, "\n"));
  }
  run.print(absl::StrCat("pairs of sentences: ", world.pairs.size(), "\n"));
  std::vector<const kit::WindowSet*> sets;
  for (const std::string& set : mix.sets) sets.push_back(&data.texts.sets.at(set));
  ROUX_ASSIGN_OR_RETURN(
      kit::MixtureLoader loader,
      kit::MixtureLoader::create(sets, mix.shares, {.seed = run.seeds()[0], .global_batch = config.batch}));
  return run.show_batch(kit::first_batch_of(loader.next().tokens, [&](int64_t id) {
    const auto token = static_cast<int32_t>(id);
    return world.tokenizer->decode(absl::MakeConstSpan(&token, 1));
  }));
}

// 1. Split documents into passages. 2. Ask for each by a prompt. 3. Let a rephraser answer. 4. Clean and
// filter the answers. 5. Merge them. 6. Train on original, rephrased and mixed text, the same number of
// tokens each.
// 7. Judge on held-out text.
absl::Status reproduce(const Config& config, Run& run) {
  Data data;
  if (run.planning()) {
    ROUX_ASSIGN_OR_RETURN(data, stand_in(config));
  } else {
    ROUX_ASSIGN_OR_RETURN(const World world, load_world(config, run));
    ROUX_ASSIGN_OR_RETURN(data, make_data(config, world));
    ROUX_RETURN_IF_ERROR(show_data(config, world, data, arms_of(config, data).at(2), run));
    report_pipeline(data, run);
  }
  const std::vector<Arm> arms = arms_of(config, data);
  ROUX_ASSIGN_OR_RETURN(const kit::Results<Trained> trained,
                        kit::train_arms(run, arms, config.steps * static_cast<int64_t>(arms.size()),
                                        [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                                          return train_arm(config, data, arm, seed, part);
                                        }));
  const Outcomes outcomes{config, data, arms, trained};
  report_arms(outcomes, run);
  return judge(
      outcomes,
      absl::StrCat(config.decoder.parameters(data.vocab), " parameters, ", config.budget(), " tokens"), run);
}

absl::Status table(const Config& config, const std::string& path, Run& run) {
  return report_table(path, config.substitution.iterations, run);
}

}  // namespace
}  // namespace roux::rephrasing

int main(int argc, char** argv) {
  using roux::rephrasing::Config;
  Config smoke, standard, complete, gpu;
  smoke.arms = complete.arms = gpu.arms = "all";
  smoke.cloze_items = 4, gpu.cloze_items = 400;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 80, .init_std = 0.25};
  smoke.vocab = 300, smoke.steps = 6, smoke.batch = 4, smoke.pairs = 60, smoke.small_pairs = 20;
  smoke.substitution.iterations = 2, smoke.eval_windows = 4, smoke.excerpts = true;
  smoke.passage_tokens = 120;
  // Matthew Henry's, Spurgeon's and Scofield's older English beside the corpus books: 8 MB of text.
  gpu.more = {"commentary_henry", "commentary_spurgeon", "commentary_scofield"};
  gpu.decoder = {
      .layers = 8, .hidden = 512, .heads = 8, .intermediate = 1408, .length = 256, .init_std = 0.04};
  gpu.vocab = 8192, gpu.steps = 150, gpu.batch = 32, gpu.lr = 1e-3, gpu.pairs = 0, gpu.small_pairs = 1500;
  gpu.passage_tokens = 350, gpu.min_tokens = 20;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "rephrasing",
                .title = "Rephrasing natural text data with different languages and quality levels for Large "
                         "Language Model pre-training",
                .arxiv = "2410.20796",
                .model_help = "",
                .data_help =
                    "a folder: each text file or folder in it is a source, documents are apart by an empty "
                    "line; pairs.tsv is what the rephraser learns from",
                .table_help =
                    "pairs of sentences, source TAB target or source ||| target a line: IBM Model 1, into "
                    "table.json",
                .data_kind = roux::kit::InputKind::kPaths},
       .presets =
           {{{.name = "smoke", .what = "toy models on Genesis and Mark", .minutes = 0.05}, smoke},
            {{.name = "default",
              .what = "10 arms of a 0.2M model: two quality tiers, Spanish, several styles",
              .minutes = 2,
              .seeds = 6},
             standard},
            {{.name = "long",
              .what = "18 arms: also other rephrasers, single styles, half of the documents, both languages "
                      "together",
              .minutes = 3.5,
              .seeds = 6},
             complete},
            {{.name = "gpu",
              .what =
                  "the arms of long of a 30M model, with three commentaries; never run yet, its rate is not "
                  "tuned",
              .minutes = 10},
             gpu}},
       .reproduce = roux::rephrasing::reproduce,
       .table = roux::rephrasing::table});
}
