#include "recipes/kit/text/tokenizer_json_steps.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/charsmap.h"
#include "recipes/kit/text/word_piece.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using nlohmann::json;

// Sequences nest; a file may not nest them without end.
constexpr int kMaxDepth = 16;

absl::StatusOr<std::string> type_of(const JsonField& field) {
  ROUX_RETURN_IF_ERROR(field.expect_object());
  return field.string_or("type", "");
}

// "pattern": {"String": s} or {"Regex": r}, or a bare string.
absl::StatusOr<Regex> read_pattern(const JsonField& field) {
  if (!field.missing() && field.json().is_string())
    return Regex::compile_literal(field.json().get<std::string>());
  ROUX_RETURN_IF_ERROR(field.expect_object());
  ROUX_ASSIGN_OR_RETURN(const std::string literal, field.string_or("String", ""));
  ROUX_ASSIGN_OR_RETURN(const std::string pattern, field.string_or("Regex", ""));
  if (literal.empty() && pattern.empty()) return field.error("has neither a String nor a Regex");
  absl::StatusOr<Regex> regex = literal.empty() ? Regex::compile(pattern) : Regex::compile_literal(literal);
  if (!regex.ok()) return field.error(std::string(regex.status().message()));
  return regex;
}

absl::Status read_bert_normalizer(const JsonField& field, Normalizer* out) {
  BertNormalization which;
  ROUX_ASSIGN_OR_RETURN(which.clean, field.bool_or("clean_text", true));
  ROUX_ASSIGN_OR_RETURN(which.chinese, field.bool_or("handle_chinese_chars", true));
  ROUX_ASSIGN_OR_RETURN(which.lowercase, field.bool_or("lowercase", true));
  ROUX_ASSIGN_OR_RETURN(which.strip_accents, field.bool_or("strip_accents", which.lowercase));
  add_bert_steps(which, out);
  return absl::OkStatus();
}

absl::Status read_precompiled(const JsonField& field, Normalizer* out) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, field.string_or("precompiled_charsmap", ""));
  if (text.empty()) return absl::OkStatus();  // SentencePiece's identity
  std::string bytes;
  if (!absl::Base64Unescape(text, &bytes)) return field.error("precompiled_charsmap is not base64");
  absl::StatusOr<Charsmap> charsmap = Charsmap::parse(bytes);
  if (!charsmap.ok()) return field.error(std::string(charsmap.status().message()));
  out->add(charsmap_step(*std::move(charsmap)));
  return absl::OkStatus();
}

absl::Status read_normalizer_at(const JsonField& field, int depth, Normalizer* out) {
  if (field.missing()) return absl::OkStatus();
  if (depth > kMaxDepth) return field.error("is nested too deeply");
  ROUX_ASSIGN_OR_RETURN(const std::string type, type_of(field));
  if (type == "Sequence") {
    const JsonField list = field.at("normalizers");
    ROUX_RETURN_IF_ERROR(list.expect_array());
    for (size_t i = 0; i < list.json().size(); ++i) {
      ROUX_RETURN_IF_ERROR(read_normalizer_at(list.item(i), depth + 1, out));
    }
    return absl::OkStatus();
  }
  if (type == "NFC") return out->add(unicode_form_step(UnicodeForm::kNfc)), absl::OkStatus();
  if (type == "NFD") return out->add(unicode_form_step(UnicodeForm::kNfd)), absl::OkStatus();
  if (type == "NFKC") return out->add(unicode_form_step(UnicodeForm::kNfkc)), absl::OkStatus();
  if (type == "NFKD") return out->add(unicode_form_step(UnicodeForm::kNfkd)), absl::OkStatus();
  if (type == "Lowercase") return out->add(lowercase_step()), absl::OkStatus();
  if (type == "StripAccents") return out->add(strip_marks_step()), absl::OkStatus();
  if (type == "BertNormalizer") return read_bert_normalizer(field, out);
  if (type == "Precompiled") return read_precompiled(field, out);
  if (type == "Strip") {
    ROUX_ASSIGN_OR_RETURN(const bool left, field.bool_or("strip_left", true));
    ROUX_ASSIGN_OR_RETURN(const bool right, field.bool_or("strip_right", true));
    return out->add(strip_step(left, right)), absl::OkStatus();
  }
  if (type == "Prepend") {
    ROUX_ASSIGN_OR_RETURN(std::string prefix, field.string_or("prepend", ""));
    return out->add(prepend_step(std::move(prefix))), absl::OkStatus();
  }
  if (type == "Replace") {
    ROUX_ASSIGN_OR_RETURN(Regex pattern, read_pattern(field.at("pattern")));
    ROUX_ASSIGN_OR_RETURN(std::string content, field.string_or("content", ""));
    return out->add(replace_step(std::move(pattern), std::move(content))), absl::OkStatus();
  }
  return field.unsupported(absl::StrCat("normalizer type \"", type, "\""));
}

absl::StatusOr<SplitBehavior> read_behavior(const JsonField& field) {
  ROUX_ASSIGN_OR_RETURN(const std::string name, field.string_or("behavior", "Isolated"));
  if (name == "Removed") return SplitBehavior::kRemoved;
  if (name == "Isolated") return SplitBehavior::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
  if (name == "Contiguous") return SplitBehavior::kContiguous;
  return field.unsupported(absl::StrCat("behavior \"", name, "\""));
}

absl::Status add_split(std::string_view pattern, SplitBehavior behavior, bool invert, PreTokenizer* out) {
  ROUX_ASSIGN_OR_RETURN(Regex regex, Regex::compile(pattern));
  out->add(split_step(std::move(regex), behavior, invert));
  return absl::OkStatus();
}

absl::Status read_metaspace(const JsonField& field, PreTokenizer* out) {
  ROUX_ASSIGN_OR_RETURN(std::string replacement, field.string_or("replacement", "\xE2\x96\x81"));
  ROUX_ASSIGN_OR_RETURN(const bool add_prefix, field.bool_or("add_prefix_space", true));
  ROUX_ASSIGN_OR_RETURN(const std::string scheme,
                        field.string_or("prepend_scheme", add_prefix ? "always" : "never"));
  ROUX_ASSIGN_OR_RETURN(const bool split, field.bool_or("split", true));
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return field.unsupported(absl::StrCat("prepend_scheme \"", scheme, "\""));
  }
  if (replacement.empty()) return field.error("replacement is empty");
  const PrependScheme prepend = scheme == "always"  ? PrependScheme::kAlways
                                : scheme == "first" ? PrependScheme::kFirst
                                                    : PrependScheme::kNever;
  out->add(metaspace_step(std::move(replacement), prepend, split));
  return absl::OkStatus();
}

absl::Status read_pre_tokenizer_at(const JsonField& field, int depth, PreTokenizer* out, bool* byte_level) {
  if (field.missing()) return absl::OkStatus();
  if (depth > kMaxDepth) return field.error("is nested too deeply");
  ROUX_ASSIGN_OR_RETURN(const std::string type, type_of(field));
  if (type == "Sequence") {
    const JsonField list = field.at("pretokenizers");
    ROUX_RETURN_IF_ERROR(list.expect_array());
    for (size_t i = 0; i < list.json().size(); ++i) {
      ROUX_RETURN_IF_ERROR(read_pre_tokenizer_at(list.item(i), depth + 1, out, byte_level));
    }
    return absl::OkStatus();
  }
  if (type == "ByteLevel") {
    ROUX_ASSIGN_OR_RETURN(const bool prefix, field.bool_or("add_prefix_space", true));
    ROUX_ASSIGN_OR_RETURN(const bool split, field.bool_or("use_regex", true));
    *byte_level = true;
    if (prefix) out->add(prefix_space_step());
    return split ? add_split(kGpt2Pattern, SplitBehavior::kIsolated, false, out) : absl::OkStatus();
  }
  if (type == "Split") {
    ROUX_ASSIGN_OR_RETURN(Regex regex, read_pattern(field.at("pattern")));
    ROUX_ASSIGN_OR_RETURN(const SplitBehavior behavior, read_behavior(field));
    ROUX_ASSIGN_OR_RETURN(const bool invert, field.bool_or("invert", false));
    return out->add(split_step(std::move(regex), behavior, invert)), absl::OkStatus();
  }
  if (type == "Digits") {
    ROUX_ASSIGN_OR_RETURN(const bool single, field.bool_or("individual_digits", false));
    return add_split(R"(\p{N})", single ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, false, out);
  }
  if (type == "Punctuation") {
    ROUX_ASSIGN_OR_RETURN(const SplitBehavior behavior, read_behavior(field));
    return out->add(split_chars_step(is_bert_punctuation, behavior)), absl::OkStatus();
  }
  if (type == "BertPreTokenizer") {
    out->add(split_chars_step(is_white_space, SplitBehavior::kRemoved));
    out->add(split_chars_step(is_bert_punctuation, SplitBehavior::kIsolated));
    return absl::OkStatus();
  }
  if (type == "Whitespace") return add_split(R"(\w+|[^\w\s]+)", SplitBehavior::kRemoved, true, out);
  if (type == "WhitespaceSplit")
    return out->add(split_chars_step(is_white_space, SplitBehavior::kRemoved)), absl::OkStatus();
  if (type == "Metaspace") return read_metaspace(field, out);
  return field.unsupported(absl::StrCat("pre_tokenizer type \"", type, "\""));
}

// A Llama-style chain: Replace "â" by " ", ByteFallback, Fuse, Strip spaces from the left.
absl::Status read_decoder_chain(const JsonField& list, DecodeRules* out) {
  ROUX_RETURN_IF_ERROR(list.expect_array());
  out->kind = DecodeRules::Kind::kBytes;
  out->strip_spaces = 0;
  for (size_t i = 0; i < list.json().size(); ++i) {
    const JsonField step = list.item(i);
    ROUX_ASSIGN_OR_RETURN(const std::string type, type_of(step));
    if (type == "Strip") {
      ROUX_ASSIGN_OR_RETURN(const std::string content, step.string_or("content", " "));
      ROUX_ASSIGN_OR_RETURN(const int64_t start, step.int_or("start", 0));
      ROUX_ASSIGN_OR_RETURN(const int64_t stop, step.int_or("stop", 0));
      const bool known = content == " " && start >= 0 && start <= 1000 && stop == 0;
      if (!known || out->kind != DecodeRules::Kind::kMetaspace) return step.unsupported("this Strip");
      out->strip_spaces = static_cast<int>(start);
    } else if (type == "Replace") {
      ROUX_ASSIGN_OR_RETURN(const std::string from, step.at("pattern").string_or("String", ""));
      ROUX_ASSIGN_OR_RETURN(const std::string to, step.string_or("content", ""));
      if (from != "\xE2\x96\x81" || to != " ")
        return step.unsupported("other than Replace of U+2581 by a space");
      out->kind = DecodeRules::Kind::kMetaspace;
    } else if (type == "Metaspace" || (list.json().size() == 1 && type != "Sequence")) {
      ROUX_RETURN_IF_ERROR(read_decoder(step, out));
    } else if (type != "ByteLevel" && type != "ByteFallback" && type != "Fuse") {
      return step.unsupported(absl::StrCat("decoder type \"", type, "\" in a Sequence"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<TemplateItem> read_template_item(const JsonField& item, const JsonField& ids) {
  ROUX_RETURN_IF_ERROR(item.expect_object());
  const bool special = item.json().contains("SpecialToken");
  const JsonField body = item.at(special ? "SpecialToken" : "Sequence");
  ROUX_RETURN_IF_ERROR(body.expect_object());
  ROUX_ASSIGN_OR_RETURN(const std::string id, body.string_or("id", ""));
  ROUX_ASSIGN_OR_RETURN(const int64_t type_id, body.int_or("type_id", 0));
  const auto type = static_cast<int32_t>(type_id);
  if (!special) return TemplateItem{id == "B" ? TemplateItem::kTextB : TemplateItem::kTextA, type};
  const JsonField list = ids.at(id).at("ids");
  ROUX_RETURN_IF_ERROR(list.expect_array());
  if (list.json().size() != 1 || !list.json()[0].is_number_integer() || list.json()[0].get<int64_t>() < 0) {
    return list.unsupported("other than one id per special token");
  }
  return TemplateItem{list.json()[0].get<int32_t>(), type};
}

absl::Status read_template(const JsonField& field, const char* key, std::vector<TemplateItem>* out) {
  const JsonField list = field.at(key);
  if (list.missing()) return absl::OkStatus();
  ROUX_RETURN_IF_ERROR(list.expect_array());
  out->clear();
  for (size_t i = 0; i < list.json().size(); ++i) {
    ROUX_ASSIGN_OR_RETURN(const TemplateItem item,
                          read_template_item(list.item(i), field.at("special_tokens")));
    out->push_back(item);
  }
  return absl::OkStatus();
}

// ["[SEP]", 102]
absl::StatusOr<int32_t> read_named_id(const JsonField& field) {
  ROUX_RETURN_IF_ERROR(field.expect_array());
  const json& value = field.json();
  if (value.size() != 2 || !value[1].is_number_integer() || value[1].get<int64_t>() < 0) {
    return field.error(absl::StrCat("is ", value.dump(), ", expected [\"token\", id]"));
  }
  return value[1].get<int32_t>();
}

absl::Status read_trim_offsets(const JsonField& field, TokenizerParts* out) {
  ROUX_ASSIGN_OR_RETURN(out->trim_offsets.on, field.bool_or("trim_offsets", true));
  ROUX_ASSIGN_OR_RETURN(out->trim_offsets.prefix_space, field.bool_or("add_prefix_space", true));
  return absl::OkStatus();
}

}  // namespace

absl::Status read_normalizer(const JsonField& field, Normalizer* out) {
  return read_normalizer_at(field, 0, out);
}

absl::Status read_pre_tokenizer(const JsonField& field, PreTokenizer* out, bool* byte_level) {
  return read_pre_tokenizer_at(field, 0, out, byte_level);
}

absl::Status read_decoder(const JsonField& field, DecodeRules* out) {
  if (field.missing()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const std::string type, type_of(field));
  if (type == "ByteLevel") return absl::OkStatus();
  if (type == "Sequence") return read_decoder_chain(field.at("decoders"), out);
  if (type == "WordPiece") {
    out->kind = DecodeRules::Kind::kWordPiece;
    ROUX_ASSIGN_OR_RETURN(out->prefix, field.string_or("prefix", out->prefix));
    ROUX_ASSIGN_OR_RETURN(out->cleanup, field.bool_or("cleanup", out->cleanup));
    return absl::OkStatus();
  }
  if (type == "Metaspace") {
    out->kind = DecodeRules::Kind::kMetaspace;
    ROUX_ASSIGN_OR_RETURN(const bool prefix, field.bool_or("add_prefix_space", true));
    ROUX_ASSIGN_OR_RETURN(const std::string scheme,
                          field.string_or("prepend_scheme", prefix ? "always" : "never"));
    out->strip_spaces = scheme == "never" ? 0 : 1;
    return absl::OkStatus();
  }
  return field.unsupported(absl::StrCat("decoder type \"", type, "\""));
}

absl::Status read_post_processor(const JsonField& field, TokenizerParts* out) {
  if (field.missing()) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const std::string type, type_of(field));
  if (type == "ByteLevel") return read_trim_offsets(field, out);
  if (type == "Sequence") {
    const JsonField list = field.at("processors");
    ROUX_RETURN_IF_ERROR(list.expect_array());
    for (size_t i = 0; i < list.json().size(); ++i) {
      ROUX_ASSIGN_OR_RETURN(const std::string inner, type_of(list.item(i)));
      if (inner == "Sequence") return list.item(i).unsupported("a Sequence in a Sequence");
      ROUX_RETURN_IF_ERROR(read_post_processor(list.item(i), out));
    }
    return absl::OkStatus();
  }
  if (type == "TemplateProcessing") {
    ROUX_RETURN_IF_ERROR(read_template(field, "single", &out->single));
    return read_template(field, "pair", &out->pair);
  }
  if (type == "BertProcessing" || type == "RobertaProcessing") {
    ROUX_ASSIGN_OR_RETURN(const int32_t sep, read_named_id(field.at("sep")));
    ROUX_ASSIGN_OR_RETURN(const int32_t cls, read_named_id(field.at("cls")));
    if (type == "RobertaProcessing") ROUX_RETURN_IF_ERROR(read_trim_offsets(field, out));
    const TemplateItem a{TemplateItem::kTextA, 0}, b{TemplateItem::kTextB, type == "BertProcessing" ? 1 : 0};
    out->single = {{cls, 0}, a, {sep, 0}};
    out->pair = {{cls, 0}, a, {sep, 0}};
    if (type == "RobertaProcessing") out->pair.push_back({sep, 0});
    out->pair.push_back(b);
    out->pair.push_back({sep, b.type_id});
    return absl::OkStatus();
  }
  return field.unsupported(absl::StrCat("post_processor type \"", type, "\""));
}

}  // namespace roux::kit
