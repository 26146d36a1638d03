// The key-value part of a GGUF file (versions 2 and 3, little endian): model configuration and vocabulary.
//
//   ROUX_ASSIGN_OR_RETURN(GgufMetadata meta, load_gguf_metadata(path));
//   ROUX_ASSIGN_OR_RETURN(int64_t layers, meta.integer("llama.block_count"));
//
// Every damage is a Status with the byte offset; memory stays within a small multiple of the bytes read.
// Tensors are not looked at: recipes/kit/models/gguf_file.h goes on behind it.
#ifndef ROUX_RECIPES_KIT_TEXT_GGUF_METADATA_H_
#define ROUX_RECIPES_KIT_TEXT_GGUF_METADATA_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace roux::kit {

// Integers of all widths are int64_t (a u64 above 2^63 - 1 is an error), f32 and f64 are double.
using GgufValue = std::variant<int64_t, double, bool, std::string, std::vector<int64_t>, std::vector<double>,
                               std::vector<bool>, std::vector<std::string>>;

class GgufMetadata {
 public:
  GgufMetadata(std::string name, std::map<std::string, GgufValue> values, int64_t tensor_count, size_t end)
      : name_(std::move(name)), values_(std::move(values)), tensor_count_(tensor_count), end_(end) {}

  const std::map<std::string, GgufValue>& values() const { return values_; }
  bool has(const std::string& key) const { return values_.count(key) > 0; }
  int64_t tensor_count() const { return tensor_count_; }
  size_t end() const { return end_; }  // the byte behind the last value
  const std::string& name() const { return name_; }

  // NotFound without the key, InvalidArgument if its type is another one.
  absl::StatusOr<int64_t> integer(const std::string& key) const;
  absl::StatusOr<double> number(const std::string& key) const;  // integers too
  absl::StatusOr<bool> boolean(const std::string& key) const;
  absl::StatusOr<std::string> text(const std::string& key) const;
  absl::StatusOr<std::vector<std::string>> texts(const std::string& key) const;
  absl::StatusOr<std::vector<int64_t>> integers(const std::string& key) const;
  absl::StatusOr<std::vector<double>> numbers(const std::string& key) const;

 private:
  template <class T>
  absl::StatusOr<T> get(const std::string& key, const char* expected) const;
  std::string name_;
  std::map<std::string, GgufValue> values_;
  int64_t tensor_count_;
  size_t end_;
};

// From the first bytes of a file, which must hold all of the key-value part.
absl::StatusOr<GgufMetadata> parse_gguf_metadata(std::string_view bytes, const std::string& name);
absl::StatusOr<GgufMetadata> load_gguf_metadata(const std::string& path);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TEXT_GGUF_METADATA_H_
