// Bibles and commentaries, from modules of the SWORD project.
#ifndef ROUX_RECIPES_KIT_DATA_SOURCES_BIBLE_H_
#define ROUX_RECIPES_KIT_DATA_SOURCES_BIBLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/data/sources/source.h"

namespace roux::kit {

struct Verse {
  std::string book;  // OSIS name: "Gen", "Ps", "Matt"
  int chapter = 0;
  int verse = 0;
  std::string text;  // without notes, headings and markup
};

// `translation`: "web" (World English Bible, with Deuterocanon), "kjv" (King James, 1769), "rv1909" (Reina-
// Valera, Spanish). In the order of the module; verses without text are left out. KJV and RV1909 number their
// verses alike, WEB mostly so.
absl::StatusOr<Sourced<std::vector<Verse>>> bible(const std::string& translation,
                                                  const SourceOptions& options);

// `commentary`: "henry" (1706), "spurgeon" (1885, on the Psalms), "scofield" (1917). Texts in the order of
// the verses that they are about; one that is repeated for several verses comes once.
absl::StatusOr<Sourced<std::vector<std::string>>> commentary(const std::string& commentary,
                                                             const SourceOptions& options);

// The text of an entry: notes, headings and tags are taken out, the Lord of <divineName> is the LORD, white
// space is single blanks.
absl::StatusOr<std::string> plain_osis(const std::string& markup, const std::string& where);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DATA_SOURCES_BIBLE_H_
