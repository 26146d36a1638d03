#include "recipes/kit/text/tokenizer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "recipes/kit/text/bpe.h"
#include "recipes/kit/text/repaired_text.h"
#include "recipes/kit/text/utf8.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// Whether the span touches one of the ranges, which are sorted.
bool touches(absl::Span<const Span> ranges, Span span) {
  const auto at = std::partition_point(ranges.begin(), ranges.end(),
                                       [&](const Span& range) { return range.end <= span.begin; });
  return at != ranges.end() && at->begin < span.end;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::build(TokenizerParts parts) {
  ROUX_INVARIANT(parts.model != nullptr);
  auto made = std::shared_ptr<Tokenizer>(new Tokenizer(std::move(parts)));
  const PieceModel& model = *made->parts_.model;
  const std::string& name = made->parts_.name;
  made->vocab_size_ = model.vocab_size();
  if (absl::Status status = made->add_tokens(); !status.ok()) return status;
  for (const std::vector<TemplateItem>* items : {&made->parts_.single, &made->parts_.pair}) {
    for (const TemplateItem& item : *items) {
      if (item.id >= made->vocab_size_) {
        return absl::InvalidArgumentError(absl::StrCat(name, ": the template adds token ", item.id,
                                                       ", but the vocabulary has ", made->vocab_size_));
      }
    }
  }
  return std::shared_ptr<const Tokenizer>(std::move(made));
}

absl::Status Tokenizer::add_tokens() {
  const PieceModel& model = *parts_.model;
  const auto fail = [&](const auto&... what) {
    return absl::InvalidArgumentError(absl::StrCat(parts_.name, ": added token ", what...));
  };
  for (const AddedToken& token : parts_.added_tokens) vocab_size_ = std::max(vocab_size_, token.id + 1);
  added_by_id_.assign(vocab_size_, nullptr);
  const bool hidden = std::any_of(parts_.added_tokens.begin(), parts_.added_tokens.end(),
                                  [](const AddedToken& token) { return !token.in_text; });
  for (const AddedToken& token : parts_.added_tokens) {
    if (token.content.empty()) return fail(token.id, " is empty");
    const AddedToken*& slot = added_by_id_[token.id];
    if (slot != nullptr) {
      return fail("\"", token.content, "\" has id ", token.id, ", as has \"", slot->content, "\"");
    }
    slot = &token;
    const std::string in_model = token.id < model.vocab_size() ? model.token(token.id) : "";
    if (!in_model.empty() && in_model != token.content) {
      return fail("\"", token.content, "\" has id ", token.id, ", which is \"", in_model,
                  "\" in the vocabulary");
    }
    if (const auto id = model.id(token.content); id && *id != token.id) {
      return fail("\"", token.content, "\" has id ", token.id, ", but ", *id, " in the vocabulary");
    }
    if (!token.normalized) {
      if (token.in_text) raw_added_.add(token);
      if (hidden) template_added_.add(token);
      continue;
    }
    AlignedText pattern(replace_invalid_utf8(token.content));
    parts_.normalizer.apply(&pattern, /*at_start=*/false);
    if (!pattern.text().empty()) normalized_added_.add(token, pattern.text());
  }
  return absl::OkStatus();
}

Encoding Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<Piece> pieces;
  pieces.reserve(text.size() / 4 + 4);
  encode_text(text, options, &pieces);
  Encoding out;
  out.ids.reserve(pieces.size() + parts_.single.size());
  const auto append = [&] { append_pieces(text, pieces, options.offsets, &out); };
  if (!options.add_special) {
    append();
    return out;
  }
  for (const TemplateItem& item : parts_.single) {
    if (item.id == TemplateItem::kTextA) {
      append();
    } else if (item.id >= 0) {
      out.ids.push_back(item.id);
      if (options.offsets) out.offsets.push_back({0, 0});
    }
  }
  return out;
}

Encoding Tokenizer::encode_pair(std::string_view a, std::string_view b, EncodeOptions options) const {
  Encoding out;
  for (const TemplateItem& item : parts_.pair) {
    if (item.id >= 0) {
      out.ids.push_back(item.id);
      if (options.offsets) out.offsets.push_back({0, 0});
    } else {
      std::vector<Piece> pieces;
      const std::string_view text = item.id == TemplateItem::kTextA ? a : b;
      encode_text(text, options, &pieces);
      append_pieces(text, pieces, options.offsets, &out);
    }
    out.type_ids.resize(out.ids.size(), item.type_id);
  }
  return out;
}

// As process_offsets of the reference's ByteLevel, but only spaces that stand in the text are left out: where
// one was added in front of a word behind an added token, the reference cuts the word's first character off.
Span Tokenizer::trimmed(std::string_view text, const Piece& piece, bool first) const {
  const AddedToken* added = added_by_id_[piece.id];
  const std::string token = added != nullptr ? added->content : parts_.model->bytes(piece.id);
  size_t leading = std::min(token.find_first_not_of(' '), token.size());
  size_t trailing = token.size() - (token.find_last_not_of(' ') + 1);
  Span span{piece.begin, piece.end};
  if (leading == token.size() && text[span.begin] != ' ') return {span.begin, span.begin};  // an added space
  if (leading > 0 && (first || span.begin == 0) && parts_.trim_offsets.prefix_space) --leading;
  for (; leading > 0 && span.begin < span.end && text[span.begin] == ' '; --leading) ++span.begin;
  for (; trailing > 0 && span.begin < span.end && text[span.end - 1] == ' '; --trailing) --span.end;
  return span;
}

void Tokenizer::append_pieces(std::string_view text, const std::vector<Piece>& pieces, bool offsets,
                              Encoding* out) const {
  for (const Piece& piece : pieces) out->ids.push_back(piece.id);
  if (!offsets) return;
  for (const Piece& piece : pieces) {
    const bool first = &piece == pieces.data();
    out->offsets.push_back(parts_.trim_offsets.on ? trimmed(text, piece, first)
                                                  : Span{piece.begin, piece.end});
  }
}

void Tokenizer::encode_text(std::string_view text, const EncodeOptions& options,
                            std::vector<Piece>* pieces) const {
  ROUX_CHECK(text.size() < (uint64_t{1} << 30))
      << "encode: the text has " << text.size() << " bytes; a single text must be below 1 GiB";
  if (parts_.model->takes_any_bytes() || is_valid_utf8(text)) {
    encode_valid(text, options, pieces);
    return;
  }
  const RepairedText repaired(text);
  std::vector<Span> literal;
  for (const Span& span : options.literal_ranges) literal.push_back(repaired.from_original(span));
  EncodeOptions inner = options;
  inner.literal_ranges = literal;
  encode_valid(repaired.text(), inner, pieces);
  for (Piece& piece : *pieces) {
    const Span span = repaired.to_original({piece.begin, piece.end});
    piece.begin = span.begin;
    piece.end = span.end;
  }
}

void Tokenizer::encode_valid(std::string_view text, const EncodeOptions& options,
                             std::vector<Piece>* pieces) const {
  const auto literal = [&](Span span) { return touches(options.literal_ranges, span); };
  uint32_t done = 0;
  const AddedTokens& added = options.parse_control && !template_added_.empty() ? template_added_ : raw_added_;
  for (const AddedTokens::Match& match : added.find(text, options.parse_special, literal)) {
    encode_segment(text.substr(done, match.span.begin - done), done, options, pieces);
    pieces->push_back({match.token->id, match.span.begin, match.span.end});
    done = match.span.end;
  }
  encode_segment(text.substr(done), done, options, pieces);
}

// Valid UTF-8 goes through all steps, invalid bytes to the model as they are.
void Tokenizer::encode_segment(std::string_view segment, uint32_t base, const EncodeOptions& options,
                               std::vector<Piece>* pieces) const {
  bool continues = false;
  while (!segment.empty()) {
    const size_t valid = valid_utf8_prefix(segment);
    if (valid > 0) encode_run(segment.substr(0, valid), base, continues, options, pieces);
    base += static_cast<uint32_t>(valid);
    segment.remove_prefix(valid);
    size_t bad = 0;
    while (bad < segment.size() && !decode_utf8(segment, bad).valid) bad += decode_utf8(segment, bad).length;
    if (bad == 0) continue;
    const size_t first = pieces->size();
    parts_.model->encode(segment.substr(0, bad), pieces);
    for (size_t i = first; i < pieces->size(); ++i) {
      (*pieces)[i].begin += base;
      (*pieces)[i].end += base;
    }
    base += static_cast<uint32_t>(bad);
    segment.remove_prefix(bad);
    continues = true;
  }
}

void Tokenizer::encode_run(std::string_view run, uint32_t base, bool continues, const EncodeOptions& options,
                           std::vector<Piece>* pieces) const {
  AlignedText text(run);
  parts_.normalizer.apply(&text, base == 0);
  const auto place = [&](size_t begin) {
    if (begin > 0) return SplitText::Place::kInside;
    return base == 0   ? SplitText::Place::kStart
           : continues ? SplitText::Place::kContinued
                       : SplitText::Place::kInside;
  };
  std::vector<AddedTokens::Match> matches;
  if (!normalized_added_.empty()) {
    const auto literal = [&](Span span) {
      const Span origin = text.original(span);
      return touches(options.literal_ranges, {base + origin.begin, base + origin.end});
    };
    matches = normalized_added_.find(text.text(), options.parse_special, literal);
  }
  if (matches.empty()) {
    encode_normalized(std::move(text), base, place(0), options, pieces);
    return;
  }
  size_t done = 0;
  const auto part = [&](size_t begin, size_t end) {
    if (begin < end) encode_normalized(text.slice(begin, end), base, place(begin), options, pieces);
  };
  for (const AddedTokens::Match& match : matches) {
    part(done, match.span.begin);
    const Span origin = text.original(match.span);
    pieces->push_back({match.token->id, base + origin.begin, base + origin.end});
    done = match.span.end;
  }
  part(done, text.text().size());
}

bool Tokenizer::is_spelt_tag(int32_t id, std::string_view text) const {
  if (parts_.model->finds_tag(id)) return true;
  const AddedToken* added = added_by_id_[id];
  // The text too: other text may become the token for unknown text.
  return added != nullptr && (added->special || is_tag(added->content)) && parts_.model->bytes(id) == text;
}

// The tokens of a text that spells a tag, without the tag: what the model makes of the parts.
void Tokenizer::spell_out(std::string_view text, uint32_t at, std::vector<Piece>* pieces) const {
  const PieceModel& model = *parts_.model;
  std::vector<Piece> found;
  model.encode_inside(text, &found);
  for (const Piece& piece : found) {
    const std::string_view own = text.substr(piece.begin, piece.end - piece.begin);
    const uint32_t begin = at + piece.begin, end = at + piece.end;
    if (!is_spelt_tag(piece.id, own)) {
      pieces->push_back({piece.id, begin, end});
      continue;
    }
    const size_t first = model.takes_any_bytes() ? 1 : static_cast<size_t>(decode_utf8(own, 0).length);
    if (first < own.size()) {
      spell_out(own.substr(0, first), begin, pieces);
      spell_out(own.substr(first), begin + static_cast<uint32_t>(first), pieces);
      continue;
    }
    // A single character that is a special token has bytes, or is unknown, or is nothing.
    std::vector<Piece> bytes;
    for (const char byte : own) {
      if (const auto id = model.id(byte_token(static_cast<unsigned char>(byte)))) {
        bytes.push_back({*id, begin, end});
      }
    }
    if (bytes.size() == own.size()) {
      pieces->insert(pieces->end(), bytes.begin(), bytes.end());
    } else if (parts_.special.unknown) {
      pieces->push_back({*parts_.special.unknown, begin, end});
    }
  }
}

void Tokenizer::encode_normalized(AlignedText text, uint32_t base, SplitText::Place place,
                                  const EncodeOptions& options, std::vector<Piece>* pieces) const {
  const bool guarded = !options.parse_special || !options.literal_ranges.empty();
  const std::vector<Span> spans = parts_.pre_tokenizer.split(&text, place);
  const std::string_view all = text.text();
  for (const Span& span : spans) {
    const size_t before = pieces->size();
    const std::string_view part = all.substr(span.begin, span.end - span.begin);
    parts_.model->encode(part, pieces);
    const auto origin = [&](const Piece& piece) {
      const Span own = text.original({span.begin + piece.begin, span.begin + piece.end});
      return Span{base + own.begin, base + own.end};
    };
    const auto forbidden = [&](const Piece& piece) {
      if (!is_spelt_tag(piece.id, part.substr(piece.begin, piece.end - piece.begin))) return false;
      return (!options.parse_special && is_special(piece.id)) ||
             touches(options.literal_ranges, origin(piece));
    };
    if (guarded && std::any_of(pieces->begin() + static_cast<int64_t>(before), pieces->end(), forbidden)) {
      const std::vector<Piece> found(pieces->begin() + static_cast<int64_t>(before), pieces->end());
      pieces->resize(before);
      for (const Piece& piece : found) {
        if (forbidden(piece)) {
          spell_out(part.substr(piece.begin, piece.end - piece.begin), piece.begin, pieces);
        } else {
          pieces->push_back(piece);
        }
      }
    }
    for (size_t i = before; i < pieces->size(); ++i) {
      Piece& piece = (*pieces)[i];
      const Span own = origin(piece);
      piece.begin = own.begin;
      piece.end = own.end;
    }
  }
}

std::string Tokenizer::token(int32_t id) const {
  ROUX_CHECK(id >= 0 && id < vocab_size_)
      << "tokenizer: id " << id << " is outside of the vocabulary of " << vocab_size_;
  if (added_by_id_[id] != nullptr) return added_by_id_[id]->content;
  return id < parts_.model->vocab_size() ? parts_.model->token(id) : "";
}

std::optional<int32_t> Tokenizer::id(std::string_view token) const {
  for (const AddedToken& added : parts_.added_tokens) {
    if (added.content == token) return added.id;
  }
  return parts_.model->id(token);
}

bool Tokenizer::is_special(int32_t id) const {
  return id >= 0 && id < vocab_size_ && added_by_id_[id] != nullptr && added_by_id_[id]->special;
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::with_added(std::vector<AddedToken> tokens) const {
  TokenizerParts parts = parts_;
  int32_t next = vocab_size_;
  for (AddedToken& token : tokens) {
    std::optional<int32_t> known = id(token.content);
    for (size_t i = parts_.added_tokens.size(); i < parts.added_tokens.size(); ++i) {
      if (parts.added_tokens[i].content == token.content) known = parts.added_tokens[i].id;
    }
    if (known) {
      return absl::AlreadyExistsError(
          absl::StrCat(parts.name, ": \"", token.content, "\" is already token ", *known));
    }
    token.id = next++;
    parts.added_tokens.push_back(std::move(token));
  }
  return build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::with_config(
    const SpecialNames& names, std::string chat_template,
    std::vector<std::string> chat_template_names) const {
  TokenizerParts parts = parts_;
  const std::pair<const std::string*, std::optional<int32_t>*> slots[] = {
      {&names.bos, &parts.special.bos},
      {&names.eos, &parts.special.eos},
      {&names.unknown, &parts.special.unknown},
      {&names.padding, &parts.special.padding}};
  for (const auto& [text, slot] : slots) {
    *slot = text->empty() ? std::nullopt : id(*text);
    if (!text->empty() && !slot->has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat(parts.name, ": special token \"", *text, "\" is not in the vocabulary"));
    }
  }
  parts.chat_template = std::move(chat_template);
  parts.chat_template_names = std::move(chat_template_names);
  return build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::with_model(
    std::shared_ptr<const PieceModel> model) const {
  TokenizerParts parts = parts_;
  parts.model = std::move(model);
  return build(std::move(parts));
}

}  // namespace roux::kit
