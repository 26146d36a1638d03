#include "recipes/kit/train/sft.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

absl::StatusOr<MaskedDocument> encode_chat_example(const Example& example, const Tokenizer& tokenizer,
                                                   const SftOptions& options) {
  std::vector<ChatMessage> messages;
  if (!options.system.empty()) messages.push_back({"system", options.system});
  messages.push_back({"user", example.prompt});
  messages.push_back({"assistant", example.response});
  ROUX_ASSIGN_OR_RETURN(EncodedChat chat, encode_chat(tokenizer, *options.chat, messages));
  return MaskedDocument{std::move(chat.ids), std::move(chat.loss_mask)};
}

// A template of a tokenizer may end a text too; here the response goes on.
void drop_end(const std::optional<int32_t>& eos, std::vector<int32_t>* ids) {
  if (eos && !ids->empty() && ids->back() == *eos) ids->pop_back();
}

MaskedDocument encode_plain_example(const Example& example, const Tokenizer& tokenizer) {
  const int32_t eos = *tokenizer.special().eos;
  MaskedDocument out;
  out.tokens = tokenizer.encode(example.prompt, {.add_special = true, .parse_special = false}).ids;
  drop_end(eos, &out.tokens);
  out.loss_mask.assign(out.tokens.size(), 0);
  const std::vector<int32_t> answer = tokenizer.encode(example.response, {.parse_special = false}).ids;
  out.tokens.insert(out.tokens.end(), answer.begin(), answer.end());
  out.tokens.push_back(eos);
  out.loss_mask.resize(out.tokens.size(), 1);
  return out;
}

}  // namespace

absl::StatusOr<SftDocuments> encode_examples(absl::Span<const Example> examples, const Tokenizer& tokenizer,
                                             const SftOptions& options) {
  if (!options.chat && !tokenizer.special().eos) {
    return absl::InvalidArgumentError(
        absl::StrCat(tokenizer.name(), " has no EOS, which ends an answer where there is no chat template"));
  }
  if (!options.chat && !options.system.empty()) {
    return absl::InvalidArgumentError("a system message needs a chat template");
  }
  SftDocuments out;
  for (size_t i = 0; i < examples.size(); ++i) {
    const Example& example = examples[i];
    const auto located = [&](absl::string_view what) {
      return absl::InvalidArgumentError(absl::StrCat("example ", i, " (", example.id, "): ", what));
    };
    if (example.response.empty()) return located("the response is empty");
    absl::StatusOr<MaskedDocument> document = options.chat ? encode_chat_example(example, tokenizer, options)
                                                           : encode_plain_example(example, tokenizer);
    if (!document.ok()) return located(document.status().message());
    if (options.loss_on_prompt) document->loss_mask.assign(document->tokens.size(), 1);
    if (options.max_tokens > 0 && static_cast<int64_t>(document->tokens.size()) > options.max_tokens) {
      ++out.too_long;
      continue;
    }
    out.documents.push_back(*std::move(document));
    out.example.push_back(static_cast<int64_t>(i));
  }
  if (out.documents.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no example is left of ", examples.size(), ", ",
                                                   out.too_long, " have more than ", options.max_tokens,
                                                   " tokens"));
  }
  return out;
}

}  // namespace roux::kit
