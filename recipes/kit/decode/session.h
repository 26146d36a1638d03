// Next-token models as decoding sees them: a batch of rows that gain tokens, and the logits of what may come
// next. Networks keep keys and values, an n-gram model the tokens; generate(), beam_search() and
// choice_log_probs() take either, and sums of several (combine.h).
//
//   const DecodeModel model = decode_model(transformer);
//   std::unique_ptr<DecodeSession> session = model.start({{5, 7}, {5, 8, 9}}, /*rows=*/4, /*new_tokens=*/10);
//   Tensor logits = session->logits({0, 1});              // behind each prompt
//   session->select({0, 0, 1, 1});                        // two samples of each
//   session->extend({{3}, {4}, {3}, {6}});                // a token more for each
//   logits = session->logits({0, 1, 2, 3});
#ifndef ROUX_RECIPES_KIT_DECODE_SESSION_H_
#define ROUX_RECIPES_KIT_DECODE_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "nn/models/encoder_decoder.h"
#include "nn/models/language_model.h"
#include "recipes/kit/data/tokens.h"
#include "tensor/tensor.h"

namespace roux::kit {

// Rows 0, 1, ... of one batch. Belongs to one thread; nothing is recorded for backward.
class DecodeSession {
 public:
  virtual ~DecodeSession() = default;
  // Row r gains tokens[r], which may be none. Throws Error for another number of rows and for more tokens
  // than the session was started for.
  virtual void extend(absl::Span<const Tokens> tokens) = 0;
  // f32 [n, V] on the CPU: the logits behind each of these tokens of the last extend(), which are numbered
  // row after row; after start() there is one for each prompt, its last. Computed only now. Throws Error for
  // a number that there is not, and after select(), which forgets them. Zeros from a model on meta.
  virtual Tensor logits(absl::Span<const int64_t> tokens) const = 0;
  // Row i becomes what row from[i] was: samples of one prompt, beams, what is left when rows have ended.
  // Throws Error for more rows than the session was started for.
  virtual void select(absl::Span<const int64_t> from) = 0;
};

struct DecodeModel {
  int64_t vocabulary = 0;
  // Tokens that a row may have, where there is a limit, and how many of them stand there before the first new
  // one: prefix and prompt, or an encoder-decoder's start. For messages before any work.
  std::optional<int64_t> context = {};
  std::function<int64_t(const Tokens& prompt)> taken = {};
  // These tokens themselves, for rules: the text in which nothing shall be repeated.
  std::function<Tokens(const Tokens& prompt)> beginning = {};
  // Rows are the prompts, one or more tokens each; later at most `rows`, each of at most `new_tokens` more.
  // All memory is allocated here.
  std::function<std::unique_ptr<DecodeSession>(absl::Span<const Tokens> prompts, int64_t rows,
                                               int64_t new_tokens)>
      start = {};
};

struct LmDecodeOptions {
  // Stands before every prompt; computed now, once for all calls, and read by all rows without a copy. Stale
  // once the model's weights change.
  Tokens prefix = {};
  // What the model gets beside ids, lengths, cache and prefix: taps, core, memory, trained prefixes.
  LmInput input = {};
};
// The model, in eval mode, must outlive it. In each call the prompts' longest common beginning is computed
// once: from 16 tokens on in a cache of its own that all rows read (more than one row, no `prefix`), else in
// one row that is copied. Nothing is kept between calls. In batch-invariant mode (tensor/batch_invariant.h)
// everything is copied into the rows, the prefix too, and the logits are those of a forward over the whole
// row, bit for bit.
DecodeModel decode_model(const LanguageModel& model, LmDecodeOptions options = {});

// Prompts are sources, without padding; every row begins with `start`: decoder_start_token_id, and a
// language's code where the model wants one.
DecodeModel decode_model(const EncoderDecoder& model, Tokens start);

// Any function of the tokens so far (the prompt's too), for n-gram models: it writes V logits or
// log-probabilities of what comes next.
DecodeModel decode_model(
    int64_t vocabulary, std::function<void(absl::Span<const int32_t> tokens, absl::Span<float> logits)> next);

namespace internal {
// Throws Error naming `op` and the prompt when it is empty or leaves no room for `new_tokens` in the context.
void check_prompt(const char* op, const DecodeModel& model, size_t index, const Tokens& prompt,
                  int64_t new_tokens);
}  // namespace internal

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_SESSION_H_
