#include "recipes/kit/text/readers/dictd.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<int64_t> parse_dictd_number(const std::string& text) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string_view digits(kDigits, 64);
  if (text.empty()) return absl::InvalidArgumentError("number is empty");
  int64_t value = 0;
  for (char c : text) {
    const size_t digit = digits.find(c);
    if (digit == std::string_view::npos) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", text.substr(0, 40), "' is not a number in base 64"));
    }
    if (value >= int64_t{1} << 56)
      return absl::InvalidArgumentError(absl::StrCat("'", text.substr(0, 40), "' is too large"));
    value = value * 64 + static_cast<int64_t>(digit);
  }
  return value;
}

absl::StatusOr<DictdReader> DictdReader::open(const std::string& index_path) {
  if (!absl::EndsWith(index_path, ".index")) {
    return absl::InvalidArgumentError(absl::StrCat(index_path, ": a dictd index ends with .index"));
  }
  const std::string base = index_path.substr(0, index_path.size() - 6);
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> index, open_file(index_path));
  absl::StatusOr<std::unique_ptr<DictFile>> definitions = DictFile::open(base + ".dict.dz");
  if (absl::IsNotFound(definitions.status())) definitions = DictFile::open(base + ".dict");
  if (!definitions.ok()) return definitions.status();
  return DictdReader(std::move(index), *std::move(definitions));
}

DictdReader::DictdReader(std::unique_ptr<ByteSource> index, std::unique_ptr<DictFile> definitions)
    : lines_(std::move(index), /*max_line_bytes=*/1 << 16), definitions_(std::move(definitions)) {}

absl::Status DictdReader::error(const std::string& what) const {
  return damaged(lines_.name(), lines_.line_offset(),
                 absl::StrCat("line ", lines_.line_number(), ": ", what));
}

absl::StatusOr<bool> DictdReader::next(DictdEntry* entry) {
  std::string line;
  do {
    ROUX_ASSIGN_OR_RETURN(const bool more, lines_.next(&line));
    if (!more) return false;
  } while (line.empty());
  // headword TAB offset TAB length, and in some dictionaries TAB headword as printed
  const std::vector<std::string> columns = absl::StrSplit(line, '\t');
  if (columns.size() < 3 || columns.size() > 4) {
    return error(absl::StrCat("has ", columns.size(), " columns, not headword, offset and length"));
  }
  const absl::StatusOr<int64_t> offset = parse_dictd_number(columns[1]);
  if (!offset.ok()) return error(absl::StrCat("offset: ", offset.status().message()));
  const absl::StatusOr<int64_t> length = parse_dictd_number(columns[2]);
  if (!length.ok()) return error(absl::StrCat("length: ", length.status().message()));
  if (*length > kMaxDefinitionBytes) {
    return error(
        absl::StrCat("definition has ", *length, " bytes, at most ", kMaxDefinitionBytes, " are read"));
  }
  ROUX_ASSIGN_OR_RETURN(entry->definition, definitions_->read(*offset, *length));
  entry->headword = columns.size() == 4 && !columns[3].empty() ? columns[3] : columns[0];
  entry->offset = *offset;
  entry->about_database =
      absl::StartsWith(columns[0], "00database") || absl::StartsWith(columns[0], "00-database");
  return true;
}

}  // namespace roux::kit
