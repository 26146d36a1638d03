#include "examples/lora_smollm2/stand_in.h"

#include <string>
#include <vector>

#include "recipes/kit/text/bpe.h"
#include "tensor/generator.h"

namespace roux::lora_smollm2 {

std::shared_ptr<const kit::Tokenizer> stand_in_tokenizer() {
  std::vector<std::string> tokens = {"<unk>", "\n"};
  for (char c = ' '; c <= '~'; ++c) tokens.emplace_back(1, c);
  std::vector<std::pair<std::string, std::string>> merges;
  const auto merge = [&](const std::string& a, const std::string& b) {
    merges.emplace_back(a, b);
    tokens.push_back(a + b);
  };
  // " ac", " an", ...: so the answers differ in their first token.
  for (const char* start : {"a", "o", "c", "p"}) merge(" ", start);
  for (const char* second : {"c", "n"}) merge(" a", second);
  for (const char* second : {"e", "l"}) merge(" p", second);
  kit::TokenizerParts parts;
  parts.name = "stand-in";
  parts.special.unknown = 0;
  kit::AddedToken eos;
  eos.content = "</s>";
  eos.id = static_cast<int32_t>(tokens.size());
  eos.special = true;
  tokens.push_back(eos.content);
  parts.added_tokens = {eos};
  parts.special.eos = eos.id;
  kit::BpeOptions options;
  options.byte_level = false;
  options.unknown = 0;
  parts.model = *kit::BpeModel::from_merges(tokens, merges, options);
  return *kit::Tokenizer::build(std::move(parts));
}

std::unique_ptr<Transformer> stand_in_model(const kit::Tokenizer& tokenizer, Device device) {
  Generator generator(1);
  TransformerConfig config{.vocab_size = tokenizer.vocab_size(), .hidden_size = 32, .intermediate_size = 64};
  config.num_hidden_layers = 2, config.num_attention_heads = 2;
  return std::make_unique<Transformer>(config, Init{&generator, 0.1, kF32, device});
}

}  // namespace roux::lora_smollm2
