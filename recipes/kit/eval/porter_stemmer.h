// Porter's stemmer for English [Porter 1980] with the amendments of nltk.stem.PorterStemmer (its default
// mode), which ROUGE uses: a table of irregular forms, "ies" of short words, "y" after a consonant only. The
// Snowball library's "porter" lacks them and differs.
#ifndef ROUX_RECIPES_KIT_EVAL_PORTER_STEMMER_H_
#define ROUX_RECIPES_KIT_EVAL_PORTER_STEMMER_H_

#include <string>
#include <string_view>

namespace roux::kit {

// The stem of a word in lower case ASCII: "relational" -> "relat", "dying" -> "die". Other characters count
// as consonants. Pure.
std::string porter_stem(std::string_view word);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_EVAL_PORTER_STEMMER_H_
