// GGUF files of version 3, for tests: keys, then descriptions of tensors, then data.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_TEST_WRITER_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_TEST_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

namespace roux::kit {

class GgufTestWriter {
 public:
  explicit GgufTestWriter(uint64_t keys, uint64_t tensors = 0) {
    bytes_ = "GGUF";
    plain<uint32_t>(3);
    plain<uint64_t>(tensors);
    plain<uint64_t>(keys);
  }
  template <class T>
  GgufTestWriter& plain(T value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(T));
    return *this;
  }
  GgufTestWriter& text(const std::string& value) {
    plain<uint64_t>(value.size());
    bytes_ += value;
    return *this;
  }
  GgufTestWriter& key(const std::string& name, uint32_t type) { return text(name).plain<uint32_t>(type); }
  GgufTestWriter& texts(const std::string& name, const std::vector<std::string>& values) {
    key(name, 9).plain<uint32_t>(8).plain<uint64_t>(values.size());
    for (const std::string& value : values) text(value);
    return *this;
  }
  GgufTestWriter& integers(const std::string& name, const std::vector<int32_t>& values) {
    key(name, 9).plain<uint32_t>(5).plain<uint64_t>(values.size());
    for (const int32_t value : values) plain(value);
    return *this;
  }
  // Sizes as the file has them, the axis of rows' values first; the offset counts from the data's begin.
  GgufTestWriter& tensor(const std::string& name, const std::vector<uint64_t>& sizes, uint32_t type,
                         uint64_t offset) {
    text(name).plain<uint32_t>(static_cast<uint32_t>(sizes.size()));
    for (const uint64_t size : sizes) plain(size);
    return plain(type).plain(offset);
  }
  // Zeros up to the next multiple, then the data.
  GgufTestWriter& data(const std::string& bytes, size_t alignment = 32) {
    bytes_.resize((bytes_.size() + alignment - 1) / alignment * alignment);
    bytes_ += bytes;
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_TEST_WRITER_H_
