// Tokenizers: text to ids and back, exact to the reference implementations of the models they come from.
//
// A Tokenizer is a pipeline, as in a Hugging Face tokenizer.json: added tokens are cut out of the text, the
// rest is normalised, split into pieces (PreTokenizer), and each piece is cut into tokens by a PieceModel
// (BPE, WordPiece, Unigram, SentencePiece). It is immutable once built and may be used from several
// threads.
//
//   ROUX_ASSIGN_OR_RETURN(auto tokenizer, load_gguf_tokenizer(path));  // or load_tokenizer_json, load_tekken
//   ... Encoding e = tokenizer->encode("Hello world"); std::string text = tokenizer->decode(e.ids);
//   StreamDecoder stream(*tokenizer);
//   for (int32_t id : sampled) std::cout << stream.push(id);  // never splits a character
//
// Invalid UTF-8: a byte-level tokenizer without normaliser whose vocabulary has all 256 bytes keeps every
// byte (decode(encode(x)) == x for any bytes); all others first replace invalid bytes by U+FFFD. Bytes that a
// byte-level vocabulary lacks (SmolLM2's: some control characters) give no token, as in the reference.
// Offsets and literal ranges always count in the text as given.
#ifndef ROUX_RECIPES_KIT_TEXT_TOKENIZER_H_
#define ROUX_RECIPES_KIT_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recipes/kit/text/added_tokens.h"
#include "recipes/kit/text/normalizer.h"
#include "recipes/kit/text/piece_model.h"
#include "recipes/kit/text/pre_tokenizer.h"

namespace roux::kit {

struct Encoding {
  std::vector<int32_t> ids;
  // Byte range of each token in the text, [0, 0) if it was added; filled if asked for.
  std::vector<Span> offsets;
  std::vector<int32_t> type_ids;  // 0 for the first text, 1 for the second; filled by encode_pair
};

struct EncodeOptions {
  bool add_special = false;   // add what the model's template adds: BOS, EOS, [CLS] ... [SEP]
  bool parse_special = true;  // recognise special tokens written in the text ("<|im_end|>")
  bool offsets = false;
  // Recognise control pieces too that are never read from text (SentencePiece's): the text is a template's.
  bool parse_control = false;
  // Byte ranges, sorted, in which no added token is recognised but blank ones: text of users inside a chat
  // template. No special token and no tag comes out of them, spelt out where the model's vocabulary has it.
  absl::Span<const Span> literal_ranges = {};
};

// How ids become text.
struct DecodeRules {
  enum class Kind { kBytes, kWords, kWordPiece, kMetaspace };  // kWords: a space between tokens
  Kind kind = Kind::kBytes;
  std::string prefix = "##";  // WordPiece: marks continuations
  bool cleanup = true;        // WordPiece: no space before punctuation and English clitics
  int strip_spaces = 1;       // Metaspace: leading spaces removed from the whole text
  bool strip_every = false;   // Metaspace: so many from each token until text appears (SentencePiece)
};

// Offsets without the spaces at a token's ends, as the reference's ByteLevel and RobertaProcessing make them.
struct TrimOffsets {
  bool on = false;
  bool prefix_space = true;  // the first token's first space was added, so it is not there to be left out
};

// What stands around one or two texts: ids >= 0 are special tokens, kTextA and kTextB the texts.
struct TemplateItem {
  static constexpr int32_t kTextA = -1;
  static constexpr int32_t kTextB = -2;
  int32_t id = kTextA;
  int32_t type_id = 0;
};

struct SpecialIds {
  std::optional<int32_t> bos, eos, unknown, padding;
};
// The same by token text; empty = none.
struct SpecialNames {
  std::string bos, eos, unknown, padding;
};

struct TokenizerParts {
  std::string name;  // where it came from, for messages
  Normalizer normalizer;
  PreTokenizer pre_tokenizer;
  std::shared_ptr<const PieceModel> model;
  std::vector<AddedToken> added_tokens;
  DecodeRules decode;
  TrimOffsets trim_offsets;
  std::vector<TemplateItem> single = {{TemplateItem::kTextA, 0}};
  std::vector<TemplateItem> pair = {{TemplateItem::kTextA, 0}, {TemplateItem::kTextB, 1}};
  SpecialIds special;
  std::string chat_template;                     // the model's own, empty if unknown
  std::vector<std::string> chat_template_names;  // if it brings several, none of them the default
};

class Tokenizer {
 public:
  // Fails on added tokens that contradict each other or the model's vocabulary: one id with two contents, or
  // one content with two ids.
  static absl::StatusOr<std::shared_ptr<const Tokenizer>> build(TokenizerParts parts);

  // Highest id + 1, added tokens included: the number of rows an embedding needs.
  int32_t vocab_size() const { return vocab_size_; }
  const SpecialIds& special() const { return parts_.special; }
  const std::string& chat_template() const { return parts_.chat_template; }
  const std::vector<std::string>& chat_template_names() const { return parts_.chat_template_names; }
  const std::string& name() const { return parts_.name; }

  // Throws Error when a pattern of the tokenizer's file runs into PCRE2's limits, or its normaliser
  // multiplies the text (AlignedText).
  Encoding encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Two texts in the model's pair template with type ids, special tokens added.
  Encoding encode_pair(std::string_view a, std::string_view b, EncodeOptions options = {}) const;

  // Text of the ids; raw bytes where the tokens don't form valid UTF-8. An id outside of
  // 0 .. vocab_size() - 1 throws Error; an unused one inside has no text.
  std::string decode(absl::Span<const int32_t> ids, bool skip_special = false) const;

  // The token as the vocabulary writes it ("Ġthe", "##ing"); empty for an unused id.
  std::string token(int32_t id) const;
  std::optional<int32_t> id(std::string_view token) const;
  bool is_special(int32_t id) const;

  // A tokenizer with more added tokens, with new ids from vocab_size() on in the given order. Content that
  // exists is an error. The embedding must grow to the new vocab_size().
  absl::StatusOr<std::shared_ptr<const Tokenizer>> with_added(std::vector<AddedToken> tokens) const;
  // The same tokenizer with other special tokens and chat template; a name that is no token is an error.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> with_config(
      const SpecialNames& names, std::string chat_template,
      std::vector<std::string> chat_template_names = {}) const;
  // The same tokenizer around another model. Added tokens keep their ids.
  absl::StatusOr<std::shared_ptr<const Tokenizer>> with_model(std::shared_ptr<const PieceModel> model) const;
  const PieceModel& model() const { return *parts_.model; }

 private:
  friend class StreamDecoder;
  explicit Tokenizer(TokenizerParts parts) : parts_(std::move(parts)) {}
  absl::Status add_tokens();
  void encode_text(std::string_view text, const EncodeOptions& options, std::vector<Piece>* pieces) const;
  void encode_valid(std::string_view text, const EncodeOptions& options, std::vector<Piece>* pieces) const;
  void encode_segment(std::string_view segment, uint32_t base, const EncodeOptions& options,
                      std::vector<Piece>* pieces) const;
  void encode_run(std::string_view run, uint32_t base, bool continues, const EncodeOptions& options,
                  std::vector<Piece>* pieces) const;
  void encode_normalized(AlignedText text, uint32_t base, SplitText::Place place,
                         const EncodeOptions& options, std::vector<Piece>* pieces) const;
  // Whether the model made a special token or a tag of text that spells it.
  bool is_spelt_tag(int32_t id, std::string_view text) const;
  void spell_out(std::string_view text, uint32_t at, std::vector<Piece>* pieces) const;
  void append_pieces(std::string_view text, const std::vector<Piece>& pieces, bool offsets,
                     Encoding* out) const;
  Span trimmed(std::string_view text, const Piece& piece, bool first) const;
  // Text of one token; `first`: no token was written before.
  void append_token_text(int32_t id, bool first, std::string* out) const;

  TokenizerParts parts_;
  AddedTokens raw_added_;                       // matched in the text as it is
  AddedTokens template_added_;                  // the same with those that are not in_text; empty without
  AddedTokens normalized_added_;                // matched in the normalised text
  std::vector<const AddedToken*> added_by_id_;  // empty slots are null; starts at id 0
  int32_t vocab_size_ = 0;
};

// Text of a growing sequence of ids: every byte once, characters never split. Not thread-safe.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = false)
      : tokenizer_(tokenizer), skip_special_(skip_special) {}
  // New text that the id completes; may be empty.
  std::string push(int32_t id);
  // What is left: bytes that never became a character.
  std::string finish();

 private:
  const Tokenizer& tokenizer_;
  bool skip_special_;
  bool first_ = true;     // no token yet
  bool at_start_ = true;  // no text yet
  int stripped_ = 0;
  std::string pending_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_TOKENIZER_H_
