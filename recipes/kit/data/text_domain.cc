#include "recipes/kit/data/text_domain.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/data/loader.h"
#include "recipes/kit/data/sha256.h"
#include "recipes/kit/data/sources/bible.h"
#include "recipes/kit/data/sources/changelogs.h"
#include "recipes/kit/data/sources/dictionary.h"
#include "recipes/kit/data/sources/libreoffice.h"
#include "recipes/kit/data/sources/manual_pages.h"
#include "recipes/kit/data/sources/wordnet.h"
#include "recipes/kit/data/text_file.h"
#include "recipes/kit/run/input_file.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

using Documents = std::vector<std::string>;
using Text = absl::StatusOr<Sourced<std::string>>;
using ReadText = std::function<Text(const SourceOptions&)>;

std::string joined(const Documents& documents) {
  return absl::StrCat(absl::StrJoin(documents, "\n\n"), "\n");
}

std::string shuffled(const Documents& documents) {
  Documents out;
  for (const int64_t row : epoch_order(/*seed=*/1, 0, static_cast<int64_t>(documents.size())))
    out.push_back(documents[static_cast<size_t>(row)]);
  return joined(out);
}

Text embedded(const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(std::string text, read_excerpt(name));
  Provenance from{.kind = Provenance::kExcerpt, .name = name, .version = "", .licence = "public domain"};
  from.sha256 = sha256(text);
  return Sourced<std::string>{std::move(text), from};
}

Text chapters(const std::string& translation, const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const auto verses, bible(translation, options));
  std::string text, book;
  int chapter = 0;
  for (const Verse& verse : verses.value) {
    const bool next = verse.book != book || verse.chapter != chapter;
    if (next && !text.empty()) text += '\n';
    book = verse.book, chapter = verse.chapter;
    absl::StrAppend(&text, verse.text, "\n");
  }
  return Sourced<std::string>{std::move(text), verses.from};
}

// A reader of a domain whose documents are `text_of` each item of a source.
template <class Read, class TextOf>
ReadText unordered(Read read, TextOf text_of) {
  return [read, text_of](const SourceOptions& options) -> Text {
    ROUX_ASSIGN_OR_RETURN(const auto items, read(options));
    Documents documents;
    for (const auto& item : items.value) documents.push_back(text_of(item));
    return Sourced<std::string>{shuffled(documents), items.from};
  };
}

Text entries_in_time(const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const auto entries, changelogs(options));
  Documents documents;
  for (const ChangelogEntry& entry : entries.value) documents.push_back(entry.text);
  return Sourced<std::string>{joined(documents), entries.from};
}

Text help_pages(const std::string& language, const SourceOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const auto paragraphs, libreoffice_help(language, options));
  Documents pages;
  std::string page;
  for (const HelpParagraph& paragraph : paragraphs.value) {
    if (pages.empty() || paragraph.page != page) pages.emplace_back();
    page = paragraph.page;
    absl::StrAppend(&pages.back(), pages.back().empty() ? "" : "\n", paragraph.text);
  }
  return Sourced<std::string>{shuffled(pages), paragraphs.from};
}

std::map<std::string, ReadText> readers() {
  std::map<std::string, ReadText> all;
  for (const std::string& name : excerpt_names())
    all[name] = [name](const SourceOptions&) { return embedded(name); };
  for (const char* translation : {"web", "kjv", "rv1909"}) {
    all[absl::StrCat("bible_", translation)] = [translation](const SourceOptions& options) {
      return chapters(translation, options);
    };
  }
  for (const std::string name : {"henry", "spurgeon", "scofield"}) {
    all["commentary_" + name] = unordered([name](const auto& options) { return commentary(name, options); },
                                          [](const std::string& text) { return text; });
  }
  for (const std::string language : {"en", "de"}) {
    all[language == "en" ? "manpages" : "manpages_de"] =
        unordered([language](const auto& options) { return manual_pages(language, options); },
                  [](const ManualPage& page) { return page.text; });
  }
  for (const std::string name : {"gcide", "foldoc"}) {
    all[name] = unordered([name](const auto& options) { return dictionary(name, options); },
                          [](const DictionaryEntry& entry) { return entry.definition; });
  }
  all["wordnet"] =
      unordered([](const auto& options) { return wordnet_synsets("nvar", options); },
                [](const Synset& synset) {
                  return absl::StrCat(absl::StrJoin(synset.words, ", "), ": ", synset.definition);
                });
  all["changelogs"] = entries_in_time;
  for (const std::string language : {"de", "en_us", "es", "fi", "fr", "hi", "hu", "it", "ru", "sv", "tr"}) {
    all["libreoffice_help_" + language] = [language](const SourceOptions& options) {
      return help_pages(language, options);
    };
  }
  return all;
}

const std::map<std::string, ReadText>& all_readers() {
  static const auto* const all = new std::map<std::string, ReadText>(readers());
  return *all;
}

absl::Status unreadable(const std::filesystem::path& path, const std::error_code& error) {
  const std::string what = absl::StrCat(path.string(), ": ", error.message());
  return error == std::errc::no_such_file_or_directory ? absl::NotFoundError(what)
                                                       : absl::InvalidArgumentError(what);
}

// What stands in a folder but for hidden names, sorted.
absl::StatusOr<std::vector<std::filesystem::path>> entries_of(const std::filesystem::path& folder) {
  std::error_code error;
  std::vector<std::filesystem::path> entries;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (!absl::StartsWith(entry.path().filename().string(), ".")) entries.push_back(entry.path());
  }
  if (error) return unreadable(folder, error);
  std::sort(entries.begin(), entries.end());
  return entries;
}

// The texts of a file, or of all files below a folder.
absl::Status read_documents(const std::filesystem::path& path, Documents& documents) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    ROUX_ASSIGN_OR_RETURN(const auto entries, entries_of(path));
    for (const std::filesystem::path& entry : entries) ROUX_RETURN_IF_ERROR(read_documents(entry, documents));
    return absl::OkStatus();
  }
  ROUX_ASSIGN_OR_RETURN(documents.emplace_back(), read_text(path.string()));
  return check_utf8_text(documents.back(), path.string());
}

std::string names_of(const std::vector<NamedText>& domains) {
  return absl::StrJoin(domains, ", ",
                       [](std::string* out, const NamedText& d) { absl::StrAppend(out, d.name); });
}

}  // namespace

std::vector<std::string> text_domain_names() {
  std::vector<std::string> names;
  for (const auto& [name, read] : all_readers()) names.push_back(name);
  return names;
}

absl::StatusOr<Sourced<std::string>> text_domain(const std::string& name, const SourceOptions& options) {
  const auto read = all_readers().find(name);
  if (read == all_readers().end()) {
    return absl::NotFoundError(absl::StrCat("there is no text domain '", name, "'; there are ",
                                            absl::StrJoin(text_domain_names(), ", ")));
  }
  return read->second(options);
}

absl::StatusOr<Sourced<std::string>> excerpt_or_whole(const std::string& name, const SourceOptions& options) {
  auto text = text_domain(name, options);
  if (!options.excerpt || !absl::IsNotFound(text.status())) return text;
  SourceOptions whole = options;
  whole.excerpt = false;
  return text_domain(name, whole);
}

absl::StatusOr<NamedText> read_domain(const std::string& path) {
  const std::filesystem::path at = std::filesystem::path(path) / "";  // "texts/" is "texts"
  const std::filesystem::path name = at.parent_path();
  std::error_code error;
  Documents documents;
  ROUX_RETURN_IF_ERROR(read_documents(path, documents));
  if (documents.empty()) return absl::InvalidArgumentError(absl::StrCat(path, ": holds no text file"));
  const bool folder = std::filesystem::is_directory(path, error);
  return NamedText{(folder ? name.filename() : name.stem()).string(), absl::StrJoin(documents, "\n\n")};
}

absl::StatusOr<std::vector<NamedText>> folder_domains(const std::string& folder) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<std::filesystem::path> entries, entries_of(folder));
  std::vector<NamedText> domains;
  for (const std::filesystem::path& entry : entries) {
    ROUX_ASSIGN_OR_RETURN(NamedText domain, read_domain(entry.string()));
    for (const NamedText& other : domains) {
      if (other.name != domain.name) continue;
      return absl::InvalidArgumentError(absl::StrCat(folder, ": two domains are called '", domain.name, "'"));
    }
    domains.push_back(std::move(domain));
  }
  if (domains.empty()) return absl::InvalidArgumentError(absl::StrCat(folder, ": holds no text domain"));
  return domains;
}

absl::StatusOr<std::vector<NamedText>> pick_domains(const std::vector<NamedText>& domains,
                                                    const std::vector<std::string>& names) {
  std::vector<NamedText> picked;
  for (const std::string& name : names) {
    const auto found =
        std::find_if(domains.begin(), domains.end(), [&](const NamedText& d) { return d.name == name; });
    if (found == domains.end()) {
      return absl::NotFoundError(
          absl::StrCat("there is no text domain '", name, "'; there are ", names_of(domains)));
    }
    picked.push_back(*found);
  }
  return picked;
}

}  // namespace roux::kit
