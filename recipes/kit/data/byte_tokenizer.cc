#include "recipes/kit/data/byte_tokenizer.h"

#include "recipes/kit/text/printable.h"
#include "tensor/error.h"

namespace roux::kit {
ByteTokenizer::ByteTokenizer(Options options) {
  if (options.bos) bos_ = vocab_size_++;
  if (options.eos) eos_ = vocab_size_++;
}

std::vector<int32_t> ByteTokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids(text.size());
  for (size_t i = 0; i < text.size(); ++i) ids[i] = static_cast<unsigned char>(text[i]);
  return ids;
}

std::vector<int32_t> ByteTokenizer::encode_document(std::string_view text) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() + 2);
  if (bos_ != kNoToken) ids.push_back(bos_);
  for (char c : text) ids.push_back(static_cast<unsigned char>(c));
  if (eos_ != kNoToken) ids.push_back(eos_);
  return ids;
}

std::string ByteTokenizer::decode(absl::Span<const int32_t> ids) const {
  std::string text;
  text.reserve(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    ROUX_CHECK(ids[i] >= 0 && ids[i] < vocab_size_)
        << "byte_tokenizer: token out of range: ids[" << i << "] is " << ids[i] << ", the vocabulary has "
        << vocab_size_;
    if (ids[i] < 256) text.push_back(static_cast<char>(ids[i]));
  }
  return text;
}

std::string ByteTokenizer::display(absl::Span<const int32_t> ids) const {
  std::string out;
  size_t start = 0;
  for (size_t i = 0; i <= ids.size(); ++i) {
    const bool special = i < ids.size() && ids[i] >= 256;
    if (i < ids.size() && !special) continue;
    out += printable(decode(ids.subspan(start, i - start)));
    if (special) {
      decode(ids.subspan(i, 1));  // throws when the id is beyond the vocabulary
      out += ids[i] == bos_ ? "<bos>" : "<eos>";
    }
    start = i + 1;
  }
  return out;
}

}  // namespace roux::kit
