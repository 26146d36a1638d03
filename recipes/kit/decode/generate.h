// Texts behind prompts: sampled or greedy, many prompts and samples at once.
//
//   const auto samples = generate(decode_model(policy), prompts, {.max_tokens = 64, .samples = 8, .seed = 1,
//                                 .stop_tokens = {tokenizer.special().eos.value()}, .text = text_of(tokenizer)});
//
// A token is drawn by one uniform number of (seed, key of the prompt, sample, position): a text depends on
// neither the other prompts nor `rows`, except through the last bits of logits, which the shape of a batch
// may change. Under BatchInvariantGuard it may not: then the text is the same in any batch, and log_probs are
// those of a forward over prompt and text, bit for bit.
#ifndef ROUX_RECIPES_KIT_DECODE_GENERATE_H_
#define ROUX_RECIPES_KIT_DECODE_GENERATE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "recipes/kit/decode/sampling.h"
#include "recipes/kit/decode/session.h"
#include "recipes/kit/decode/stream.h"

namespace roux::kit {

struct Generation {
  enum Stop : uint8_t { kToken, kString, kLength };
  int64_t prompt = 0, sample = 0;
  Tokens tokens = {};  // the stop token is the last
  std::vector<double> log_probs =
      {};                 // of each, at temperature 1, with no rule and nothing cut: what training computes
  std::string text = {};  // without stop token and stop string; empty where options have no `text`
  Stop stop = kLength;    // kLength: max_tokens, or the end of the model's context
};

struct GenerateOptions {
  int64_t max_tokens = 64, samples = 1;
  Sampling sampling = {};
  std::vector<TokenRule> rules = {};  // in this order, before the temperature
  uint64_t seed = 0;
  std::vector<uint64_t> keys = {};  // of the prompts; their index where not given
  Tokens stop_tokens = {};
  std::vector<std::string> stop_strings = {};  // need `text`
  MakeTextDecoder text = {};
  // Called with new text as soon as it is certain (stream.h), and once more at the end of a text, perhaps
  // with none. Texts come mixed, each in its order. Needs `text`.
  std::function<void(const Generation& so_far, std::string_view new_text)> on_text = {};
  int64_t rows = 64;  // decoded at once, at most
};

// Samples of all prompts, by prompt, then sample. Throws Error for options without a sense, a prompt without
// tokens or room, rules that leave no token, and logits that are not finite where a token is chosen; the last
// two name prompt and position.
std::vector<Generation> generate(const DecodeModel& model, absl::Span<const Tokens> prompts,
                                 const GenerateOptions& options);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_GENERATE_H_
