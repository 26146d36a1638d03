// Named text domains: what mixtures, shifts between corpora and replay are made of.
//
//   ROUX_ASSIGN_OR_RETURN(const auto german, text_domain("manpages_de", run.source_options()));
//   ROUX_RETURN_IF_ERROR(run.uses(german.from));
//   ROUX_ASSIGN_OR_RETURN(const Corpus corpus, corpus_of({{"manpages_de", german.value}}, {.length = 64}));
#ifndef ROUX_RECIPES_KIT_DATA_TEXT_DOMAIN_H_
#define ROUX_RECIPES_KIT_DATA_TEXT_DOMAIN_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/corpus.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

// The whole text of a domain, UTF-8, documents apart by an empty line: an embedded excerpt ("austen_emma"), a
// Bible by chapters, a verse a line ("bible_rv1909"), or the documents of another source ("manpages_de",
// "wordnet", "libreoffice_help_de"). Documents without an order of their own stand in a fixed random one, so
// that the last part of a text is like the rest; chapters and dated entries keep theirs. NotFound lists the
// names; else the errors of the source.
absl::StatusOr<Sourced<std::string>> text_domain(const std::string& name, const SourceOptions& options);

// The same where options.excerpt asks for an excerpt only: a domain that has none is taken whole.
absl::StatusOr<Sourced<std::string>> excerpt_or_whole(const std::string& name, const SourceOptions& options);

// All names, sorted.
std::vector<std::string> text_domain_names();

// A domain of the user's: a text file, called as it without its ending, or a folder, of all files below it in
// the order of their paths, documents apart by an empty line. Hidden names are left out. Errors name the
// path: NotFound, InvalidArgument for an empty file, a folder without one, or text that is not UTF-8.
absl::StatusOr<NamedText> read_domain(const std::string& path);

// What a folder holds, each file and each folder in it as a domain, in the order of their names. Errors as
// above; InvalidArgument for two domains of one name.
absl::StatusOr<std::vector<NamedText>> folder_domains(const std::string& folder);

// The domains of these names, in the order of the names. NotFound lists those that there are.
absl::StatusOr<std::vector<NamedText>> pick_domains(const std::vector<NamedText>& domains,
                                                    const std::vector<std::string>& names);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_TEXT_DOMAIN_H_
