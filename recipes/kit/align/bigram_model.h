// For tests: a language model that is a table, so that it can have every logits.
#ifndef ROUX_RECIPES_KIT_ALIGN_BIGRAM_MODEL_H_
#define ROUX_RECIPES_KIT_ALIGN_BIGRAM_MODEL_H_

#include <optional>
#include <string>
#include <vector>

#include "nn/models/language_model.h"
#include "tensor/error.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/index.h"

namespace roux::kit {

// The logits of the next token are the last token's row of a table [rows, V], f64. The table is the model's
// only parameter, and its embedding; the projection is the identity.
class BigramModel final : public LanguageModel {
 public:
  BigramModel(const std::vector<double>& logits, int64_t classes) {
    const auto size = static_cast<size_t>(classes);
    register_parameter("table", &table_,
                       tensor(logits, {static_cast<int64_t>(logits.size() / size), classes}));
    std::vector<double> identity(size * size, 0);
    for (size_t v = 0; v < size; ++v) identity[v * size + v] = 1;
    identity_ = tensor(identity, {classes, classes});
  }
  Tensor embed(const Tensor& ids) const override { return embedding(table_, ids); }
  const Tensor& embedding_weight() const override { return table_; }
  OutputProjection output() const override { return {identity_}; }
  KVCache make_cache(int64_t, int64_t) const override { throw Error("a table has no cache"); }
  std::optional<int64_t> context_length() const override { return std::nullopt; }
  std::string pretty_print() const override { return "BigramModel"; }

 protected:
  Tensor run(const LmInput& in) const override { return embed(in.ids); }

 private:
  Tensor table_, identity_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_ALIGN_BIGRAM_MODEL_H_
