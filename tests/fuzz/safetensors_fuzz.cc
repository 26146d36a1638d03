// safetensors: every value of every tensor is read, so that one that leaves its memory would be seen.
#include <cstring>
#include <memory>
#include <vector>

#include "tensor/error.h"
#include "tensor/io/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto owner = std::make_shared<std::vector<char>>(data, data + size);
  roux::SafetensorsMetadata metadata;
  const auto loaded =
      roux::parse_safetensors(absl::string_view(owner->data(), owner->size()), owner, "input", &metadata);
  if (!loaded.ok()) return 0;
  size_t bytes = 0;
  for (const auto& entry : *loaded) {
    ROUX_INVARIANT(entry.second.to_vector<double>().size() == static_cast<size_t>(entry.second.numel()));
    bytes += entry.second.bytes();
  }
  ROUX_INVARIANT(bytes <= size);
  return 0;
}
