#include "recipes/kit/data/sources/bible.h"

#include <filesystem>
#include <optional>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "recipes/kit/data/sources/single_blanks.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/byte_source.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/sword.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

struct Module {
  const char* name;
  const char* resource;
  const char* folder;
  char letter;  // of its blocks
};
constexpr Module kBibles[] = {
    {"web", "bible_web", "usr/share/sword/modules/texts/ztext/engWEB2015eb", 'b'},
    {"kjv", "bible_kjv", "usr/share/sword/modules/texts/ztext/engKJV2006eb", 'b'},
    {"rv1909", "bible_rv1909", "usr/share/sword/modules/texts/ztext/spaRV1909eb", 'b'},
};
constexpr Module kCommentaries[] = {
    {"henry", "commentary_henry", "usr/share/sword/modules/comments/zcom/mhcc", 'b'},
    {"spurgeon", "commentary_spurgeon", "usr/share/sword/modules/comments/zcom/tdavid", 'c'},
    {"scofield", "commentary_scofield", "usr/share/sword/modules/comments/zcom/scofield", 'b'},
};

template <size_t N>
absl::StatusOr<Module> find_module(const Module (&modules)[N], const std::string& name) {
  std::string known;
  for (const Module& module : modules) {
    if (module.name == name) return module;
    absl::StrAppend(&known, known.empty() ? "" : ", ", module.name);
  }
  return absl::NotFoundError(absl::StrCat("there is no '", name, "'; there are ", known));
}

absl::StatusOr<SourceFiles> open_module(const Module& module, const SourceOptions& options) {
  return SourceFiles::open(module.resource,
                           absl::StrCat(module.folder, "/ot.", std::string(1, module.letter), "zz"), options);
}

// The entries of both testaments, one after the other.
absl::Status for_entries(SourceFiles& files, const Module& module,
                         const std::function<absl::Status(const std::string&, const std::string&)>& use) {
  for (const char* testament : {"/ot", "/nt"}) {
    std::string stem;
    for (const std::string& ending : SwordEntries::endings(module.letter)) {
      ROUX_ASSIGN_OR_RETURN(stem, files.locate(absl::StrCat(module.folder, testament, ending)));
      stem.resize(stem.size() - ending.size());
    }
    ROUX_ASSIGN_OR_RETURN(SwordEntries entries, SwordEntries::open(stem));
    for (int64_t i = 0; i < entries.size(); ++i) {
      ROUX_ASSIGN_OR_RETURN(std::string markup, entries.entry(i));
      // A length of two bytes cuts the longest entries off, some of them inside of a tag.
      const size_t tag = markup.rfind('<');
      if (tag != std::string::npos && markup.find('>', tag) == std::string::npos) markup.resize(tag);
      ROUX_RETURN_IF_ERROR(use(markup, absl::StrCat(stem, ": entry ", i)));
    }
  }
  return absl::OkStatus();
}

// What an entry begins: the markup of a chapter's heading names it, so no table of verses is needed.
struct Heading {
  enum Kind { kNone, kBook, kChapter } kind = kNone;
  std::string book;
  int chapter = 0;
};

absl::StatusOr<Heading> heading_of(const std::string& markup, const std::string& where) {
  MarkupReader reader = MarkupReader::create(memory_source(markup, where), MarkupReader::kHtml);
  MarkupEvent event;
  Heading heading;
  for (;;) {
    ROUX_RETURN_IF_ERROR(reader.next(&event));
    if (event.kind == MarkupEvent::kEndOfInput) return heading;
    if (event.kind != MarkupEvent::kStart || event.attribute("sid") == nullptr) continue;
    const std::string* type = event.attribute("type");
    if (event.name == "div" && type != nullptr && *type == "book") heading.kind = Heading::kBook;
    const std::string* id = event.attribute("osisid");
    if (event.name != "chapter" || id == nullptr) continue;
    const size_t dot = id->rfind('.');
    if (dot == std::string::npos || !absl::SimpleAtoi(id->substr(dot + 1), &heading.chapter))
      return absl::DataLossError(absl::StrCat(where, ": '", *id, "' is no chapter"));
    heading.kind = Heading::kChapter;
    heading.book = id->substr(0, dot);
  }
}

}  // namespace

absl::StatusOr<std::string> plain_osis(const std::string& markup, const std::string& where) {
  MarkupReader reader = MarkupReader::create(memory_source(markup, where), MarkupReader::kHtml);
  MarkupEvent event;
  std::string text;
  int hidden = 0;            // open notes and titles
  bool divine_name = false;  // "Lord" for the name of God is printed in capitals
  bool after_note = false;
  const auto is_letter = [](char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)); };
  for (;;) {
    ROUX_RETURN_IF_ERROR(reader.next(&event));
    if (event.kind == MarkupEvent::kEndOfInput) break;
    const bool hides = event.name == "note" || event.name == "title";
    if (event.kind == MarkupEvent::kStart) {
      if (hides && !event.self_closing) ++hidden;
      if (event.name == "l" || event.name == "lb" || event.name == "p") text += ' ';
      if (event.name == "divinename") divine_name = !event.self_closing;
    } else if (event.kind == MarkupEvent::kEnd) {
      if (hides && hidden > 0) --hidden, after_note = true;
      if (event.name == "divinename") divine_name = false;
    } else if (hidden == 0 && !event.text.empty()) {
      // Some modules have no blank around a note between two words.
      if (after_note && !text.empty() && is_letter(text.back()) && is_letter(event.text[0])) text += ' ';
      after_note = false;
      text += divine_name ? absl::StrReplaceAll(event.text, {{"Lord", "LORD"}}) : event.text;
    }
  }
  return single_blanks(text);
}

absl::StatusOr<Sourced<std::vector<Verse>>> bible(const std::string& translation,
                                                  const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const Module module, find_module(kBibles, translation));
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, open_module(module, options));
  std::vector<Verse> verses;
  std::optional<Verse> at;  // the last verse passed; none before the first chapter of a book
  const auto use = [&](const std::string& markup, const std::string& where) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(const Heading heading, heading_of(markup, where));
    if (heading.kind == Heading::kBook) at.reset();
    if (heading.kind == Heading::kChapter) at = Verse{heading.book, heading.chapter, 0, ""};
    if (heading.kind != Heading::kNone || !at) return absl::OkStatus();
    ++at->verse;
    ROUX_ASSIGN_OR_RETURN(at->text, plain_osis(markup, where));
    if (!at->text.empty()) verses.push_back(*at);
    return absl::OkStatus();
  };
  ROUX_RETURN_IF_ERROR(for_entries(files, module, use));
  return Sourced<std::vector<Verse>>{std::move(verses), files.provenance()};
}

absl::StatusOr<Sourced<std::vector<std::string>>> commentary(const std::string& commentary,
                                                             const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const Module module, find_module(kCommentaries, commentary));
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, open_module(module, options));
  std::vector<std::string> texts;
  std::unordered_set<std::string> seen;
  const auto use = [&](const std::string& markup, const std::string& where) -> absl::Status {
    ROUX_ASSIGN_OR_RETURN(std::string text, plain_osis(markup, where));
    if (!text.empty() && seen.insert(text).second) texts.push_back(std::move(text));
    return absl::OkStatus();
  };
  ROUX_RETURN_IF_ERROR(for_entries(files, module, use));
  return Sourced<std::vector<std::string>>{std::move(texts), files.provenance()};
}

}  // namespace roux::kit
