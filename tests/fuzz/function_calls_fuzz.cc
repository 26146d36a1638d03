// Calls of tools in what a model wrote; brackets around calls change nothing.
#include <string>

#include "recipes/kit/eval/function_calls.h"
#include "tensor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  const auto calls = roux::kit::parse_function_calls(input);
  if (!calls.ok()) return 0;
  const auto again = roux::kit::parse_function_calls("[" + input + "]");
  ROUX_INVARIANT(input.find('[') != std::string::npos || (again.ok() && *again == *calls));
  return 0;
}
