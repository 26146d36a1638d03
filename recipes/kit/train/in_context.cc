#include "recipes/kit/train/in_context.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/view.h"

namespace roux::kit {

absl::Status InContextConfig::check() const {
  if (hidden % heads == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("hidden=", hidden, ", heads=", heads, ": heads must divide hidden"));
}

PromptFormat InContextConfig::prompt_format() const {
  return format == "alternating" ? PromptFormat::kAlternating : PromptFormat::kPaired;
}

TransformerConfig InContextConfig::transformer() const {
  TransformerConfig config = gpt2_style();
  config.vocab_size = 1;  // no token has an id
  config.hidden_size = hidden, config.intermediate_size = 4 * hidden;
  config.num_hidden_layers = layers, config.num_attention_heads = heads;
  config.max_position_embeddings = length * tokens_per_pair(prompt_format());
  config.positions = positions ? Positions::kLearned : Positions::kNone;
  return config;
}

InContextRegressor::InContextRegressor(const InContextConfig& config, int64_t dimension, int64_t outputs,
                                       const Init& init)
    : format_(config.prompt_format()),
      read_in_(token_width(config.prompt_format(), dimension), config.hidden, true, init),
      // Not registered: a table of no token.
      trunk_(config.transformer(), init, {}, std::make_shared<Embedding>(1, config.hidden, init)),
      head_(config.hidden, outputs, true, init) {
  register_module("read_in", read_in_);
  register_module("model", trunk_);
  register_module("head", head_);
}

Tensor InContextRegressor::tokens(const RegressionPrompts& prompts) const {
  return tensor(
      prompt_tokens(prompts, format_),
      {prompts.rows(), prompts.length * tokens_per_pair(format_), token_width(format_, prompts.dimension)},
      head_.weight().device());
}

Tensor InContextRegressor::forward(const Tensor& tokens) const {
  const Tensor hidden = trunk_(LmInput{.embeddings = read_in_(tokens)});
  return head_(hidden.slice(1, 0, hidden.size(1), tokens_per_pair(format_)));
}

std::string InContextRegressor::pretty_print() const {
  return absl::StrCat("InContextRegressor, ", num_parameters(), " parameters");
}

}  // namespace roux::kit
