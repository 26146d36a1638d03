#include "nn/models/transformer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/sequence.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

const TransformerConfig& checked(const TransformerConfig& config) {
  config.check();
  return config;
}

Tensor i32_column(const std::vector<int64_t>& values, Device device) {
  const std::vector<int32_t> narrow(values.begin(), values.end());
  return tensor(narrow, {static_cast<int64_t>(values.size()), 1}, device);
}

// Of attention's scores. A bias of it is converted by no layer.
DType score_dtype(DType compute) { return compute == kF64 ? kF64 : kF32; }

// lengths: i32 [R] -> [B, 1], each B / R times.
Tensor for_each_row(const Tensor& lengths, int64_t rows) {
  const int64_t shared = lengths.size(0);
  return reshape(expand(view(lengths, {shared, 1}), {shared, readers(rows, shared)}), {rows, 1});
}

}  // namespace

TransformerModel::TransformerModel(const TransformerConfig& config, const Init& init, const MakeMixer& mixer,
                                   const std::shared_ptr<Embedding>& embedding)
    : config_(checked(config)),
      embed_tokens_(embedding != nullptr
                        ? embedding
                        : std::make_shared<Embedding>(config.vocab_size, config.hidden_size, init)),
      embed_positions_(
          config.positions == Positions::kLearned
              ? std::make_unique<Embedding>(config.max_position_embeddings, config.hidden_size, init)
              : nullptr),
      embed_token_types_(config.type_vocab_size > 0
                             ? std::make_unique<Embedding>(config.type_vocab_size, config.hidden_size, init)
                             : nullptr),
      embedding_norm_(config.embedding_norm
                          ? std::make_unique<Norm>(config.norm, config.hidden_size, config.norm_eps, init)
                          : nullptr),
      layers_(config.num_hidden_layers,
              [&](int64_t layer) { return std::make_unique<Block>(config, layer, init, mixer); }),
      norm_(config.residual == Residual::kPostNorm
                ? nullptr
                : std::make_unique<Norm>(config.norm, config.hidden_size, config.norm_eps, init)),
      rotary_(config.positions == Positions::kRotary
                  ? std::make_unique<RotaryCache>(config.rope, config.head_size())
                  : nullptr),
      local_rotary_(rotary_ && config.local_rope
                        ? std::make_unique<RotaryCache>(*config.local_rope, config.head_size())
                        : nullptr),
      buckets_(config.positions == Positions::kBuckets ? std::make_unique<RelativeBuckets>(config, init)
                                                       : nullptr),
      alibi_(config.positions == Positions::kAlibi ? std::make_unique<AlibiTable>(config.num_attention_heads)
                                                   : nullptr) {
  if (embedding == nullptr) register_module("embed_tokens", *embed_tokens_);
  if (embed_positions_) register_module("embed_positions", *embed_positions_);
  if (embed_token_types_) register_module("embed_token_types", *embed_token_types_);
  if (embedding_norm_) register_module("embedding_norm", *embedding_norm_);
  register_module("layers", layers_);
  if (norm_) register_module("norm", *norm_);
  if (buckets_) register_module("relative_attention", *buckets_);
}

const Block& TransformerModel::block(int64_t layer) const {
  ROUX_CHECK(layer >= 0 && layer < config_.num_hidden_layers)
      << "transformer: layer " << layer << ", there are " << config_.num_hidden_layers;
  return layers_[static_cast<size_t>(layer)];
}

TransformerModel::Call TransformerModel::check(const LmInput& in) const {
  Call call{0, 0, in.first_layer, in.end_layer.value_or(config_.num_hidden_layers), 0, false};
  ROUX_CHECK(in.ids.defined() != in.embeddings.defined())
      << "transformer: " << (in.ids.defined() ? "both" : "neither") << " of ids and embeddings given";
  if (in.ids.defined()) {
    ROUX_CHECK(in.ids.dim() == 2 && is_integer(in.ids.dtype()))
        << "transformer: ids must be [B, T], i32 or i64: ids is " << in.ids.spec();
  } else {
    ROUX_CHECK(in.embeddings.dim() == 3 && in.embeddings.size(2) == config_.hidden_size &&
               is_floating(in.embeddings.dtype()))
        << "transformer: embeddings must be floating [B, T, " << config_.hidden_size << "]: embeddings is "
        << in.embeddings.spec();
  }
  const Tensor& tokens = in.ids.defined() ? in.ids : in.embeddings;
  call.rows = tokens.size(0), call.tokens = tokens.size(1);
  ROUX_CHECK(0 <= call.first_layer && call.first_layer <= call.end_layer &&
             call.end_layer <= config_.num_hidden_layers)
      << "transformer: layers " << call.first_layer << " to " << call.end_layer << ", there are "
      << config_.num_hidden_layers;
  ROUX_CHECK(call.first_layer == 0 || in.embeddings.defined())
      << "transformer: first_layer " << call.first_layer << " needs the residual stream in embeddings";

  const auto shaped = [](const char* name, const Tensor& x, const Shape& shape) {
    ROUX_CHECK(!x.defined() || (x.dtype() == kI32 && x.shape() == shape))
        << "transformer: " << name << " is " << x.spec() << ", needed i32" << shape;
  };
  const Shape per_row{call.rows}, per_token{call.rows, call.tokens};
  shaped("lengths", in.lengths, per_row);
  shaped("bidirectional", in.bidirectional, per_row);
  shaped("document_begin", in.document_begin, per_token);
  shaped("document_end", in.document_end, per_token);
  ROUX_CHECK(!in.token_types.defined() || (embed_token_types_ && in.token_types.shape() == per_token &&
                                           is_integer(in.token_types.dtype())))
      << "transformer: token_types is " << in.token_types.spec() << ", needed integers " << per_token
      << " for a model with type_vocab_size above 0; it is " << config_.type_vocab_size;
  if (in.positions.defined()) {
    const Shape& shape = in.positions.shape();
    ROUX_CHECK(!config_.distance_biased())
        << "transformer: positions is given, but the distances of this model's biases are those of slots";
    ROUX_CHECK(shape == Shape{call.tokens} || shape == per_token)
        << "transformer: positions is " << in.positions.spec() << ", needed " << Shape{call.tokens} << " or "
        << per_token;
  }
  const bool causal = in.causal.value_or(config_.causal);
  ROUX_CHECK(in.dropout_scale >= 0 && std::isfinite(in.dropout_scale))
      << "transformer: dropout_scale is " << in.dropout_scale << ", needed at least 0";
  ROUX_CHECK(causal || in.document_begin.defined() == in.document_end.defined())
      << "transformer: document_" << (in.document_begin.defined() ? "begin" : "end")
      << " alone, but attention is not causal: a token would see other documents";
  ROUX_CHECK(!in.document_begin.defined() || !in.bidirectional.defined())
      << "transformer: bidirectional counts the first tokens of a row, which holds several documents";
  ROUX_CHECK(!in.document_end.defined() || !in.lengths.defined())
      << "transformer: lengths and document_end both say where a row's tokens end";
  if (in.cache != nullptr) {
    ROUX_CHECK(in.cache->rows() == call.rows)
        << "transformer: the cache has " << in.cache->rows() << " rows, the input " << call.rows;
    ROUX_CHECK(causal)
        << "transformer: a cache needs causal attention: later tokens would change earlier ones";
    ROUX_CHECK(!in.document_begin.defined()) << "transformer: a cached row holds one document";
    ROUX_CHECK(call.first_layer == 0 && call.end_layer == config_.num_hidden_layers)
        << "transformer: a cache needs all layers";
    call.seen = in.cache->longest();
    call.ragged = in.cache->ragged();
  }
  if (in.prefix.defined()) {
    ROUX_CHECK(in.prefix.k.size() == layers_.size() && in.prefix.v.size() == layers_.size())
        << "transformer: a prefix of " << in.prefix.k.size() << " keys and " << in.prefix.v.size()
        << " values, there are " << layers_.size() << " layers";
    check_prefix(in.prefix);
    const int64_t shared = in.prefix.k[0].size(0);
    ROUX_CHECK(divides(shared, call.rows))
        << "transformer: a prefix of " << shared << " rows for " << call.rows << ", needed a divisor of them";
    ROUX_CHECK(!in.document_begin.defined()) << "transformer: packed documents have no common prefix";
    shaped("prefix.lengths", in.prefix.lengths, {shared});
    call.seen += in.prefix.k[0].size(2);
    call.ragged |= in.prefix.lengths.defined();
  }
  check_memory(in, call);
  const std::optional<int64_t> most = config_.context_length();
  ROUX_CHECK(!most || in.positions.defined() || call.seen + call.tokens <= *most)
      << "transformer: " << call.seen + call.tokens << " tokens, max_position_embeddings is " << *most;
  check_taps(in.taps, call);
  return call;
}

void TransformerModel::check_prefix(const KeyValues& prefix) const {
  const Tensor& first = prefix.k[0];
  const int64_t heads = config_.kv_heads(), width = config_.head_size();
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (layers_[layer].attention() == nullptr) continue;
    for (const Tensor* x : {&prefix.k[0], &prefix.k[layer], &prefix.v[layer]}) {
      ROUX_CHECK(x->defined() && x->dim() == 4 &&
                 x->shape() == (Shape{first.size(0), heads, first.size(2), width}))
          << "transformer: the prefix of layer " << layer << " has "
          << (x->defined() ? to_string(x->spec()) : "an undefined tensor") << ", needed [R, " << heads
          << ", P, " << width << "] with the R and P of all layers";
    }
  }
}

void TransformerModel::check_memory(const LmInput& in, const Call& call) const {
  if (!config_.cross_attention) {
    ROUX_CHECK(!in.memory.defined()) << "transformer: a memory, but no cross-attention that reads it";
    return;
  }
  ROUX_CHECK(!in.document_begin.defined()) << "transformer: a row with a memory holds one document";
  if (in.cache != nullptr && in.cache->memory_keys().defined()) return in.cache->check_memory(in.memory);
  const Memory& memory = in.memory;
  ROUX_CHECK(memory.defined()) << "transformer: cross-attention needs a memory";
  ROUX_CHECK(memory.states.dim() == 3 && memory.states.size(2) == config_.hidden_size &&
             divides(memory.states.size(0), call.rows))
      << "transformer: the memory is " << memory.states.spec() << ", needed [R, S, " << config_.hidden_size
      << "], R a divisor of " << call.rows << " rows";
  const TensorSpec per_row{kI32, {memory.states.size(0)}};
  ROUX_CHECK(!memory.lengths.defined() || memory.lengths.spec() == per_row)
      << "transformer: the memory's lengths are " << memory.lengths.spec() << ", needed " << per_row;
}

void TransformerModel::check_taps(const Taps& taps, const Call& call) const {
  const bool parallel =
      config_.residual == Residual::kParallel || config_.residual == Residual::kParallelOneNorm;
  taps.for_each([&](Site site, int64_t layer) {
    ROUX_CHECK(site != Site::kMiddle || !parallel) << "taps: parallel blocks have no " << name(site);
    const bool crossed = site == Site::kCrossInput || site == Site::kCrossHeads || site == Site::kCross;
    ROUX_CHECK(!crossed || config_.cross_attention)
        << "taps: " << name(site) << " of a model without cross-attention";
    if (site == Site::kEmbedding) {
      ROUX_CHECK(layer <= 0 && call.first_layer == 0)
          << "taps: kEmbedding has layer 0 and needs first_layer 0, layer is " << layer << ", first_layer is "
          << call.first_layer;
      return;
    }
    ROUX_CHECK(layer == -1 || (call.first_layer <= layer && layer < call.end_layer))
        << "taps: layer " << layer << " of " << name(site) << " does not run, those that do are "
        << call.first_layer << " to " << call.end_layer - 1;
    bool routed = false;
    for (int64_t i = call.first_layer; i < call.end_layer; ++i) {
      if (layer != -1 && layer != i) continue;
      routed |= config_.has_experts(i);
      ROUX_CHECK(site != Site::kHeads || block(i).attention() != nullptr)
          << "taps: the mixer of layer " << i << " has no kHeads";
      ROUX_CHECK(site != Site::kUnits || !config_.has_experts(i))
          << "taps: layer " << i << " has experts in the place of kUnits";
    }
    ROUX_CHECK(site != Site::kRouter || routed)
        << "taps: "
        << (layer == -1 ? "no layer that runs" : absl::StrCat("layer ", layer, " is not one that"))
        << " has experts, for kRouter";
  });
}

Tensor TransformerModel::embed(const Tensor& ids) const {
  const Tensor x = (*embed_tokens_)(ids);
  return config_.scale_embedding ? x * std::sqrt(static_cast<double>(config_.hidden_size)) : x;
}

// How many tokens stand before each: [T], or [B, T] where rows differ.
Tensor TransformerModel::slots(const LmInput& in, const Call& call, Device device) const {
  if (!call.ragged) return arange(call.seen, call.seen + call.tokens, 1, kI32, device);
  Tensor slots = arange(0, call.tokens, 1, kI32, device);
  if (in.cache != nullptr) slots = slots + i32_column(in.cache->lengths(), device);
  if (!in.prefix.defined()) return slots;
  const Tensor& lengths = in.prefix.lengths;
  return lengths.defined() ? slots + for_each_row(lengths, call.rows) : slots + in.prefix.k[0].size(2);
}

// Of all layers, for a cache; each layer makes its own without one, so that checkpoints need not keep them.
KeyValues TransformerModel::memory_keys(const LmInput& in) const {
  if (!config_.cross_attention || in.cache == nullptr) return {};
  if (in.cache->memory_keys().defined()) return in.cache->memory_keys();
  KeyValues keys{.k = {}, .v = {}, .lengths = in.memory.lengths};
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    const auto [k, v] = layers_[layer].cross_attention()->keys(in.memory.states, in.generator);
    keys.k.push_back(k.contiguous());
    keys.v.push_back(v.contiguous());
  }
  return keys;
}

// Of at least `reach` distances. A cache keeps the table, made for twice as many where it is too short: a
// step of decoding finds it.
Tensor TransformerModel::bucket_bias(int64_t reach, KVCache* cache) const {
  const auto made = [&](int64_t distances) { return cast((*buckets_)(distances), config_.compute_dtype); };
  if (cache == nullptr) return made(reach);
  const Tensor& table = cache->distance_bias();
  const int64_t kept = table.defined() ? (table.size(1) + 1) / 2 : 0;
  if (kept < std::max<int64_t>(reach, 1)) {
    cache->keep_distance_bias(cast(made(std::max(reach, 2 * kept)), score_dtype(config_.compute_dtype)));
  }
  return cache->distance_bias();
}

Pass TransformerModel::pass_of(const LmInput& in, const Call& call, const Tensor& slots,
                               Device device) const {
  Pass pass;
  pass.cache = in.cache, pass.generator = in.generator, pass.dropout_scale = in.dropout_scale;
  pass.taps = in.taps, pass.core = in.core, pass.cross_core = in.cross_core;
  pass.memory = in.memory, pass.memory_keys = memory_keys(in);
  AttentionRules& rules = pass.rules;
  rules.causal = in.causal.value_or(config_.causal);
  rules.mask = in.mask, rules.bias = in.bias;
  rules.begin = in.document_begin, rules.end = in.document_end;
  if (in.bidirectional.defined()) rules.prefix = unsqueeze(in.bidirectional, 1);
  Tensor cached;  // [B, 1]
  if (in.cache != nullptr) cached = i32_column(in.cache->lengths(), device);
  const bool padding_is_seen = !rules.causal || in.bidirectional.defined();
  if (in.lengths.defined() && padding_is_seen) {
    rules.end = unsqueeze(in.lengths, 1);
    if (cached.defined()) rules.end = rules.end + cached;
  }
  if (in.cache != nullptr && in.cache->ragged()) {
    rules.position = cached + arange(0, call.tokens, 1, kI32, device);
  }
  if (rotary_ && !in.core) {
    const auto tables = [&](const RotaryCache& cache) {
      const DType dtype = config_.compute_dtype;
      return in.positions.defined() ? cache.at(in.positions, dtype)
             : call.ragged          ? cache.at(slots, dtype)
                                    : cache.range(call.seen, call.tokens, dtype, device);
    };
    pass.rotary = tables(*rotary_);
    if (local_rotary_) pass.local_rotary = tables(*local_rotary_);
  }
  const int64_t reach = call.seen + call.tokens;
  if (buckets_) rules.distance_bias = bucket_bias(reach, in.cache);
  if (alibi_) rules.distance_bias = alibi_->at_least(reach, score_dtype(config_.compute_dtype), device);
  if (!in.prefix.defined()) return pass;

  pass.prefix = in.prefix;
  if (in.prefix.lengths.defined()) pass.prefix_rules.end = unsqueeze(in.prefix.lengths, 1);
  pass.prefix_rules.distance_bias = rules.distance_bias;
  pass.prefix_rules.causal = config_.sliding_window.has_value();
  if (config_.sliding_window || config_.distance_biased()) {
    const int64_t shared = in.prefix.k[0].size(0);
    pass.prefix_rules.position =
        reshape(expand(slots, {call.rows, call.tokens}), {shared, readers(call.rows, shared) * call.tokens});
  }
  return pass;
}

// With bounds in the place of the documents' numbers.
LmInput TransformerModel::with_bounds(LmInput in) const {
  if (!in.documents.defined()) return in;
  const Tensor& tokens = in.ids.defined() ? in.ids : in.embeddings;
  const bool fits = tokens.defined() && tokens.dim() >= 2 && is_integer(in.documents.dtype()) &&
                    in.documents.shape() == Shape{tokens.size(0), tokens.size(1)};
  ROUX_CHECK(fits && !in.document_begin.defined() && !in.document_end.defined())
      << "transformer: documents is " << in.documents.spec()
      << ", needed i32 or i64 [B, T], without document_begin and document_end";
  const DocumentBounds bounds = document_bounds(in.documents);
  in.document_begin = bounds.begin;
  if (!in.causal.value_or(config_.causal)) in.document_end = bounds.end;
  in.documents = Tensor();
  return in;
}

Tensor TransformerModel::forward(const LmInput& given) const {
  const LmInput in = with_bounds(given);
  const Call call = check(in);
  const Device device = (in.ids.defined() ? in.ids : in.embeddings).device();
  const Tensor slots = this->slots(in, call, device);
  const auto pass = std::make_shared<const Pass>(pass_of(in, call, slots, device));

  Tensor x = in.embeddings.defined() ? in.embeddings : embed(in.ids);
  if (call.first_layer == 0 && embed_token_types_) {
    x = x + (*embed_token_types_)(in.token_types.defined() ? in.token_types : zeros({1, 1}, kI32, device));
  }
  if (call.first_layer == 0 && embed_positions_) {
    const Tensor documents = in.document_begin.defined() ? slots - in.document_begin : slots;
    const Tensor positions = in.positions.defined() ? in.positions : documents;
    x = x +
        (*embed_positions_)(config_.position_offset > 0 ? positions + config_.position_offset : positions);
  }
  x = cast(x, config_.compute_dtype);
  if (call.first_layer == 0) {
    if (embedding_norm_) x = (*embedding_norm_)(x);
    x = dropout_in_training(x, config_.dropout.embedding, training(), *pass);
    x = in.taps(Site::kEmbedding, 0, x);
  }
  for (int64_t i = call.first_layer; i < call.end_layer; ++i) {
    const Block* const block = &layers_[static_cast<size_t>(i)];
    x = run_layer(
        config_.gradient_checkpointing, [block, pass](const Tensor& h) { return (*block)(h, *pass); }, x,
        in.generator);
  }
  if (in.cache != nullptr) {
    std::vector<int64_t> lengths;
    if (in.lengths.defined()) lengths = in.lengths.to_vector<int64_t>();
    in.cache->advance(call.tokens, lengths);
    if (!in.cache->memory_keys().defined()) in.cache->keep_memory(in.memory, pass->memory_keys);
  }
  if (!norm_ || call.end_layer < config_.num_hidden_layers) return x;
  return dropout_in_training((*norm_)(x), config_.dropout.output, training(), *pass);
}

std::string TransformerModel::pretty_print() const {
  return absl::StrCat("TransformerModel ", layers_.size(), " layers, d ", config_.hidden_size);
}

LmHead::LmHead(const TransformerConfig& config, const Init& init, const Embedding& embedding)
    : tied_(config.tie_word_embeddings ? &embedding : nullptr), softcap_(config.logit_softcap) {
  if (config.head_transform) {
    dense_ = std::make_unique<Linear>(config.hidden_size, config.hidden_size, true, init);
    norm_ = std::make_unique<Norm>(config.norm, config.hidden_size, config.norm_eps, init);
    register_module("dense", *dense_);
    register_module("norm", *norm_);
  }
  if (tied_ == nullptr) {
    register_parameter("weight", &weight_, init_normal({config.vocab_size, config.hidden_size}, init));
  }
  if (config.head_bias) {
    register_parameter("bias", &bias_, zeros({config.vocab_size}, init.dtype, init.device));
  }
}

Tensor LmHead::forward(const Tensor& hidden) const {
  return dense_ ? (*norm_)(gelu((*dense_)(hidden))) : hidden;
}

Tensor LmHead::adapted_weight() const {
  Tensor sum = weight();
  for (const auto& adapter : adapters()) {
    const Tensor update = adapter->weight_update(weight());
    sum = weight_values(sum, update.dtype()) + update;
  }
  return sum;
}

std::string LmHead::pretty_print() const {
  return absl::StrCat("LmHead", tied_ == nullptr ? "" : ", tied", dense_ ? ", with transform" : "",
                      bias_.defined() ? ", with bias" : "");
}

Transformer::Transformer(const TransformerConfig& config, const Init& init, const MakeMixer& mixer)
    : config_(config),
      make_mixer_(mixer),
      model_(config, init, mixer),
      lm_head_(config, init, model_.embedding()) {
  register_module("model", model_);
  register_module("lm_head", lm_head_);
}

Transformer::Transformer(const Transformer& from, Weights weights,
                         const std::optional<TransformerConfig>& config)
    : Transformer(config.value_or(from.config_), Init{.generator = nullptr, .device = kMeta},
                  from.make_mixer_) {
  attach_lora_like(from, *this);
  take_weights(from, *this, weights);
}

OutputProjection Transformer::output() const {
  return {lm_head_.adapted_weight(), lm_head_.bias(), config_.logit_softcap};
}

KVCache Transformer::make_cache(int64_t rows, int64_t capacity) const {
  return KVCache({config_.num_hidden_layers, rows, capacity, config_.kv_heads(), config_.head_size(),
                  config_.compute_dtype, embedding_weight().device(), config_.key_smear});
}

std::string Transformer::pretty_print() const {
  return absl::StrCat("Transformer, ", num_parameters(), " parameters");
}

}  // namespace roux
