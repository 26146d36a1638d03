#include "recipes/kit/text/readers/reader_test_util.h"

#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <utility>
#include <vector>

namespace roux::kit {
namespace {

// zlib's output for windowBits (15 + 16: gzip, -15: raw).
std::string compress(const std::string& content, int window_bits, int flush) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(content.size() * 2 + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  EXPECT_EQ(stream.avail_in, 0u);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

void append16(std::string* out, size_t value) {
  out->push_back(static_cast<char>(value & 0xFF));
  out->push_back(static_cast<char>(value >> 8 & 0xFF));
}

class DrippingSource : public ByteSource {
 public:
  DrippingSource(std::string bytes, std::string name, size_t step)
      : ByteSource(std::move(name)), bytes_(std::move(bytes)), step_(step) {}
  absl::StatusOr<size_t> read(char* buffer, size_t size) override {
    const size_t count = std::min({size, step_, bytes_.size() - at_});
    std::copy_n(bytes_.data() + at_, count, buffer);
    at_ += count;
    return count;
  }

 private:
  std::string bytes_;
  size_t step_;
  size_t at_ = 0;
};

}  // namespace

std::unique_ptr<ByteSource> dripping_source(std::string bytes, std::string name, size_t step) {
  return std::make_unique<DrippingSource>(std::move(bytes), std::move(name), step);
}

std::string write_test_file(const std::string& name, const std::string& content) {
  const std::string path = testing::TempDir() + "/" + name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

std::string gzip_bytes(const std::string& content) { return compress(content, 15 + 16, Z_FINISH); }

std::string dictzip_bytes(const std::string& content, int chunk_bytes) {
  std::vector<std::string> chunks;
  for (size_t at = 0; at < content.size(); at += chunk_bytes) {
    chunks.push_back(compress(content.substr(at, chunk_bytes), -15, Z_FULL_FLUSH));
  }
  std::string extra = "RA";
  append16(&extra, 6 + 2 * chunks.size());
  append16(&extra, 1);
  append16(&extra, chunk_bytes);
  append16(&extra, chunks.size());
  for (const std::string& chunk : chunks) append16(&extra, chunk.size());
  std::string file("\x1F\x8B\x08\x0C\0\0\0\0\x02\x03", 10);  // FEXTRA and FNAME
  append16(&file, extra.size());
  file += extra;
  file += std::string("name.dict\0", 10);
  for (const std::string& chunk : chunks) file += chunk;
  file += std::string("\x03\0\0\0\0\0\0\0\0\0",
                      10);  // an empty last block; the reader does not look at CRC and size
  return file;
}

testing::AssertionResult fails_with(const absl::Status& status, const std::string& text) {
  if (status.ok()) return testing::AssertionFailure() << "succeeded, expected '" << text << "'";
  if (status.message().find(text) == absl::string_view::npos) {
    return testing::AssertionFailure() << "'" << text << "' is not in: " << status;
  }
  return testing::AssertionSuccess();
}

}  // namespace roux::kit
