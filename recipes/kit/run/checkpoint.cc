#include "recipes/kit/run/checkpoint.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/crc32c.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"

namespace roux::kit {
namespace {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "checkpoints are written in memory order");

constexpr absl::string_view kMagic("ROUXCKPT", 8);
constexpr uint64_t kAlignment = 64;
constexpr uint64_t kTrailerBytes = 12;
constexpr uint32_t kMostSections = 1 << 20;
constexpr char kPrefix[] = "step-";
constexpr char kSuffix[] = ".ckpt";
constexpr char kPartSuffix[] = ".part";
// Of a divided checkpoint: the files of the ranks, in their order, and what is cut.
constexpr char kPartsSection[] = "kit.parts", kCutSection[] = "kit.cut";
constexpr uint64_t kLeastCut = 1024;
constexpr size_t kStepDigits = 12;

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

uint64_t aligned(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

// Reads fields one after the other; `ok` turns false at the first one that does not fit.
struct Cursor {
  absl::string_view bytes;
  uint64_t position = 0;
  bool ok = true;

  absl::string_view take(uint64_t count) {
    if (!ok || count > bytes.size() - position) {
      ok = false;
      return {};
    }
    const absl::string_view taken = bytes.substr(position, count);
    position += count;
    return taken;
  }
  template <class T>
  T get() {
    T value{};
    const absl::string_view raw = take(sizeof value);
    if (ok) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
};

absl::Status damaged(const std::string& path, uint64_t offset, absl::string_view what) {
  return absl::DataLossError(absl::StrCat(path, ": damaged checkpoint: ", what, " (byte ", offset, ")"));
}

}  // namespace

void CheckpointWriter::divide(int rank, int ranks, uint64_t whole_bytes) {
  rank_ = rank, ranks_ = ranks, whole_bytes_ = whole_bytes;
}

void CheckpointWriter::add(const std::string& name, std::string bytes) {
  if (ranks_ > 1 && bytes.size() >= kLeastCut) {
    if (bytes.size() > whole_bytes_) {
      whole_bytes_ = 0;
      absl::StrAppend(&cut_, bytes.size(), " ", name, "\n");
      const auto [begin, end] = slice_of_rank(static_cast<int64_t>(bytes.size()), rank_, ranks_);
      slices_.push_back(
          {name, bytes.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin)), {}, false});
      return;
    }
    whole_bytes_ -= bytes.size();
  }
  if (rank_ == 0) sections_.push_back({name, std::move(bytes), {}, false});
}

void CheckpointWriter::add_view(const std::string& name, absl::string_view bytes) {
  if (ranks_ > 1) return add(name, std::string(bytes));
  sections_.push_back({name, "", bytes, true});
}

void CheckpointWriter::add_numbers(const std::string& name, const std::vector<double>& values) {
  add(name, std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double)));
}

std::string CheckpointWriter::head_of(const std::vector<Section>& sections) {
  uint64_t table_end = kMagic.size() + 8;
  for (const Section& section : sections) table_end += 4 + section.name.size() + 8 + 8 + 4;
  std::string head(kMagic);
  put(head, kCheckpointVersion);
  put(head, static_cast<uint32_t>(sections.size()));
  uint64_t offset = aligned(table_end);
  for (const Section& section : sections) {
    put(head, static_cast<uint32_t>(section.name.size()));
    head += section.name;
    put(head, offset);
    put(head, static_cast<uint64_t>(section.bytes().size()));
    put(head, crc32c(section.bytes()));
    offset = aligned(offset + section.bytes().size());
  }
  return head;
}

absl::Status CheckpointWriter::write(const std::string& path) const { return write(sections_, path); }

absl::StatusOr<std::string> CheckpointWriter::write_part(const std::string& path) const {
  // The head has the checksums of all slices: no file has the name of another with other contents, so that
  // an attempt that repeats a step harms no checkpoint.
  const std::string part =
      absl::StrCat(path.substr(0, path.size() - (sizeof kSuffix - 1)), ".", rank_ + 1, "of", ranks_, ".",
                   absl::Hex(crc32c(head_of(slices_)), absl::kZeroPad8), kPartSuffix);
  ROUX_RETURN_IF_ERROR(write(slices_, part));
  return part.substr(part.rfind('/') + 1);
}

void CheckpointWriter::add_parts(const std::vector<std::string>& files) {
  sections_.push_back({kPartsSection, absl::StrJoin(files, "\n"), {}, false});
  sections_.push_back({kCutSection, cut_, {}, false});
}

absl::Status CheckpointWriter::write(const std::vector<Section>& sections, const std::string& path) {
  const std::string head = head_of(sections);
  ROUX_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::create(path));
  uint64_t position = 0;
  uint32_t total = 0;
  const auto append = [&](absl::string_view bytes) {
    position += bytes.size();
    total = crc32c(bytes, total);
    return file.append(bytes);
  };
  const std::string zeros(kAlignment, '\0');
  const auto align = [&] { return append(absl::string_view(zeros).substr(0, aligned(position) - position)); };
  ROUX_RETURN_IF_ERROR(append(head));
  ROUX_RETURN_IF_ERROR(align());
  for (const Section& section : sections) {
    ROUX_RETURN_IF_ERROR(append(section.bytes()));
    ROUX_RETURN_IF_ERROR(align());
  }
  std::string trailer;
  put(trailer, position + kTrailerBytes);
  ROUX_RETURN_IF_ERROR(append(trailer));
  trailer.clear();
  put(trailer, total);
  ROUX_RETURN_IF_ERROR(append(trailer));
  return file.commit();
}

absl::StatusOr<Checkpoint> Checkpoint::open(const std::string& path) {
  ROUX_ASSIGN_OR_RETURN(std::string bytes, read_file(path));
  ROUX_ASSIGN_OR_RETURN(Checkpoint result, parse(std::move(bytes), path));
  ROUX_RETURN_IF_ERROR(result.take_parts());
  return result;
}

absl::Status Checkpoint::take_parts() {
  if (!has(kPartsSection)) return absl::OkStatus();
  ROUX_ASSIGN_OR_RETURN(const absl::string_view parts, section(kPartsSection));
  ROUX_ASSIGN_OR_RETURN(const absl::string_view cut, section(kCutSection));
  const std::vector<std::string> files = absl::StrSplit(parts, '\n');
  const size_t first = sections_.size();
  uint64_t end = bytes_.size();
  for (const absl::string_view line : absl::StrSplit(cut, '\n', absl::SkipEmpty())) {
    const std::pair<absl::string_view, std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 1));
    Section section{words.second, end, 0};
    if (!absl::SimpleAtoi(words.first, &section.size) || section.size > UINT64_MAX - end) {
      return damaged(path_, 0, "its list of what is cut makes no sense");
    }
    end += section.size;
    sections_.push_back(std::move(section));
  }
  bytes_.resize(end);
  const std::string folder = path_.substr(0, path_.rfind('/') + 1);
  const auto ranks = static_cast<int>(files.size());
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string& file = files[static_cast<size_t>(rank)];
    const absl::StatusOr<Checkpoint> part = open(folder + file);
    if (!part.ok()) return damaged(path_, 0, absl::StrCat("its part: ", part.status().message()));
    for (size_t i = first; i < sections_.size(); ++i) {
      const Section& section = sections_[i];
      const auto [from, to] = slice_of_rank(static_cast<int64_t>(section.size), rank, ranks);
      const absl::StatusOr<absl::string_view> slice = part->section(section.name);
      if (!slice.ok() || slice->size() != static_cast<size_t>(to - from)) {
        return damaged(path_, 0, absl::StrCat("its part ", file, " has no such slice of ", section.name));
      }
      std::copy(slice->begin(), slice->end(), bytes_.begin() + static_cast<int64_t>(section.offset) + from);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Checkpoint> Checkpoint::parse(std::string bytes, const std::string& path) {
  Checkpoint result;
  result.path_ = path;
  result.bytes_ = std::move(bytes);
  const absl::string_view all = result.bytes_;
  Cursor head{all};
  if (head.take(kMagic.size()) != kMagic) return damaged(path, 0, "it does not start with ROUXCKPT");
  const auto version = head.get<uint32_t>();
  if (head.ok && version > kCheckpointVersion && version < 1 << 16) {
    return absl::UnimplementedError(absl::StrCat(path, ": checkpoint of format version ", version,
                                                 ", this program reads up to ", kCheckpointVersion));
  }
  if (!head.ok || all.size() < head.position + kTrailerBytes)
    return damaged(path, all.size(), "it was cut off");
  Cursor trailer{all, all.size() - kTrailerBytes};
  if (trailer.get<uint64_t>() != all.size()) return damaged(path, all.size(), "it was cut off or grew");
  const uint32_t total = crc32c(all.substr(0, trailer.position));
  if (trailer.get<uint32_t>() != total) return damaged(path, all.size() - 4, "its checksum is wrong");

  // The total checksum has matched: what follows fails only for files that were written wrong.
  const uint64_t end = all.size() - kTrailerBytes;
  const auto count = head.get<uint32_t>();
  if (version == 0 || count > kMostSections) return damaged(path, head.position, "its header makes no sense");
  for (uint32_t i = 0; i < count; ++i) {
    const auto name_size = head.get<uint32_t>();
    const absl::string_view name = head.take(name_size);
    const auto offset = head.get<uint64_t>();
    const auto size = head.get<uint64_t>();
    const auto crc = head.get<uint32_t>();
    if (!head.ok || offset > end || size > end - offset) {
      return damaged(path, head.position, "a section lies outside the file");
    }
    if (crc32c(all.substr(offset, size)) != crc) {
      return damaged(path, offset, absl::StrCat("the checksum of section '", name, "' is wrong"));
    }
    result.sections_.push_back({std::string(name), offset, size});
  }
  return result;
}

const Checkpoint::Section* Checkpoint::find(absl::string_view name) const {
  for (const Section& section : sections_) {
    if (section.name == name) return &section;
  }
  return nullptr;
}

absl::StatusOr<absl::string_view> Checkpoint::section(absl::string_view name) const {
  const Section* found = find(name);
  if (found != nullptr) return absl::string_view(bytes_).substr(found->offset, found->size);
  std::string names;
  for (const Section& section : sections_) absl::StrAppend(&names, names.empty() ? "" : ", ", section.name);
  return absl::NotFoundError(absl::StrCat(path_, ": no section '", name, "' (it has: ", names, ")"));
}

absl::StatusOr<std::vector<double>> Checkpoint::numbers(absl::string_view name) const {
  ROUX_ASSIGN_OR_RETURN(const absl::string_view raw, section(name));
  if (raw.size() % sizeof(double) != 0) {
    return absl::DataLossError(
        absl::StrCat(path_, ": section '", name, "' has ", raw.size(), " bytes, not doubles"));
  }
  std::vector<double> values(raw.size() / sizeof(double));
  if (!raw.empty()) std::memcpy(values.data(), raw.data(), raw.size());
  return values;
}

std::string CheckpointStore::path_of(int64_t step) const {
  return absl::StrCat(directory_, "/", kPrefix, absl::StrFormat("%0*d", static_cast<int>(kStepDigits), step),
                      kSuffix);
}

std::vector<int64_t> CheckpointStore::steps() const {
  std::vector<int64_t> found;
  DIR* directory = ::opendir(directory_.c_str());
  if (directory == nullptr) return found;
  while (const dirent* entry = ::readdir(directory)) {
    absl::string_view name = entry->d_name;
    int64_t step = 0;
    if (absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix) &&
        name.size() == sizeof kPrefix - 1 + kStepDigits + sizeof kSuffix - 1 &&
        absl::SimpleAtoi(name.substr(sizeof kPrefix - 1, kStepDigits), &step)) {
      found.push_back(step);
    }
  }
  ::closedir(directory);
  std::sort(found.begin(), found.end());
  return found;
}

void CheckpointStore::remove_leftovers() const {
  DIR* directory = ::opendir(directory_.c_str());
  if (directory == nullptr) return;
  std::set<std::string> parts;
  while (const dirent* entry = ::readdir(directory)) {
    const absl::string_view name = entry->d_name;
    if (!absl::StartsWith(name, kPrefix)) continue;
    if (absl::EndsWith(name, ".partial")) ::unlink(absl::StrCat(directory_, "/", name).c_str());
    if (absl::EndsWith(name, kPartSuffix)) parts.emplace(name);
  }
  ::closedir(directory);
  if (parts.empty()) return;
  for (const int64_t step : steps()) {
    const absl::StatusOr<std::string> bytes = read_file(path_of(step));
    const auto checkpoint = bytes.ok() ? Checkpoint::parse(*bytes, path_of(step)) : bytes.status();
    if (!checkpoint.ok() || !checkpoint->has(kPartsSection)) continue;
    for (const absl::string_view part : absl::StrSplit(*checkpoint->section(kPartsSection), '\n')) {
      parts.erase(std::string(part));
    }
  }
  for (const std::string& part : parts) ::unlink(absl::StrCat(directory_, "/", part).c_str());
}

absl::StatusOr<std::string> CheckpointStore::save_part(int64_t step, const CheckpointWriter& writer) const {
  ROUX_RETURN_IF_ERROR(make_directories(directory_));
  return writer.write_part(path_of(step));
}

absl::Status CheckpointStore::remove(int64_t step) const {
  const std::string path = path_of(step);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_status("cannot remove", path, errno);
  return absl::OkStatus();
}

absl::Status CheckpointStore::save(int64_t step, const CheckpointWriter& writer) const {
  ROUX_RETURN_IF_ERROR(make_directories(directory_));
  ROUX_RETURN_IF_ERROR(writer.write(path_of(step)));
  // Later steps belong to an attempt that was abandoned (a damaged newest checkpoint, say).
  std::vector<int64_t> others = steps();
  others.erase(std::remove(others.begin(), others.end(), step), others.end());
  const auto later = std::upper_bound(others.begin(), others.end(), step);
  if (later != others.begin()) others.erase(later - 1);
  for (const int64_t other : others) ROUX_RETURN_IF_ERROR(remove(other));
  remove_leftovers();
  return absl::OkStatus();
}

absl::StatusOr<std::optional<CheckpointStore::Loaded>> CheckpointStore::load_newest() const {
  std::vector<std::string> warnings;
  std::vector<int64_t> found = steps();
  for (auto step = found.rbegin(); step != found.rend(); ++step) {
    absl::StatusOr<Checkpoint> checkpoint = Checkpoint::open(path_of(*step));
    if (checkpoint.ok()) return Loaded{*step, *std::move(checkpoint), std::move(warnings)};
    warnings.push_back(std::string(checkpoint.status().message()));
  }
  if (warnings.empty()) return std::optional<Loaded>();
  return absl::DataLossError(absl::StrCat("no checkpoint is whole; the newest: ", warnings.front()));
}

absl::Status CheckpointStore::clear() const {
  for (const int64_t step : steps()) ROUX_RETURN_IF_ERROR(remove(step));
  remove_leftovers();
  return absl::OkStatus();
}

}  // namespace roux::kit
