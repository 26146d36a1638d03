// dictd: the input is an index, a zero byte, and a definition file, plain or dictzip.
#include <string>

#include "recipes/kit/text/readers/dictd.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  if (zero == std::string::npos) return 0;
  auto definitions = roux::kit::DictFile::from_bytes(input.substr(zero + 1), "definitions");
  if (!definitions.ok()) return 0;
  roux::kit::DictdReader reader(roux::kit::memory_source(input.substr(0, zero), "index"),
                                *std::move(definitions));
  roux::kit::DictdEntry entry;
  for (auto more = reader.next(&entry); more.ok() && *more; more = reader.next(&entry)) {
    ROUX_INVARIANT(static_cast<int64_t>(entry.definition.size()) <=
                   roux::kit::DictdReader::kMaxDefinitionBytes);
  }
  return 0;
}
