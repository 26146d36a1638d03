// Questions, commands and answers, line by line.
#ifndef ROUX_RECIPES_KIT_CHAT_CONVERSE_H_
#define ROUX_RECIPES_KIT_CHAT_CONVERSE_H_

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "recipes/kit/chat/chat.h"

namespace roux::kit {

struct Console {
  // The next line; none at the end of the input, or when it is to end.
  std::function<std::optional<std::string>()> read_line;
  // Of answers. False where it cannot be written: the conversation ends.
  std::function<bool(std::string_view text)> write;
  std::function<void(std::string_view text)> note;           // whole lines about the answers: for stderr
  std::function<bool()> interrupted = [] { return false; };  // asked before each token
};

// Answers one question on the console, with its speed as a note; an end before the answer's own is a note
// that says what helps. DataLoss where the answer cannot be written, else as Chat::answer.
absl::Status reply(Chat& chat, const std::string& question, const Console& console);

// Replies to each line but empty ones, /reset and /quit, until the lines end; a question without room is a
// note. DataLoss where an answer cannot be written.
absl::Status converse(Chat& chat, const Console& console);

// "prompt 37 tokens at 210 tok/s (120 more kept), answer 88 tokens at 30.1 tok/s"
std::string speed(const Answer& answer);

// Lines of a file descriptor, which may be a terminal or a pipe.
class InputLines {
 public:
  explicit InputLines(int fd) : fd_(fd) {}
  // Without its end; the last line needs none. None at the end of the input, on an error of reading, or
  // within 0.1 s of `interrupted` becoming true.
  std::optional<std::string> next(const std::function<bool()>& interrupted);

 private:
  int fd_;
  bool ended_ = false;
  std::string read_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_CHAT_CONVERSE_H_
