// Keys and values of one text that outlive a call of generate(): the next prompt is computed from the first
// token on in which it differs from what was computed last.
//
//   KeptCache cache(model, /*capacity=*/4096);
//   generate(cache.model(), {first}, options);
//   generate(cache.model(), {first_and_answer_and_second}, options);  // computes `second` alone
#ifndef ROUX_RECIPES_KIT_CHAT_KEPT_CACHE_H_
#define ROUX_RECIPES_KIT_CHAT_KEPT_CACHE_H_

#include <cstdint>

#include "nn/kv_cache.h"
#include "nn/models/language_model.h"
#include "recipes/kit/decode/session.h"

namespace roux::kit {

class KeptCache {
 public:
  // The model, in eval mode and with the same weights throughout, must outlive it. `capacity`: tokens of
  // prompt and answer together; memory for all is allocated here.
  KeptCache(const LanguageModel& model, int64_t capacity);

  // For one prompt and one row (Error for more); its context is the capacity. Must not outlive this, and a
  // call of start() ends the session before.
  DecodeModel model();
  void clear();

  // Of the last prompt.
  struct Prompt {
    int64_t kept = 0, computed = 0;  // tokens
    double seconds = 0;
  };
  const Prompt& last_prompt() const { return last_prompt_; }

 private:
  class Session;
  const LanguageModel& model_;
  KVCache cache_;
  Tokens tokens_;  // that the cache holds
  Prompt last_prompt_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_CHAT_KEPT_CACHE_H_
