#include "recipes/kit/chat/converse.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipes/kit/run/nearest_name.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

std::string tokens_at(const char* what, int64_t tokens, double seconds, int64_t timed) {
  std::string text = absl::StrCat(what, " ", tokens, tokens == 1 ? " token" : " tokens");
  if (timed > 0 && seconds > 0)
    absl::StrAppendFormat(&text, " at %.3g tok/s", static_cast<double>(timed) / seconds);
  return text;
}

const char* what_ended(Answer::End end) {
  switch (end) {
    case Answer::kWhole:
      return "";
    case Answer::kInterrupted:
      return "stopped";
    case Answer::kMaxTokens:
      return "the answer has reached --max-tokens";
    case Answer::kContext:
      return "the conversation has filled its context: /reset begins a new one, a larger --context has more "
             "room where the model has";
  }
  return "";
}

}  // namespace

std::string speed(const Answer& answer) {
  std::string text =
      tokens_at("prompt", answer.prompt.computed, answer.prompt.seconds, answer.prompt.computed);
  if (answer.prompt.kept > 0) absl::StrAppend(&text, " (", answer.prompt.kept, " more kept)");
  // The first token comes out of the prompt's logits.
  return absl::StrCat(text, ", ",
                      tokens_at("answer", answer.tokens, answer.decode_seconds, answer.tokens - 1));
}

absl::Status reply(Chat& chat, const std::string& question, const Console& console) {
  bool written = true;
  const absl::StatusOr<Answer> answer = chat.answer(
      question, [&](std::string_view text) { written = written && console.write(text); },
      [&] { return !written || console.interrupted(); });
  ROUX_RETURN_IF_ERROR(answer.status());
  if (!written || !console.write("\n")) return absl::DataLossError("the answer cannot be written");
  console.note(absl::StrCat("[", speed(*answer), "]"));
  if (answer->end != Answer::kWhole) console.note(absl::StrCat("[", what_ended(answer->end), "]"));
  return absl::OkStatus();
}

absl::Status converse(Chat& chat, const Console& console) {
  while (const std::optional<std::string> line = console.read_line()) {
    if (line->find_first_not_of(" \t\r") == std::string::npos) continue;
    if (absl::StartsWith(*line, "/")) {
      if (*line == "/quit") return absl::OkStatus();
      if (*line == "/reset") {
        chat.reset();
        console.note("[a new conversation]");
      } else {
        console.note(absl::StrCat("[unknown command ", *line, did_you_mean(*line, {"/reset", "/quit"}, ""),
                                  "; there are /reset and /quit]"));
      }
      continue;
    }
    const absl::Status status = reply(chat, *line, console);
    if (absl::IsResourceExhausted(status)) {
      console.note(absl::StrCat("[", std::string(status.message()), ": /reset begins a new one]"));
    } else {
      ROUX_RETURN_IF_ERROR(status);
    }
  }
  return absl::OkStatus();
}

std::optional<std::string> InputLines::next(const std::function<bool()>& interrupted) {
  constexpr int kMilliseconds = 50;
  for (;;) {
    const size_t end = read_.find('\n');
    if (end != std::string::npos || (ended_ && !read_.empty())) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end == std::string::npos ? end : end + 1);
      return line;
    }
    if (ended_ || interrupted()) return std::nullopt;
    pollfd waited = {.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&waited, 1, kMilliseconds) <= 0) continue;
    std::array<char, 4096> bytes;
    const ssize_t count = ::read(fd_, bytes.data(), bytes.size());
    if (count > 0) read_.append(bytes.data(), static_cast<size_t>(count));
    if (count == 0 || (count < 0 && errno != EINTR && errno != EAGAIN)) ended_ = true;
  }
}

}  // namespace roux::kit
