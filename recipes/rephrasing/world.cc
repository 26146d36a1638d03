#include "recipes/rephrasing/world.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/data/sources/bible.h"
#include "recipes/kit/data/text_domain.h"
#include "recipes/kit/stats/random.h"
#include "recipes/kit/text/bpe_trainer.h"
#include "recipes/kit/text/pre_tokenizer.h"
#include "recipes/kit/text/utf8.h"
#include "recipes/kit/text/words.h"
#include "recipes/rephrasing/table.h"
#include "tensor/error.h"

namespace roux::rephrasing {
namespace {

using kit::Verse;
using Texts = std::map<std::string, std::vector<Document>>;  // chapters by book

constexpr size_t kLeastBooks = 12;  // fewer: chapters are split in place of books
constexpr const char* kParts[] = {"train", "corpus", "train", "corpus", "train", "held"};

std::string chapter_of(const Verse& verse) { return absl::StrCat(verse.book, " ", verse.chapter); }
std::string reference_of(const Verse& verse) { return absl::StrCat(chapter_of(verse), ":", verse.verse); }

// Which part each chapter is of: book by book in the canon's order, so that each part has every genre.
std::map<std::string, std::string> parts_of(const std::vector<Verse>& verses, int64_t split) {
  std::set<std::string> books;
  for (const Verse& verse : verses) books.insert(verse.book);
  std::map<std::string, std::string> parts;
  std::string last;
  int64_t unit = split - 1;
  for (const Verse& verse : verses) {
    const std::string here = books.size() >= kLeastBooks ? verse.book : chapter_of(verse);
    if (here != last) ++unit;
    last = here;
    parts[chapter_of(verse)] = kParts[unit % static_cast<int64_t>(std::size(kParts))];
  }
  return parts;
}

// Chapters of one part, a verse a line.
std::vector<Document> chapters(const std::vector<Verse>& verses,
                               const std::map<std::string, std::string>& parts, const std::string& part) {
  std::vector<Document> documents;
  for (const Verse& verse : verses) {
    const std::string chapter = chapter_of(verse);
    const auto found = parts.find(chapter);
    if (found == parts.end() || found->second != part) continue;
    if (documents.empty() || documents.back().id != chapter) documents.push_back({chapter, ""});
    std::string& text = documents.back().text;
    absl::StrAppend(&text, text.empty() ? "" : "\n", verse.text);
  }
  return documents;
}

std::string joined(const std::vector<Document>& documents) {
  std::string text;
  for (const Document& document : documents)
    absl::StrAppend(&text, text.empty() ? "" : "\n\n", document.text);
  return text;
}

std::vector<Document> documents_of(const std::string& name, const std::string& text) {
  std::vector<Document> documents;
  for (const absl::string_view part : absl::StrSplit(text, "\n\n")) {
    const std::string_view stripped = kit::strip(std::string_view(part.data(), part.size()));
    if (!stripped.empty())
      documents.push_back({absl::StrCat(name, "#", documents.size() + 1), std::string(stripped)});
  }
  return documents;
}

absl::Status add_tokenizer(const std::vector<std::string>& texts, int64_t vocab, World& world) {
  const std::vector<std::string> patterns = {kit::kGpt2Pattern};
  ROUX_ASSIGN_OR_RETURN(kit::PreTokenizer pre, kit::pattern_pre_tokenizer(patterns));
  kit::BpeTrainer trainer(std::move(pre));
  for (const std::string& text : texts) trainer.add(text);
  ROUX_ASSIGN_OR_RETURN(const kit::TrainedBpe trained,
                        trainer.train({.vocab_size = static_cast<int32_t>(vocab)}));
  ROUX_ASSIGN_OR_RETURN(world.tokenizer, kit::byte_level_tokenizer(trained, patterns, "trained here"));
  return absl::OkStatus();
}

struct Bibles {
  std::vector<Verse> old_english, new_english, spanish;
  std::string missing;
};

absl::StatusOr<Bibles> load_bibles(const Config& config, kit::Run& run) {
  Bibles bibles;
  kit::SourceOptions options = run.source_options();
  options.excerpt = config.excerpts;
  for (const auto& [name, into] :
       {std::pair{"kjv", &bibles.old_english}, std::pair{"web", &bibles.new_english},
        std::pair{"rv1909", &bibles.spanish}}) {
    ROUX_ASSIGN_OR_RETURN(auto read, kit::bible(name, options));
    ROUX_RETURN_IF_ERROR(run.uses(read.from));
    if (bibles.missing.empty()) bibles.missing = kit::needs_full(read.from);
    *into = std::move(read.value);
  }
  return bibles;
}

// Pairs for the rephrasers, the corpora in tiers, and verses to be judged on.
absl::Status add_bibles(const Config& config, const Bibles& bibles, World& world) {
  const std::map<std::string, std::string> parts = parts_of(bibles.old_english, config.split);
  std::map<std::string, const Verse*> modern;
  for (const Verse& verse : bibles.new_english) modern[reference_of(verse)] = &verse;
  std::vector<Verse> held_new;
  std::string chapter;
  int64_t chapters_held = -1;
  for (const Verse& verse : bibles.old_english) {
    const auto found = modern.find(reference_of(verse));
    if (found == modern.end()) continue;
    const std::string& part = parts.at(chapter_of(verse));
    if (part == "train") {
      world.pairs.emplace_back(verse.text, found->second->text);
      world.english.push_back(verse.text);
    } else if (part == "held") {
      if (chapter_of(verse) != chapter) ++chapters_held;
      chapter = chapter_of(verse);
      world.held_verses.push_back({verse.text, found->second->text, reference_of(verse), chapters_held});
      held_new.push_back(*found->second);
    }
  }
  for (const Verse& verse : bibles.spanish) {
    const auto part = parts.find(chapter_of(verse));
    if (part != parts.end() && part->second == "train") world.spanish.push_back(verse.text);
  }
  std::vector<Document> corpus = chapters(bibles.old_english, parts, "corpus");
  for (const double noise : config.noises) world.sources.push_back({tier_name(noise), "en", corpus, noise});
  world.sources.push_back({"spanish", "es", chapters(bibles.spanish, parts, "corpus")});
  world.held_out = {{"older", joined(chapters(bibles.old_english, parts, "held")), "en"},
                    {"modern", joined(chapters(held_new, parts, "held")), "en"},
                    {"spanish", joined(chapters(bibles.spanish, parts, "held")), "es"}};
  return absl::OkStatus();
}

absl::Status add_domain(const Config& config, const std::string& name, const std::string& language,
                        bool to_corpus, kit::Run& run, World& world) {
  kit::SourceOptions options = run.source_options();
  options.excerpt = !to_corpus;
  if (config.excerpts) options.excerpt = true;
  ROUX_ASSIGN_OR_RETURN(auto text, kit::text_domain(name, options));
  ROUX_RETURN_IF_ERROR(run.uses(text.from));
  if (!to_corpus) {
    world.held_out.push_back({name, std::move(text.value), language, false});
    return absl::OkStatus();
  }
  const std::vector<Document> more = documents_of(name, text.value);
  for (Source& source : world.sources)
    if (source.language == language)
      source.documents.insert(source.documents.end(), more.begin(), more.end());
  return absl::OkStatus();
}

absl::Status add_users(const Config& config, const std::string& folder, World& world) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<kit::NamedText> domains, kit::folder_domains(folder));
  world.users = true, world.sources.clear(), world.held_out.clear(), world.held_verses.clear();
  for (const kit::NamedText& domain : domains) {
    if (domain.name == "pairs") continue;  // for the rephraser
    std::vector<Document> documents = documents_of(domain.name, domain.text);
    const auto held =
        static_cast<int64_t>(std::max(1.0, config.validation_share * static_cast<double>(documents.size())));
    if (documents.size() < 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("--data=", folder, ": ", domain.name,
                       " is one document; two or more, apart by an empty line, are needed"));
    }
    world.held_out.push_back({domain.name, joined({documents.end() - held, documents.end()}), domain.name});
    documents.resize(documents.size() - static_cast<size_t>(held));
    world.sources.push_back({domain.name, config.language, std::move(documents)});
  }
  if (world.sources.empty())
    return absl::InvalidArgumentError(absl::StrCat("--data=", folder, ": holds no text beside pairs.tsv"));
  const std::string pairs = folder + "/pairs.tsv";
  if (std::filesystem::exists(pairs)) {
    ROUX_ASSIGN_OR_RETURN(world.pairs, read_pairs(pairs));
  }
  return absl::OkStatus();
}

std::vector<std::pair<std::string, std::string>> spread(
    const std::vector<std::pair<std::string, std::string>>& pairs, int64_t count) {
  const auto all = static_cast<int64_t>(pairs.size());
  if (count == 0 || count >= all) return pairs;
  std::vector<std::pair<std::string, std::string>> some;
  for (int64_t i = 0; i < count; ++i) some.push_back(pairs[static_cast<size_t>(i * all / count)]);
  return some;
}

}  // namespace

absl::Status Config::check() const {
  ROUX_RETURN_IF_ERROR(decoder.check());
  const auto refuse = [](const std::string& what) { return absl::InvalidArgumentError(what); };
  if (!(lr > 0)) return refuse(absl::StrCat("lr=", lr, ": a rate above 0 is needed"));
  if (noises.size() < 2 || noises[0] != 0 || !std::is_sorted(noises.begin(), noises.end()) ||
      std::adjacent_find(noises.begin(), noises.end()) != noises.end()) {
    return refuse("noises: 0 and larger numbers in ascending order are needed, the quality tiers");
  }
  if (min_tokens >= passage_tokens)
    return refuse(absl::StrCat("min_tokens=", min_tokens, ": must be below passage_tokens=", passage_tokens));
  return absl::OkStatus();
}

const Source& World::source(const std::string& name) const {
  const auto found =
      std::find_if(sources.begin(), sources.end(), [&](const Source& s) { return s.name == name; });
  ROUX_CHECK(found != sources.end()) << "there is no source " << name;
  return *found;
}

absl::StatusOr<World> load_world(const Config& config, kit::Run& run) {
  World world;
  ROUX_ASSIGN_OR_RETURN(const Bibles bibles, load_bibles(config, run));
  world.missing = bibles.missing;
  ROUX_RETURN_IF_ERROR(add_bibles(config, bibles, world));
  for (const std::string& name : config.more)
    ROUX_RETURN_IF_ERROR(add_domain(config, name, "en", true, run, world));
  ROUX_RETURN_IF_ERROR(add_domain(config, "austen_emma", "en", false, run, world));
  // Tokenizer and language identification see what the rephrasers may see, and no corpus.
  std::vector<std::string> texts;
  for (const auto& [older, newer] : world.pairs) {
    texts.push_back(older), texts.push_back(newer);
    world.languages.add("en", older), world.languages.add("en", newer);
  }
  for (const std::string& verse : world.spanish) {
    texts.push_back(verse);
    world.languages.add("es", verse);
  }
  ROUX_RETURN_IF_ERROR(add_tokenizer(texts, config.vocab, world));
  if (!run.options().data.empty()) ROUX_RETURN_IF_ERROR(add_users(config, run.options().data, world));
  world.large = std::make_unique<const Substitution>(spread(world.pairs, config.pairs), config.substitution);
  world.small =
      std::make_unique<const Substitution>(spread(world.pairs, config.small_pairs), config.substitution);
  return world;
}

std::string tier_name(double noise) { return noise == 0 ? "clean" : absl::StrCat("noise_", noise); }

std::string noisy(const std::string& text, double noise, uint64_t seed, uint64_t stream) {
  if (noise == 0) return text;
  stats::RandomStream random(seed, stream);
  std::string out;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    std::string changed;
    for (const Piece& piece : pieces_of(std::string_view(line.data(), line.size()))) {
      std::string word = piece.text;
      if (piece.is_word && random.uniform() < noise / 2) {
        const int64_t kind = random.below(5);
        if (kind == 3) continue;
        if (kind == 4) absl::StrAppend(&word, " ", piece.text);
        std::vector<std::string> letters;
        for (size_t at = 0; at < piece.text.size();) {
          const auto length = static_cast<size_t>(kit::decode_utf8(piece.text, at).length);
          letters.push_back(piece.text.substr(at, length));
          at += length;
        }
        const auto n = static_cast<int64_t>(letters.size());
        if (kind < 3 && n >= 3) {
          const auto at = static_cast<size_t>(random.below(n - 1));
          if (kind == 0) std::swap(letters[at], letters[at + 1]);
          if (kind == 1) letters[at].clear();
          if (kind == 2) letters[at] += letters[at];
          word.clear();
          for (const std::string& letter : letters) word += letter;
        }
      }
      absl::StrAppend(&changed, piece.before, word);
    }
    absl::StrAppend(&out, out.empty() ? "" : "\n", changed);
    if (random.uniform() < noise / 5)
      absl::StrAppend(&out, "\npage ", 1 + random.below(99), " | home | next | print this page");
  }
  return out;
}

}  // namespace roux::rephrasing
