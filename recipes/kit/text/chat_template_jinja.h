// The part of Jinja in which chat templates are written, so that a model's own template can be asked what it
// renders: for, if, set, macro, filters, tests and string methods, with the white-space rules that Hugging
// Face's library sets (trim_blocks, lstrip_blocks). What is not known here is an error, never a guess.
//
//   ROUX_ASSIGN_OR_RETURN(JinjaTemplate jinja, JinjaTemplate::parse(tokenizer.chat_template()));
//   ROUX_ASSIGN_OR_RETURN(std::string text, jinja.render({.messages = {{"user", "Hi"}}, .eos = "</s>"}));
//
// Templates come from strangers: nesting, steps and output are limited. Immutable, so thread-safe.
#ifndef ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_JINJA_H_
#define ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_JINJA_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

namespace jinja {
struct Node;
}

struct JinjaInput {
  std::vector<std::pair<std::string, std::string>> messages;  // role, content
  bool generate = false;                                      // add_generation_prompt
  std::string bos, eos;                                       // bos_token, eos_token
  std::string date;  // date_string and strftime_now(); empty: not defined
};

class JinjaTemplate {
 public:
  // InvalidArgument "chat template: byte N: ..." for what is no Jinja or not known here.
  static absl::StatusOr<JinjaTemplate> parse(std::string_view text);

  // FailedPrecondition when the template itself refuses the conversation (raise_exception); InvalidArgument
  // for anything that cannot be evaluated; ResourceExhausted above a limit.
  absl::StatusOr<std::string> render(const JinjaInput& input) const;

 private:
  std::shared_ptr<const jinja::Node> root_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_CHAT_TEMPLATE_JINJA_H_
