// The flags of the chat program.
#ifndef ROUX_RECIPES_KIT_CHAT_FLAGS_H_
#define ROUX_RECIPES_KIT_CHAT_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/chat/chat.h"
#include "recipes/kit/models/generation_settings.h"
#include "recipes/kit/run/settings.h"

namespace roux::kit {

struct ChatFlags {
  std::string model, system, prompt, chat_template;
  double temperature = 0.7, top_p = 0.95, min_p = 0, repetition_penalty = 1;
  int64_t top_k = 40, max_tokens = 1024, context = 4096;
  uint64_t seed = 1;
  int threads = 0;
  bool int8 = false, offline = false, help = false;

  template <class Visit>
  void visit(Visit&& visit) {
    visit("model", model, Flag{"a .gguf file, a folder of Hugging Face, or the name smollm2"});
    visit("prompt", prompt, Flag{"one question; its answer is printed, and that is all"});
    visit("system", system, Flag{"what the model is told before all; without it: the template's own"});
    visit("chat_template", chat_template,
          Flag{"for a model that brings none", {"chatml", "llama2", "llama3", "gemma", "zephyr", "alpaca"}});
    visit("temperature", temperature, Flag{"0: always the most probable token", {}, {0, 100}});
    visit("top-p", top_p, Flag{"share of the probability that is drawn from", {}, {0.001, 1}});
    visit("top-k", top_k, Flag{"tokens that are drawn from; 0: all", {}, {0, 1e9}});
    visit("min-p", min_p, Flag{"least probability, as a share of the largest", {}, {0, 0.999}});
    visit("repetition-penalty", repetition_penalty, Flag{"divides logits of what was said", {}, {0.01, 100}});
    visit("max-tokens", max_tokens, Flag{"longest answer", {}, {1, 1e9}});
    visit("context", context, Flag{"tokens of a conversation, at most the model's", {}, {2, 1e9}});
    visit("seed", seed, Flag{"of the draws", {}, {0, 9007199254740992}});
    visit("threads", threads, Flag{"CPU threads; 0: as many as there are cores", {}, {0, 256}});
    visit("int8", int8,
          Flag{"round activations to 8 bits beside quantised weights, as llama.cpp does: faster, but it can "
               "change answers of small models"});
    visit("offline", offline, Flag{"download nothing"});
    visit("help", help, Flag{"this text"});
  }
  ChatOptions options() const;
};

// `--name=value`, `--name value`, and `--name` for a switch. InvalidArgument, one line, for anything else,
// with the nearest name.
absl::StatusOr<std::vector<SettingChange>> parse_chat_flags(const std::vector<std::string>& arguments);

// Defaults, above them what the makers of the model sample with (where they do), above it the flags.
// InvalidArgument for a value out of range.
absl::StatusOr<ChatFlags> chat_flags(const std::vector<SettingChange>& changes,
                                     const GenerationSettings& own = {});

// Fits 80 columns.
std::string chat_help();

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_CHAT_FLAGS_H_
