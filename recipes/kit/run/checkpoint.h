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
//
// Ranks that divide the state (tensor/comm) divide a large checkpoint too: each writes its slice of every
// section to a file of its own, of the same layout, and then rank 0 its own file, which names those and
// is the checkpoint. It is read as any other, by any number of ranks.
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
// Checkpoints up to this size stay one file.
constexpr uint64_t kWholeCheckpointBytes = uint64_t{64} << 20;

class CheckpointWriter {
 public:
  // From here on every rank adds the same sections: those after the first `whole_bytes` are cut into slices
  // for write_part(), the others are kept by rank 0.
  void divide(int rank, int ranks, uint64_t whole_bytes);
  bool is_divided() const { return !cut_.empty(); }

  // Section names are unique. `bytes` is kept.
  void add(const std::string& name, std::string bytes);
  // Not copied: `bytes` must live until the checkpoint is written.
  void add_view(const std::string& name, absl::string_view bytes);
  // Numbers, bit for bit.
  void add_numbers(const std::string& name, const std::vector<double>& values);

  absl::Status write(const std::string& path) const;
  // Writes this rank's slices beside `path` and gives the file's name, which depends on what is in it.
  absl::StatusOr<std::string> write_part(const std::string& path) const;
  // Of all ranks, for the file of rank 0.
  void add_parts(const std::vector<std::string>& files);

 private:
  struct Section {
    std::string name;
    std::string owned;
    absl::string_view view;
    bool is_view;
    absl::string_view bytes() const { return is_view ? view : absl::string_view(owned); }
  };
  static std::string head_of(const std::vector<Section>& sections);
  static absl::Status write(const std::vector<Section>& sections, const std::string& path);

  std::vector<Section> sections_, slices_;
  int rank_ = 0, ranks_ = 1;
  uint64_t whole_bytes_ = 0;  // how many more are kept whole
  std::string cut_;           // a line for each section that is cut: its bytes and its name
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
  // Reads the sections that are in other files, if there are any.
  absl::Status take_parts();
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

  // Of a divided checkpoint, on every rank and before save(): CheckpointWriter::write_part().
  absl::StatusOr<std::string> save_part(int64_t step, const CheckpointWriter& writer) const;
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
  // Files that were not finished, and parts that no checkpoint names.
  void remove_leftovers() const;

  std::string directory_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_CHECKPOINT_H_
