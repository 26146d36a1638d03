// Reading a GGUF file's keys with all that is wrong with them in one error.
#ifndef ROUX_RECIPES_KIT_MODELS_GGUF_KEYS_H_
#define ROUX_RECIPES_KIT_MODELS_GGUF_KEYS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipes/kit/models/gguf_file.h"

namespace roux::kit::internal {

// The keys below an architecture's name; what is wrong with them is collected.
class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  const GgufFile& file() const { return file_; }
  // InvalidArgument for one part of a model that was split, given as bytes.
  absl::Status whole() const {
    const absl::StatusOr<int64_t> parts = file_.metadata().integer("split.count");
    if (!parts.ok() || *parts <= static_cast<int64_t>(file_.parts())) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(file_.path(), ": one of ", *parts, " parts of a model, without the others"));
  }
  std::string key(const std::string& name) const { return absl::StrCat(architecture_, ".", name); }
  bool has(const std::string& name) const { return file_.metadata().has(key(name)); }
  bool has_tensor(const std::string& name) const { return file_.find(name) != nullptr; }
  int64_t integer(const std::string& name) { return take<int64_t>(file_.metadata().integer(key(name)), 1); }
  int64_t integer(const std::string& name, int64_t otherwise) {
    return has(name) ? integer(name) : otherwise;
  }
  double number(const std::string& name) { return take<double>(file_.metadata().number(key(name)), 1); }
  double number(const std::string& name, double otherwise) { return has(name) ? number(name) : otherwise; }
  std::string text(const std::string& name, const std::string& otherwise) {
    return has(name) ? take<std::string>(file_.metadata().text(key(name)), otherwise) : otherwise;
  }
  bool boolean(const std::string& name, bool otherwise) {
    return has(name) ? take<bool>(file_.metadata().boolean(key(name)), otherwise) : otherwise;
  }

  void invalid(const std::string& what) { invalid_.push_back(what); }
  void unsupported(const std::string& what) {
    unsupported_.push_back(absl::StrCat(what, " is not supported"));
  }
  absl::Status status() const {
    std::vector<std::string> all = invalid_;
    all.insert(all.end(), unsupported_.begin(), unsupported_.end());
    if (all.empty()) return absl::OkStatus();
    const auto code =
        invalid_.empty() ? absl::StatusCode::kUnimplemented : absl::StatusCode::kInvalidArgument;
    return absl::Status(code, absl::StrCat(file_.path(), ": ", absl::StrJoin(all, "; ")));
  }

 private:
  template <class T>
  T take(const absl::StatusOr<T>& value, T otherwise) {
    if (value.ok()) return *value;
    const absl::string_view message = value.status().message();  // "<path>: no key ..."
    invalid(std::string(message.substr(std::min(message.size(), file_.path().size() + 2))));
    return otherwise;
  }

  const GgufFile& file_;
  std::string architecture_;
  std::vector<std::string> invalid_, unsupported_;
};

}  // namespace roux::kit::internal

#endif  // ROUX_RECIPES_KIT_MODELS_GGUF_KEYS_H_
