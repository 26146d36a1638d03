#include "recipes/kit/models/stand_in.h"

#include <string>
#include <utility>
#include <vector>

#include "nn/models/transformer.h"
#include "recipes/kit/text/bpe.h"
#include "tensor/generator.h"

namespace roux::kit {

Pretrained stand_in_model(const StandInOptions& options) {
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte)
    tokens.push_back(byte_level_to_text(std::string(1, static_cast<char>(byte))));
  TokenizerParts parts;
  parts.name = "stand-in";
  for (const char* control : {"<|im_start|>", "<|im_end|>"}) {
    AddedToken token;
    token.content = control;
    token.id = static_cast<int32_t>(tokens.size());
    tokens.push_back(token.content);
    parts.added_tokens.push_back(token);
  }
  const int32_t end = parts.added_tokens[1].id;
  parts.special = {.bos = parts.added_tokens[0].id, .eos = end, .padding = end};
  parts.model = *BpeModel::from_merges(std::move(tokens), {}, {});
  auto tokenizer = *Tokenizer::build(std::move(parts));

  Generator generator(options.seed);
  TransformerConfig config{.vocab_size = tokenizer->vocab_size(),
                           .hidden_size = options.hidden_size,
                           .intermediate_size = 2 * options.hidden_size,
                           .num_hidden_layers = 2,
                           .num_attention_heads = 2,
                           .max_position_embeddings = options.context};
  Pretrained out{std::make_unique<Transformer>(config, Init{&generator, 0.1, kF32, options.device}),
                 std::move(tokenizer),
                 chat_template_by_name("chatml", "<|im_start|>", "<|im_end|>"),
                 {},
                 {}};
  out.generation.stop_ids = {end};
  return out;
}

}  // namespace roux::kit
