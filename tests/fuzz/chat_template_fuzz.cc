// Chat templates: what is recognised must render conversations with spans that tile the text.
#include <string>

#include "recipes/kit/text/chat_template.h"
#include "recipes/kit/text/chat_template_jinja.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto jinja = roux::kit::JinjaTemplate::parse(input);
  if (jinja.ok()) {
    jinja
        ->render(
            {.messages = {{"user", "a "}, {"assistant", "b"}}, .generate = true, .bos = "<s>", .eos = "</s>"})
        .status()
        .IgnoreError();
  }
  const auto chat = roux::kit::recognise_chat_template(input, "<s>", "</s>");
  if (!chat.ok()) return 0;
  const auto rendered = roux::kit::render_chat(*chat, {{"system", "s"}, {"user", input.substr(0, 50)}}, true);
  if (!rendered.ok()) return 0;
  uint32_t at = 0;
  for (const roux::kit::ChatSpan& span : rendered->spans) {
    ROUX_INVARIANT(span.bytes.begin == at && span.bytes.end > at && !span.trained);
    at = span.bytes.end;
  }
  ROUX_INVARIANT(at == rendered->text.size());
  return 0;
}
