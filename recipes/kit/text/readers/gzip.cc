#include "recipes/kit/text/readers/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

constexpr int kGzipOnly = 15 + 16;  // windowBits: the largest window, gzip header and trailer
constexpr size_t kInputBytes = 1 << 16;

class GzipSource : public ByteSource {
 public:
  explicit GzipSource(std::unique_ptr<ByteSource> compressed)
      : ByteSource(compressed->name()), compressed_(std::move(compressed)), input_(kInputBytes) {
    ROUX_INVARIANT(inflateInit2(&stream_, kGzipOnly) == Z_OK);
  }
  ~GzipSource() override { inflateEnd(&stream_); }

  absl::StatusOr<size_t> read(char* buffer, size_t size) override {
    size = std::min<size_t>(size, INT_MAX);
    stream_.next_out = reinterpret_cast<Bytef*>(buffer);
    stream_.avail_out = static_cast<uInt>(size);
    while (stream_.avail_out == size && !ended_) ROUX_RETURN_IF_ERROR(step());
    return size - stream_.avail_out;
  }

 private:
  // Makes progress: takes input, gives output, or ends.
  absl::Status step() {
    if (stream_.avail_in == 0) ROUX_RETURN_IF_ERROR(refill());
    if (between_members_) {
      // After a member: end, zero padding, or another member.
      while (stream_.avail_in > 0 && *stream_.next_in == 0) ++stream_.next_in, --stream_.avail_in;
      if (stream_.avail_in == 0) {
        ended_ = input_ended_;
        return absl::OkStatus();
      }
      if (*stream_.next_in != 0x1F)
        return damaged(name(), position(), "there is no gzip data after a finished gzip member");
      inflateReset(&stream_);
      between_members_ = false;
    }
    if (stream_.avail_in == 0) {
      if (position() == 0) return damaged(name(), 0, "is empty, not gzip data");
      return damaged(name(), position(), "the file ends inside compressed data");
    }
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result == Z_STREAM_END) {
      between_members_ = true;
      return absl::OkStatus();
    }
    if (result == Z_OK || result == Z_BUF_ERROR) return absl::OkStatus();
    return damaged(
        name(), position(),
        absl::StrCat("gzip data are damaged: ", stream_.msg != nullptr ? stream_.msg : "unknown reason"));
  }

  absl::Status refill() {
    if (input_ended_) return absl::OkStatus();
    ROUX_ASSIGN_OR_RETURN(const size_t got, compressed_->read(input_.data(), input_.size()));
    taken_ += static_cast<int64_t>(got);
    input_ended_ = got == 0;
    stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
    stream_.avail_in = static_cast<uInt>(got);
    return absl::OkStatus();
  }

  int64_t position() const { return taken_ - stream_.avail_in; }

  std::unique_ptr<ByteSource> compressed_;
  std::vector<char> input_;
  z_stream stream_ = {};
  int64_t taken_ = 0;
  bool input_ended_ = false;
  bool between_members_ = false;
  bool ended_ = false;
};

// Gives back the bytes that were looked at to tell the format, then the rest.
class PrefixedSource : public ByteSource {
 public:
  PrefixedSource(std::string prefix, std::unique_ptr<ByteSource> rest)
      : ByteSource(rest->name()), prefix_(std::move(prefix)), rest_(std::move(rest)) {}
  absl::StatusOr<size_t> read(char* buffer, size_t size) override {
    if (at_ == prefix_.size()) return rest_->read(buffer, size);
    const size_t count = std::min(size, prefix_.size() - at_);
    std::memcpy(buffer, prefix_.data() + at_, count);
    at_ += count;
    return count;
  }

 private:
  std::string prefix_;
  std::unique_ptr<ByteSource> rest_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> gzip_source(std::unique_ptr<ByteSource> compressed) {
  return std::make_unique<GzipSource>(std::move(compressed));
}

absl::StatusOr<std::unique_ptr<ByteSource>> open_source(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> file, open_file(path));
  std::string start;
  while (start.size() < 2) {
    char byte;
    ROUX_ASSIGN_OR_RETURN(const size_t got, file->read(&byte, 1));
    if (got == 0) break;
    start.push_back(byte);
  }
  const bool gzip = start == "\x1F\x8B";
  std::unique_ptr<ByteSource> whole = std::make_unique<PrefixedSource>(start, std::move(file));
  if (gzip) return gzip_source(std::move(whole));
  return whole;
}

}  // namespace roux::kit
