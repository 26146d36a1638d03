// Continual pretraining: re-warming, re-decaying and replay beside training from scratch on all data.
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/continual_pretraining/arms.h"
#include "recipes/continual_pretraining/claims.h"
#include "recipes/continual_pretraining/outcomes.h"
#include "recipes/continual_pretraining/phases.h"
#include "recipes/continual_pretraining/report.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/train_arms.h"
#include "tensor/error.h"

namespace roux::continual {
namespace {

using kit::Run;

// The first batch of an update with 25 % replay.
absl::Status show_data(const Config& config, const Data& data, Run& run) {
  for (size_t d = 0; d < data.corpora.size(); ++d) {
    const kit::Corpus& corpus = data.corpora[d];
    const int64_t steps = d == kOld ? config.old_steps : config.new_steps;
    run.print(absl::StrFormat(
        "%s: %s, %.2f epochs\n", kDomainNames[d], corpus.description,
        static_cast<double>(steps * config.batch) / static_cast<double>(corpus.train.size())));
  }
  return kit::show_first_batch(run, kit::training_sets({data.corpora.data(), kNear}), replay_shares(0.25),
                               config.batch, kit::MixtureOrder::kByPosition);
}

// 1. Train on D0, keep weights and AdamW moments. 2. Each arm goes on from them with D1: its schedule from
// local step 0, its share of replay, |D1| tokens. 3. D1 alone and both sets from scratch. 4. Losses,
// forgetting, adaptation, and the gap to training on everything.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Data data, load_data(config, run));
  if (!run.planning()) ROUX_RETURN_IF_ERROR(show_data(config, data, run));
  const std::vector<Arm> all = arms(config, data.has_near());
  ROUX_ASSIGN_OR_RETURN(const Results results,
                        kit::train_arms(run, all, [&](const Arm& arm, uint64_t seed, kit::Part& part) {
                          return train_arm(config, data, arm, seed, part);
                        }));
  const Outcomes outcomes(all, results, run.seeds().size());
  report(config, outcomes, data.has_near(), run);
  const int64_t bytes = config.batch * config.decoder.length;
  return judge(
      outcomes, data.has_near(),
      absl::StrCat(config.decoder.parameters(data.corpora[kOld].tokenizer.vocab_size()), " parameters, ",
                   config.old_steps * bytes, " bytes of D0, then ", config.new_steps * bytes, " of D1"),
      run);
}

// The rate of each step of a schedule that is given as phases.
absl::Status table(const Config&, const std::string& path, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  ROUX_ASSIGN_OR_RETURN(const std::vector<NamedPhase> phases, parse_phases(text, path));
  kit::Table shown{
      absl::StrCat("Phases of ", path), {"phase", "shape", "first step", "steps", "from", "to"}, {}};
  int64_t begin = 0;
  for (const NamedPhase& p : phases) {
    shown.rows.push_back({p.name, p.shape, absl::StrCat(begin), absl::StrCat(p.phase.steps),
                          kit::format_number(p.phase.from), kit::format_number(p.phase.to)});
    begin += p.phase.steps;
  }
  run.table(shown);
  return run.write("table.json", rates_json(phases));
}

}  // namespace
}  // namespace roux::continual

int main(int argc, char** argv) {
  using roux::continual::Config;
  Config smoke, standard, longer, gpu;
  smoke.decoder = {.layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 32, .init_std = 0.25};
  smoke.batch = 4, smoke.old_steps = 36, smoke.new_steps = 20, smoke.eval_every = 10, smoke.eval_windows = 16;
  longer.old_text = {"manpages"}, longer.new_text = {"manpages_de"}, longer.near_text = {"bible_web"};
  longer.excerpts = false, longer.validation_share = 0.02;
  longer.old_steps = 1200, longer.new_steps = 600, longer.eval_every = 100;
  gpu = longer;
  gpu.decoder = {
      .layers = 6, .hidden = 384, .heads = 6, .intermediate = 1024, .length = 256, .init_std = 0.05};
  gpu.batch = 32, gpu.old_steps = 600, gpu.new_steps = 300, gpu.eta_max = 2e-3, gpu.eval_every = 50;
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "continual_pretraining",
                .title = "Simple and Scalable Strategies to Continually Pre-train Large Language Models",
                .arxiv = "2403.08763",
                .model_help = "",
                .data_help = "two text domains, D0 and D1: a folder with two texts or folders, or OLD,NEW",
                .table_help = "JSON of phases: the rate of each step, into table.json",
                .data_kind = roux::kit::InputKind::kPaths},
       .presets =
           {{{.name = "smoke", .what = "a toy model, 36 and 20 steps", .minutes = 0.05}, smoke},
            {{.name = "default", .what = "36 arms of a 0.08M model, 600 and 300 steps", .minutes = 2},
             standard},
            {{.name = "long", .what = "English and German manual pages, 1200 and 600 steps", .minutes = 4},
             longer},
            {{.name = "gpu",
              .what = "the same texts, an 11M model, 4.9 MB of D0 (never run yet)",
              .minutes = 10},
             gpu}},
       .reproduce = roux::continual::reproduce,
       .table = roux::continual::table});
}
