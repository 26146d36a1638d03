#include "recipes/kit/data/sources/cldr.h"

#include "absl/strings/str_cat.h"
#include "recipes/kit/data/sources/source_files.h"
#include "recipes/kit/text/readers/markup.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr char kCommon[] = "usr/share/unicode/cldr/common/";
constexpr char kInherited[] = "\u2191\u2191\u2191";

// The text of each element called `element` for which key(event) is not empty, by that key.
template <class Key>
absl::Status read_names(SourceFiles& files, const std::string& path, const std::string& element,
                        const Key& key, std::map<std::string, std::string>& names) {
  ROUX_ASSIGN_OR_RETURN(const std::string file, files.locate(path));
  ROUX_ASSIGN_OR_RETURN(MarkupReader xml, MarkupReader::open(file, MarkupReader::kXml));
  MarkupEvent event;
  std::string current, text;
  for (;;) {
    ROUX_RETURN_IF_ERROR(xml.next(&event));
    if (event.kind == MarkupEvent::kEndOfInput) return absl::OkStatus();
    if (event.kind == MarkupEvent::kText) text += event.text;
    if (event.name != element) continue;
    if (event.kind == MarkupEvent::kStart) current = key(event), text.clear();
    if (event.kind == MarkupEvent::kEnd && !current.empty() && !text.empty() && text != kInherited)
      names.emplace(std::exchange(current, ""), text);
  }
}

std::string value_of(const MarkupEvent& event, const char* name) {
  const std::string* value = event.attribute(name);
  return value == nullptr ? "" : *value;
}

}  // namespace

absl::StatusOr<Sourced<std::map<std::string, std::string>>> symbol_names(const std::string& language,
                                                                         const SourceOptions& options) {
  const std::string path = absl::StrCat(kCommon, "annotations/", language, ".xml");
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("cldr", absl::StrCat(kCommon, "annotations/en.xml"), options));
  std::map<std::string, std::string> names;
  const auto key = [](const MarkupEvent& event) {
    return value_of(event, "type") == "tts" ? value_of(event, "cp") : "";
  };
  ROUX_RETURN_IF_ERROR(read_names(files, path, "annotation", key, names));
  // Composed ones (flags, families) are in a file of their own, for most languages.
  const std::string derived = absl::StrCat(kCommon, "annotationsDerived/", language, ".xml");
  if (files.has(derived)) ROUX_RETURN_IF_ERROR(read_names(files, derived, "annotation", key, names));
  return Sourced<std::map<std::string, std::string>>{std::move(names), files.provenance()};
}

absl::StatusOr<Sourced<std::map<std::string, std::string>>> display_names(const std::string& what,
                                                                          const std::string& language,
                                                                          const SourceOptions& options) {
  ROUX_CHECK(what == "language" || what == "territory")
      << "display_names: '" << what << "' is neither language nor territory";
  ROUX_ASSIGN_OR_RETURN(SourceFiles files,
                        SourceFiles::open("cldr", absl::StrCat(kCommon, "main/en.xml"), options));
  std::map<std::string, std::string> names;
  const auto key = [](const MarkupEvent& event) {
    const bool variant = event.attribute("alt") != nullptr || event.attribute("menu") != nullptr;
    return variant ? "" : value_of(event, "type");
  };
  ROUX_RETURN_IF_ERROR(read_names(files, absl::StrCat(kCommon, "main/", language, ".xml"), what, key, names));
  return Sourced<std::map<std::string, std::string>>{std::move(names), files.provenance()};
}

}  // namespace roux::kit
