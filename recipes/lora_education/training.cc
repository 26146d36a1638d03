#include "recipes/lora_education/training.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "nn/lora.h"
#include "nn/weights.h"
#include "optim/adamw_8bit.h"
#include "optim/optimizer.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/data/index_loader.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/text/bpe_trainer.h"
#include "recipes/kit/train/batches.h"
#include "recipes/kit/train/fine_tune.h"
#include "recipes/kit/train/update.h"
#include "tensor/generator.h"
#include "tensor/grad_mode.h"

namespace roux::lora_education {
namespace {

// All that the base reads, in an order of the world's seed.
absl::StatusOr<std::vector<std::string>> base_documents(const Config& c, const World& world) {
  std::vector<std::string> documents = fact_prose(world, c.exposures, c.world_seed);
  const std::vector<std::string> notes = plain_notes(c.notes, c.world_seed);
  documents.insert(documents.end(), notes.begin(), notes.end());
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_excerpt("austen_emma"));
  constexpr size_t kPlainDocument = 400;  // bytes
  const std::string plain = text.substr(0, static_cast<size_t>(c.plain_bytes));
  for (size_t at = 0; at < plain.size(); at += kPlainDocument)
    documents.push_back(plain.substr(at, kPlainDocument));
  return documents;
}

TransformerConfig shape(const Config& c, const Language& language) {
  TransformerConfig shape;
  shape.vocab_size = language.tokenizer->vocab_size();
  shape.hidden_size = c.hidden;
  shape.intermediate_size = c.intermediate;
  shape.num_hidden_layers = c.layers;
  shape.num_attention_heads = c.heads;
  shape.max_position_embeddings = std::max(c.length, c.max_tokens);
  return shape;
}

std::unique_ptr<Optimizer> make_optimizer(const NamedTensors& adapter, bool adamw_8bit) {
  const AdamWOptions options{.weight_decay = 0};  // section 3
  if (adamw_8bit) return std::make_unique<AdamW8bit>(std::vector<ParamGroup>{{adapter}}, options);
  return std::make_unique<AdamW>(std::vector<ParamGroup>{{adapter}}, options);
}

std::vector<kit::LmBatch> micro_batches(const std::vector<kit::MaskedDocument>& documents,
                                        absl::Span<const int64_t> rows, int64_t micro_rows, Device device) {
  const size_t at_once = micro_rows == 0 ? rows.size() : static_cast<size_t>(micro_rows);
  std::vector<kit::LmBatch> out;
  for (size_t begin = 0; begin < rows.size(); begin += at_once) {
    std::vector<kit::MaskedDocument> some;
    for (const int64_t row : rows.subspan(begin, at_once))
      some.push_back(documents[static_cast<size_t>(row)]);
    out.push_back(kit::to_batch(some, device));
  }
  return out;
}

// About four evaluations, and each of the last five steps: what the hand-offs are compared by.
std::vector<int64_t> evaluation_steps(int64_t steps) {
  std::vector<int64_t> last = {0};
  for (int64_t step = std::max<int64_t>(1, steps - 4); step <= steps; ++step) last.push_back(step);
  return kit::merged(kit::every(std::max<int64_t>(1, steps / 4), steps), last);
}

}  // namespace

absl::StatusOr<Language> make_language(const Config& c, const World& world) {
  ROUX_ASSIGN_OR_RETURN(const kit::ChatTemplate chat, kit::chat_template_by_name("llama2", "<s>", "</s>"));
  const std::vector<std::string> patterns = {kit::kGpt2Pattern};
  ROUX_ASSIGN_OR_RETURN(kit::PreTokenizer pre_tokenizer, kit::pattern_pre_tokenizer(patterns));
  kit::BpeTrainer trainer(std::move(pre_tokenizer));
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> documents, base_documents(c, world));
  for (const std::string& document : documents) trainer.add(document);
  for (const Dialogue& dialogue :
       make_dialogues(world, world.truth, std::min<int64_t>(c.dialogues, 500), c.follow_ups, c.world_seed)) {
    ROUX_ASSIGN_OR_RETURN(const kit::RenderedChat rendered, kit::render_chat(chat, dialogue.conversation));
    for (const kit::ChatSpan& span : rendered.spans) {
      trainer.add(rendered.text.substr(span.bytes.begin, span.bytes.end - span.bytes.begin));
    }
  }
  ROUX_ASSIGN_OR_RETURN(
      const kit::TrainedBpe trained,
      trainer.train({.vocab_size = static_cast<int32_t>(c.vocabulary), .special_tokens = {"<s>", "</s>"}}));
  ROUX_ASSIGN_OR_RETURN(auto tokenizer, kit::byte_level_tokenizer(trained, patterns, "trained here"));
  ROUX_ASSIGN_OR_RETURN(tokenizer, tokenizer->with_config({.bos = "<s>", .eos = "</s>"}, ""));
  return Language{tokenizer, chat};
}

absl::StatusOr<kit::WindowSet> base_text(const Config& c, const World& world, const Language& language) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::string> documents, base_documents(c, world));
  const kit::SpecialIds& special = language.tokenizer->special();
  std::vector<std::vector<int32_t>> tokens;
  for (const std::string& document : documents) {
    std::vector<int32_t> ids = {*special.bos};
    const std::vector<int32_t> text = language.tokenizer->encode(document, {.parse_special = false}).ids;
    ids.insert(ids.end(), text.begin(), text.end());
    ids.push_back(*special.eos);
    tokens.push_back(std::move(ids));
  }
  return kit::WindowSet::packed(tokens, c.length, "the base's text");
}

int64_t base_steps(const Config& c, const kit::WindowSet& text) {
  return std::max<int64_t>(1, text.size() / c.base_batch);
}

absl::StatusOr<std::unique_ptr<Transformer>> train_base(const Config& c, const Language& language,
                                                        const kit::WindowSet& text, uint64_t seed,
                                                        kit::Part& part) {
  Generator init(seed);
  auto model = std::make_unique<Transformer>(shape(c, language), Init{&init, 0.05, kF32, part.device()});
  AdamW optimizer({{model->named_parameters()}}, {.beta2 = 0.98, .weight_decay = 0.01});
  ROUX_ASSIGN_OR_RETURN(kit::BatchLoader loader,
                        kit::BatchLoader::create(text, {.seed = seed, .global_batch = c.base_batch}));
  const int64_t steps = base_steps(c, text);
  const Schedule schedule = linear_with_warmup(c.base_lr, steps, 0.05);
  ROUX_RETURN_IF_ERROR(kit::train(part, {.steps = steps, .parameters = model->num_parameters()},
                                  {{"model", *model}, {"optimizer", optimizer}, {"loader", loader}},
                                  [&](int64_t step) {
                                    return kit::update(optimizer, {.lr = schedule(step), .max_grad_norm = 1},
                                                       kit::micro_batches(loader, part.device()),
                                                       [&](const kit::LmBatch& batch) {
                                                         return model->loss_sum(kit::lm_input(batch),
                                                                                batch.target);
                                                       });
                                  })
                           .status());
  ROUX_RETURN_IF_ERROR(part.leave("final", {{"model", *model}}));
  model->eval();
  return model;
}

absl::StatusOr<std::unique_ptr<Transformer>> load_base(const Config& c, const Language& language,
                                                       const kit::Part& part) {
  auto model = std::make_unique<Transformer>(shape(c, language), Init{nullptr, 0, kF32, part.device()});
  ROUX_RETURN_IF_ERROR(part.load_from("base", {{"model", *model}}));
  model->eval();  // there is no dropout, so that training may stay in this mode
  return model;
}

void make_qlora(Transformer& base, bool nf4, bool double_quantization, int64_t r, uint64_t seed) {
  if (nf4) {
    quantize(base, {"*_proj.weight"}, kNF4, double_quantization ? Nf4Scales::kQuantized : Nf4Scales::kExact);
  }
  Generator generator(seed);
  attach_lora(base, {.r = r, .alpha = 2.0 * static_cast<double>(r)}, generator);
}

int64_t phase_steps(int64_t conversations, int64_t batch, int64_t epochs) {
  return std::max<int64_t>(1, conversations / batch * epochs);
}

absl::Status show_first_batch(const Language& language, const TuningData& data, kit::Run& run) {
  const kit::SpecialIds& special = language.tokenizer->special();
  const auto shown = absl::MakeConstSpan(data.train).subspan(0, 2);
  kit::FirstBatch batch;
  for (const kit::MaskedDocument& document : shown) {
    batch.columns = std::max(batch.columns, static_cast<int64_t>(document.tokens.size()));
  }
  for (const kit::MaskedDocument& document : shown) {
    const auto padding = static_cast<size_t>(batch.columns) - document.tokens.size();
    batch.tokens.insert(batch.tokens.end(), document.tokens.begin(), document.tokens.end());
    batch.tokens.insert(batch.tokens.end(), padding, special.eos.value_or(0));
    // Nothing stands before the first token that it could be a target of.
    batch.loss_mask.push_back(0);
    batch.loss_mask.insert(batch.loss_mask.end(), document.loss_mask.begin() + 1, document.loss_mask.end());
    batch.loss_mask.insert(batch.loss_mask.end(), padding, 0);
  }
  batch.decode = [&](int64_t id) { return language.tokenizer->decode({static_cast<int32_t>(id)}); };
  if (special.bos) batch.bos = *special.bos;
  if (special.eos) batch.stop = *special.eos;
  return run.show_batch(batch);
}

absl::StatusOr<kit::TrainLog> train_phase(const Phase& phase, LanguageModel& model, const TuningData& data,
                                          uint64_t seed, kit::Part& part) {
  const NamedTensors adapter = trainable(model);
  const std::unique_ptr<Optimizer> optimizer = make_optimizer(adapter, phase.adamw_8bit);
  if (phase.number == 1) {
    kit::States handed_over = {{"adapter", adapter}};
    if (phase.kind != HandOff::kAdapterOnly) handed_over.emplace_back("optimizer", *optimizer);
    ROUX_RETURN_IF_ERROR(part.load_from(phase.from, handed_over));
  }
  ROUX_ASSIGN_OR_RETURN(kit::IndexLoader loader,
                        kit::IndexLoader::create(static_cast<int64_t>(data.train.size()),
                                                 {.seed = kit::mix(seed, static_cast<uint64_t>(phase.number)),
                                                  .global_batch = phase.batch}));
  const kit::States states = {{"adapter", adapter}, {"optimizer", *optimizer}, {"loader", loader}};
  const int64_t steps = phase.number == 0 ? phase.phases.first : phase.phases.second;
  kit::TrainOptions options{.steps = steps, .evaluate_at = evaluation_steps(steps)};
  options.evaluate = [&](int64_t) -> kit::Values {
    return {{"held_out_loss", held_out_loss(model, data.held_out, part.device())}};
  };
  options.parameters = model.num_parameters();
  ROUX_ASSIGN_OR_RETURN(
      const kit::TrainLog log, kit::train(part, options, states, [&](int64_t step) {
        return kit::update(
            *optimizer,
            {.lr = learning_rate(phase.phases, phase.kind, phase.number, step),
             .max_grad_norm = phase.max_grad_norm},
            micro_batches(data.train, loader.next(), phase.micro_rows, part.device()),
            [&](const kit::LmBatch& batch) { return model.loss_sum(kit::lm_input(batch), batch.target); });
      }));
  ROUX_RETURN_IF_ERROR(part.leave("final", {{"adapter", adapter}, {"optimizer", *optimizer}}));
  return log;
}

double held_out_loss(const LanguageModel& model, absl::Span<const kit::MaskedDocument> documents,
                     Device device) {
  const NoGradGuard no_grad;
  double sum = 0;
  int64_t targets = 0;
  for (size_t begin = 0; begin < documents.size(); begin += 16) {
    const kit::LmBatch batch = kit::to_batch(documents.subspan(begin, 16), device);
    sum += model.loss_sum(kit::lm_input(batch), batch.target).item();
    targets += batch.target_count;
  }
  return sum / static_cast<double>(targets);
}

WeightBytes projection_bytes(const Module& model) {
  WeightBytes bytes;
  for (const auto& [path, linear] : linears(model)) {
    const TensorSpec spec = linear->weight().spec();
    bytes.held += static_cast<int64_t>(linear->weight().bytes());
    bytes.f16 += 2 * numel(value_shape(spec));
  }
  return bytes;
}

}  // namespace roux::lora_education
