// metrics.jsonl: one JSON object a line, in an order that does not depend on threads or interruptions.
//
// The log is cut into segments (one for each part of a run, one for what is recorded between parts). A
// segment's lines appear in the file as soon as all segments before it are closed; later segments wait in
// memory. So the file is always a prefix of what an undisturbed run writes, and a resumed run, which puts the
// lines of its checkpoints back, ends with the same bytes. Thread-safe.
//
// The same numbers may go to TensorBoard's event files, which have one file a part and need no order: there
// they appear at once.
#ifndef ROUX_RECIPES_KIT_RUN_METRICS_LOG_H_
#define ROUX_RECIPES_KIT_RUN_METRICS_LOG_H_

#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "recipes/kit/run/tensorboard.h"

namespace roux::kit {

class MetricsLog {
 public:
  MetricsLog() = default;
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  ~MetricsLog();

  // Starts an empty file, or goes on after the last whole or cut line of an existing one (`append`). Without
  // open() lines are kept in memory only.
  absl::Status open(const std::string& path, bool append = false);
  // open() as soon as there is a line to write; a file of an earlier session is removed at once.
  void open_with_first_line(const std::string& path);
  // From now on appended lines also go to event files below `directory` (tensorboard.h).
  void also_to_tensorboard(const std::string& directory);
  // A new segment after all others; its index.
  size_t add_segment();
  // `lines` end with '\n'.
  void append(size_t segment, absl::string_view lines);
  // All lines of an open segment so far, for its checkpoint.
  std::string text(size_t segment) const;
  void close(size_t segment);
  // Writes what may be written; the first error of a file stays.
  absl::Status flush();

 private:
  struct Segment {
    std::string text;
    size_t written = 0;
    bool closed = false;
  };
  mutable std::mutex mutex_;
  std::deque<Segment> segments_;
  size_t first_open_ = 0;
  std::string path_;
  bool open_with_first_line_ = false;
  int fd_ = -1;
  absl::Status status_;
  std::unique_ptr<TensorBoardLog> tensorboard_;
};

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_METRICS_LOG_H_
