// gettext catalogues: all entries together are not much longer than the file.
#include <string>

#include "recipes/kit/text/readers/mo.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto catalog =
      roux::kit::MoCatalog::parse(std::string(reinterpret_cast<const char*>(data), size), "input");
  if (!catalog.ok()) return 0;
  size_t bytes = catalog->header("Plural-Forms").size();
  for (int64_t i = 0; i < catalog->size(); ++i) {
    const auto entry = catalog->entry(i);
    if (!entry.ok()) continue;
    ROUX_INVARIANT(!entry->translations.empty());
    bytes += entry->context.size() + entry->id.size() + entry->id_plural.size();
    for (const std::string_view text : entry->translations) bytes += text.size();
  }
  ROUX_INVARIANT(bytes <= 5 * size);
  return 0;
}
