// gzip: whatever comes out, up to a limit.
#include <string>

#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto source = roux::kit::gzip_source(roux::kit::memory_source(input, "input"));
  const auto content = roux::kit::read_all(*source, 1 << 20);
  ROUX_INVARIANT(!content.ok() || content->size() <= size_t{1} << 20);
  return 0;
}
