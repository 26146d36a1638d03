// Talks with a language model; --help says how.
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/chat/chat.h"
#include "recipes/kit/chat/converse.h"
#include "recipes/kit/chat/flags.h"
#include "recipes/kit/run/interrupt.h"
#include "recipes/kit/run/output_directory.h"
#include "tensor/error.h"
#include "tensor/ops/block_linear.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

constexpr int kInterrupted = 130;

absl::StatusOr<Pretrained> load(const ChatFlags& flags) {
  if (flags.model.empty())
    return absl::InvalidArgumentError("--model is needed, for example --model=smollm2 (--help says more)");
  const std::string path = user_path(flags.model);
  const bool is_path = absl::StrContains(flags.model, "/") || ::access(path.c_str(), F_OK) == 0;
  ModelOptions options;
  options.weights.map = true;  // blocks stay as the file has them
  options.source = {.offline = flags.offline, .interrupted = interrupt_requested};
  ROUX_ASSIGN_OR_RETURN(Pretrained model, load_language_model(is_path ? path : flags.model, options));
  if (!flags.chat_template.empty()) {
    const auto text = [&](const std::optional<int32_t>& id) {
      return id ? model.tokenizer->token(*id) : std::string();
    };
    const SpecialIds& special = model.tokenizer->special();
    model.chat = chat_template_by_name(flags.chat_template, text(special.bos), text(special.eos));
  }
  model.model->eval();
  return model;
}

bool write(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
}

absl::Status talk(const std::vector<SettingChange>& changes) {
  ROUX_ASSIGN_OR_RETURN(const ChatFlags given, chat_flags(changes));
  if (given.threads > 0) set_num_threads(given.threads);
  ROUX_ASSIGN_OR_RETURN(const Pretrained model, load(given));
  ROUX_ASSIGN_OR_RETURN(const ChatFlags flags, chat_flags(changes, model.generation));
  ROUX_ASSIGN_OR_RETURN(const std::unique_ptr<Chat> chat, Chat::create(model, flags.options()));
  if (interrupt_requested()) return absl::CancelledError("interrupted");
  const ActivationsGuard activations(flags.int8 ? Activations::kInt8 : Activations::kExact);
  InputLines lines(STDIN_FILENO);
  const bool asks = ::isatty(STDIN_FILENO) == 1;
  Console console{
      .read_line =
          [&] {
            set_interrupt_requested(false);  // what it asked for, the end of an answer, has come
            if (asks) std::fputs("> ", stderr);
            return lines.next(interrupt_requested);
          },
      .write = write,
      .note =
          [](std::string_view text) { std::fputs(absl::StrCat(std::string(text), "\n").c_str(), stderr); },
      .interrupted = interrupt_requested};
  if (!flags.prompt.empty()) return reply(*chat, flags.prompt, console);
  return converse(*chat, console);
}

int run(const std::vector<std::string>& arguments) {
  const auto fail = [](absl::string_view message) {
    std::fputs(absl::StrCat("error: ", message, "\n").c_str(), stderr);
    return 1;
  };
  const absl::StatusOr<std::vector<SettingChange>> changes = parse_chat_flags(arguments);
  if (!changes.ok()) return fail(changes.status().message());
  for (const SettingChange& change : *changes) {
    if (change.name != "help" || change.text != "true") continue;
    std::fputs(chat_help().c_str(), stdout);
    return 0;
  }
  const absl::Status status = talk(*changes);
  if (interrupt_requested()) return std::fputs("\n", stderr), kInterrupted;
  return status.ok() ? 0 : fail(status.message());
}

}  // namespace
}  // namespace roux::kit

int main(int argc, char** argv) {
  roux::kit::install_interrupt_handlers({.message = "", .only_ctrl_c = true});
  try {
    return roux::kit::run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
