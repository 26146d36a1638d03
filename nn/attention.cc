#include "nn/attention.h"

#include <tuple>

#include "absl/strings/str_cat.h"
#include "tensor/ops/arrange.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

Tensor split_heads(const Tensor& x, int64_t heads) {
  ROUX_CHECK(x.dim() == 3 && x.size(2) % heads == 0)
      << "split_heads: x is " << x.spec() << ", needed [B, T, D] with D a multiple of " << heads << " heads";
  return transpose(view(x, {x.size(0), x.size(1), heads, x.size(2) / heads}), 1, 2);
}

Tensor merge_heads(const Tensor& x) {
  return reshape(transpose(x, 1, 2), {x.size(0), x.size(2), x.size(1) * x.size(3)});
}

namespace {
// x seen as `split`, its axes 1 and 2 exchanged, seen as `joined`; axes from 3 on stay.
Tensor exchanged(const Tensor& x, Shape split, Shape joined) {
  for (int axis = 3; axis < x.dim(); ++axis) split.push_back(x.size(axis)), joined.push_back(x.size(axis));
  return reshape(transpose(view(x, split), 1, 2), joined);
}
}  // namespace

bool divides(int64_t shared, int64_t rows) { return shared > 0 ? rows % shared == 0 : rows == 0; }
int64_t readers(int64_t rows, int64_t shared) { return shared > 0 ? rows / shared : 1; }

Tensor stack_rows(const Tensor& x, int64_t shared) {
  const int64_t each = readers(x.size(0), shared), heads = x.size(1), tokens = x.size(2);
  if (each == 1) return x;
  return exchanged(x, {shared, each, heads, tokens}, {shared, heads, each * tokens});
}

Tensor unstack_rows(const Tensor& x, int64_t rows, int64_t tokens) {
  const int64_t shared = x.size(0), each = readers(rows, shared), heads = x.size(1);
  if (each == 1) return x;
  return exchanged(x, {shared, heads, each, tokens}, {rows, heads, tokens});
}

Attention::Attention(const TransformerConfig& config, int64_t layer, const Init& init)
    : q_proj(config.hidden_size, config.num_attention_heads * config.head_size(), config.qkv_bias, init),
      k_proj(config.hidden_size, config.kv_heads() * config.head_size(), config.qkv_bias, init),
      v_proj(config.hidden_size, config.kv_heads() * config.head_size(), config.qkv_bias, init),
      o_proj(config.num_attention_heads * config.head_size(), config.hidden_size, config.output_bias,
             residual_init(config, init)),
      layer_(layer),
      heads_(config.num_attention_heads),
      kv_heads_(config.kv_heads()),
      qk_norm_(config.qk_norm),
      window_(config.window(layer)),
      scale_(config.attention_scale),
      softcap_(config.attention_softcap),
      dropout_(config.dropout.attention) {
  register_module("q_proj", q_proj);
  register_module("k_proj", k_proj);
  register_module("v_proj", v_proj);
  register_module("o_proj", o_proj);
  if (qk_norm_ != QkNorm::kNone) {
    const auto norm = [&](int64_t heads) {
      return std::make_unique<Norm>(
          config.norm, (qk_norm_ == QkNorm::kJoined ? heads : 1) * config.head_size(), config.norm_eps, init);
    };
    q_norm = norm(heads_), k_norm = norm(kv_heads_);
    register_module("q_norm", *q_norm);
    register_module("k_norm", *k_norm);
  }
  if (config.key_smear) register_parameter("k_smear", &k_smear_, zeros({kv_heads_}, init.dtype, init.device));
}

// [B, T, heads * d] -> [B, heads, T, d].
Tensor Attention::normed_heads(const Tensor& x, const Norm* norm, int64_t heads) const {
  if (norm == nullptr) return split_heads(x, heads);
  if (qk_norm_ == QkNorm::kJoined) return split_heads((*norm)(x), heads);
  return transpose((*norm)(view(x, {x.size(0), x.size(1), heads, x.size(2) / heads})), 1, 2);
}

Tensor Attention::smeared(const Tensor& k, const Pass& pass) const {
  const Tensor gate = reshape(sigmoid(cast(k_smear_, k.dtype())), {1, kv_heads_, 1, 1});
  if (k.size(2) == 0) return k + gate * k;  // in the graph of its weight too
  Tensor first = k.slice(2, 0, 1);
  if (!pass.prefix.last_raw_k.empty()) {
    const Tensor last = pass.prefix.last_raw_k[static_cast<size_t>(layer_)];  // [R, G, 1, d] for B rows
    const int64_t each = readers(k.size(0), last.size(0));
    const Tensor of_rows = each == 1 ? last : repeat_interleave(last, each, 0);
    const Tensor& lengths = pass.prefix.lengths;
    first = lengths.defined()
                ? where(gt(reshape(repeat_interleave(lengths, each, 0), {-1, 1, 1, 1}), 0), of_rows, first)
                : of_rows;
  }
  if (pass.cache != nullptr) first = pass.cache->previous_keys(layer_, k, first);
  Tensor before = cat({first, k.slice(2, 0, k.size(2) - 1)}, 2);
  if (pass.rules.begin.defined()) {  // packed documents: [B, T]
    const Tensor begins = eq(pass.rules.begin, arange(0, k.size(2), 1, pass.rules.begin.dtype(), k.device()));
    before = where(unsqueeze(unsqueeze(begins, 1), 3), k, before);
  }
  return k + gate * (before - k);
}

AttentionOptions Attention::options(const Pass& pass) const {
  AttentionOptions options{.rules = pass.rules, .scale = scale_};
  options.rules.window = window_.value_or(0);
  options.softcap = softcap_.value_or(0);
  options.dropout = dropout_rate(dropout_, training(), pass);
  options.generator = pass.generator;
  return options;
}

Tensor Attention::attend(const Tensor& x, const Tensor& source, const Pass& pass) const {
  Tensor q = normed_heads(q_proj(x, pass.generator), q_norm.get(), heads_);
  Tensor k = normed_heads(k_proj(source, pass.generator), k_norm.get(), kv_heads_);
  Tensor v = split_heads(v_proj(source, pass.generator), kv_heads_);
  if (k_smear_.defined()) k = smeared(k, pass);
  const Rotary& rotary = window_ && pass.local_rotary.cos.defined() ? pass.local_rotary : pass.rotary;
  if (rotary.cos.defined() && !pass.core) {
    q = rotary_embedding(q, rotary);
    k = rotary_embedding(k, rotary);
  }
  if (pass.cache != nullptr) std::tie(k, v) = pass.cache->append(layer_, k, v);
  Tensor y;
  if (pass.core) {
    y = pass.core(q, k, v, {layer_, pass});
  } else if (pass.prefix.defined()) {
    y = with_prefix(q, k, v, pass);
  } else {
    y = scaled_dot_product_attention(q, k, v, options(pass));
  }
  y = pass.taps(Site::kHeads, layer_, transpose(y, 1, 2));
  return o_proj(reshape(y, {y.size(0), y.size(1), y.size(2) * y.size(3)}), pass.generator);
}

Tensor Attention::with_prefix(const Tensor& q, const Tensor& k, const Tensor& v, const Pass& pass) const {
  const Tensor& prefix_k = pass.prefix.k[static_cast<size_t>(layer_)];
  const Tensor& prefix_v = pass.prefix.v[static_cast<size_t>(layer_)];
  AttentionOptions own = options(pass), before = own;
  before.rules = pass.prefix_rules;
  before.rules.window = own.rules.window;
  AttentionPart part = attention_with_lse(stack_rows(q, prefix_k.size(0)), prefix_k, prefix_v, before);
  part.y = unstack_rows(part.y, q.size(0), q.size(2));
  part.lse = unstack_rows(part.lse, q.size(0), q.size(2));
  return merge_attention({part, attention_with_lse(q, k, v, own)});
}

std::string Attention::pretty_print() const {
  return absl::StrCat("Attention ", heads_, " heads, ", kv_heads_, " key-value heads",
                      window_ ? absl::StrCat(", window ", *window_) : "");
}

}  // namespace roux
