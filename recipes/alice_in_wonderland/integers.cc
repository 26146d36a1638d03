#include "recipes/alice_in_wonderland/integers.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::alice {

TokenTexts::TokenTexts(const kit::Tokenizer& tokenizer) {
  // Behind another token, since some tokenizers leave out the space that begins a text.
  const kit::Tokens before = tokenizer.encode("a").ids;
  const size_t skipped = tokenizer.decode(before).size();
  kit::Tokens ids = before;
  ids.push_back(0);
  for (int32_t token = 0; token < tokenizer.vocab_size(); ++token) {
    if (tokenizer.is_special(token)) continue;
    ids.back() = token;
    const std::string text = tokenizer.decode(ids);
    if (text.size() > skipped) add(token, text.substr(skipped));
  }
}

TokenTexts::TokenTexts(absl::Span<const std::string> texts) {
  for (size_t i = 0; i < texts.size(); ++i) add(static_cast<int32_t>(i), texts[i]);
}

void TokenTexts::add(int32_t token, const std::string& text) {
  if (text.empty()) return;
  by_text_[text].push_back(token);
  longest_ = std::max(longest_, text.size());
  if (text[0] >= '0' && text[0] <= '9') digits_.push_back(token);
}

std::vector<kit::Tokens> TokenTexts::spellings(const std::string& text) const {
  // ending[i]: spellings of the first i bytes.
  std::vector<std::vector<kit::Tokens>> ending(text.size() + 1);
  ending[0] = {{}};
  for (size_t end = 1; end <= text.size(); ++end) {
    for (size_t begin = end > longest_ ? end - longest_ : 0; begin < end; ++begin) {
      const auto tokens = by_text_.find(text.substr(begin, end - begin));
      if (tokens == by_text_.end()) continue;
      for (const kit::Tokens& spelling : ending[begin]) {
        for (const int32_t token : tokens->second) {
          ending[end].push_back(spelling);
          ending[end].back().push_back(token);
        }
      }
    }
  }
  return ending.back();
}

IntegerChoices::IntegerChoices(const TokenTexts& texts, int64_t largest) : largest_(largest) {
  for (int64_t n = 0; n <= largest; ++n) {
    const std::vector<kit::Tokens> spellings = texts.spellings(absl::StrCat(" ", n));
    ROUX_CHECK(!spellings.empty()) << "integers: no tokens spell \" " << n << "\"";
    for (const kit::Tokens& spelling : spellings) {
      const auto choice = [&](const kit::Tokens& tokens, double sign) {
        choices_.push_back(tokens), number_.push_back(n), sign_.push_back(sign);
      };
      choice(spelling, 1);
      if (n == 0 || 10 * n > largest) continue;
      for (const int32_t digit : texts.digit_tokens()) {
        kit::Tokens longer = spelling;
        longer.push_back(digit);
        choice(longer, -1);
      }
    }
  }
}

IntegerDistribution IntegerChoices::distribution(absl::Span<const double> log_probs) const {
  ROUX_CHECK(log_probs.size() == choices_.size())
      << "integers: " << log_probs.size() << " log-probabilities, " << choices_.size() << " choices";
  IntegerDistribution out{std::vector<double>(static_cast<size_t>(largest_) + 1, 0)};
  for (size_t i = 0; i < choices_.size(); ++i)
    out.probabilities[static_cast<size_t>(number_[i])] += sign_[i] * std::exp(log_probs[i]);
  // Log-probabilities come from f32: a difference may fall below 0 by their rounding.
  for (double& p : out.probabilities) out.mass += p = std::max(p, 0.0);
  ROUX_CHECK(out.mass > 0) << "integers: none of 0 to " << largest_ << " has a probability";
  for (double& p : out.probabilities) p /= out.mass;
  return out;
}

}  // namespace roux::alice
