#include "recipes/loss_reweighting/arms.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/mixture_loader.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/validation.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::loss_reweighting {
namespace {

// Domain weights for SlimPajama's arxiv, book, cc, c4, github, stackexchange, wikipedia, as the authors' code
// has them.
constexpr std::array<double, 7> kDogeShares = {0.088, 0.045, 0.269, 0.214, 0.070, 0.166, 0.148};
constexpr std::array<double, 7> kDoremiShares = {0.042, 0.082, 0.381, 0.114, 0.065, 0.085, 0.231};

constexpr uint64_t kCopySeed = 40, kNoiseSeed = 41;  // the same copies and random bytes in every run

const char* condition_name(Condition condition) {
  switch (condition) {
    case Condition::kNatural:
      return "natural";
    case Condition::kRedundant:
      return "redundant";
    case Condition::kSingle:
      return "single";
    case Condition::kDoge:
      return "doge";
    case Condition::kDoremi:
      return "doremi";
  }
  throw Error("condition_name: no such condition");
}

// Texts of the user's folder: all domains, or those that --domains names.
absl::StatusOr<std::vector<kit::NamedText>> users_texts(const Config& config, const std::string& folder) {
  ROUX_ASSIGN_OR_RETURN(std::vector<kit::NamedText> all, kit::folder_domains(folder));
  if (config.domains == Config{}.domains) return all;
  return kit::pick_domains(all, config.domains);
}

// Index of a domain; `otherwise` for no name.
absl::StatusOr<size_t> index_of(const std::vector<std::string>& names, const std::string& name,
                                size_t otherwise, const char* flag) {
  if (name.empty()) return otherwise;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--", flag, "=", name, ": is none of the domains ", absl::StrJoin(names, ", ")));
  }
  return static_cast<size_t>(found - names.begin());
}

// Rows that are copied again and again, spread over a domain's training part.
absl::StatusOr<kit::WindowSet> copied_rows(const Config& config, const kit::Corpus& corpus) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.train.fixed_rows(config.copies));
  std::vector<std::vector<int32_t>> windows;
  for (const int64_t row : rows) windows.push_back(corpus.train.window(row));
  return kit::WindowSet::padded(windows, config.decoder.length, "copies");
}

absl::StatusOr<kit::WindowSet> random_rows(const Config& config) {
  stats::RandomStream random(kNoiseSeed);
  std::string text;
  for (int64_t i = 0; i < 1000 * config.decoder.length + 1; ++i)
    text += static_cast<char>(' ' + random.below('~' - ' ' + 1));
  return kit::WindowSet::stream(kit::ByteTokenizer().encode(text), config.decoder.length, "random bytes");
}

// Every arm of one configuration.
class Arms {
 public:
  Arms(const Config& config, size_t domains) : c_(config), domains_(domains) {}

  std::vector<Arm> all() {
    for (const Condition condition : {Condition::kNatural, Condition::kRedundant}) {
      for (const Strategy strategy : kStrategies) add(condition, strategy);
    }
    for (const double r : {0.2, 1.0, 4.0, 10.0})
      add(Condition::kNatural, Strategy::kLinUpper, absl::StrCat("r", r)).weighting.r = r;
    other_rates(Condition::kRedundant, {0.7, 1.4, 2, 2.8});
    // As many rows a step as the redundant text has that are no copies.
    add(Condition::kNatural, Strategy::kUniform, "uncopied").batch_share = 1 - c_.copied - c_.outliers;
    std::vector<Condition> pairs = {Condition::kSingle};
    if (domains_ == kDogeShares.size()) pairs.insert(pairs.end(), {Condition::kDoge, Condition::kDoremi});
    for (const Condition condition : pairs) {
      for (const Strategy strategy : {Strategy::kUniform, Strategy::kLinUpper}) add(condition, strategy);
    }
    if (c_.ablations) ablations();
    return std::move(arms_);
  }

 private:
  void other_rates(Condition condition, const std::vector<double>& factors) {
    for (const double factor : factors)
      add(condition, Strategy::kUniform, absl::StrCat("lr", factor)).lr_factor = factor;
  }

  void ablations() {
    other_rates(Condition::kNatural, {0.7, 1.4});
    add(Condition::kNatural, Strategy::kLinUpper, "no_burn_in").burn_in = false;
    Arm& falling = add(Condition::kNatural, Strategy::kLinUpper, "falling_r");
    falling.falling_r = true, falling.burn_in = false;
    for (const Strategy strategy : {Strategy::kUniform, Strategy::kLinUpper})
      add(Condition::kNatural, strategy, "half_batch").batch_share = 0.5;
    for (const Condition condition : {Condition::kRedundant, Condition::kSingle})
      add(condition, Strategy::kLinUpper, "r1").weighting.r = 1;
  }

  Arm& add(Condition condition, Strategy strategy, const std::string& what = "") {
    Arm arm{.name = absl::StrCat(condition_name(condition), ".", strategy_name(strategy),
                                 what.empty() ? "" : ".", what),
            .condition = condition};
    arm.weighting = {.strategy = strategy, .r = c_.r, .d = 1, .clip_quantile = c_.clip_quantile};
    arms_.push_back(arm);
    return arms_.back();
  }

  const Config& c_;
  const size_t domains_;
  std::vector<Arm> arms_;
};

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (!(lr > 0)) return refuse(absl::StrCat("lr=", lr, ": a rate above 0 is needed"));
  if (batch % 2 != 0)
    return refuse(absl::StrCat("batch=", batch, ": some arms take half of it, an even one is needed"));
  if (copied + outliers >= 1) {
    return refuse(
        absl::StrCat("copied=", copied, ", outliers=", outliers, ": together they must be below 1"));
  }
  if (domains.empty()) return refuse("--domains needs a text domain");
  return absl::OkStatus();
}

int64_t Arm::rows(const Config& config) const {
  return std::max<int64_t>(1, std::llround(batch_share * static_cast<double>(config.batch)));
}

std::vector<Arm> arms(const Config& config, size_t domains) { return Arms(config, domains).all(); }

absl::StatusOr<Data> load_data(const Config& config, kit::Run& run) {
  Data data;
  if (run.planning()) {
    const int64_t rows = std::max({config.batch, config.eval_windows, config.copies});
    ROUX_ASSIGN_OR_RETURN(const kit::Corpus none, kit::stand_in_corpus(rows, config.decoder.length));
    data.names = config.domains;
    data.corpora.assign(data.names.size(), none);
  } else {
    ROUX_ASSIGN_OR_RETURN(const std::vector<kit::NamedText> texts,
                          run.options().data.empty() ? kit::named_texts(run, config.domains, config.excerpts)
                                                     : users_texts(config, run.options().data));
    for (const kit::NamedText& text : texts) {
      ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus,
                            kit::corpus_of({text}, {.length = config.decoder.length,
                                                    .validation_share = config.validation_share,
                                                    .validation_windows = config.eval_windows}));
      data.names.push_back(text.name);
      data.corpora.push_back(std::move(corpus));
    }
  }
  // A plan does not read the user's folder, and so does not know its names.
  const bool named = !run.planning() || run.options().data.empty();
  ROUX_ASSIGN_OR_RETURN(data.single,
                        index_of(data.names, named ? config.single : "", data.names.size() - 1, "single"));
  ROUX_ASSIGN_OR_RETURN(const size_t copied,
                        index_of(data.names, named ? config.copied_domain : "", 0, "copied_domain"));
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet copies, copied_rows(config, data.corpora[copied]));
  ROUX_ASSIGN_OR_RETURN(kit::WindowSet noise, random_rows(config));
  data.extra = {std::move(copies), std::move(noise)};
  return data;
}

std::vector<const kit::WindowSet*> Data::training_sets() const {
  std::vector<const kit::WindowSet*> sets = kit::training_sets(corpora);
  for (const kit::WindowSet& set : extra) sets.push_back(&set);
  return sets;
}

std::vector<double> shares(const Config& config, const Data& data, Condition condition) {
  const size_t domains = data.corpora.size();
  std::vector<double> out(domains, 1.0 / static_cast<double>(domains));
  double copies = 0, noise = 0;
  if (condition == Condition::kDoge) out.assign(kDogeShares.begin(), kDogeShares.end());
  if (condition == Condition::kDoremi) out.assign(kDoremiShares.begin(), kDoremiShares.end());
  if (condition == Condition::kSingle) {
    out.assign(domains, 0);
    out[data.single] = 1;
  }
  if (condition == Condition::kRedundant) copies = config.copied, noise = config.outliers;
  for (double& share : out) share *= 1 - copies - noise;
  out.insert(out.end(), {copies, noise});
  return out;
}

double temperature(const Config& config, const Arm& arm, int64_t step) {
  if (!arm.falling_r) return arm.weighting.r;
  const double r = arm.weighting.r;
  return Schedule({{.steps = config.steps, .from = 10 * r, .to = r, .shape = Decay::kExponential}})(step);
}

bool in_burn_in(const Config& config, const Arm& arm, int64_t step) {
  return arm.burn_in && step < std::llround(config.burn_in * static_cast<double>(config.steps));
}

std::string curve_name(const std::string& domain) { return absl::StrCat(domain, "_loss"); }

absl::StatusOr<Trained> train_arm(const Config& c, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  Generator generator(seed);
  Transformer model(c.decoder.transformer(data.corpora[0].tokenizer.vocab_size()),
                    c.decoder.init(generator, part.device()));
  AdamW optimizer({{model.named_parameters()}}, {.weight_decay = c.weight_decay});
  std::vector<kit::ValidationSet> validation;
  for (size_t d = 0; d < data.corpora.size(); ++d) {
    if (arm.condition == Condition::kSingle && d != data.single) continue;
    ROUX_ASSIGN_OR_RETURN(
        validation.emplace_back(),
        kit::validation_set(curve_name(data.names[d]), data.corpora[d].validation, c.eval_windows));
  }
  if (arm.condition == Condition::kRedundant) validation.push_back({kCopiesCurve, &data.extra[0]});
  ROUX_ASSIGN_OR_RETURN(kit::MixtureLoader loader,
                        kit::MixtureLoader::create(data.training_sets(), shares(c, data, arm.condition),
                                                   {.seed = seed, .global_batch = arm.rows(c)},
                                                   kit::MixtureOrder::kByPosition));
  const Schedule lr = cosine_schedule({.peak = arm.lr_factor * c.lr,
                                       .floor = arm.lr_factor * c.lr * c.floor_share,
                                       .total = c.steps,
                                       .warmup = std::llround(c.warmup * static_cast<double>(c.steps))});
  Trained trained;
  trained.weights.domain_weights.resize(data.names.size());  // also of one that is never drawn
  kit::TrainOptions options{.steps = c.steps,
                            .evaluate_at = kit::merged({0, c.steps}, kit::every(c.eval_every, c.steps))};
  options.evaluate = [&](int64_t) {
    return kit::evaluate_losses(validation, c.eval_windows, part.device(), [&](const kit::LmBatch& batch) {
      return model.loss_sum(batch.input, batch.target);
    });
  };
  options.parameters = model.num_parameters();
  const kit::States states = {
      {"model", model}, {"optimizer", optimizer}, {"loader", loader}, {"weights", trained.weights}};
  ROUX_ASSIGN_OR_RETURN(trained.log, kit::train(part, options, states, [&](int64_t step) {
                          Weighting weighting = arm.weighting;
                          weighting.r = temperature(c, arm, step);
                          return weighted_step(optimizer, {.lr = lr(step), .max_grad_norm = c.max_grad_norm},
                                               model, kit::micro_batches(loader, part.device(), c.micro_rows),
                                               weighting, in_burn_in(c, arm, step), trained.weights);
                        }));
  return trained;
}

}  // namespace roux::loss_reweighting
