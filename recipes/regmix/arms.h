// What is trained: many small proxies, each on its own mixture, and the large model on a few of them.
#ifndef ROUX_RECIPES_REGMIX_ARMS_H_
#define ROUX_RECIPES_REGMIX_ARMS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/run/run.h"
#include "recipes/kit/run/settings.h"
#include "recipes/kit/train/decoder.h"
#include "recipes/kit/train/pretrain.h"
#include "recipes/regmix/method.h"

namespace roux::regmix {

// A model with its training: rate, steps, and the rate at the end as a share of the peak.
struct Size {
  kit::DecoderConfig decoder;
  int64_t steps = 40;
  double lr = 1e-2;
  double warmup = 0.1;  // share of the steps
  double end = 1;       // 1: the rate stays at its peak

  template <class Visit>
  void visit(const std::string& prefix, Visit&& visit) {
    const auto named = [&](const char* name, auto& value, const auto&... about) {
      visit((prefix + name).c_str(), value, about...);
    };
    decoder.visit(named);
    named("steps", steps, kit::Range{2}), named("lr", lr, kit::Range{0});
    named("warmup", warmup, kit::Range{0, 0.9}), named("end", end, kit::Range{0, 1});
  }
};

struct Config {
  // Sizes are ours; the paper's proxies have a constant rate after 10 % of warm-up, its large model 4 % and a
  // cosine to a fortieth (section 4.1). Rates: the best mean loss of all texts on the natural and the uniform
  // mixture, one seed (100), of {5e-3, 1e-2, 2e-2, 4e-2} for the proxies and {3e-3, 6e-3, 1.2e-2} for the
  // large model.
  Size proxy{.decoder = {.layers = 1, .hidden = 64, .heads = 4, .intermediate = 128, .init_std = 0.12}};
  Size large{.decoder = {.layers = 2, .hidden = 96, .heads = 4, .intermediate = 256, .init_std = 0.1},
             .steps = 100,
             .lr = 6e-3,
             .warmup = 0.04,
             .end = 0.025};
  int64_t batch = 16;
  double beta1 = 0.9, beta2 = 0.95, weight_decay = 0.1, max_grad_norm = 1;  // section 4.1
  // Mixtures to fit on (drawn for each seed), to test on (the same in all seeds), and those of the latter
  // that the large model is trained on.
  int64_t train_mixtures = 48, test_mixtures = 16, large_mixtures = 8;
  // How often the large run may read a domain; the paper's 15. A run shorter than the pools repeats nothing:
  // then no weight is above max_epochs * p_j.
  double max_epochs = 4;
  double min_weight = 0.01;                  // 6 rows of a proxy
  int64_t candidates = 100'000, best = 128;  // section 3.4
  int64_t eval_windows = 64;                 // of each text
  double validation_share = 0.1;             // the last part of each text
  std::vector<std::string> domains = {"austen_emma",  "web_luke_john",  "bible_kjv",
                                      "bible_rv1909", "goethe_werther", "wordnet:60000"};
  std::string target = "", unseen = "bible_web";
  bool excerpts = true;

  template <class Visit>
  void visit(Visit&& visit) {
    using kit::Flag;
    using kit::Range;
    proxy.visit("proxy_", visit), large.visit("large_", visit);
    visit("batch", batch, Range{1}), visit("beta1", beta1, Range{0, 1}), visit("beta2", beta2, Range{0, 1});
    visit("weight_decay", weight_decay, Range{0}), visit("max_grad_norm", max_grad_norm, Range{0});
    visit("train_mixtures", train_mixtures, Range{8}), visit("test_mixtures", test_mixtures, Range{4});
    visit("large_mixtures", large_mixtures, Range{3}), visit("max_epochs", max_epochs, Range{1});
    visit("min_weight", min_weight, Range{1e-6, 0.2}), visit("candidates", candidates, Range{100});
    visit("best", best, Range{1}), visit("eval_windows", eval_windows, Range{1});
    visit("validation_share", validation_share, Range{0.001, 0.5});
    visit("domains", domains,
          Flag{"domains of the mixture: names of the kit or in --data, NAME:BYTES cuts one"});
    visit("target", target, Flag{"the one whose held-out text is the target; else the smallest"});
    visit("unseen", unseen, Flag{"a text outside of the mixture as the second target"});
    visit("excerpts", excerpts,
          Flag{"false: whole texts also where there is an excerpt; what is missing is downloaded"});
  }
  absl::Status check() const;
};

struct Data {
  std::vector<std::string> names;    // of the domains, then of the unseen text where there is one
  std::vector<kit::Corpus> corpora;  // the same; nobody trains on the unseen text
  size_t domains = 0;
  size_t target = 0;  // index of T1; T2, where there is one, is `domains`
  Mixture p;          // the domains' shares of all training rows

  bool has_unseen() const { return corpora.size() > domains; }
  std::vector<const kit::WindowSet*> training_sets() const {
    return kit::training_sets({corpora.data(), domains});
  }
  int64_t tokens() const;  // of all domains' training rows
  std::string description() const;
};
// Under --plan tokens that stand in for the texts. InvalidArgument also where max_epochs of all domains are
// less than the large run reads.
absl::StatusOr<Data> load_data(const Config& config, kit::Run& run);

// Step 1 with these caps: of the tokens that the large run reads, a domain gives at most max_epochs times its
// own, and not more than max_epochs * p_j.
SamplerOptions sampler_of(const Config& config, const Data& data);

// The mixtures of a seed. Those to test on, and the three that are fixed, are the same in all seeds.
struct Mixtures {
  std::vector<Mixture> train, test;
  Mixture natural, uniform, target_only;
  // Those that proxies are trained on, in this order: train, test, natural, uniform, target_only.
  std::vector<Mixture> proxies() const;
};
Mixtures mixtures_of(const Config& config, const Data& data, uint64_t seed);

// Losses (nats per byte) of each text's validation rows.
struct ProxyLosses {
  std::vector<double> half, end;  // after half of the steps, and at the end
  template <class Visit>
  void visit(Visit&& visit) {
    visit("half", half), visit("end", end);
  }
};
// Proxies on these mixtures, one after the other, a part's only loop. All of a seed have the same first
// weights, and the n-th row of a domain is the same in all.
absl::StatusOr<std::vector<ProxyLosses>> train_proxies(const Config& config, const Data& data,
                                                       const std::vector<Mixture>& mixtures, uint64_t seed,
                                                       kit::Part& part);
absl::StatusOr<std::vector<double>> train_large(const Config& config, const Data& data,
                                                const Mixture& mixture, uint64_t seed, kit::Part& part);

// Weights that multiply: of a model without its embedding table.
double multiplying_weights(const kit::DecoderConfig& decoder, int64_t vocab_size);
// Operations of one training.
double flops_of(const Config& config, const Size& size, int64_t vocab_size);

}  // namespace roux::regmix

#endif  // ROUX_RECIPES_REGMIX_ARMS_H_
