#include "recipes/kit/run/named_texts.h"

#include <utility>

#include "recipes/kit/data/text_domain.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<std::vector<NamedText>> named_texts(Run& run, const std::vector<std::string>& names,
                                                   bool excerpts) {
  SourceOptions source = run.source_options();
  source.excerpt = excerpts;
  std::vector<NamedText> texts;
  for (const std::string& name : names) {
    ROUX_ASSIGN_OR_RETURN(auto text, excerpt_or_whole(name, source));
    ROUX_RETURN_IF_ERROR(run.uses(text.from));
    texts.push_back({name, std::move(text.value)});
  }
  return texts;
}

}  // namespace roux::kit
