#include "recipes/e2_llm/arms.h"

#include <algorithm>
#include <bit>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nn/models/transformer.h"
#include "optim/optimizer.h"
#include "recipes/e2_llm/windows.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/run/named_texts.h"
#include "recipes/kit/train/losses.h"
#include "recipes/kit/train/train.h"
#include "recipes/kit/train/training.h"
#include "recipes/kit/train/update.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"

namespace roux::e2_llm {
namespace {

TransformerConfig shape_of(const Config& c) {
  TransformerConfig shape = c.decoder.transformer(kVocabulary);
  shape.rope.theta = c.rope_theta;
  return shape;
}

std::set<int64_t> row_lengths(const Config& config) {
  std::set<int64_t> lengths;
  for (const Arm& arm : arms(config)) lengths.insert(arm.length);
  return lengths;
}

absl::StatusOr<std::vector<kit::NamedText>> texts_of(const Config& config, kit::Run& run) {
  const std::string& path = run.options().data;
  if (path.empty()) return kit::named_texts(run, config.text, config.excerpts);
  ROUX_ASSIGN_OR_RETURN(std::string text, kit::read_text(path));
  return std::vector<kit::NamedText>{{path, std::move(text)}};
}

// What a symbol weighs among `rows` rows of `tokens` in all, k of them with one: of its weight w in a batch
// of the base, with rows of L. k w' / (tokens - k) is the same for all.
double symbol_weight(const Config& c, int64_t rows) {
  const double tokens = static_cast<double>(c.batch * c.L());
  const auto others = [&](int64_t of) {  // tokens a symbol that are none
    const auto k = static_cast<double>(std::max<int64_t>(1, of / 2));
    return (tokens - k) / k;
  };
  return c.symbol_weight * others(rows) / others(c.batch);
}

// A window's symbol, the same for all arms and readings.
int32_t symbol_of(size_t window) { return static_cast<int32_t>((7 * window + 3) % kSymbols); }

double recalled(const LanguageModel& model, const Windows& windows, int64_t at, const std::string& item,
                kit::Part& part) {
  std::vector<Planted> planted;
  for (size_t i = 0; i < windows.ends.size(); ++i)
    planted.push_back({.at = at, .marker = windows.length - 1, .symbol = symbol_of(i)});
  const std::vector<int32_t> answers = recall(model, windows, planted);
  double right = 0;
  for (size_t i = 0; i < answers.size(); ++i) {
    right += answers[i] == planted[i].symbol;
    part.prediction(
        {absl::StrCat(item, " ", i), absl::StrCat(planted[i].symbol), absl::StrCat(answers[i]), {}});
  }
  return right / static_cast<double>(answers.size());
}

Scores read(const Config& c, const Data& data, const Transformer& trained, const Arm& arm,
            const Reading& reading, kit::Part& part) {
  Scores scores;
  for (const int64_t length : c.windows()) {
    TransformerConfig shape = trained.config();
    double g = reading.g > 0 ? reading.g : window_scale(length, arm.R);
    if (reading.type != RopeType::kDefault) {
      g = 1;
      shape.rope = stretched(shape.rope, reading.type, window_scale(length, c.L()), c.L());
    }
    const Windows windows{data.unseen, data.ends, length,
                          position_table({{.g = g}}, length, 0, part.device()).view({length}), part.device()};
    Transformer model(trained, Weights::kShared, shape);
    model.eval();
    scores.bits.push_back(windowed_bits(model, windows, c.last));
    if (!reading.recall || length > c.farthest()) continue;
    const auto ask = [&](const char* where, int64_t at) {
      return recalled(model, windows, at, absl::StrCat(reading.name, " ", length, " ", where), part);
    };
    scores.quarter.push_back(ask("quarter", length - 1 - length / 4));
    scores.half.push_back(ask("half", length - 1 - length / 2));
    scores.sink.push_back(ask("sink", 1));
  }
  return scores;
}

Tensor loss_of(const LanguageModel& model, const Batch& batch) {
  const Tensor losses = model.token_losses({.ids = batch.ids, .positions = batch.positions}, batch.target);
  return kit::weighted_mean(losses, batch.weight, batch.target);
}

AdamWOptions adamw(const Config& c) {
  return {.beta1 = c.beta1, .beta2 = c.beta2, .weight_decay = c.weight_decay};
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (!std::has_single_bit(static_cast<uint64_t>(g_max))) {
    return refuse(absl::StrCat("g_max=", g_max, ": a power of two is needed, windows double"));
  }
  if (L() < 8 || L() % 4 != 0 || decoder.hidden / decoder.heads < 4) {
    return refuse(absl::StrCat("length=", L(), ", hidden=", decoder.hidden, ", heads=", decoder.heads,
                               ": length must be a multiple of 4 from 8 on, hidden / heads at least 4"));
  }
  if (batch % g_max != 0) {
    return refuse(
        absl::StrCat("batch=", batch, ", g_max=", g_max,
                     ": batch must be a multiple of g_max, for rows as long as the farthest window"));
  }
  if (last > L()) return refuse(absl::StrCat("last=", last, ": at most length=", L(), " tokens are judged"));
  if (text.empty()) return refuse("--text needs a text domain");
  return absl::OkStatus();
}

std::vector<int64_t> Config::windows() const {
  std::vector<int64_t> all;
  for (int64_t g = 1; g <= 2 * g_max; g *= 2) all.push_back(g * L());
  return all;
}

std::vector<Arm> arms(const Config& c) {
  const auto window = [](const std::string& label, bool recall) {
    return Reading{.name = "window", .label = label, .recall = recall};
  };
  const auto g_max = static_cast<double>(c.g_max);
  std::vector<Arm> all = {{.name = "base",
                           .steps = c.base_steps,
                           .lr = cosine_schedule({.peak = c.base_lr, .total = c.base_steps}),
                           .length = c.L(),
                           .R = c.L(),
                           .readings = {{.name = "plain", .label = "base", .g = 1, .recall = true}}}};
  const auto add = [&](const std::string& name, double lr, const Augmentation& augmentation, int64_t length,
                       int64_t R, const std::vector<Reading>& readings) {
    all.push_back({.name = name,
                   .from = "base",
                   .steps = c.tune_steps,
                   .lr = linear_schedule({.peak = lr, .total = c.tune_steps}),
                   .augmentation = augmentation,
                   .length = length,
                   .R = R,
                   .readings = readings});
  };
  const Augmentation e2 = e2_augmentation(c.g_max);
  add("control", c.control_lr, {}, c.L(), c.L(),
      {{.name = "plain", .label = "plain fine-tuning", .g = 1, .recall = true},
       window("plain fine-tuning, read with PI", true),
       {.name = "ntk", .label = "plain fine-tuning, read with NTK", .type = RopeType::kNtk, .recall = true},
       {.name = "yarn",
        .label = "plain fine-tuning, read with YaRN",
        .type = RopeType::kYarn,
        .recall = true}});
  add("pi", c.pi_lr, {.scales = {g_max / 2}}, c.L(), c.L(),
      {window("PI, one scale", true),
       {.name = "fixed", .label = "PI, one scale, read with it", .g = g_max / 2, .recall = true}});
  add("e2", c.e2_lr, e2, c.L(), c.L(),
      {window("E2-LLM", true), {.name = "fixed", .label = "E2-LLM, read with G_max", .g = g_max}});
  add("e2_no_t", c.e2_lr, {.scales = e2.scales}, c.L(), c.L(), {window("without t", true)});
  add("e2_no_g", c.e2_lr, {.scales = {g_max}, .offsets = true}, c.L(), c.L(), {window("without g", true)});
  add("e2_no_sinks", c.e2_lr, {.scales = e2.scales, .offsets = true, .sinks = 0}, c.L(), c.L(),
      {window("t on all tokens", true)});
  add("pi_far", c.e2_lr, {.scales = {g_max}}, c.L(), c.L(), {window("without both: PI at G_max", true)});
  add("pi_long", c.pi_long_lr, {.scales = {g_max}}, c.farthest(), c.L(), {window("PI, long rows", false)});
  for (const int64_t g : {c.g_max / 4, c.g_max / 2, 2 * c.g_max}) {
    add(absl::StrCat("e2_g", g), c.e2_lr, e2_augmentation(g), c.L(), c.L(),
        {window(absl::StrCat("G_max = ", g), false)});
  }
  for (const int64_t R : {c.L() / 2, 2 * c.L()}) {  // the same reach, R G_max
    add(absl::StrCat("e2_r", R), c.e2_lr, e2_augmentation(c.farthest() / R), R, R,
        {window(absl::StrCat("R = ", R), false)});
  }
  return all;
}

absl::StatusOr<Data> load_data(const Config& config, kit::Run& run) {
  Data data;
  if (run.planning()) {
    for (const int64_t length : row_lengths(config)) {
      std::vector<int32_t> tokens(static_cast<size_t>(2 * config.batch * config.farthest()));
      ROUX_ASSIGN_OR_RETURN(kit::WindowSet rows,
                            kit::WindowSet::stream(tokens, length, "the plan's stand-in"));
      data.train.emplace(length, std::move(rows));
    }
    return data;
  }
  ROUX_ASSIGN_OR_RETURN(const std::vector<kit::NamedText> texts, texts_of(config, run));
  const int64_t longest = config.windows().back();
  for (const int64_t length : row_lengths(config)) {
    ROUX_ASSIGN_OR_RETURN(
        kit::Corpus corpus,
        kit::corpus_of(texts, {.length = length,
                               .validation_share = config.validation_share,
                               .validation_windows = (longest + config.eval_windows) / length + 1}));
    data.train.emplace(length, std::move(corpus.train));
    if (length != config.L()) continue;
    data.description = corpus.description;
    for (int64_t row = 0; row < corpus.validation.size(); ++row) {
      const std::vector<int32_t> window = corpus.validation.window(row);
      data.unseen.insert(data.unseen.end(), window.begin(), window.end() - 1);
    }
  }
  data.ends = window_ends(static_cast<int64_t>(data.unseen.size()), longest, config.eval_windows);
  return data;
}

Batch make_batch(const Config& config, const Arm& arm, kit::TokenBatch rows, uint64_t seed, int64_t step,
                 Device device) {
  // Streams of a step: what is planted, and where positions come from.
  stats::RandomStream symbols(seed, static_cast<uint64_t>(2 * step + 2));
  stats::RandomStream draws(seed, static_cast<uint64_t>(2 * step + 3));
  std::vector<float> weight(rows.target.size(), 1);
  std::vector<Draw> drawn;
  for (int64_t row = 0; row < rows.rows; ++row) {
    drawn.push_back(draw_row(arm.augmentation, arm.R, draws));
    if (rows.rows > 1 && row % 2 == 0) continue;
    const int64_t begin = row * rows.length;
    std::vector<int32_t> tokens(rows.input.begin() + begin, rows.input.begin() + begin + rows.length);
    tokens.push_back(rows.target[static_cast<size_t>(begin + rows.length - 1)]);
    const Planted planted = draw_planted(rows.length, symbols);
    plant(planted, absl::MakeSpan(tokens));
    std::copy(tokens.begin(), tokens.end() - 1, rows.input.begin() + begin);
    std::copy(tokens.begin() + 1, tokens.end(), rows.target.begin() + begin);
    weight[static_cast<size_t>(begin + planted.marker)] =
        static_cast<float>(symbol_weight(config, rows.rows));
  }
  const Shape shape{rows.rows, rows.length};
  return {tensor(rows.input, shape, device), tensor(rows.target, shape, device),
          tensor(weight, shape, device), position_table(drawn, rows.length, arm.augmentation.sinks, device)};
}

absl::StatusOr<Trained> train_arm(const Config& c, const Data& data, const Arm& arm, uint64_t seed,
                                  kit::Part& part) {
  Generator generator(seed);
  Transformer model(shape_of(c), c.decoder.init(generator, part.device()));
  AdamW optimizer({{model.named_parameters()}}, adamw(c));
  const kit::States learned = {{"model", model}};
  if (!arm.from.empty()) ROUX_RETURN_IF_ERROR(part.load_from(arm.from, learned));
  const uint64_t order = arm.from.empty() ? seed : ~seed;  // the base's rows and draws are its own
  ROUX_ASSIGN_OR_RETURN(
      kit::BatchLoader loader,
      kit::BatchLoader::create(data.train.at(arm.length), {.seed = order, .global_batch = arm.rows(c)}));
  kit::TrainOptions options{.steps = arm.steps, .parameters = model.num_parameters()};
  if (arm.from.empty()) options.leave_at = {{arm.steps, "final"}};
  const auto step = [&](int64_t s) {
    const Batch batch = make_batch(c, arm, loader.next(), order, s, part.device());
    kit::StepResult result = kit::update(optimizer, {.lr = arm.lr(s), .max_grad_norm = c.max_grad_norm},
                                         [&] { return loss_of(model, batch); });
    result.tokens = batch.ids.numel();
    return result;
  };
  ROUX_RETURN_IF_ERROR(
      kit::train(part, options, learned + kit::States{{"optimizer", optimizer}, {"loader", loader}}, step)
          .status());
  Trained trained;
  for (const Reading& reading : arm.readings)
    trained[reading.name] = read(c, data, model, arm, reading, part);
  return trained;
}

int64_t step_memory(const Config& c, int64_t rows, int64_t length, bool row_positions) {
  Generator unused;
  Transformer model(shape_of(c), c.decoder.init(unused, kMeta));
  AdamW optimizer({{model.named_parameters()}}, adamw(c));
  const Shape shape{rows, length};
  const auto step = [&] {
    Batch batch{empty({kI32, shape}, kMeta), empty({kI32, shape}, kMeta), empty({kF32, shape}, kMeta),
                empty({kF32, shape}, kMeta)};
    if (!row_positions) batch.positions = arange(0, length, 1, kI32, kMeta);
    kit::update(optimizer, {.lr = 1e-3, .max_grad_norm = 1}, [&] { return loss_of(model, batch); });
  };
  return kit::plan_memory(kMeta, step).peak;
}

}  // namespace roux::e2_llm
