#include "examples/lora_smollm2/method.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nn/heads.h"
#include "recipes/kit/stats/random.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"

namespace roux::lora_smollm2 {

std::vector<kit::Example> questions(const std::vector<kit::Synset>& nouns) {
  std::vector<kit::Example> out;
  for (const kit::Synset& synset : nouns) {
    for (const Kind& kind : kKinds) {
      if (synset.category != kind.category) continue;
      out.push_back({.id = absl::StrCat(synset.offset),
                     .prompt = absl::StrCat("Act, animal, object, communication, person or plant?\n",
                                            synset.definition, ":"),
                     .response = absl::StrCat(" ", kind.word),
                     .label = kind.word,
                     .source = "wordnet"});
    }
  }
  return out;
}

absl::StatusOr<Split> split(const std::vector<kit::Example>& all, int64_t train, int64_t dev, int64_t test,
                            uint64_t seed) {
  stats::RandomStream random(seed);
  Split out;
  for (const Kind& kind : kKinds) {
    std::vector<const kit::Example*> of_kind;
    for (const kit::Example& example : all) {
      if (example.label == kind.word) of_kind.push_back(&example);
    }
    const int64_t needed = train + dev + test, size = static_cast<int64_t>(of_kind.size());
    if (size < needed) {
      return absl::InvalidArgumentError(
          absl::StrCat("there are ", size, " definitions of kind ", kind.word, ", needed ", needed));
    }
    const std::vector<int64_t> order = stats::random_permutation(size, random);
    for (int64_t i = 0; i < needed; ++i) {
      std::vector<kit::Example>& part = i < train ? out.train : i < train + dev ? out.dev : out.test;
      part.push_back(*of_kind[static_cast<size_t>(order[static_cast<size_t>(i)])]);
    }
  }
  const std::vector<kit::Example> by_kind = std::move(out.train);
  out.train.clear();
  for (const int64_t i : stats::random_permutation(static_cast<int64_t>(by_kind.size()), random))
    out.train.push_back(by_kind[static_cast<size_t>(i)]);
  return out;
}

absl::StatusOr<std::vector<int32_t>> first_tokens(const kit::Tokenizer& tokenizer) {
  std::vector<int32_t> out;
  for (const Kind& kind : kKinds) {
    const int32_t token = tokenizer.encode(absl::StrCat(" ", kind.word)).ids.front();
    const auto same = std::find(out.begin(), out.end(), token);
    if (same != out.end()) {
      return absl::InvalidArgumentError(absl::StrCat("the answers ", kind.word, " and ",
                                                     kKinds[same - out.begin()].word,
                                                     " begin with one token of ", tokenizer.name()));
    }
    out.push_back(token);
  }
  return out;
}

std::vector<int64_t> choose(const LanguageModel& model, const kit::Tokenizer& tokenizer,
                            absl::Span<const kit::Example> examples, const std::vector<int32_t>& first,
                            int64_t rows_at_once, Device device) {
  const NoGradGuard no_grad;
  std::vector<int64_t> out;
  for (size_t begin = 0; begin < examples.size(); begin += static_cast<size_t>(rows_at_once)) {
    const auto some = examples.subspan(begin, static_cast<size_t>(rows_at_once));
    std::vector<std::vector<int32_t>> rows;
    std::vector<int32_t> lengths;
    size_t longest = 0;
    for (const kit::Example& example : some) {
      rows.push_back(tokenizer.encode(example.prompt, {.add_special = true, .parse_special = false}).ids);
      lengths.push_back(static_cast<int32_t>(rows.back().size()));
      longest = std::max(longest, rows.back().size());
    }
    std::vector<int32_t> ids;
    for (std::vector<int32_t>& row : rows) {
      row.resize(longest, 0);
      ids.insert(ids.end(), row.begin(), row.end());
    }
    const auto count = static_cast<int64_t>(rows.size());
    const LmInput in{.ids = tensor(ids, {count, static_cast<int64_t>(longest)}, device),
                     .lengths = tensor(lengths, {count}, device)};
    const Tensor logits = model.project(last_token(model.hidden(in), in.lengths));  // [rows, V]
    const std::vector<double> values = logits.to_vector<double>();
    const int64_t vocabulary = logits.size(1);
    for (int64_t row = 0; row < count; ++row) {
      const auto score = [&](int32_t token) { return values[static_cast<size_t>(row * vocabulary + token)]; };
      const auto best = std::max_element(first.begin(), first.end(),
                                         [&](int32_t a, int32_t b) { return score(a) < score(b); });
      out.push_back(best - first.begin());
    }
  }
  return out;
}

double accuracy(const std::vector<int64_t>& chosen, absl::Span<const kit::Example> examples) {
  int64_t right = 0;
  for (size_t i = 0; i < chosen.size(); ++i) right += examples[i].label == kKinds[chosen[i]].word;
  return static_cast<double>(right) / static_cast<double>(chosen.size());
}

}  // namespace roux::lora_smollm2
