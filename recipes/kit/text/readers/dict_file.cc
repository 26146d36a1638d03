// The two kinds of dictd definition files: plain, and dictzip (gzip with an "RA" extra field, dictzip(1)).
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/text/readers/dictd.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

// Positioned reads of a file or a string.
class Bytes {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)), size_(static_cast<int64_t>(bytes_.size())) {}
  Bytes(std::FILE* file, int64_t size) : file_(file), size_(size) {}
  Bytes(Bytes&& other) noexcept
      : bytes_(std::move(other.bytes_)), file_(std::exchange(other.file_, nullptr)), size_(other.size_) {}
  Bytes& operator=(Bytes&&) = delete;
  ~Bytes() {
    if (file_ != nullptr) std::fclose(file_);
  }

  int64_t size() const { return size_; }
  void set_size(int64_t size) { size_ = size; }
  // False when the bytes are not all there.
  bool read(int64_t offset, int64_t length, std::string* out) {
    if (offset < 0 || length < 0 || offset > size_ || length > size_ - offset) return false;
    if (file_ == nullptr) {
      *out = bytes_.substr(offset, length);
      return true;
    }
    out->resize(length);
    return std::fseek(file_, offset, SEEK_SET) == 0 &&
           std::fread(out->data(), 1, length, file_) == static_cast<size_t>(length);
  }

 private:
  std::string bytes_;
  std::FILE* file_ = nullptr;
  int64_t size_;
};

class PlainDict : public DictFile {
 public:
  PlainDict(Bytes bytes, std::string name) : bytes_(std::move(bytes)), name_(std::move(name)) {}
  absl::StatusOr<std::string> read(int64_t offset, int64_t length) override {
    std::string text;
    if (bytes_.read(offset, length, &text)) return text;
    return damaged(name_, offset,
                   absl::StrCat(length, " bytes are needed here, the file has ", bytes_.size()));
  }

 private:
  Bytes bytes_;
  std::string name_;
};

class DictzipFile : public DictFile {
 public:
  DictzipFile(Bytes bytes, std::string name) : bytes_(std::move(bytes)), name_(std::move(name)) {}

  absl::Status read_header();

  absl::StatusOr<std::string> read(int64_t offset, int64_t length) override {
    std::string text;
    while (static_cast<int64_t>(text.size()) < length) {
      const int64_t at = offset + static_cast<int64_t>(text.size());
      const int64_t chunk = at / chunk_bytes_;
      if (chunk + 1 >= static_cast<int64_t>(starts_.size())) {
        return damaged(name_, bytes_.size(),
                       absl::StrCat("the definition at ", offset, " (", length,
                                    " bytes of text) lies behind the last chunk"));
      }
      CachedChunk& cached = cache_[chunk % kCachedChunks];
      if (chunk != cached.chunk) ROUX_RETURN_IF_ERROR(inflate_chunk(chunk, &cached));
      const int64_t within = at - chunk * chunk_bytes_;
      const int64_t there = static_cast<int64_t>(cached.text.size()) - within;
      if (there <= 0) {
        return damaged(name_, starts_[chunk],
                       absl::StrCat("chunk ", chunk, " ends before the definition at ", offset));
      }
      text.append(cached.text, within, std::min(there, length - static_cast<int64_t>(text.size())));
    }
    return text;
  }

 private:
  struct CachedChunk {
    int64_t chunk = -1;
    std::string text;
  };
  // Neighbours in the index are often far apart in the text: GCIDE takes 49 s with one chunk, 4 s with these.
  // A chunk has at most 64 kB.
  static constexpr int64_t kCachedChunks = 256;

  absl::Status inflate_chunk(int64_t chunk, CachedChunk* cached);
  // Skips a zero-terminated header field.
  absl::Status skip_string(int64_t* at);

  Bytes bytes_;
  std::string name_;
  int64_t chunk_bytes_ = 0;
  std::vector<int64_t> starts_;  // of each compressed chunk, and the end of the last
  std::vector<CachedChunk> cache_{kCachedChunks};
};

int64_t little16(const std::string& bytes, size_t at) {
  return static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1]) << 8;
}

absl::Status DictzipFile::skip_string(int64_t* at) {
  std::string byte;
  do {
    if (!bytes_.read(*at, 1, &byte)) return damaged(name_, *at, "the file ends inside its gzip header");
    ++*at;
  } while (byte[0] != '\0');
  return absl::OkStatus();
}

absl::Status DictzipFile::read_header() {
  constexpr int kHeaderCrc = 2, kExtra = 4, kName = 8, kComment = 16;
  std::string head, extra;
  if (!bytes_.read(0, 12, &head))
    return damaged(name_, bytes_.size(), "the file ends inside its gzip header");
  const int flags = static_cast<unsigned char>(head[3]);
  if (head[2] != 8 || (flags & kExtra) == 0) {
    return absl::UnimplementedError(absl::StrCat(
        name_, ": byte 3: is plain gzip without dictzip's table of chunks; gunzip it to a .dict file first"));
  }
  const int64_t extra_bytes = little16(head, 10);
  if (!bytes_.read(12, extra_bytes, &extra))
    return damaged(name_, 12, "the file ends inside its gzip extra field");
  int64_t at = 12 + extra_bytes;
  if (flags & kName) ROUX_RETURN_IF_ERROR(skip_string(&at));
  if (flags & kComment) ROUX_RETURN_IF_ERROR(skip_string(&at));
  if (flags & kHeaderCrc) at += 2;
  for (size_t field = 0; field + 4 <= extra.size();) {
    const size_t length = static_cast<size_t>(little16(extra, field + 2));
    const size_t body = field + 4;
    if (length > extra.size() - body) break;
    if (extra.compare(field, 2, "RA") == 0 && length >= 6) {
      const int64_t chunks = little16(extra, body + 4);
      chunk_bytes_ = little16(extra, body + 2);
      if (little16(extra, body) != 1 || chunk_bytes_ == 0 || static_cast<size_t>(6 + 2 * chunks) > length) {
        return damaged(name_, 12 + static_cast<int64_t>(body), "dictzip's table of chunks is damaged");
      }
      starts_.push_back(at);
      for (int64_t i = 0; i < chunks; ++i)
        starts_.push_back(starts_.back() + little16(extra, body + 6 + 2 * i));
      if (starts_.back() > bytes_.size()) {
        return damaged(name_, bytes_.size(),
                       absl::StrCat("the file ends before its last chunk at ", starts_.back()));
      }
      return absl::OkStatus();
    }
    field = body + length;
  }
  return damaged(name_, 12, "the gzip extra field holds no table of chunks");
}

absl::Status DictzipFile::inflate_chunk(int64_t chunk, CachedChunk* cached) {
  std::string& text = cached->text;
  cached->chunk = -1;
  std::string packed;
  if (!bytes_.read(starts_[chunk], starts_[chunk + 1] - starts_[chunk], &packed)) {
    return damaged(name_, starts_[chunk], absl::StrCat("chunk ", chunk, " cannot be read"));
  }
  text.assign(chunk_bytes_, '\0');
  z_stream stream = {};
  ROUX_INVARIANT(inflateInit2(&stream, -15) == Z_OK);  // raw deflate: a chunk starts after a full flush
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  const int result = inflate(&stream, Z_PARTIAL_FLUSH);
  const std::string reason = stream.msg != nullptr ? stream.msg : "cut off";
  text.resize(text.size() - stream.avail_out);
  const int64_t at = starts_[chunk] + static_cast<int64_t>(packed.size()) - stream.avail_in;
  inflateEnd(&stream);
  const bool last = chunk + 2 == static_cast<int64_t>(starts_.size());
  if ((result != Z_OK && result != Z_STREAM_END) ||
      (!last && static_cast<int64_t>(text.size()) != chunk_bytes_)) {
    return damaged(name_, at, absl::StrCat("chunk ", chunk, " is damaged: ", reason));
  }
  cached->chunk = chunk;
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<DictFile>> make(Bytes bytes, const std::string& name) {
  std::string magic;
  if (!bytes.read(0, 2, &magic) || magic != "\x1F\x8B")
    return std::make_unique<PlainDict>(std::move(bytes), name);
  auto dictzip = std::make_unique<DictzipFile>(std::move(bytes), name);
  ROUX_RETURN_IF_ERROR(dictzip->read_header());
  return dictzip;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DictFile>> DictFile::open(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be opened"));
  Bytes bytes(file, 0);
  if (std::fseek(file, 0, SEEK_END) != 0)
    return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be examined"));
  const int64_t size = std::ftell(file);
  if (size < 0) return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be examined"));
  if (size == INT64_MAX) return absl::InvalidArgumentError(absl::StrCat(path, ": is a folder, not a file"));
  bytes.set_size(size);
  return make(std::move(bytes), path);
}

absl::StatusOr<std::unique_ptr<DictFile>> DictFile::from_bytes(std::string bytes, const std::string& name) {
  return make(Bytes(std::move(bytes)), name);
}

}  // namespace roux::kit
