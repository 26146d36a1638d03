// The numbers of metrics.jsonl as TensorBoard event files: tensorboard --logdir OUT/tensorboard shows a part
// as a run and a field as a scalar.
//
//   TensorBoardLog log(out + "/tensorboard");
//   log.append("{\"part\":\"adam/seed1\",\"step\":1,\"loss\":2.5}\n");   //
//   OUT/tensorboard/adam/seed1/events.out.tfevents.roux
//
// A file is a sequence of TFRecords (length, masked CRC-32C of the length, bytes, masked CRC-32C of the
// bytes), each an Event of tensorflow/core/util/event.proto. A resumed run hands in the lines of its
// checkpoints again: events that the file already has stay with their times, and at the first that differs or
// was cut the file is truncated and goes on from there. So nothing is there twice and nothing is torn. Not
// thread-safe: MetricsLog calls it under its lock.
#ifndef ROUX_RECIPES_KIT_RUN_TENSORBOARD_H_
#define ROUX_RECIPES_KIT_RUN_TENSORBOARD_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace roux::kit {

class TensorBoardLog {
 public:
  explicit TensorBoardLog(std::string directory) : directory_(std::move(directory)) {}

  // Lines as in metrics.jsonl. "part" names the file (none: the folder itself), other texts stand before the
  // field in the tag ("test/accuracy"); values that are not numbers are left out. Once a file could not be
  // written nothing more is.
  void append(absl::string_view lines);
  // The first error of a file.
  const absl::Status& status() const { return status_; }

 private:
  struct File {
    std::string path;
    std::string earlier;  // what an interrupted session left, until the events have caught up with it
    size_t at = 0;        // how much of it is confirmed
    std::string pending;
  };
  File& file_of(const std::string& part);
  void add(File& file, const std::string& event);
  absl::Status write(File& file);

  std::string directory_;
  std::map<std::string, File> files_;
  absl::Status status_;
};

// Encoded Events. wall_time in seconds since 1970. Values beyond the range of float become infinite.
std::string scalar_event(double wall_time, int64_t step, absl::string_view tag, double value);
std::string version_event(double wall_time);  // the first event of each file
// One TFRecord.
std::string tf_record(absl::string_view bytes);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_TENSORBOARD_H_
