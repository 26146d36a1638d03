#include "recipes/kit/run/record.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace roux::kit::internal {
namespace {

const char* name_of(char kind) {
  switch (kind) {
    case kInteger:
      return "an integer";
    case kNumber:
      return "a number";
    case kText:
      return "a text";
    case kList:
      return "a list";
    case kMap:
      return "a map";
    case kRecord:
      return "a record";
  }
  return "something unknown";
}

}  // namespace

void ValueWriter::word(uint64_t word) { bytes_.append(reinterpret_cast<const char*>(&word), sizeof word); }

void ValueWriter::text(absl::string_view text) {
  word(text.size());
  bytes_.append(text.data(), text.size());
}

absl::Status ValueReader::fail(absl::string_view what) const {
  return absl::DataLossError(path_.empty() ? std::string(what) : absl::StrCat(path_, ": ", what));
}

absl::Status ValueReader::end() const {
  return rest_.empty() ? absl::OkStatus() : fail("bytes are left over");
}

absl::Status ValueReader::kind(ValueKind wanted) {
  if (rest_.empty()) return fail("it is cut off");
  if (rest_[0] != wanted) {
    return fail(absl::StrCat("it has ", name_of(rest_[0]), ", needed is ", name_of(wanted)));
  }
  rest_.remove_prefix(1);
  return absl::OkStatus();
}

absl::Status ValueReader::word(uint64_t& word) {
  if (rest_.size() < sizeof word) return fail("it is cut off");
  std::memcpy(&word, rest_.data(), sizeof word);
  rest_.remove_prefix(sizeof word);
  return absl::OkStatus();
}

absl::Status ValueReader::scalar(ValueKind wanted, uint64_t& bits) {
  ROUX_RETURN_IF_ERROR(kind(wanted));
  return word(bits);
}

absl::Status ValueReader::count(ValueKind wanted, uint64_t& count) {
  ROUX_RETURN_IF_ERROR(scalar(wanted, count));
  return count <= rest_.size() ? absl::OkStatus() : fail("it is cut off");
}

absl::Status ValueReader::text(std::string& text) {
  uint64_t size = 0;
  ROUX_RETURN_IF_ERROR(word(size));
  if (size > rest_.size()) return fail("it is cut off");
  text.assign(rest_.data(), size);
  rest_.remove_prefix(size);
  return absl::OkStatus();
}

absl::Status ValueReader::field_name(const char* wanted) {
  std::string found;
  ROUX_RETURN_IF_ERROR(text(found));
  return found == wanted ? absl::OkStatus()
                         : fail(absl::StrCat("it has the field ", found, ", needed is ", wanted));
}

}  // namespace roux::kit::internal
