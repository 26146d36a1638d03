// CSV and TSV: every record, in three dialects.
#include <string>

#include "recipes/kit/text/readers/csv.h"
#include "tensor/error.h"

namespace {

void read(const std::string& input, const roux::kit::CsvOptions& options) {
  auto csv = roux::kit::CsvReader::create(roux::kit::memory_source(input, "input"), options);
  if (!csv.ok()) return;
  csv->column("x").status().IgnoreError();
  size_t bytes = 0;
  for (auto more = csv->next(); more.ok() && *more; more = csv->next()) {
    for (const std::string& field : csv->fields()) bytes += field.size();
  }
  ROUX_INVARIANT(bytes <= input.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  read(input, {});
  read(input, {.separator = '\t', .quotes = false});
  read(input, {.header = false, .same_length = false, .max_record_bytes = 64, .max_fields = 8});
  return 0;
}
