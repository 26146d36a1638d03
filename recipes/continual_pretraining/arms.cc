#include "recipes/continual_pretraining/arms.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "nn/models/transformer.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/train/validation.h"
#include "tensor/error.h"
#include "tensor/generator.h"

namespace roux::continual {
namespace {

std::vector<double> only(Domain domain) {
  std::vector<double> shares(kDomains, 0);
  shares[domain] = 1;
  return shares;
}

std::vector<double> with_replay(Domain domain, double replay) {
  std::vector<double> shares(kDomains, 0);
  const std::vector<double> two = replay_shares(replay);
  shares[kOld] = two[0], shares[domain] = two[1];
  return shares;
}

// What the arms of one configuration are made of.
class Arms {
 public:
  explicit Arms(const Config& config) : c_(config) {}

  std::vector<Arm> all(bool near) {
    bases();
    updates(kNew, "");
    ablations();
    infinite();
    three_data_sets();
    if (near) updates(kNear, "near_");
    return std::move(arms_);
  }

 private:
  int64_t warmup(int64_t steps) const { return warmup_steps(steps, c_.warmup); }
  Schedule cosine(int64_t steps) const { return cosine_with_warmup(c_.rates(), steps, warmup(steps)); }

  // The infinite schedule of a whole life that is annealed from step `anneal_at` on.
  Schedule infinite_from(int64_t anneal_at, int64_t anneal, Decay shape) const {
    return infinite_schedule(c_.rates(), {.warmup = warmup(c_.old_steps),
                                          .cooldown = c_.cooldown_steps(),
                                          .anneal_at = anneal_at,
                                          .anneal = anneal,
                                          .cooldown_shape = shape});
  }

  void bases() {
    Arm base{.name = "base", .steps = c_.old_steps, .lr = cosine(c_.old_steps), .shares = only(kOld)};
    base.judged = {kOld, kNew, kNear};
    base.leave_at = {{c_.old_steps, "final"}};
    arms_.push_back(base);
    for (const auto& [name, shape] : {std::pair{"base_infinite", Decay::kCosine},
                                      std::pair{"base_infinite_sqrt", Decay::kShiftedInverseSqrt}}) {
      Arm infinite = base;
      infinite.name = name;
      infinite.judged = {kOld, kNew};
      infinite.lr = infinite_from(c_.old_steps, 0, shape);
      for (int64_t i = 1; i <= kStages && shape == Decay::kCosine; ++i)
        infinite.leave_at[i * c_.stage_steps() - c_.anneal_steps(c_.stage_steps())] =
            absl::StrCat("pre_anneal_", i);
      arms_.push_back(infinite);
    }
  }

  Arm update(const std::string& name, Domain domain, double replay) const {
    Arm arm{.name = name, .from = "base", .steps = c_.new_steps, .lr = cosine(c_.new_steps)};
    arm.shares = with_replay(domain, replay);
    arm.judged = {kOld, domain};
    return arm;
  }

  // The arms of the main comparison: no re-warming, replay, D1 and the union from scratch.
  void updates(Domain domain, const std::string& prefix) {
    Arm minimum = update(prefix + "eta_min", domain, 0);
    minimum.lr = stay_at_minimum(c_.rates());
    arms_.push_back(minimum);
    arms_.push_back(update(prefix + replay_name(0), domain, 0));
    for (const double replay : kReplay) {
      if (domain == kNew || replay == 0.01 || replay == 0.05)
        arms_.push_back(update(prefix + replay_name(replay), domain, replay));
    }
    Arm scratch = update(prefix + "new_only", domain, 0);
    scratch.from.clear();
    arms_.push_back(scratch);
    Arm both = scratch;
    both.name = prefix + "union";
    both.steps = c_.old_steps + c_.new_steps;
    both.lr = cosine(both.steps);
    const std::vector<double> two = union_shares(c_.old_steps, c_.new_steps);  // a step has as many tokens
    both.shares[kOld] = two[0], both.shares[domain] = two[1];
    both.order = kit::MixtureOrder::kInTurn;  // the rows of base and new_only, each once
    arms_.push_back(both);
  }

  void ablations() {
    Arm stay = update("no_decay", kNew, 0);
    stay.lr = rewarm_and_stay(c_.rates(), warmup(c_.new_steps));
    arms_.push_back(stay);
    for (const auto& [name, factor] : {std::pair{"peak_half", 0.5}, std::pair{"peak_double", 2.0}}) {
      Arm peak = update(name, kNew, 0);
      Rates rates = c_.rates();
      rates.eta_max *= factor;
      peak.lr = cosine_with_warmup(rates, c_.new_steps, warmup(c_.new_steps));
      arms_.push_back(peak);
    }
    for (const auto& [name, share] :
         {std::pair{"warmup_0", 0.0}, std::pair{"warmup_0.5", 0.005}, std::pair{"warmup_2", 0.02}}) {
      Arm length = update(name, kNew, 0);
      length.lr = cosine_with_warmup(c_.rates(), c_.new_steps, warmup_steps(c_.new_steps, share));
      arms_.push_back(length);
    }
    Arm fresh = update("new_moments", kNew, 0);
    fresh.keep_moments = false;
    arms_.push_back(fresh);
    // D0 goes on: its next rows, re-warmed, and at the constant rate of the infinite schedule.
    Arm same = update("same_data", kNew, 0);
    same.shares = only(kOld), same.order = kit::MixtureOrder::kInTurn;
    same.skip_steps = c_.old_steps;
    arms_.push_back(same);
    same.name = "same_data_infinite", same.from = "base_infinite";
    same.lr = infinite_from(c_.old_steps + c_.new_steps, 0, Decay::kCosine), same.lr_step = c_.old_steps;
    arms_.push_back(same);
  }

  // D1 with 5 % replay at the constant rate, annealed at the end.
  void infinite() {
    const int64_t anneal = c_.anneal_steps(c_.new_steps);
    for (const auto& [name, shape] :
         {std::pair{"infinite", Decay::kCosine}, std::pair{"infinite_sqrt", Decay::kShiftedInverseSqrt}}) {
      Arm arm = update(name, kNew, 0.05);
      arm.from = absl::StrCat("base_", name);
      arm.lr = infinite_from(c_.old_steps + c_.new_steps - anneal, anneal, shape);
      arm.lr_step = c_.old_steps;
      arms_.push_back(arm);
    }
  }

  // D0 in three parts: three cosines, each re-warmed, and the infinite schedule with an anneal at the end of
  // each part, beside the one long cosine of the base.
  void three_data_sets() {
    for (int64_t i = 0; i < kStages; ++i) {
      Arm arm{
          .name = absl::StrCat("cosines_", i + 1), .steps = c_.stage_steps(), .lr = cosine(c_.stage_steps())};
      arm.shares = only(kOld), arm.order = kit::MixtureOrder::kInTurn;
      if (i > 0) arm.from = absl::StrCat("cosines_", i);
      arm.skip_steps = i * c_.stage_steps();
      arm.leave_at = {{c_.stage_steps(), "final"}};
      arms_.push_back(arm);
    }
    const int64_t anneal = c_.anneal_steps(c_.stage_steps());
    for (int64_t i = 1; i <= kStages; ++i) {
      Arm arm{.name = absl::StrCat("annealed_", i), .from = "base_infinite", .steps = anneal};
      arm.what = absl::StrCat("pre_anneal_", i);
      arm.shares = only(kOld), arm.order = kit::MixtureOrder::kInTurn;
      arm.skip_steps = arm.lr_step = i * c_.stage_steps() - anneal;
      arm.lr = infinite_from(arm.lr_step, anneal, Decay::kCosine);
      arms_.push_back(arm);
    }
  }

  const Config& c_;
  std::vector<Arm> arms_;
};

// The texts of D0, D1 and, where there is one, the near D1.
using Texts = std::vector<std::vector<kit::NamedText>>;

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether the user chose these names: those of a preset are domains of the kit, and none of the user's.
bool chosen(const std::vector<std::string>& names, const std::vector<std::string>& users) {
  const std::vector<std::string> known = kit::text_domain_names();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return holds(users, name) || !holds(known, name); });
}

// --data: a folder with the two domains, or more, of which --old, --new and --near name some; or "D0,D1".
absl::StatusOr<Texts> users_texts(const Config& config, const std::string& data) {
  std::error_code error;
  if (!std::filesystem::is_directory(data, error)) {
    const std::vector<std::string> paths = absl::StrSplit(data, ',');
    if (paths.size() != 2) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--data=", data, ": two text domains are needed, a folder with two texts or folders, or OLD,NEW"));
    }
    if (chosen(config.old_text, {}) || chosen(config.new_text, {}) || chosen(config.near_text, {})) {
      return absl::InvalidArgumentError(absl::StrCat(
          "--data=", data, ": --old, --new and --near name text domains of a folder, these are two paths"));
    }
    Texts texts;
    for (const std::string& path : paths) {
      ROUX_ASSIGN_OR_RETURN(kit::NamedText text, kit::read_domain(path));
      texts.push_back({std::move(text)});
    }
    return texts;
  }
  ROUX_ASSIGN_OR_RETURN(const auto domains, kit::folder_domains(data));
  std::vector<std::string> users;
  for (const kit::NamedText& domain : domains) users.push_back(domain.name);
  const bool old_chosen = chosen(config.old_text, users), new_chosen = chosen(config.new_text, users);
  const bool near_chosen = chosen(config.near_text, users);
  Texts texts;
  if (!old_chosen && !new_chosen && !near_chosen) {
    if (domains.size() != 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("--data=", data, ": holds ", domains.size(),
                       " text domains, two are needed; --old=NAME --new=NAME say which"));
    }
    return Texts{{domains[0]}, {domains[1]}};
  }
  if (!old_chosen || !new_chosen) {
    return absl::InvalidArgumentError(absl::StrCat("--data=", data,
                                                   ": --old=NAME and --new=NAME are needed both; there are ",
                                                   absl::StrJoin(users, ", ")));
  }
  for (const auto& names : {config.old_text, config.new_text}) {
    ROUX_ASSIGN_OR_RETURN(texts.emplace_back(), kit::pick_domains(domains, names));
  }
  if (near_chosen) {
    ROUX_ASSIGN_OR_RETURN(texts.emplace_back(), kit::pick_domains(domains, config.near_text));
  }
  return texts;
}

absl::StatusOr<Texts> preset_texts(const Config& config, kit::Run& run) {
  Texts texts;
  for (const auto& names : {config.old_text, config.new_text, config.near_text}) {
    if (names.empty()) continue;
    ROUX_ASSIGN_OR_RETURN(texts.emplace_back(), kit::named_texts(run, names, config.excerpts));
  }
  return texts;
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (old_text.empty() || new_text.empty()) return refuse("--old and --new need a text domain each");
  if (!(eta_max > 0)) return refuse(absl::StrCat("eta_max=", eta_max, ": a peak above 0 is needed"));
  // The arm with half the peak still decays.
  if (eta_min_share > 0.5 || eta_min_share > eta_const_share) {
    return refuse(absl::StrCat("eta_min_share=", eta_min_share, ", eta_const_share=", eta_const_share,
                               ": eta_min_share must be at most 0.5 and at most eta_const_share"));
  }
  if (warmup_steps(old_steps, warmup) + cooldown_steps() + anneal_steps(stage_steps()) > stage_steps()) {
    return refuse(absl::StrCat("old_steps=", old_steps, ", warmup=", warmup, ", cooldown=", cooldown,
                               ", anneal=", anneal,
                               ": a third of D0's steps must hold warm-up, cool-down and an anneal"));
  }
  return absl::OkStatus();
}

int64_t Config::anneal_steps(int64_t steps) const {
  return std::max<int64_t>(1, std::llround(anneal * static_cast<double>(steps)));
}

int64_t Config::cooldown_steps() const { return std::llround(cooldown * static_cast<double>(old_steps)); }

std::string replay_name(double share) { return absl::StrCat("replay_", 100 * share); }

std::vector<Arm> arms(const Config& config, bool near) {
  std::vector<Arm> all = Arms(config).all(near);
  if (near) return all;
  for (Arm& arm : all) {
    arm.shares.pop_back();
    std::erase(arm.judged, kNear);
  }
  return all;
}

std::vector<int64_t> evaluation_steps(const Config& config, int64_t steps) {
  std::vector<int64_t> at = kit::merged({0, steps}, kit::every(config.eval_every, steps));
  for (const int64_t step : {5, 10, 20}) {
    if (step < std::min(steps, config.eval_every)) at = kit::merged(at, {step});
  }
  return at;
}

absl::StatusOr<Data> load_data(const Config& config, kit::Run& run) {
  Data data;
  if (run.planning()) {
    ROUX_ASSIGN_OR_RETURN(
        const kit::Corpus none,
        kit::stand_in_corpus(std::max(config.batch, config.eval_windows), config.decoder.length));
    data.corpora.assign(kDomains, none);
    return data;
  }
  const kit::CorpusOptions options{.length = config.decoder.length,
                                   .validation_share = config.validation_share,
                                   .validation_windows = config.eval_windows};
  ROUX_ASSIGN_OR_RETURN(const Texts texts, run.options().data.empty()
                                               ? preset_texts(config, run)
                                               : users_texts(config, run.options().data));
  for (const std::vector<kit::NamedText>& domain : texts) {
    ROUX_ASSIGN_OR_RETURN(kit::Corpus corpus, kit::corpus_of(domain, options));
    data.corpora.push_back(std::move(corpus));
  }
  return data;
}

absl::StatusOr<kit::PretrainResult> train_arm(const Config& c, const Data& data, const Arm& arm,
                                              uint64_t seed, kit::Part& part) {
  Generator generator(seed);
  Transformer model(c.decoder.transformer(data.corpora[kOld].tokenizer.vocab_size()),
                    c.decoder.init(generator, part.device()));
  kit::PretrainData of_arm{.domains = kit::training_sets(data.corpora), .shares = arm.shares};
  for (const Domain domain : arm.judged) {
    ROUX_ASSIGN_OR_RETURN(
        of_arm.validation.emplace_back(),
        kit::validation_set(kLossNames[domain], data.corpora[domain].validation, c.eval_windows));
  }
  return kit::pretrain(part, model, of_arm,
                       {.seed = seed,
                        .steps = arm.steps,
                        .global_batch = c.batch,
                        .order = arm.order,
                        .skip_steps = arm.skip_steps,
                        .lr = arm.lr,
                        .lr_step = arm.lr_step,
                        .adamw = {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay},
                        .max_grad_norm = c.max_grad_norm,
                        .from = arm.from,
                        .what = arm.what,
                        .keep_moments = arm.keep_moments,
                        .evaluate_at = evaluation_steps(c, arm.steps),
                        .leave_at = arm.leave_at});
}

}  // namespace roux::continual
