#include "recipes/salt/arms.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nn/models/transformer.h"
#include "optim/schedules.h"
#include "recipes/kit/align/distill.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/train/losses.h"
#include "recipes/kit/train/pretrain.h"
#include "recipes/kit/train/validation.h"
#include "tensor/error.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"

namespace roux::salt {
namespace {

constexpr int64_t kEvaluationRows = 32;  // at once
constexpr std::array<const char*, 3> kBuckets = {"easy_loss", "medium_loss", "hard_loss"};

int64_t share_of(int64_t steps, double share) { return std::llround(share * static_cast<double>(steps)); }

Schedule cosine(const Config& c, double peak, int64_t steps) {
  return cosine_schedule({.peak = peak,
                          .floor = c.lr_floor * peak,
                          .total = steps,
                          .warmup = std::min(share_of(steps, c.warmup), steps - 1)});
}

AdamWOptions adamw(const Config& c) {
  return {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay};
}

absl::StatusOr<std::vector<kit::NamedText>> texts_of(const Config& config, kit::Run& run) {
  const std::string& data = run.options().data;
  if (!data.empty()) {
    std::error_code error;
    if (std::filesystem::is_directory(data, error)) return kit::folder_domains(data);
    ROUX_ASSIGN_OR_RETURN(kit::NamedText text, kit::read_domain(data));
    return std::vector<kit::NamedText>{std::move(text)};
  }
  return kit::named_texts(run, config.texts, config.excerpts);
}

// The first bytes of a text, up to the start of a character.
void cut(std::string& text, size_t bytes) {
  if (bytes >= text.size()) return;
  while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xC0) == 0x80) --bytes;
  text.resize(bytes);
}

// Validation windows by what the teacher makes of them.
std::vector<kit::ValidationSet> buckets(const LanguageModel& teacher, const kit::WindowSet& windows,
                                        const std::vector<int64_t>& rows, Device device) {
  const auto losses =
      kit::row_losses([&](const kit::LmBatch& b) { return teacher.token_losses({.ids = b.input}, b.target); },
                      windows, rows, kEvaluationRows, device);
  std::vector<double> sums;
  for (const kit::RowLoss& loss : losses) sums.push_back(loss.sum);
  const std::vector<int> bucket = difficulty(sums);
  std::vector<kit::ValidationSet> sets;
  for (const char* name : kBuckets) sets.push_back({name, &windows});
  for (size_t i = 0; i < rows.size(); ++i) sets[static_cast<size_t>(bucket[i])].rows.push_back(rows[i]);
  return sets;
}

kit::Values evaluate(const std::vector<kit::ValidationSet>& sets, const LanguageModel& student,
                     Device device) {
  kit::Values values = kit::evaluate_losses(sets, kEvaluationRows, device, [&](const kit::LmBatch& b) {
    return student.loss_sum(b.input, b.target);
  });
  double sum = 0, rows = 0;
  for (size_t i = 0; i < sets.size(); ++i) {
    const auto size = static_cast<double>(sets[i].rows.size());
    sum += size * values[i].second, rows += size;
  }
  values.insert(values.begin(), {"validation_loss", sum / rows});
  return values;
}

double variance(const std::vector<double>& x) {
  double mean = 0, squares = 0;
  for (const double value : x) mean += value / static_cast<double>(x.size());
  for (const double value : x) squares += (value - mean) * (value - mean);
  return squares / static_cast<double>(x.size());
}

// Windows are streams: every token is a target.
void measure_variances(const LanguageModel& student, const kit::TeacherOf& teacher, const Arm& arm,
                       const kit::Corpus& corpus, const std::vector<int64_t>& rows, Device device,
                       Outcome& outcome) {
  const NoGradGuard no_grad;
  const kit::LmBatch batch = kit::to_batch(corpus.validation.batch(rows), device);
  outcome.one_hot_variance =
      variance(student.token_losses({.ids = batch.input}, batch.target).to_vector<double>());
  const kit::DistillStep soft = mixed_loss(1, arm.rho, false, {});
  outcome.soft_variance =
      variance(kit::token_divergences(student, batch, teacher(batch), soft.divergence).to_vector<double>());
}

absl::StatusOr<Outcome> train_teacher(const Config& c, const kit::Corpus& corpus, const Arm& arm,
                                      uint64_t seed, kit::Part& part) {
  Generator generator(seed);
  const kit::DecoderConfig size = c.teacher(arm.small_teacher);
  Transformer model(size.transformer(corpus.tokenizer.vocab_size()), size.init(generator, part.device()));
  ROUX_ASSIGN_OR_RETURN(kit::ValidationSet unseen,
                        kit::validation_set("validation_loss", corpus.validation, c.eval_windows));
  ROUX_ASSIGN_OR_RETURN(kit::PretrainResult trained,
                        kit::pretrain(part, model, {{&corpus.train}, {1}, {std::move(unseen)}},
                                      {.seed = seed,
                                       .steps = arm.steps,
                                       .global_batch = c.batch,
                                       .lr = cosine(c, c.teacher_lr, arm.steps),
                                       .adamw = adamw(c),
                                       .max_grad_norm = c.max_grad_norm,
                                       .evaluate_at = evaluation_steps(c, arm.steps),
                                       .leave_at = {{c.early_steps, "early"}, {arm.steps, "final"}}}));
  return Outcome{.log = std::move(trained.log)};
}

// A teacher that another part left.
absl::StatusOr<std::unique_ptr<Transformer>> load_teacher(const kit::DecoderConfig& size, int64_t vocab_size,
                                                          const std::string& from, const std::string& what,
                                                          const kit::Part& part) {
  Generator unused(1);
  auto teacher =
      std::make_unique<Transformer>(size.transformer(vocab_size), size.init(unused, part.device()));
  ROUX_RETURN_IF_ERROR(part.load_from(from, {{"model", *teacher}}, what));
  return teacher;
}

// The `count` most challenging rows, each once; again from the start where there are fewer.
std::vector<int64_t> in_random_order(const std::vector<double>& scores, int64_t count, uint64_t seed) {
  const auto size = std::min(count, static_cast<int64_t>(scores.size()));
  const std::vector<int64_t> rows = most_challenging(scores, size);
  kit::EpochSequence order(seed, size, /*shuffle=*/true);
  std::vector<int64_t> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(rows[static_cast<size_t>(order.row(i))]);
  return out;
}

absl::StatusOr<Outcome> train_student(const Config& c, const kit::Corpus& corpus, const Arm& arm,
                                      uint64_t seed, kit::Part& part) {
  const Device device = part.device();
  Generator generator(seed);
  Transformer student(c.student.transformer(corpus.tokenizer.vocab_size()),
                      c.student.init(generator, device));
  const auto load = [&](const std::string& from, const std::string& what, bool small) {
    return load_teacher(c.teacher(small), corpus.tokenizer.vocab_size(), from, what, part);
  };
  ROUX_ASSIGN_OR_RETURN(const auto teacher, load(arm.from, arm.what, arm.small_teacher));
  ROUX_ASSIGN_OR_RETURN(const auto judge, load("teacher", "final", false));
  ROUX_ASSIGN_OR_RETURN(const std::vector<int64_t> rows, corpus.validation.fixed_rows(c.eval_windows));
  std::vector<kit::ValidationSet> sets;
  if (!part.planning()) sets = buckets(*judge, corpus.validation, rows, device);
  std::vector<int64_t> selected;  // the rows of stage 1
  if (arm.selects && !part.planning()) {
    ROUX_ASSIGN_OR_RETURN(const auto early, load("teacher", "early", false));
    const std::vector<double> scores = sequence_scores(*early, corpus.train, arm.selection, device);
    selected = in_random_order(scores, c.kd_steps() * c.batch, seed);
  }

  Outcome outcome;
  const kit::TeacherOf live = kit::live_teacher(*teacher);
  const kit::TeacherOf counted = [&](const kit::LmBatch& batch) {
    ++outcome.teacher_forwards;
    return live(batch);
  };
  AdamW optimizer({{student.named_parameters()}}, adamw(c));
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(corpus.train, {.seed = seed, .global_batch = c.batch}));
  const Schedule lr = cosine(c, c.lr, arm.steps);
  kit::TrainOptions options{.steps = arm.steps, .evaluate_at = evaluation_steps(c, arm.steps)};
  options.evaluate = [&](int64_t) { return evaluate(sets, student, device); };
  options.parameters = student.num_parameters();
  const kit::States states = {{"model", student},
                              {"optimizer", optimizer},
                              {"loader", loader},
                              {"teacher_forwards", outcome.teacher_forwards}};
  ROUX_ASSIGN_OR_RETURN(
      outcome.log, kit::train(part, options, states, [&](int64_t step) {
        std::vector<int64_t> batch = loader.next_rows();
        const auto at = static_cast<size_t>(step * c.batch);
        if (at < selected.size()) std::copy_n(&selected[at], batch.size(), batch.begin());
        const double omega = arm.omega(step);
        kit::StepResult result = kit::distill_step(
            student, optimizer, counted, {kit::to_batch(corpus.train.batch(batch), device)},
            mixed_loss(omega, arm.rho, c.student_rho, {.lr = lr(step), .max_grad_norm = c.max_grad_norm}));
        result.values = {{"omega", omega}};
        return result;
      }));
  measure_variances(student, live, arm, corpus, rows, device, outcome);
  return outcome;
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(student.check());
  if (texts.empty()) return absl::InvalidArgumentError("--texts needs a text domain");
  if (teacher_hidden % 16 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("teacher_hidden=", teacher_hidden, ": a multiple of 16 is needed"));
  }
  if (early_steps >= teacher_steps) {
    return absl::InvalidArgumentError(absl::StrCat("early_steps=", early_steps,
                                                   ", teacher_steps=", teacher_steps,
                                                   ": the early teacher comes before the final one"));
  }
  return absl::OkStatus();
}

kit::DecoderConfig Config::teacher(bool small) const {
  const int64_t hidden = small ? teacher_hidden / 2 : teacher_hidden;
  return {.layers = 1,
          .hidden = hidden,
          .heads = 2,
          .intermediate = 8 * hidden / 3,
          .length = student.length,
          .init_std = 1 / std::sqrt(static_cast<double>(hidden))};
}

int64_t Config::kd_steps() const { return std::max<int64_t>(1, share_of(steps, kd_share)); }

Compute Config::compute(int64_t vocab_size) const {
  return {.student = student.parameters(vocab_size),
          .teacher = teacher(false).parameters(vocab_size),
          .tokens = batch * student.length};
}

absl::StatusOr<kit::Corpus> load_data(const Config& config, kit::Run& run) {
  const int64_t length = config.student.length;
  if (run.planning()) {
    return kit::stand_in_corpus(std::max(config.batch, config.eval_windows), length);
  }
  ROUX_ASSIGN_OR_RETURN(std::vector<kit::NamedText> texts, texts_of(config, run));
  size_t most = std::numeric_limits<size_t>::max();
  if (config.regime == "limited") most = static_cast<size_t>(config.limited_bytes);
  for (const kit::NamedText& text : texts) {
    if (run.options().data.empty()) most = std::min(most, text.text.size());  // equal shares
  }
  for (kit::NamedText& text : texts) cut(text.text, most);
  return kit::corpus_of(texts, {.length = length,
                                .validation_share = config.validation_share,
                                .validation_windows = config.eval_windows});
}

std::vector<Arm> arms(const Config& c, int64_t vocab_size) {
  const int64_t n = c.steps, kd = c.kd_steps();
  const Arm baseline{.name = "baseline", .from = "teacher", .steps = n, .rho = c.rho};
  const auto kd_for = [&](const std::string& name, int64_t steps) {
    Arm arm = baseline;
    arm.name = name, arm.omega = {.omega = c.omega, .constant_steps = steps};
    return arm;
  };
  const Arm salt = kd_for("salt", kd);
  const auto with = [](Arm arm, const std::string& name, auto change) {
    arm.name = name;
    change(arm);
    return arm;
  };
  const auto shorter = [&](const Arm& arm) {
    return with(arm, arm.name + "_70", [&](Arm& a) {
      a.steps = share_of(n, 0.7);
      a.omega.constant_steps = share_of(a.omega.constant_steps, 0.7);
    });
  };
  const auto selects = [](Arm& a) { a.selects = true; };
  Arm selected = with(salt, "salt_ds", selects);
  selected.selection = {c.k, c.kept_only};
  std::vector<Arm> all = {
      {.name = "teacher", .teaches = true, .steps = c.teacher_steps},
      baseline,
      salt,
      kd_for("rkd", n),
      shorter(baseline),
      shorter(salt),
      with(baseline, "baseline_flops",
           [&](Arm& a) { a.steps = c.compute(vocab_size).baseline_steps(n, kd); }),
      selected,
      with(selected, "ds_only", [](Arm& a) { a.omega = {}; }),
  };
  if (c.arms == "main") return all;
  all.push_back({.name = "teacher_small",
                 .from = "teacher",
                 .teaches = true,
                 .small_teacher = true,
                 .steps = c.teacher_steps});
  all.push_back(
      with(salt, "salt_small_teacher", [](Arm& a) { a.from = "teacher_small", a.small_teacher = true; }));
  all.push_back(with(salt, "salt_early_teacher", [](Arm& a) { a.what = "early"; }));
  for (const int percent : {5, 10, 30, 50})
    all.push_back(kd_for(absl::StrCat("salt_", percent), share_of(n, percent / 100.0)));
  all.push_back(with(salt, "salt_omega_0.3", [](Arm& a) { a.omega.omega = 0.3; }));
  all.push_back(with(salt, "salt_rho_0.25", [](Arm& a) { a.rho = 0.25; }));
  // From half of n_KD on, for as long that omega sums to what it does in SALT.
  const double ratio = c.omega / (1 - c.omega);
  const auto ratio_steps =
      std::llround(c.omega * static_cast<double>(kd / 2) / (1 - std::log1p(ratio) / ratio));
  all.push_back(with(salt, "salt_linear", [&](Arm& a) {
    a.omega = {c.omega, kd - kd / 2, Transition::kLinear, kd};
  }));
  all.push_back(with(salt, "salt_ratio", [&](Arm& a) {
    a.omega = {c.omega, kd - kd / 2, Transition::kLinearRatio, ratio_steps};
  }));
  all.push_back(with(selected, "salt_ds_k1", [](Arm& a) { a.selection.k = 1; }));
  return all;
}

std::vector<int64_t> evaluation_steps(const Config& config, int64_t steps) {
  std::vector<int64_t> at = {0};
  for (int tenth = 1; tenth <= 10; ++tenth) at = kit::merged(at, {share_of(steps, tenth / 10.0)});
  return kit::merged(at, kit::merged({share_of(steps, 0.05)}, {share_of(steps, config.kd_share)}));
}

absl::StatusOr<Outcome> train_arm(const Config& config, const kit::Corpus& corpus, const Arm& arm,
                                  uint64_t seed, kit::Part& part) {
  return arm.teaches ? train_teacher(config, corpus, arm, seed, part)
                     : train_student(config, corpus, arm, seed, part);
}

}  // namespace roux::salt
