#include "recipes/regmix/arms.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/run/items.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/update.h"
#include "recipes/kit/train/validation.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::regmix {
namespace {

constexpr uint64_t kTestSeed = 0;  // of the mixtures to test on: runs begin with seed 1

// "NAME" or "NAME:BYTES".
struct DomainSpec {
  std::string name;
  int64_t bytes = 0;  // 0: all
};

absl::StatusOr<DomainSpec> parse_domain(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  DomainSpec spec{parts[0]};
  if (parts[0].empty() || parts.size() > 2 ||
      (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &spec.bytes) || spec.bytes < 1))) {
    return absl::InvalidArgumentError(absl::StrCat("--domains=", text, ": NAME or NAME:BYTES is needed"));
  }
  return spec;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// At most `bytes` of a text (0: all), cut between characters.
std::string first_of(const std::string& text, int64_t bytes) {
  if (bytes == 0 || static_cast<int64_t>(text.size()) <= bytes) return text;
  auto end = static_cast<size_t>(bytes);
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

struct Texts {
  std::vector<kit::NamedText> domains;
  std::optional<kit::NamedText> unseen;
};

absl::StatusOr<Texts> preset_texts(const Config& config, kit::Run& run) {
  const auto read = [&](const DomainSpec& spec) -> absl::StatusOr<kit::NamedText> {
    ROUX_ASSIGN_OR_RETURN(const auto text, kit::named_texts(run, {spec.name}, config.excerpts));
    return kit::NamedText{spec.name, first_of(text[0].text, spec.bytes)};
  };
  Texts texts;
  for (const std::string& domain : config.domains) {
    ROUX_ASSIGN_OR_RETURN(const DomainSpec spec, parse_domain(domain));
    ROUX_ASSIGN_OR_RETURN(texts.domains.emplace_back(), read(spec));
  }
  if (!config.unseen.empty()) {
    ROUX_ASSIGN_OR_RETURN(texts.unseen, read({config.unseen}));
  }
  return texts;
}

// --data: all domains of a folder, or those that --domains and --unseen name. What the preset names are
// domains of the kit, and none of the user's.
absl::StatusOr<Texts> users_texts(const Config& config, const std::string& folder) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<kit::NamedText> all, kit::folder_domains(folder));
  std::vector<std::string> users;
  for (const kit::NamedText& domain : all) users.push_back(domain.name);
  const std::vector<std::string> known = kit::text_domain_names();
  const auto chosen = [&](const std::string& name) { return holds(users, name) || !holds(known, name); };
  Texts texts;
  if (!config.unseen.empty() && chosen(config.unseen)) {
    ROUX_ASSIGN_OR_RETURN(const auto unseen, kit::pick_domains(all, {config.unseen}));
    texts.unseen = unseen[0];
  }
  std::vector<DomainSpec> specs;
  for (const std::string& domain : config.domains) {
    ROUX_ASSIGN_OR_RETURN(specs.emplace_back(), parse_domain(domain));
  }
  if (std::none_of(specs.begin(), specs.end(), [&](const DomainSpec& s) { return chosen(s.name); })) {
    specs.clear();
    for (const std::string& name : users) {
      if (!texts.unseen || name != texts.unseen->name) specs.push_back({name});
    }
  }
  for (const DomainSpec& spec : specs) {
    ROUX_ASSIGN_OR_RETURN(const auto found, kit::pick_domains(all, {spec.name}));
    texts.domains.push_back({spec.name, first_of(found[0].text, spec.bytes)});
  }
  if (texts.domains.size() < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("--data=", folder, ": two or more text domains are needed for a mixture, there ",
                     texts.domains.size() == 1 ? "is " : "are ", texts.domains.size()));
  }
  return texts;
}

// What a plan trains on: tokens without a text, as many as a step needs.
absl::StatusOr<Data> stand_in(const Config& config) {
  ROUX_ASSIGN_OR_RETURN(
      const kit::Corpus none,
      kit::stand_in_corpus(std::max(config.batch, config.eval_windows), config.large.decoder.length));
  Data data;
  data.domains = config.domains.size();
  for (size_t d = 0; d < data.domains; ++d) data.names.push_back(absl::StrCat("domain_", d));
  data.corpora.assign(data.domains, none);
  data.p.assign(data.domains, 1 / static_cast<double>(data.domains));
  return data;
}

int64_t large_tokens(const Config& config) {
  return config.large.steps * config.batch * config.large.decoder.length;
}

absl::Status check_epochs(const Config& config, const Data& data) {
  if (sampler_of(config, data).max_epochs >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("max_epochs=", config.max_epochs, ": the large run reads ", large_tokens(config),
                   " tokens, the domains have ", data.tokens(),
                   " to train on; fewer --set large_steps, more text or a larger --set max_epochs helps"));
}

std::vector<kit::ValidationSet> validation_sets(const Config& config, const Data& data) {
  std::vector<kit::ValidationSet> sets;
  for (size_t d = 0; d < data.corpora.size(); ++d) {
    sets.push_back(*kit::validation_set(absl::StrCat(data.names[d], "_loss"), data.corpora[d].validation,
                                        config.eval_windows));
  }
  return sets;
}

Schedule schedule_of(const Size& size) {
  const int64_t warmup = std::llround(size.warmup * static_cast<double>(size.steps));
  if (size.end == 1) return constant_schedule(size.lr, warmup);
  return cosine_schedule(
      {.peak = size.lr, .floor = size.end * size.lr, .total = size.steps, .warmup = warmup});
}

AdamWOptions adamw_of(const Config& c) {
  return {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay};
}

absl::StatusOr<ProxyLosses> train_proxy(const Config& config, const Data& data, const Mixture& mixture,
                                        uint64_t seed, Device device) {
  const Size& size = config.proxy;
  Generator generator(seed);
  Transformer model(size.decoder.transformer(data.corpora[0].tokenizer.vocab_size()),
                    size.decoder.init(generator, device));
  AdamW optimizer({{model.named_parameters()}}, adamw_of(config));
  ROUX_ASSIGN_OR_RETURN(kit::MixtureLoader loader,
                        kit::MixtureLoader::create(data.training_sets(), mixture,
                                                   {.seed = seed, .global_batch = config.batch}));
  const Schedule lr = schedule_of(size);
  const auto loss_sum = [&](const kit::LmBatch& batch) { return model.loss_sum(batch.input, batch.target); };
  const auto losses = [&] {
    std::vector<double> out;
    for (const auto& [name, loss] :
         kit::evaluate_losses(validation_sets(config, data), config.eval_windows, device, loss_sum))
      out.push_back(loss);
    return out;
  };
  ProxyLosses result;
  for (int64_t step = 0; step < size.steps; ++step) {
    if (step == size.steps / 2) result.half = losses();
    const kit::StepResult done =
        kit::update(optimizer, {.lr = lr(step), .max_grad_norm = config.max_grad_norm},
                    kit::micro_batches(loader, device), loss_sum);
    if (!done.nonfinite.empty()) {
      return absl::AbortedError(absl::StrCat("a proxy of seed ", seed, ", step ", step + 1, ": ",
                                             done.nonfinite,
                                             " is not finite; a smaller --set proxy_lr helps"));
    }
  }
  result.end = losses();
  return result;
}

}  // namespace

absl::Status Config::check() const {
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (const auto bad = proxy.decoder.check(); !bad.ok())
    return refuse(absl::StrCat("proxy: ", bad.message()));
  if (const auto bad = large.decoder.check(); !bad.ok())
    return refuse(absl::StrCat("large: ", bad.message()));
  if (domains.size() < 2) return refuse("--domains: two or more domains make a mixture");
  if (proxy.decoder.length != large.decoder.length) {
    return refuse(absl::StrCat("proxy_length=", proxy.decoder.length, ", large_length=", large.decoder.length,
                               ": both sizes read the same rows"));
  }
  if (large_mixtures > test_mixtures) {
    return refuse(absl::StrCat("large_mixtures=", large_mixtures, ", test_mixtures=", test_mixtures,
                               ": the large model is trained on some of the latter"));
  }
  if (best > candidates)
    return refuse(absl::StrCat("best=", best, ", candidates=", candidates, ": best must be at most that"));
  return absl::OkStatus();
}

int64_t Data::tokens() const {
  int64_t sum = 0;
  for (size_t d = 0; d < domains; ++d) sum += corpora[d].train.target_count();
  return sum;
}

std::string Data::description() const {
  std::vector<std::string> lines;
  for (size_t d = 0; d < corpora.size(); ++d) {
    lines.push_back(absl::StrCat(d == domains ? "outside of the mixture: " : "", corpora[d].description,
                                 d == target ? ", the target" : ""));
  }
  return absl::StrJoin(lines, "\n");
}

absl::StatusOr<Data> load_data(const Config& config, kit::Run& run) {
  if (run.planning()) return stand_in(config);
  ROUX_ASSIGN_OR_RETURN(const Texts texts, run.options().data.empty()
                                               ? preset_texts(config, run)
                                               : users_texts(config, run.options().data));
  kit::CorpusOptions options{.length = config.large.decoder.length,
                             .validation_share = config.validation_share,
                             .validation_windows = config.eval_windows};
  Data data;
  data.domains = texts.domains.size();
  std::vector<double> rows;
  for (const kit::NamedText& text : texts.domains) {
    ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus, kit::corpus_of({text}, options));
    if (holds(data.names, text.name))
      return absl::InvalidArgumentError(absl::StrCat("--domains: ", text.name, " stands there twice"));
    data.names.push_back(text.name);
    rows.push_back(static_cast<double>(corpus.train.size()));
    data.corpora.push_back(std::move(corpus));
  }
  data.p = proportional(rows);
  ROUX_RETURN_IF_ERROR(check_epochs(config, data));
  data.target = static_cast<size_t>(std::min_element(rows.begin(), rows.end()) - rows.begin());
  if (!config.target.empty()) {
    const auto found = std::find(data.names.begin(), data.names.end(), config.target);
    if (found == data.names.end()) {
      return absl::NotFoundError(absl::StrCat("--target=", config.target, ": is none of the domains ",
                                              absl::StrJoin(data.names, ", ")));
    }
    data.target = static_cast<size_t>(found - data.names.begin());
  }
  if (texts.unseen) {
    if (holds(data.names, texts.unseen->name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--unseen=", texts.unseen->name, ": is a domain of the mixture"));
    }
    options.validation_share = 0.5;
    ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus, kit::corpus_of({*texts.unseen}, options));
    data.names.push_back(texts.unseen->name);
    data.corpora.push_back(std::move(corpus));
  }
  return data;
}

SamplerOptions sampler_of(const Config& config, const Data& data) {
  // max_epochs * tokens_j / large_tokens is this times p_j.
  const double longer =
      std::min(1.0, static_cast<double>(data.tokens()) / static_cast<double>(large_tokens(config)));
  return {.max_epochs = config.max_epochs * longer, .min_weight = config.min_weight};
}

std::vector<Mixture> Mixtures::proxies() const {
  std::vector<Mixture> all = train;
  all.insert(all.end(), test.begin(), test.end());
  all.insert(all.end(), {natural, uniform, target_only});
  return all;
}

Mixtures mixtures_of(const Config& config, const Data& data, uint64_t seed) {
  Mixtures m;
  const SamplerOptions sampler = sampler_of(config, data);
  m.test = sample_mixtures(data.p, config.test_mixtures, sampler, kTestSeed);
  for (Mixture& mixture :
       sample_mixtures(data.p, config.train_mixtures + config.test_mixtures, sampler, seed)) {
    const bool seen = std::find(m.test.begin(), m.test.end(), mixture) != m.test.end();
    if (!seen && static_cast<int64_t>(m.train.size()) < config.train_mixtures)
      m.train.push_back(std::move(mixture));
  }
  m.natural = data.p;
  m.uniform.assign(data.domains, 1 / static_cast<double>(data.domains));
  m.target_only.assign(data.domains, 0);
  m.target_only[data.target] = 1;
  return m;
}

absl::StatusOr<std::vector<ProxyLosses>> train_proxies(const Config& config, const Data& data,
                                                       const std::vector<Mixture>& mixtures, uint64_t seed,
                                                       kit::Part& part) {
  const auto count = static_cast<int64_t>(mixtures.size());
  return kit::for_items(
      part, count, 1,
      [&](int64_t begin, int64_t,
          const std::vector<ProxyLosses>&) -> absl::StatusOr<std::vector<ProxyLosses>> {
        ROUX_ASSIGN_OR_RETURN(
            ProxyLosses losses,
            train_proxy(config, data, mixtures[static_cast<size_t>(begin)], seed, part.device()));
        return std::vector<ProxyLosses>{std::move(losses)};
      });
}

absl::StatusOr<std::vector<double>> train_large(const Config& config, const Data& data,
                                                const Mixture& mixture, uint64_t seed, kit::Part& part) {
  const Size& size = config.large;
  Generator generator(seed);
  Transformer model(size.decoder.transformer(data.corpora[0].tokenizer.vocab_size()),
                    size.decoder.init(generator, part.device()));
  const kit::PretrainData of_arm{data.training_sets(), mixture, validation_sets(config, data)};
  ROUX_ASSIGN_OR_RETURN(const kit::PretrainResult trained,
                        kit::pretrain(part, model, of_arm,
                                      {.seed = seed,
                                       .steps = size.steps,
                                       .global_batch = config.batch,
                                       .lr = schedule_of(size),
                                       .adamw = adamw_of(config),
                                       .max_grad_norm = config.max_grad_norm,
                                       .evaluate_at = {size.steps}}));
  std::vector<double> losses;
  for (const kit::ValidationSet& set : of_arm.validation)
    losses.push_back(trained.log.curves.at(set.name).back());
  return losses;
}

double multiplying_weights(const kit::DecoderConfig& decoder, int64_t vocab_size) {
  return static_cast<double>(decoder.parameters(vocab_size) - vocab_size * decoder.hidden);
}

double flops_of(const Config& config, const Size& size, int64_t vocab_size) {
  const kit::DecoderConfig& d = size.decoder;
  return training_flops(multiplying_weights(d, vocab_size), d.layers, d.hidden, d.length,
                        static_cast<double>(size.steps * config.batch * d.length));
}

}  // namespace roux::regmix
