// The text of one row while its tokens come: whole characters only, and nothing that may turn out to be the
// beginning of a stop string.
//
//   TextStream stream(text_of(*tokenizer), {"\nQ:"});
//   for (int32_t token : ...) std::cout << stream.push(token);
//   std::cout << stream.finish();
#ifndef ROUX_RECIPES_KIT_DECODE_STREAM_H_
#define ROUX_RECIPES_KIT_DECODE_STREAM_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "recipes/kit/data/byte_tokenizer.h"
#include "recipes/kit/text/tokenizer.h"

namespace roux::kit {

// Turns one row's tokens into text: what each completes, and what is left at the end.
struct TextDecoder {
  std::function<std::string(int32_t token)> push;
  std::function<std::string()> finish;
};
// A new one for each row. Special tokens have no text. The tokenizer must outlive them.
using MakeTextDecoder = std::function<TextDecoder()>;
MakeTextDecoder text_of(const Tokenizer& tokenizer);
MakeTextDecoder text_of(const ByteTokenizer& tokenizer);

class TextStream {
 public:
  // Throws Error for a stop string without characters.
  TextStream(const MakeTextDecoder& make, std::vector<std::string> stop_strings);

  // New text that is certain; may be empty. After a stop string: none.
  std::string push(int32_t token);
  // What was held back: not the stop string, nor what follows it.
  std::string finish();
  // Whether a stop string came. It may stretch over tokens; of several the first in the text counts.
  bool stopped() const { return stopped_; }

 private:
  std::string release(std::string text, bool last);
  TextDecoder decoder_;
  std::vector<std::string> stop_strings_;
  std::string held_;  // may become a stop string
  bool stopped_ = false;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_DECODE_STREAM_H_
