#include "recipes/kit/chat/chat.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nn/models/encoder_decoder.h"
#include "recipes/kit/decode/generate.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// From when `interrupted` says so, the only token is the one that ends the answer.
TokenRule end_when(const std::function<bool()>& interrupted, int32_t end, bool& ended) {
  return [&interrupted, end, &ended](const RowSoFar&, absl::Span<float> logits) {
    if (!interrupted || !interrupted()) return;
    ended = true;
    std::fill(logits.begin(), logits.end(), -std::numeric_limits<float>::infinity());
    logits[static_cast<size_t>(end)] = 0;
  };
}

}  // namespace

Chat::Chat(const Pretrained& model, const ChatOptions& options)
    : model_(model), options_(options), cache_(*model.model, options.context) {
  forget_turns();
}

absl::StatusOr<std::unique_ptr<Chat>> Chat::create(const Pretrained& model, const ChatOptions& options) {
  const std::string& name = model.files.from.name;
  if (dynamic_cast<const EncoderDecoder*>(model.model.get()) != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": an encoder-decoder; a chat needs a model that continues texts"));
  }
  ROUX_RETURN_IF_ERROR(model.chat.status());
  const std::vector<int32_t>& stops = model.generation.stop_ids;
  const int64_t vocabulary = model.model->embedding_weight().size(0);
  if (stops.empty() || stops.front() < 0 || stops.front() >= vocabulary) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": its files name no token that ends an answer"));
  }
  check(options.sampling);
  ROUX_CHECK(options.max_tokens > 0 && options.context > 0)
      << "chat: max_tokens is " << options.max_tokens << ", context " << options.context
      << ", each needed above 0";
  ChatOptions fitted = options;
  fitted.context = std::min(options.context, model.model->context_length().value_or(options.context));
  std::unique_ptr<Chat> chat(new Chat(model, fitted));
  std::vector<ChatMessage> trial = chat->messages_;
  trial.push_back({"user", "a"});
  ROUX_RETURN_IF_ERROR(encode_chat(*model.tokenizer, *model.chat, trial, /*generate=*/true).status());
  return chat;
}

void Chat::forget_turns() {
  messages_.clear();
  if (!options_.system.empty()) messages_.push_back({"system", options_.system});
}

void Chat::reset() {
  forget_turns();
  cache_.clear();
}

absl::StatusOr<Answer> Chat::answer(const std::string& question,
                                    const std::function<void(std::string_view)>& on_text,
                                    const std::function<bool()>& interrupted) {
  std::vector<ChatMessage> messages = messages_;
  messages.push_back({"user", question});
  ROUX_ASSIGN_OR_RETURN(const EncodedChat prompt,
                        encode_chat(*model_.tokenizer, *model_.chat, messages, /*generate=*/true));
  const int64_t rows = model_.model->embedding_weight().size(0);
  for (const int32_t id : prompt.ids) {
    if (id < rows) continue;
    return absl::InvalidArgumentError(absl::StrCat("the tokenizer has the token ", id, " and the model ",
                                                   rows, " embeddings: they do not belong together"));
  }
  const auto length = static_cast<int64_t>(prompt.ids.size());
  if (length >= options_.context) {
    return absl::ResourceExhaustedError(absl::StrCat("with this question the conversation has ", length,
                                                     " tokens, and the context ", options_.context,
                                                     ", which must leave room for an answer"));
  }

  bool stopped = false;
  GenerateOptions options{.max_tokens = options_.max_tokens,
                          .sampling = options_.sampling,
                          .seed = options_.seed,
                          .keys = {turn_},
                          .stop_tokens = model_.generation.stop_ids,
                          .text = text_of(*model_.tokenizer)};
  if (options_.repetition_penalty != 1) options.rules = {repetition_penalty(options_.repetition_penalty)};
  options.rules.push_back(end_when(interrupted, options.stop_tokens.front(), stopped));
  if (on_text) options.on_text = [&](const Generation&, std::string_view text) { on_text(text); };
  const auto begin = std::chrono::steady_clock::now();
  const std::vector<Generation> generated =
      generate(cache_.model(), std::vector<Tokens>{prompt.ids}, options);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;

  const Generation& written = generated.front();
  Answer answer{.text = written.text,
                .prompt = cache_.last_prompt(),
                .tokens = static_cast<int64_t>(written.tokens.size())};
  answer.decode_seconds = seconds.count() - answer.prompt.seconds;
  answer.end = stopped                                ? Answer::kInterrupted
               : written.stop != Generation::kLength  ? Answer::kWhole
               : answer.tokens == options_.max_tokens ? Answer::kMaxTokens
                                                      : Answer::kContext;
  messages.push_back({"assistant", answer.text});
  messages_ = std::move(messages);
  ++turn_;
  return answer;
}

}  // namespace roux::kit
