// Where the readers of this folder get their bytes: files, gzip files, memory. Everything streams: a source
// holds a buffer, never the file. gzip.h adds compressed files.
//
//   ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, open_file("train.csv"));
//   ByteReader bytes(std::move(source));
//   for (int c = bytes.get(); c >= 0; c = bytes.get()) ...
//   ROUX_RETURN_IF_ERROR(bytes.status());
//
// One thread at a time.
#ifndef ROUX_RECIPES_KIT_TEXT_READERS_BYTE_SOURCE_H_
#define ROUX_RECIPES_KIT_TEXT_READERS_BYTE_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace roux::kit {

class ByteSource {
 public:
  explicit ByteSource(std::string name) : name_(std::move(name)) {}
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Writes 1 to `size` bytes and returns how many; 0 at the end. `size` must be positive.
  virtual absl::StatusOr<size_t> read(char* buffer, size_t size) = 0;

  const std::string& name() const { return name_; }  // the path, for errors

 private:
  std::string name_;
};

std::unique_ptr<ByteSource> memory_source(std::string bytes, std::string name);

// A file as it is. NotFound, PermissionDenied ... with the path; InvalidArgument for a folder.
absl::StatusOr<std::unique_ptr<ByteSource>> open_file(const std::string& path);

// The rest of a source; ResourceExhausted above `max_bytes`.
absl::StatusOr<std::string> read_all(ByteSource& source, int64_t max_bytes);

// DataLoss "<name>: byte <offset>: <what>", the form of every complaint about damaged content.
absl::Status damaged(const std::string& name, int64_t offset, const std::string& what);

// Byte-wise view of a source with one byte of look-ahead and the position. After an error of the source it is
// at its end and status() says why.
class ByteReader {
 public:
  static constexpr int kEnd = -1;

  explicit ByteReader(std::unique_ptr<ByteSource> source);

  int peek() { return next_ < filled_ || fill() ? static_cast<unsigned char>(buffer_[next_]) : kEnd; }
  int get() {
    const int byte = peek();
    if (byte != kEnd) ++next_;
    return byte;
  }
  int64_t offset() const { return consumed_ + static_cast<int64_t>(next_); }  // of the byte that peek() shows
  const absl::Status& status() const { return status_; }
  const std::string& name() const { return source_->name(); }
  absl::Status damaged_here(const std::string& what) const { return damaged(name(), offset(), what); }

 private:
  bool fill();

  std::unique_ptr<ByteSource> source_;
  std::vector<char> buffer_;
  size_t next_ = 0;
  size_t filled_ = 0;
  int64_t consumed_ = 0;  // bytes of earlier buffers
  bool ended_ = false;
  absl::Status status_;
};

// Lines of a text, without "\n" or "\r\n"; a byte-order mark at the start is skipped.
class LineReader {
 public:
  static constexpr int64_t kMaxLineBytes = int64_t{1} << 26;

  explicit LineReader(std::unique_ptr<ByteSource> source, int64_t max_line_bytes = kMaxLineBytes)
      : bytes_(std::move(source)), max_line_bytes_(max_line_bytes) {}

  // The next line, or false at the end. ResourceExhausted with the position for a line above the limit.
  absl::StatusOr<bool> next(std::string* line);

  int64_t line_number() const { return line_number_; }  // of the line returned last, from 1
  int64_t line_offset() const { return line_offset_; }  // its first byte
  const std::string& name() const { return bytes_.name(); }

 private:
  ByteReader bytes_;
  int64_t max_line_bytes_;
  int64_t line_number_ = 0;
  int64_t line_offset_ = 0;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_READERS_BYTE_SOURCE_H_
