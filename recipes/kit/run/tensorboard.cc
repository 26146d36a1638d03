#include "recipes/kit/run/tensorboard.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "nlohmann/json.hpp"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/crc32c.h"

namespace roux::kit {
namespace {

using Json = nlohmann::ordered_json;

constexpr char kFileName[] = "events.out.tfevents.roux";  // TensorBoard looks for "tfevents" in a name
constexpr size_t kHeaderBytes = 12, kFooterBytes = 4;     // of a record
constexpr size_t kTimeBytes = 9;                          // wall_time with its key, first in each event

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string masked_crc(absl::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return raw(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
}

// Protocol buffers: key = field number * 8 + wire type (0 varint, 1 eight bytes, 2 length and bytes, 5 four
// bytes).
std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 128; value >>= 7) out += static_cast<char>(value | 128);
  return out + static_cast<char>(value);
}
std::string bytes_field(int field, absl::string_view bytes) {
  return absl::StrCat(varint(static_cast<uint64_t>(field * 8 + 2)), varint(bytes.size()), bytes);
}
std::string time_field(double wall_time) { return "\x09" + raw(wall_time); }

// The bytes of the record at `at`; nothing if it is cut or damaged.
absl::string_view record_at(absl::string_view file, size_t at) {
  if (file.size() < at || file.size() - at < kHeaderBytes + kFooterBytes) return {};
  uint64_t size = 0;
  std::memcpy(&size, file.data() + at, sizeof size);
  if (size > file.size() - at - kHeaderBytes - kFooterBytes) return {};
  const absl::string_view bytes = file.substr(at + kHeaderBytes, size);
  return file.substr(at, kHeaderBytes + size + kFooterBytes) == tf_record(bytes) ? bytes
                                                                                 : absl::string_view();
}

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string tf_record(absl::string_view bytes) {
  const std::string length = raw(static_cast<uint64_t>(bytes.size()));
  return absl::StrCat(length, masked_crc(length), bytes, masked_crc(bytes));
}

std::string version_event(double wall_time) {
  return absl::StrCat(time_field(wall_time), bytes_field(3, "brain.Event:2"));
}

std::string scalar_event(double wall_time, int64_t step, absl::string_view tag, double value) {
  const float narrow =
      std::abs(value) > std::numeric_limits<float>::max()
          ? std::copysign(std::numeric_limits<float>::infinity(), static_cast<float>(value > 0 ? 1 : -1))
          : static_cast<float>(value);
  // Event{1: wall_time, 2: step, 5: Summary{1: Value{1: tag, 2: simple_value}}}
  const std::string scalar = absl::StrCat(bytes_field(1, tag), "\x15", raw(narrow));
  return absl::StrCat(time_field(wall_time), "\x10", varint(static_cast<uint64_t>(step)),
                      bytes_field(5, bytes_field(1, scalar)));
}

TensorBoardLog::File& TensorBoardLog::file_of(const std::string& part) {
  const auto place = files_.emplace(part, File());
  File& file = place.first->second;
  if (!place.second) return file;
  const std::string folder = part.empty() ? directory_ : absl::StrCat(directory_, "/", part);
  file.path = absl::StrCat(folder, "/", kFileName);
  if (status_.ok()) status_ = make_directories(folder);
  absl::StatusOr<std::string> earlier = read_file(file.path);
  if (earlier.ok()) file.earlier = *std::move(earlier);
  add(file, version_event(now()));
  return file;
}

void TensorBoardLog::add(File& file, const std::string& event) {
  if (file.pending.empty() && file.at < file.earlier.size()) {
    const absl::string_view there = record_at(file.earlier, file.at);
    if (there.size() == event.size() &&
        there.substr(kTimeBytes) == absl::string_view(event).substr(kTimeBytes)) {
      file.at += kHeaderBytes + there.size() + kFooterBytes;
      return;
    }
  }
  absl::StrAppend(&file.pending, tf_record(event));
}

absl::Status TensorBoardLog::write(File& file) {
  if (file.pending.empty()) return absl::OkStatus();
  // Opened anew each time: a run may have more parts than a process may have open files.
  const int fd = ::open(file.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) return errno_status("cannot open", file.path, errno);
  absl::Status status;
  if (file.at < file.earlier.size() && ::ftruncate(fd, static_cast<off_t>(file.at)) != 0) {
    status = errno_status("cannot truncate", file.path, errno);
  }
  if (status.ok()) status = write_fully(fd, file.pending, file.path);
  ::close(fd);
  file.earlier = std::string(), file.at = 0;
  file.pending.clear();
  return status;
}

void TensorBoardLog::append(absl::string_view lines) {
  const double time = now();
  std::vector<File*> touched;
  for (const absl::string_view text : absl::StrSplit(lines, '\n', absl::SkipEmpty())) {
    const Json line = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
    if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) continue;
    std::string part, tags;
    for (const auto& item : line.items()) {
      if (!item.value().is_string()) continue;
      const auto value = item.value().get<std::string>();
      if (item.key() == "part") {
        part = value;
      } else {
        absl::StrAppend(&tags, value, "/");
      }
    }
    File& file = file_of(part);
    for (const auto& item : line.items()) {
      if (item.key() == "step" || !item.value().is_number()) continue;
      add(file, scalar_event(time, line["step"].get<int64_t>(), absl::StrCat(tags, item.key()),
                             item.value().get<double>()));
    }
    if (touched.empty() || touched.back() != &file) touched.push_back(&file);
  }
  for (File* file : touched) {
    if (status_.ok()) status_ = write(*file);
  }
}

}  // namespace roux::kit
