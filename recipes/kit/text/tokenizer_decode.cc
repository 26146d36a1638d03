// Ids as text: Tokenizer::decode() and StreamDecoder.
#include <string>
#include <utility>

#include "recipes/kit/text/tokenizer.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr std::string_view kMetaspace = "\xE2\x96\x81";

void replace_all(std::string_view from, std::string_view to, std::string* text) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

// The clean-up of BERT's decoder, applied token by token as the reference does.
void clean_word_piece(std::string* text) {
  constexpr std::pair<const char*, const char*> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},   {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  for (const auto& [from, to] : kRules) replace_all(from, to, text);
}

}  // namespace

void Tokenizer::append_token_text(int32_t id, bool first, std::string* out) const {
  const AddedToken* added = added_by_id_[id];
  std::string text = added != nullptr ? added->content : parts_.model->bytes(id);
  switch (parts_.decode.kind) {
    case DecodeRules::Kind::kBytes:
      break;
    case DecodeRules::Kind::kWords:
      if (!first && !text.empty()) text.insert(0, " ");
      break;
    case DecodeRules::Kind::kWordPiece:
      if (!first) {
        const std::string& prefix = parts_.decode.prefix;
        if (text.compare(0, prefix.size(), prefix) == 0) {
          text.erase(0, prefix.size());
        } else {
          text.insert(0, " ");
        }
      }
      if (parts_.decode.cleanup) clean_word_piece(&text);
      break;
    case DecodeRules::Kind::kMetaspace:
      if (added == nullptr) replace_all(kMetaspace, " ", &text);
      break;
  }
  out->append(text);
}

std::string Tokenizer::decode(absl::Span<const int32_t> ids, bool skip_special) const {
  StreamDecoder stream(*this, skip_special);
  std::string text;
  for (const int32_t id : ids) text += stream.push(id);
  return text + stream.finish();
}

std::string StreamDecoder::push(int32_t id) {
  ROUX_CHECK(id >= 0 && id < tokenizer_.vocab_size())
      << "decode: id " << id << " is outside of the vocabulary of " << tokenizer_.vocab_size();
  if (skip_special_ && tokenizer_.is_special(id)) return "";
  const bool unused = tokenizer_.added_by_id_[id] == nullptr && id >= tokenizer_.parts_.model->vocab_size();
  if (unused) return "";
  tokenizer_.append_token_text(id, first_, &pending_);
  const DecodeRules& rules = tokenizer_.parts_.decode;
  first_ = false;
  if (rules.kind == DecodeRules::Kind::kMetaspace && at_start_) {
    if (rules.strip_every) stripped_ = 0;
    while (stripped_ < rules.strip_spaces && !pending_.empty() && pending_[0] == ' ') {
      pending_.erase(0, 1);
      ++stripped_;
    }
    at_start_ = pending_.empty();
  }
  std::string ready = pending_.substr(0, pending_.size() - incomplete_utf8_suffix(pending_));
  pending_.erase(0, ready.size());
  return ready;
}

std::string StreamDecoder::finish() {
  first_ = at_start_ = true;
  stripped_ = 0;
  return std::exchange(pending_, "");
}

}  // namespace roux::kit
