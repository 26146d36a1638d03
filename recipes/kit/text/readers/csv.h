// Comma- or tab-separated records (RFC 4180), streaming.
//
//   ROUX_ASSIGN_OR_RETURN(CsvReader csv, CsvReader::open("leaderboard.csv"));          // .gz is decompressed
//   ROUX_ASSIGN_OR_RETURN(const size_t win_rate, csv.column("win_rate"));
//   for (;;) {
//     ROUX_ASSIGN_OR_RETURN(const bool more, csv.next());
//     if (!more) break;
//     use(csv.fields()[win_rate]);
//   }
//
// A field that starts with a quote runs to the closing quote; "" inside stands for one quote, and separators
// and line ends inside are content. A quote later in a plain field is content. Lines end with \n or \r\n; a
// byte-order mark at the start and empty lines are skipped.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_CSV_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_CSV_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "recipes/kit/text/readers/byte_source.h"

namespace roux::kit {

struct CsvOptions {
  char separator = ',';     // '\t' for TSV
  bool header = true;       // the first record names the columns
  bool quotes = true;       // false: quotes are content, as in many TSV files
  bool same_length = true;  // a record with another number of fields than the first is an error
  int64_t max_record_bytes = int64_t{1} << 26;
  int64_t max_fields = 1 << 16;
};

class CsvReader {
 public:
  static absl::StatusOr<CsvReader> open(const std::string& path, const CsvOptions& options = {});
  static absl::StatusOr<CsvReader> create(std::unique_ptr<ByteSource> source, const CsvOptions& options = {});

  // Reads the next record into fields(); false at the end. Errors name path, byte and line. DataLoss: a quote
  // that is never closed (with its start), text after a closing quote, a wrong number of fields.
  // ResourceExhausted: a record above the limits.
  absl::StatusOr<bool> next();
  const std::vector<std::string>& fields() const { return fields_; }

  const std::vector<std::string>& columns() const { return columns_; }  // of the header; empty without one
  // Index of a column; NotFound lists the columns.
  absl::StatusOr<size_t> column(const std::string& name) const;

  int64_t line_number() const { return record_line_; }  // where the record of fields() starts, from 1
  int64_t offset() const { return record_offset_; }

 private:
  CsvReader(std::unique_ptr<ByteSource> source, const CsvOptions& options);
  absl::StatusOr<bool> read_record();
  absl::Status read_field(std::string* field, bool* record_ended);
  absl::Status read_quoted(std::string* field);
  absl::Status append(int byte, std::string* field);
  absl::Status error(absl::StatusCode code, const std::string& what) const;

  std::unique_ptr<ByteReader> bytes_;
  CsvOptions options_;
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  size_t expected_fields_ = 0;  // 0: not known yet
  int64_t line_ = 1;
  int64_t record_line_ = 0;
  int64_t record_offset_ = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_CSV_H_
