#include "recipes/kit/text/readers/csv.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/text/readers/gzip.h"
#include "tensor/error.h"

namespace roux::kit {

absl::StatusOr<CsvReader> CsvReader::open(const std::string& path, const CsvOptions& options) {
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, open_source(path));
  return create(std::move(source), options);
}

absl::StatusOr<CsvReader> CsvReader::create(std::unique_ptr<ByteSource> source, const CsvOptions& options) {
  CsvReader csv(std::move(source), options);
  for (const int byte : {0xEF, 0xBB, 0xBF}) {
    if (csv.bytes_->peek() != byte) break;
    csv.bytes_->get();
  }
  if (options.header) {
    ROUX_ASSIGN_OR_RETURN(const bool any, csv.next());
    if (!any)
      return absl::InvalidArgumentError(
          absl::StrCat(csv.bytes_->name(), ": is empty, a header was expected"));
    csv.columns_ = std::move(csv.fields_);
  }
  return csv;
}

CsvReader::CsvReader(std::unique_ptr<ByteSource> source, const CsvOptions& options)
    : bytes_(std::make_unique<ByteReader>(std::move(source))), options_(options) {}

absl::Status CsvReader::error(absl::StatusCode code, const std::string& what) const {
  return absl::Status(
      code, absl::StrCat(bytes_->name(), ": byte ", bytes_->offset(), ": line ", line_, ": ", what));
}

absl::StatusOr<bool> CsvReader::next() {
  ROUX_ASSIGN_OR_RETURN(const bool more, read_record());
  if (!more) return false;
  if (expected_fields_ == 0) expected_fields_ = fields_.size();
  if (options_.same_length && fields_.size() != expected_fields_) {
    return absl::DataLossError(absl::StrCat(bytes_->name(), ": byte ", record_offset_, ": line ",
                                            record_line_, ": record has ", fields_.size(),
                                            " fields, the first has ", expected_fields_));
  }
  return true;
}

absl::StatusOr<size_t> CsvReader::column(const std::string& name) const {
  const auto found = std::find(columns_.begin(), columns_.end(), name);
  if (found != columns_.end()) return static_cast<size_t>(found - columns_.begin());
  return absl::NotFoundError(absl::StrCat(bytes_->name(), ": no column '", name, "'; there are ",
                                          absl::StrJoin(columns_, ", ").substr(0, 1000)));
}

absl::StatusOr<bool> CsvReader::read_record() {
  for (;;) {
    record_offset_ = bytes_->offset();
    record_line_ = line_;
    fields_.clear();
    const int first = bytes_->peek();
    if (first == ByteReader::kEnd) {
      ROUX_RETURN_IF_ERROR(bytes_->status());
      return false;
    }
    for (bool ended = false; !ended;) {
      if (static_cast<int64_t>(fields_.size()) >= options_.max_fields) {
        return error(absl::StatusCode::kResourceExhausted,
                     absl::StrCat("record has more than ", options_.max_fields, " fields"));
      }
      fields_.emplace_back();
      ROUX_RETURN_IF_ERROR(read_field(&fields_.back(), &ended));
    }
    ROUX_RETURN_IF_ERROR(bytes_->status());
    const bool blank = fields_.size() == 1 && fields_[0].empty() && !(options_.quotes && first == '"');
    if (!blank) return true;
  }
}

absl::Status CsvReader::append(int byte, std::string* field) {
  if (bytes_->offset() - record_offset_ > options_.max_record_bytes) {
    return error(absl::StatusCode::kResourceExhausted,
                 absl::StrCat("record that starts at line ", record_line_, " is longer than ",
                              options_.max_record_bytes, " bytes"));
  }
  field->push_back(static_cast<char>(byte));
  return absl::OkStatus();
}

absl::Status CsvReader::read_field(std::string* field, bool* record_ended) {
  const bool quoted = options_.quotes && bytes_->peek() == '"';
  if (quoted) ROUX_RETURN_IF_ERROR(read_quoted(field));
  bool pending_return = false;  // a \r that is content unless \n or the end follows
  for (;;) {
    const int byte = bytes_->get();
    if (byte == ByteReader::kEnd || byte == '\n') {
      if (byte == '\n') ++line_;
      *record_ended = true;
      return absl::OkStatus();
    }
    if (quoted && (pending_return || (byte != '\r' && byte != options_.separator))) {
      return error(absl::StatusCode::kDataLoss,
                   "text after a closing quote; a quote inside a quoted field must be doubled");
    }
    if (pending_return) ROUX_RETURN_IF_ERROR(append('\r', field));
    pending_return = byte == '\r';
    if (byte == options_.separator) return absl::OkStatus();
    if (pending_return) continue;
    ROUX_RETURN_IF_ERROR(append(byte, field));
  }
}

absl::Status CsvReader::read_quoted(std::string* field) {
  const int64_t start = bytes_->offset();
  const int64_t start_line = line_;
  bytes_->get();
  for (;;) {
    const int byte = bytes_->get();
    if (byte == ByteReader::kEnd) {
      ROUX_RETURN_IF_ERROR(bytes_->status());
      return damaged(bytes_->name(), start,
                     absl::StrCat("line ", start_line, ": this quote is never closed"));
    }
    if (byte == '"') {
      if (bytes_->peek() != '"') return absl::OkStatus();
      bytes_->get();
    }
    if (byte == '\n') ++line_;
    ROUX_RETURN_IF_ERROR(append(byte, field));
  }
}

}  // namespace roux::kit
