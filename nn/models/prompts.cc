#include "nn/models/prompts.h"

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {

SoftPrompt::SoftPrompt(int64_t tokens, int64_t hidden_size, const Init& init) {
  register_parameter("weight", &weight_, init_normal({tokens, hidden_size}, init));
}

SoftPrompt::SoftPrompt(const Tensor& embeddings) {
  const bool batched = embeddings.dim() == 3 && embeddings.size(0) == 1;
  ROUX_CHECK((embeddings.dim() == 2 || batched) && is_floating(embeddings.dtype()))
      << "SoftPrompt: embeddings is " << embeddings.spec() << ", needed floating [P, D] or [1, P, D]";
  const Tensor rows = batched ? select(embeddings, 0, 0) : embeddings;
  const Tensor copy = empty(rows.spec(), rows.device());
  copy_(copy, rows.detach());
  register_parameter("weight", &weight_, copy);
}

LmInput SoftPrompt::prepend(const LanguageModel& model, const LmInput& in) const {
  ROUX_CHECK(in.ids.defined() != in.embeddings.defined())
      << "SoftPrompt: " << (in.ids.defined() ? "both" : "neither") << " of ids and embeddings given";
  ROUX_CHECK(in.cache == nullptr || in.cache->longest() == 0)
      << "SoftPrompt: the cache has tokens already: a prompt stands before all";
  ROUX_CHECK(!in.document_begin.defined() && !in.document_end.defined() && !in.documents.defined() &&
             !in.positions.defined() && !in.mask.defined() && !in.bias.defined() && in.first_layer == 0)
      << "SoftPrompt: documents, positions, masks, biases and first_layer do not say what holds for the "
         "prompt";
  LmInput out = in;
  const Tensor x = in.ids.defined() ? model.embed(in.ids) : in.embeddings;
  ROUX_CHECK(x.dim() == 3 && x.size(2) == weight_.size(1))
      << "SoftPrompt: the embeddings are " << x.spec() << ", the prompt " << weight_.spec();
  const Tensor rows = expand(unsqueeze(cast(weight_, x.dtype()), 0), {x.size(0), tokens(), x.size(2)});
  out.ids = Tensor();
  out.embeddings = cat({rows, x}, 1);
  if (in.token_types.defined()) {
    const Tensor first = zeros({x.size(0), tokens()}, in.token_types.dtype(), x.device());
    out.token_types = cat({first, in.token_types}, 1);
  }
  for (Tensor* count : {&out.lengths, &out.bidirectional}) {
    if (count->defined()) *count = *count + tokens();
  }
  return out;
}

Tensor SoftPrompt::behind(const Tensor& x) const {
  ROUX_CHECK(x.dim() >= 2 && x.size(1) >= tokens())
      << "SoftPrompt: " << x.spec() << " has no " << tokens() << " tokens of the prompt";
  return slice(x, 1, tokens(), x.size(1));
}

std::string SoftPrompt::pretty_print() const {
  return absl::StrCat("SoftPrompt ", tokens(), " x ", weight_.size(1));
}

PrefixTuning::PrefixTuning(const TransformerConfig& c, const PrefixTuningOptions& options, const Init& init)
    : layers_(c.num_hidden_layers),
      kv_heads_(c.kv_heads()),
      head_dim_(c.head_size()),
      tokens_(options.tokens),
      dtype_(c.compute_dtype),
      embedding_(tokens_, (options.mlp_width ? 1 : 2 * layers_) * kv_heads_ * head_dim_, init) {
  ROUX_CHECK(tokens_ > 0) << "PrefixTuning: tokens is " << tokens_ << ", needed at least 1";
  register_module("embedding", embedding_);
  if (!options.mlp_width) return;
  const int64_t width = kv_heads_ * head_dim_, hidden = *options.mlp_width;
  dense_ = std::make_unique<ModuleList<Linear>>(2, [&](int64_t i) {
    return i == 0 ? std::make_unique<Linear>(width, hidden, true, init)
                  : std::make_unique<Linear>(hidden, 2 * layers_ * width, true, init);
  });
  register_module("dense", *dense_);
}

KeyValues PrefixTuning::forward() const {
  Tensor x = embedding_.weight();
  if (dense_) x = (*dense_)[1](tanh((*dense_)[0](x)));
  // [P, layers and (k, v), G, d] -> [layers and (k, v), G, P, d]
  x = permute(reshape(cast(x, dtype_), {tokens_, 2 * layers_, kv_heads_, head_dim_}), {1, 2, 0, 3});
  KeyValues out;
  for (int64_t layer = 0; layer < layers_; ++layer) {
    out.k.push_back(unsqueeze(select(x, 0, 2 * layer), 0));
    out.v.push_back(unsqueeze(select(x, 0, 2 * layer + 1), 0));
  }
  return out;
}

std::string PrefixTuning::pretty_print() const {
  return absl::StrCat("PrefixTuning ", tokens_, " tokens, ", layers_, " layers",
                      dense_ ? ", made by an MLP" : "");
}

}  // namespace roux
