// Checkpoints: one file of named byte sections that is either whole or recognised as damaged.
//
//   CheckpointWriter writer;
//   writer.add("model", model_bytes);            // bytes are the caller's: safetensors, raw arrays, text
//   store.save(step, writer);                    // <directory>/step-000000000120.ckpt; the last two are kept
//   ROUX_ASSIGN_OR_RETURN(auto newest, store.load_newest());
//   if (newest) newest->checkpoint.section("model");
//
// Layout, little endian: "ROUXCKPT", u32 version, u32 sections; for each section u32 name length, name, u64
// offset, u64 size, u32 CRC-32C; the sections' bytes, each aligned to 64 with zeros; u64 file size, u32
// CRC-32C of all before. Any cut and any flipped bit is detected. Saving goes through AtomicFile, so neither
// kill -9 nor a full disk can harm the checkpoints that exist. Not thread-safe.
#ifndef ROUX_RECIPES_KIT_RUN_CHECKPOINT_H_
#define ROUX_RECIPES_KIT_RUN_CHECKPOINT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace roux::kit {

constexpr uint32_t kCheckpointVersion = 1;

class CheckpointWriter {
 public:
  CheckpointWriter() = default;
  // One that keeps nothing and is not written: for a rank that only takes part in gathering what it is given.
  static CheckpointWriter of_follower();

  // Section names are unique. `bytes` is kept.
  void add(const std::string& name, std::string bytes);
  // Not copied: `bytes` must live until the checkpoint is written.
  void add_view(const std::string& name, absl::string_view bytes);
  // Numbers, bit for bit.
  void add_numbers(const std::string& name, const std::vector<double>& values);

  absl::Status write(const std::string& path) const;

 private:
  struct Section {
    std::string name;
    std::string owned;
    absl::string_view view;
    bool is_view;
    absl::string_view bytes() const { return is_view ? view : absl::string_view(owned); }
  };
  std::vector<Section> sections_;
  bool keeps_ = true;
};

class Checkpoint {
 public:
  // DataLoss, with path and offset, for anything but a whole checkpoint; Unimplemented for a newer format
  // version.
  static absl::StatusOr<Checkpoint> open(const std::string& path);
  static absl::StatusOr<Checkpoint> parse(std::string bytes, const std::string& path);

  bool has(absl::string_view name) const { return find(name) != nullptr; }
  // NotFound names the path, the section and the sections there are. The view lives as long as this object.
  absl::StatusOr<absl::string_view> section(absl::string_view name) const;
  absl::StatusOr<std::vector<double>> numbers(absl::string_view name) const;
  const std::string& path() const { return path_; }

 private:
  struct Section {
    std::string name;
    uint64_t offset;
    uint64_t size;
  };
  const Section* find(absl::string_view name) const;

  std::string path_;
  std::string bytes_;
  std::vector<Section> sections_;
};

// The checkpoints of one training run: a directory of step-<12 digits>.ckpt.
class CheckpointStore {
 public:
  struct Loaded {
    int64_t step;
    Checkpoint checkpoint;
    std::vector<std::string> warnings;  // one line for each newer checkpoint that is damaged
  };

  explicit CheckpointStore(std::string directory) : directory_(std::move(directory)) {}

  // Writes the checkpoint of `step`, then removes all but this one and the newest earlier one, and what
  // savers that were killed had begun.
  absl::Status save(int64_t step, const CheckpointWriter& writer) const;
  // The newest checkpoint that is whole; nothing if the directory holds no checkpoint; DataLoss if all are
  // damaged.
  absl::StatusOr<std::optional<Loaded>> load_newest() const;
  // Removes all checkpoints, begun ones too.
  absl::Status clear() const;
  std::string path_of(int64_t step) const;
  // Steps of the checkpoints on disk, ascending, damaged ones included.
  std::vector<int64_t> steps() const;

 private:
  absl::Status remove(int64_t step) const;
  void remove_partial_files() const;

  std::string directory_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CHECKPOINT_H_
