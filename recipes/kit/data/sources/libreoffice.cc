#include "recipes/kit/data/sources/libreoffice.h"

#include <filesystem>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "recipes/kit/data/sources/single_blanks.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/markup.h"
#include "recipes/kit/text/readers/mo.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kStrings[] = "usr/lib/libreoffice/program/resource/";
constexpr char kHelp[] = "usr/share/libreoffice/help/";

// "pa_in": the package's "pa-in", the folder's "pa_IN" (strings) or "pa-IN" (help).
std::string folder_of(const std::string& language, const char* between) {
  const size_t at = language.find('_');
  if (at == std::string::npos) return language;
  return absl::StrCat(language.substr(0, at), between, absl::AsciiStrToUpper(language.substr(at + 1)));
}

absl::Status read_page(const std::string& file, const std::string& page, std::vector<HelpParagraph>& out) {
  ROUX_ASSIGN_OR_RETURN(MarkupReader html, MarkupReader::open(file, MarkupReader::kHtml));
  MarkupEvent event;
  bool inside = false;
  for (;;) {
    ROUX_RETURN_IF_ERROR(html.next(&event));
    if (event.kind == MarkupEvent::kEndOfInput) break;
    const bool paragraph = event.name == "p" || (event.name.size() == 2 && event.name[0] == 'h');
    if (event.kind == MarkupEvent::kStart && paragraph) {
      const std::string* id = event.attribute("id");
      inside = id != nullptr && !id->empty();
      if (inside) out.push_back({page, *id, ""});
    } else if (event.kind == MarkupEvent::kEnd && paragraph) {
      inside = false;
    } else if (event.kind == MarkupEvent::kText && inside) {
      out.back().text += event.text;
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Sourced<std::vector<TranslatedString>>> libreoffice_strings(const std::string& language,
                                                                           const SourceOptions& options) {
  const std::string folder = absl::StrCat(kStrings, folder_of(language, "_"), "/LC_MESSAGES");
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("libreoffice_" + language, folder + "/sw.mo", options));
  std::vector<TranslatedString> strings;
  for (const std::string& path : files.list(folder, ".mo")) {
    ROUX_ASSIGN_OR_RETURN(const std::string file, files.locate(path));
    ROUX_ASSIGN_OR_RETURN(const MoCatalog catalogue, MoCatalog::open(file));
    const std::string name = std::filesystem::path(path).stem().string();
    for (int64_t i = 0; i < catalogue.size(); ++i) {
      ROUX_ASSIGN_OR_RETURN(const MoEntry entry, catalogue.entry(i));
      if (entry.id.empty() || entry.translations[0].empty()) continue;
      strings.push_back(
          {name, std::string(entry.context), std::string(entry.id), std::string(entry.translations[0])});
    }
  }
  return Sourced<std::vector<TranslatedString>>{std::move(strings), files.provenance()};
}

absl::StatusOr<Sourced<std::vector<HelpParagraph>>> libreoffice_help(const std::string& language,
                                                                     const SourceOptions& options) {
  const std::string folder = absl::StrCat(kHelp, folder_of(language, "-"), "/text/");
  ROUX_ASSIGN_OR_RETURN(SourceFiles files, SourceFiles::open("libreoffice_help_" + language,
                                                             folder + "shared/main0214.html", options));
  std::vector<HelpParagraph> paragraphs;
  for (const std::string& path : files.list(folder, ".html")) {
    ROUX_ASSIGN_OR_RETURN(const std::string file, files.locate(path));
    std::vector<HelpParagraph> page;
    ROUX_RETURN_IF_ERROR(read_page(file, path.substr(folder.size()), page));
    for (HelpParagraph& paragraph : page) {
      paragraph.text = single_blanks(paragraph.text);
      if (!paragraph.text.empty()) paragraphs.push_back(std::move(paragraph));
    }
  }
  return Sourced<std::vector<HelpParagraph>>{std::move(paragraphs), files.provenance()};
}

}  // namespace roux::kit
