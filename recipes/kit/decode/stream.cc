#include "recipes/kit/decode/stream.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {

MakeTextDecoder text_of(const Tokenizer& tokenizer) {
  return [&tokenizer] {
    const auto decoder = std::make_shared<StreamDecoder>(tokenizer, /*skip_special=*/true);
    // Embeddings may have rows beyond the tokenizer's vocabulary, to fill up a round number: no text.
    const auto push = [&tokenizer, decoder](int32_t token) {
      return token < tokenizer.vocab_size() ? decoder->push(token) : "";
    };
    return TextDecoder{push, [decoder] { return decoder->finish(); }};
  };
}

MakeTextDecoder text_of(const ByteTokenizer& tokenizer) {
  return [&tokenizer] {
    const auto bytes = std::make_shared<std::string>();  // of a character that is not whole yet
    const auto push = [&tokenizer, bytes](int32_t token) {
      *bytes += tokenizer.decode({token});
      const size_t whole = bytes->size() - incomplete_utf8_suffix(*bytes);
      std::string text = bytes->substr(0, whole);
      bytes->erase(0, whole);
      return text;
    };
    return TextDecoder{push, [bytes] { return std::exchange(*bytes, std::string()); }};
  };
}

TextStream::TextStream(const MakeTextDecoder& make, std::vector<std::string> stop_strings)
    : decoder_(make()), stop_strings_(std::move(stop_strings)) {
  for (const std::string& stop : stop_strings_)
    ROUX_CHECK(!stop.empty()) << "TextStream: an empty stop string";
}

std::string TextStream::release(std::string text, bool last) {
  if (stopped_) return "";
  text = std::exchange(held_, std::string()) + text;
  size_t first = std::string::npos, held = 0;
  for (const std::string& stop : stop_strings_) {
    first = std::min(first, text.find(stop));
    size_t length = last ? 0 : std::min(stop.size() - 1, text.size());
    while (length > 0 && text.compare(text.size() - length, length, stop, 0, length) != 0) --length;
    held = std::max(held, length);
  }
  stopped_ = first != std::string::npos;
  if (stopped_) return text.substr(0, first);
  held_ = text.substr(text.size() - held);
  text.resize(text.size() - held);
  return text;
}

std::string TextStream::push(int32_t token) { return stopped_ ? "" : release(decoder_.push(token), false); }
std::string TextStream::finish() { return stopped_ ? "" : release(decoder_.finish(), true); }

}  // namespace roux::kit
