// JSON lines: values are walked, so that a damaged tree would be seen.
#include <string>

#include "recipes/kit/text/readers/jsonl.h"
#include "tensor/error.h"

namespace {

int64_t count(const roux::JsonValue& value) {
  int64_t values = 1;
  if (value.is_array()) {
    for (const auto& item : value.items()) values += count(item);
  } else if (value.is_object()) {
    for (const auto& member : value.members()) values += count(member.second) + 1;
  }
  return values;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  roux::kit::JsonlOptions options;
  options.limits.max_values = 1000;
  auto reader = roux::kit::JsonlReader::create(roux::kit::memory_source(input, "input"), options);
  for (auto more = reader.next(); more.ok() && *more; more = reader.next()) {
    ROUX_INVARIANT(count(reader.value()) <= options.limits.max_values);
    reader.string_field("a").status().IgnoreError();
    reader.number_field("n").status().IgnoreError();
  }
  return 0;
}
