#include "recipes/kit/data/sources/wordnet.h"

#include <charconv>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/data/sources/source_files.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// lexnames(5WN)
constexpr const char* kCategories[] = {"adj.all",          "adj.pert",           "adv.all",
                                       "noun.Tops",        "noun.act",           "noun.animal",
                                       "noun.artifact",    "noun.attribute",     "noun.body",
                                       "noun.cognition",   "noun.communication", "noun.event",
                                       "noun.feeling",     "noun.food",          "noun.group",
                                       "noun.location",    "noun.motive",        "noun.object",
                                       "noun.person",      "noun.phenomenon",    "noun.plant",
                                       "noun.possession",  "noun.process",       "noun.quantity",
                                       "noun.relation",    "noun.shape",         "noun.state",
                                       "noun.substance",   "noun.time",          "verb.body",
                                       "verb.change",      "verb.cognition",     "verb.communication",
                                       "verb.competition", "verb.consumption",   "verb.contact",
                                       "verb.creation",    "verb.emotion",       "verb.motion",
                                       "verb.perception",  "verb.possession",    "verb.social",
                                       "verb.stative",     "verb.weather",       "adj.ppl"};

// The fields of a line, separated by single blanks.
class Fields {
 public:
  explicit Fields(std::string_view text) : text_(text) {}

  std::string_view next() {
    const size_t blank = text_.find(' ');
    const std::string_view field = text_.substr(0, blank);
    text_.remove_prefix(blank == std::string_view::npos ? text_.size() : blank + 1);
    return field;
  }
  absl::Status number(int base, int64_t& value, const char* what) {
    const std::string_view field = next();
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, base);
    if (error != std::errc() || end != field.data() + field.size() || value < 0)
      return absl::InvalidArgumentError(absl::StrCat("'", std::string(field), "' is no ", what));
    return absl::OkStatus();
  }

 private:
  std::string_view text_;
};

std::string plain_word(std::string_view word) {
  const size_t marker = word.find('(');  // "galore(ip)": only behind its noun
  return absl::StrReplaceAll(std::string(word.substr(0, marker)), {{"_", " "}});
}

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" ;");
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(" ;") - first + 1));
}

// A definition, then examples in quotes, all separated by semicolons.
void split_gloss(std::string_view gloss, Synset& synset) {
  const size_t first = gloss.find("; \"");
  synset.definition = trimmed(gloss.substr(0, first));
  if (first == std::string_view::npos) return;
  gloss.remove_prefix(first);
  for (;;) {
    const size_t open = gloss.find('"');
    const size_t close = open == std::string_view::npos ? open : gloss.find('"', open + 1);
    if (close == std::string_view::npos) return;
    synset.examples.emplace_back(gloss.substr(open + 1, close - open - 1));
    gloss.remove_prefix(close + 1);
  }
}

const char* file_of(char part) {
  switch (part) {
    case 'n':
      return "usr/share/wordnet/data.noun";
    case 'v':
      return "usr/share/wordnet/data.verb";
    case 'a':
      return "usr/share/wordnet/data.adj";
    case 'r':
      return "usr/share/wordnet/data.adv";
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<Synset> parse_synset(std::string_view line) {
  const size_t bar = line.find(" | ");
  if (bar == std::string_view::npos) return absl::InvalidArgumentError("there is no gloss");
  Fields fields(line.substr(0, bar));
  Synset synset;
  int64_t category = 0, words = 0, relations = 0, ignored = 0;
  ROUX_RETURN_IF_ERROR(fields.number(10, synset.offset, "offset"));
  ROUX_RETURN_IF_ERROR(fields.number(10, category, "category"));
  if (category >= static_cast<int64_t>(std::size(kCategories)))
    return absl::InvalidArgumentError(absl::StrCat("there is no category ", category));
  synset.category = static_cast<int>(category);
  const std::string_view part = fields.next();
  if (part.size() != 1 || std::string_view("nvasr").find(part) == std::string_view::npos)
    return absl::InvalidArgumentError(absl::StrCat("'", std::string(part), "' is no part of speech"));
  synset.part = part[0];
  ROUX_RETURN_IF_ERROR(fields.number(16, words, "number of words"));
  for (int64_t i = 0; i < words; ++i) {
    synset.words.push_back(plain_word(fields.next()));
    if (synset.words.back().empty()) return absl::InvalidArgumentError("a word is missing");
    ROUX_RETURN_IF_ERROR(fields.number(16, ignored, "number of a sense"));
  }
  ROUX_RETURN_IF_ERROR(fields.number(10, relations, "number of relations"));
  for (int64_t i = 0; i < relations; ++i) {
    Synset::Relation relation;
    relation.symbol = std::string(fields.next());
    ROUX_RETURN_IF_ERROR(fields.number(10, relation.offset, "offset of a relation"));
    const std::string_view to = fields.next();
    if (relation.symbol.empty() || to.size() != 1) return absl::InvalidArgumentError("a relation is cut off");
    relation.part = to[0];
    fields.next();  // between which words of the two synsets
    synset.relations.push_back(std::move(relation));
  }
  split_gloss(line.substr(bar + 3), synset);
  return synset;
}

absl::StatusOr<Sourced<std::vector<Synset>>> wordnet_synsets(const std::string& parts,
                                                             const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("wordnet", file_of('n'), options));
  std::vector<Synset> synsets;
  for (const char part : parts) {
    const char* path = file_of(part);
    ROUX_CHECK(path != nullptr) << "wordnet_synsets: '" << parts << "' is no selection of nvar";
    ROUX_ASSIGN_OR_RETURN(const std::string text, files.read(path));
    int64_t number = 0;
    for (size_t begin = 0; begin < text.size();) {
      const size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line(text.data() + begin, end - begin);
      begin = end + 1;
      ++number;
      if (line.empty() || line[0] == ' ') continue;  // the licence
      absl::StatusOr<Synset> synset = parse_synset(line);
      if (!synset.ok())
        return absl::DataLossError(absl::StrCat(path, ": line ", number, ": ", synset.status().message()));
      synsets.push_back(*std::move(synset));
    }
  }
  return Sourced<std::vector<Synset>>{std::move(synsets), files.provenance()};
}

const char* wordnet_category(int category) {
  ROUX_CHECK(category >= 0 && category < static_cast<int>(std::size(kCategories)))
      << "wordnet_category: there is no category " << category;
  return kCategories[category];
}

}  // namespace roux::kit
