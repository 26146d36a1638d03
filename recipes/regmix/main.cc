// RegMix: many proxies on random mixtures, a regression, and the large model on the mixture predicted best.
#include "recipes/kit/run/main.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/train/show_first_batch.h"
#include "recipes/kit/train/training.h"
#include "recipes/regmix/arms.h"
#include "recipes/regmix/claims.h"
#include "recipes/regmix/outcomes.h"
#include "recipes/regmix/report.h"
#include "tensor/error.h"

namespace roux::regmix {
namespace {

using kit::Run;

constexpr int64_t kChunks = 4;  // parts that the proxies of a seed are trained in, for threads to share

struct Chunk {
  std::string name;
  int64_t number;
};
struct LargeArm {
  std::string name;
};

// Steps 1 and 2: the proxies of all seeds, in the order of Mixtures::proxies().
absl::StatusOr<std::vector<std::vector<ProxyLosses>>> proxies_of(const Config& config, const Data& data,
                                                                 Run& run) {
  std::vector<Chunk> chunks;
  for (int64_t i = 0; i < kChunks; ++i) chunks.push_back({absl::StrCat("proxies_", i + 1), i});
  const auto part = [&](const Chunk& chunk, uint64_t seed, kit::Part& p) {
    const std::vector<Mixture> all = mixtures_of(config, data, seed).proxies();
    const auto count = static_cast<int64_t>(all.size());
    return train_proxies(
        config, data,
        {all.begin() + chunk.number * count / kChunks, all.begin() + (chunk.number + 1) * count / kChunks},
        seed, p);
  };
  ROUX_ASSIGN_OR_RETURN(const auto trained, run.side_by_side(kit::grid(chunks, run.seeds(), part)));
  std::vector<std::vector<ProxyLosses>> by_seed(run.seeds().size());
  for (size_t i = 0; i < trained.results.size(); ++i) {
    const std::vector<ProxyLosses>& some = trained.results[i];
    auto& all = by_seed[i / static_cast<size_t>(kChunks)];
    all.insert(all.end(), some.begin(), some.end());
  }
  return by_seed;
}

// 1. Draw mixtures. 2. Train proxies on them. 3. Regress their losses on the mixtures. 4. Average the
// mixtures predicted best. 5. Train the large model on that, and on others beside it.
absl::Status reproduce(const Config& config, Run& run) {
  ROUX_ASSIGN_OR_RETURN(const Data data, load_data(config, run));
  if (run.planning()) {
    return run
        .side_by_side(kit::grid(std::vector<LargeArm>{{"large"}}, run.seeds(),
                                [&](const LargeArm&, uint64_t seed, kit::Part& part) {
                                  return train_large(config, data, data.p, seed, part);
                                }))
        .status();
  }
  run.print(data.description() + "\n");
  ROUX_RETURN_IF_ERROR(kit::show_first_batch(run, data.training_sets(), data.p, config.batch));
  run.set_peak_flops(kit::measured_peak_flops(1));  // parts run on one thread each
  std::vector<LargeArm> arms;
  for (const std::string& name : large_arms(config, data)) arms.push_back({name});
  const auto seeds = static_cast<int64_t>(run.seeds().size());
  run.expect_steps(seeds * (config.train_mixtures + config.test_mixtures + 3 +
                            config.large.steps * static_cast<int64_t>(arms.size())));
  ROUX_ASSIGN_OR_RETURN(auto proxies, proxies_of(config, data, run));
  Outcomes outcomes{.config = config, .data = data, .seeds = run.seeds()};
  for (size_t s = 0; s < run.seeds().size(); ++s)
    outcomes.by_seed.push_back(outcome_of(config, data, std::move(proxies[s]), run.seeds()[s]));
  const auto train = [&](const LargeArm& arm, uint64_t seed, kit::Part& part) {
    const SeedOutcome& of = outcomes.by_seed[static_cast<size_t>(seed - run.seeds()[0])];
    return train_large(config, data, mixture_of(of, arm.name), seed, part);
  };
  ROUX_ASSIGN_OR_RETURN(outcomes.large, run.side_by_side(kit::grid(arms, run.seeds(), train)));
  report(outcomes, run);
  const int64_t vocab = data.corpora[0].tokenizer.vocab_size();
  return judge(outcomes,
               absl::StrCat(config.train_mixtures, " proxies of ", config.proxy.decoder.parameters(vocab),
                            " parameters, large model of ", config.large.decoder.parameters(vocab)),
               run);
}

absl::Status table(const Config& config, const std::string& path, Run& run) {
  return report_tables(path, config.target, run);
}

}  // namespace
}  // namespace roux::regmix

int main(int argc, char** argv) {
  using roux::regmix::Config;
  Config smoke, standard, gpu;
  smoke.proxy.decoder = {
      .layers = 1, .hidden = 8, .heads = 2, .intermediate = 16, .length = 32, .init_std = 0.3};
  smoke.large.decoder = {
      .layers = 1, .hidden = 16, .heads = 2, .intermediate = 32, .length = 32, .init_std = 0.25};
  smoke.proxy.steps = 8, smoke.large.steps = 20, smoke.batch = 8, smoke.eval_windows = 16;
  smoke.train_mixtures = 12, smoke.test_mixtures = 6, smoke.large_mixtures = 3, smoke.candidates = 2000;
  smoke.best = 16, smoke.min_weight = 0.02;
  gpu.proxy.decoder = {
      .layers = 2, .hidden = 256, .heads = 8, .intermediate = 512, .length = 256, .init_std = 0.06};
  gpu.proxy.steps = 300, gpu.proxy.lr = 4e-3, gpu.batch = 64;
  gpu.large.decoder = {
      .layers = 8, .hidden = 512, .heads = 8, .intermediate = 1408, .length = 256, .init_std = 0.04};
  gpu.large.steps = 600, gpu.large.lr = 2e-3, gpu.min_weight = 0.005;
  // The large model reads 9.8 MB. No text is part of another (gcide would hold WordNet's glosses, bible_web
  // Luke and John); the glosses are cut to be the smallest, which is the target.
  gpu.excerpts = false, gpu.unseen = "foldoc";
  gpu.domains = {"manpages",       "changelogs", "bible_kjv", "bible_rv1909", "libreoffice_help_en_us",
                 "wordnet:1000000"};
  return roux::kit::recipe_main<Config>(
      argc, argv,
      {.info = {.slug = "regmix",
                .title = "RegMix: Data Mixture as Regression for Language Model Pre-training",
                .arxiv = "2407.01492",
                .model_help = "",
                .data_help = "a folder with two or more text domains, files or folders",
                .table_help = "folder with the published CSV files (train_mixture_1m.csv, ...): regressions, "
                              "into table.json",
                .data_kind = roux::kit::InputKind::kPaths,
                .table_kind = roux::kit::InputKind::kPaths},
       .presets =
           {{{.name = "smoke", .what = "21 toy proxies and 11 toy models a seed", .minutes = 0.05}, smoke},
            {{.name = "default", .what = "67 proxies of 0.07M and 16 models of 0.27M a seed", .minutes = 2},
             standard},
            {{.name = "gpu",
              .what = "proxies of 1M, a 26M model, whole texts (never run yet)",
              .minutes = 10},
             gpu}},
       .reproduce = roux::regmix::reproduce,
       .table = roux::regmix::table});
}
