// What training, decoding and evaluation take: anything that makes logits of tokens.
//
//   const Tensor logits = model.logits(ids);
//   const Tensor loss = model.loss_sum({.ids = ids, .document_begin = begins}, targets);
#ifndef ROUX_NN_MODELS_LANGUAGE_MODEL_H_
#define ROUX_NN_MODELS_LANGUAGE_MODEL_H_

#include <optional>

#include "nn/module.h"
#include "nn/pass.h"
#include "tensor/ops/loss.h"

namespace roux {

// B rows of T tokens. Rows are padded on the right, never on the left: a token's slot is its position. What
// has no meaning together throws Error.
struct LmInput {
  Tensor ids = {};         // [B, T] i32 or i64; or
  Tensor embeddings = {};  // [B, T, D] in their place, as embed() returns them; with first_layer > 0 the
                           // residual stream that enters that block
  Tensor token_types =
      {};  // [B, T] i32 or i64, for models that tell kinds of tokens apart; all 0 if not given
  // [T] or [B, T] integer; floating for rotary positions. 0, 1, ... where not given, behind prefix and cache
  // (learned ones start again with each document; rotary ones are relative, so they need not).
  Tensor positions = {};
  Tensor lengths = {};  // i32 [B]: tokens of each row, then padding. A cache grows by them; if not causal,
                        // padding is not seen
  // i32 [B, T], of rows that hold several documents: where the token's begins, and (if not causal) ends.
  Tensor document_begin = {}, document_end = {};
  // In their place: i32 or i64 [B, T], any number for each document; neighbours of one number are one.
  Tensor documents = {};
  Tensor bidirectional = {};        // i32 [B]: so many first tokens are seen by all of the row (prefix LM)
  std::optional<bool> causal = {};  // in place of the config's
  Tensor mask = {}, bias = {};      // as in AttentionRules
  KVCache* cache = nullptr;         // goes on behind its tokens, and grows by these
  KeyValues prefix = {};            // seen before all
  Memory memory = {};               // what cross-attention reads; a cache keeps its keys for the next calls
  Generator* generator = nullptr;   // dropout's; needed in training mode where a rate is above 0
  double dropout_scale = 1;  // of all rates of the config, not of adapters: for schedules; 0: no dropout
  Taps taps = {};
  AttentionCore core = {}, cross_core = {};  // of self-attention, of cross-attention
  // Blocks first_layer up to end_layer - 1 (all where not given). The final norm belongs to the last block.
  int64_t first_layer = 0;
  std::optional<int64_t> end_layer = {};
};

class LanguageModel : public Module {
 public:
  Tensor hidden(const LmInput& in) const;  // [B, T, D], behind the final norm
  // [..., D] -> [..., V]; choose tokens before, to project few.
  Tensor project(const Tensor& hidden) const;
  Tensor logits(const LmInput& in) const { return project(hidden(in)); }  // [B, T, V]
  Tensor logits(const Tensor& ids) const { return logits(LmInput{.ids = ids}); }

  // Cross-entropy of targets: [...] from hidden: [..., D], as linear_cross_entropy takes them: the logits are
  // never held at once.
  Tensor losses(const Tensor& hidden, const Tensor& targets, const CrossEntropyOptions& options) const;
  // Summed over all tokens; targets of options.ignore_index (-100) count for nothing.
  Tensor loss_sum(const LmInput& in, const Tensor& targets, CrossEntropyOptions options = {}) const;
  Tensor loss_sum(const Tensor& ids, const Tensor& targets) const {
    return loss_sum(LmInput{.ids = ids}, targets);
  }
  Tensor token_losses(const LmInput& in, const Tensor& targets,
                      CrossEntropyOptions options = {}) const;  // [B, T]

  virtual Tensor embed(
      const Tensor& ids) const = 0;  // [B, T] -> [B, T, D]: what LmInput::embeddings replaces
  virtual const Tensor& embedding_weight() const = 0;  // [V, D]
  // For losses fused with the projection. Adapters of the output layer are part of this weight, which is then
  // made anew by each call.
  virtual OutputProjection output() const = 0;
  // What stands between hidden and the projection: hidden itself in most models.
  virtual Tensor head_transform(const Tensor& hidden) const { return hidden; }
  // For `rows` rows of up to `capacity` tokens each.
  virtual KVCache make_cache(int64_t rows, int64_t capacity) const = 0;
  // Tokens that a row may have, prefix and cache included; none where positions have no end.
  virtual std::optional<int64_t> context_length() const = 0;

 protected:
  virtual Tensor run(const LmInput& in) const = 0;  // hidden, without the path in its errors
  // [..., D] behind head_transform -> logits [..., V]; here adapters cost what their rank says.
  virtual Tensor output_logits(const Tensor& x) const;
};

// c tanh(logits / c), logits themselves without a c.
Tensor softcapped(const Tensor& logits, const std::optional<double>& softcap);

}  // namespace roux

#endif  // ROUX_NN_MODELS_LANGUAGE_MODEL_H_
