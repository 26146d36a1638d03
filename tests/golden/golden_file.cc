#include "tests/golden/golden_file.h"

#include <sstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"
#include "tests/golden/text_strings.h"

namespace roux::golden {
namespace {

// Byte-level tokens may split a character; the references count in characters and name those touched.
std::vector<uint32_t> char_offsets(const std::string& text, const std::vector<kit::Span>& offsets) {
  const auto inside = [&](uint32_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  std::vector<uint32_t> flat;
  for (kit::Span span : offsets) {
    while (span.begin > 0 && inside(span.begin)) --span.begin;
    while (inside(span.end)) ++span.end;
    flat.push_back(span.begin);
    flat.push_back(span.end);
  }
  return flat;
}

std::vector<uint32_t> bytes_of(const std::string& text) {
  std::vector<uint32_t> bytes;
  for (const char c : text) bytes.push_back(static_cast<unsigned char>(c));
  return bytes;
}

}  // namespace

absl::StatusOr<GoldenFile> read_golden(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, kit::read_text(path));
  std::istringstream in(text);
  GoldenFile golden;
  std::string word, ids, offsets, texts;
  int64_t full = 0;
  in >> word >> golden.strings >> word >> full >> word >> golden.line >> word >> ids >> word >> offsets >>
      word >> texts;
  std::string raw;
  if (!in || !absl::Base64Unescape(ids, &raw) || raw.size() != static_cast<size_t>(2 * golden.strings)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": damaged"));
  }
  for (size_t i = 0; i < raw.size(); i += 2) {
    golden.ids.push_back(
        static_cast<uint16_t>(static_cast<uint8_t>(raw[i]) | static_cast<uint8_t>(raw[i + 1]) << 8));
  }
  if (offsets != "-" && absl::Base64Unescape(offsets, &raw)) golden.offsets.assign(raw.begin(), raw.end());
  if (texts != "-" && absl::Base64Unescape(texts, &raw)) golden.texts.assign(raw.begin(), raw.end());
  std::string line;
  std::getline(in, line);
  for (int64_t i = 0; i < full && std::getline(in, line); ++i) {
    std::istringstream numbers(line);
    std::vector<int32_t> row;
    for (int32_t id; numbers >> id;) row.push_back(id);
    golden.full.push_back(row);
  }
  return golden;
}

GoldenResult compare(const kit::Tokenizer& tokenizer, const GoldenFile& golden, kit::EncodeOptions options) {
  GoldenResult result;
  options.offsets = true;
  for (int64_t i = 0; i < golden.strings; ++i) {
    const std::string text = kit::replace_invalid_utf8(make_string(static_cast<uint64_t>(i)));
    const kit::Encoding e = tokenizer.encode(text, options);
    ++result.strings;
    bool right = (fnv(std::vector<uint32_t>(e.ids.begin(), e.ids.end())) & 0xFFFF) == golden.ids[i];
    if (i < static_cast<int64_t>(golden.full.size())) {
      std::vector<int32_t> head = e.ids;
      if (head.size() > golden.line) head.resize(golden.line);
      right = right && head == golden.full[i];
    }
    const bool offsets_right =
        golden.offsets.empty() || (fnv(char_offsets(text, e.offsets)) & 0xFF) == golden.offsets[i];
    kit::StreamDecoder stream(tokenizer);
    std::string streamed;
    bool whole = true;
    for (const int32_t id : e.ids) {
      const std::string part = stream.push(id);
      whole = whole && kit::is_valid_utf8(part);
      streamed += part;
    }
    streamed += stream.finish();
    result.wrong_ids += right ? 0 : 1;
    result.wrong_offsets += offsets_right ? 0 : 1;
    const bool text_right =
        i >= static_cast<int64_t>(golden.texts.size()) || (fnv(bytes_of(streamed)) & 0xFF) == golden.texts[i];
    result.wrong_texts += text_right ? 0 : 1;
    result.wrong_stream += whole && streamed == tokenizer.decode(e.ids) ? 0 : 1;
    if ((!right || !offsets_right || !text_right || !whole) && result.first_wrong.empty()) {
      result.first_wrong =
          absl::StrCat("string ", i, " \"", absl::CHexEscape(text), "\"", right ? "" : " ids",
                       offsets_right ? "" : " offsets",
                       text_right ? "" : absl::StrCat(" decoded \"", absl::CHexEscape(streamed), "\""),
                       whole ? "" : " split character", ":");
      for (size_t k = 0; k < e.ids.size() && k < 40; ++k) {
        absl::StrAppend(&result.first_wrong, " ", e.ids[k], "[", e.offsets[k].begin, ",", e.offsets[k].end,
                        ")");
      }
    }
  }
  return result;
}

}  // namespace roux::golden
