// Language profiles: what loads must rank any text.
#include <cmath>
#include <string>

#include "recipes/kit/text/language_id.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  roux::kit::LanguageIdentifier identifier;
  identifier.add("xx", "some other language");
  if (!identifier.add_profile(input, "input").ok()) return 0;
  for (const std::string& text : {std::string("abc the \xC3\xA9\xFF \xE3\x81\x82"), input.substr(0, 64)}) {
    double sum = 0;
    const auto guesses = identifier.rank(text);
    for (const auto& guess : guesses) sum += guess.probability;
    ROUX_INVARIANT(guesses.empty() || std::abs(sum - 1) < 1e-6);
  }
  return 0;
}
