// Event files: bytes as TensorBoard 2.20 writes them, what a resumed run leaves, and TensorBoard's own
// reader.
#include "recipes/kit/run/tensorboard.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/data/runfiles.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/metrics_log.h"
#include "tensor/fresh_directory.h"

namespace roux::kit {
namespace {

std::string events(const std::string& directory, const std::string& part) {
  return *read_file(absl::StrCat(directory, part, "/events.out.tfevents.roux"));
}

std::string line(const std::string& part, int step, double loss) {
  return absl::StrCat("{\"part\":\"", part, "\",\"step\":", step, ",\"loss\":", loss, ",\"lr\":null}\n");
}

// tensorboard.summary.writer.record_writer.RecordWriter on the same events.
TEST(TensorBoard, RecordsAreTheBytesOfItsOwnWriter) {
  EXPECT_EQ(absl::BytesToHexString(tf_record(version_event(1.5))),
            "1800000000000000a37f4b2209000000000000f83f1a0d627261696e2e4576656e743a322a28646c");
  EXPECT_EQ(absl::BytesToHexString(tf_record(scalar_event(1234.5, 300, "loss", 2.5))),
            "1b000000000000001a0d9e130900000000004a934010ac022a0d0a0b0a046c6f737315000020406fe8a62a");
  std::string tag;
  for (int i = 0; i < 200; ++i) tag += "78";
  const std::string wide =
      absl::BytesToHexString(tf_record(scalar_event(1234.5, -1, std::string(200, 'x'), -1e300)));
  EXPECT_EQ(wide, "ea00000000000000ace9258c0900000000004a934010ffffffffffffffffff012ad3010ad0010ac801" + tag +
                      "15000080ff146eb71b");
}

TEST(TensorBoard, PartsAreFilesAndOtherTextsStandBeforeTheField) {
  const std::string out = fresh_directory();
  TensorBoardLog log(out);
  log.append(line("a/seed1", 1, 2.5) + "{\"kind\":\"final\",\"step\":7,\"gap\":1}\nnot json\n{\"gap\":1}\n");
  log.append(line("b/seed1", 1, 3));
  ASSERT_TRUE(log.status().ok()) << log.status();
  EXPECT_TRUE(absl::StrContains(events(out, "/a/seed1"), "loss"));
  EXPECT_FALSE(absl::StrContains(events(out, "/a/seed1"), "lr"));
  EXPECT_TRUE(absl::StrContains(events(out, ""), "final/gap"));
  EXPECT_TRUE(absl::StrContains(events(out, "/b/seed1"), "brain.Event:2"));
}

// Cut anywhere, a file that gets the same lines again ends as the undisturbed one: no event twice, none torn,
// and those that were whole keep their times.
TEST(TensorBoard, ResumedRunsNeitherRepeatNorTear) {
  const std::string out = fresh_directory();
  std::string lines;
  for (int step = 1; step <= 3; ++step) lines += line("a", step, step * 0.5);
  TensorBoardLog(out).append(lines);
  const std::string whole = events(out, "/a");
  const std::string path = out + "/a/events.out.tfevents.roux";
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    ASSERT_TRUE(write_file_atomically(path, whole.substr(0, cut)).ok());
    TensorBoardLog resumed(out);
    resumed.append(line("a", 1, 0.5));  // of the checkpoint
    resumed.append(line("a", 2, 1) + line("a", 3, 1.5));
    const std::string now = events(out, "/a");
    ASSERT_EQ(now.size(), whole.size()) << "cut at " << cut;
    if (cut == whole.size()) {
      EXPECT_EQ(now, whole);
    }
  }
  std::string damaged = whole;
  damaged[damaged.size() / 2] ^= 1;
  ASSERT_TRUE(write_file_atomically(path, damaged).ok());
  TensorBoardLog(out).append(lines);
  EXPECT_EQ(events(out, "/a").size(), whole.size());
  TensorBoardLog(out).append(line("a", 1, 0.5) + line("a", 2, 99));  // another course from step 2 on
  const size_t version = tf_record(version_event(0)).size();
  EXPECT_EQ(events(out, "/a").size(), version + (whole.size() - version) / 3 * 2);
}

TEST(TensorBoard, AFileThatCannotBeWrittenIsAnErrorOfTheLog) {
  MetricsLog log;
  log.also_to_tensorboard("/proc/nowhere");
  log.append(log.add_segment(), line("a", 1, 1));
  EXPECT_TRUE(absl::StrContains(log.flush().message(), "/proc/nowhere")) << log.flush();
}

TEST(TensorBoard, ItsOwnReaderFindsEveryNumber) {
  const char* given = std::getenv("ROUX_PYTHON");
  const std::string python = given == nullptr ? "python3" : given;
  if (std::system((python + " -c 'import tensorboard' 2>/dev/null").c_str()) != 0) {
    GTEST_SKIP()
        << "TensorBoard is not installed: pip install tensorboard, or --test_env=ROUX_PYTHON=PYTHON that "
           "has it";
  }
  const std::string out = fresh_directory();
  for (const int from : {0, 2}) {  // the second time as a resumed run
    MetricsLog log;
    log.also_to_tensorboard(out);
    const size_t segment = log.add_segment();
    std::string lines = line("adam/seed1", 1, 2.5) + line("adam/seed1", 2, 2.25);
    if (from == 2) lines += line("adam/seed1", 1000000, -1e-3);
    log.append(segment, lines);
    log.append(segment, "{\"split\":\"test\",\"step\":0,\"accuracy\":0.75}\n");
    ASSERT_TRUE(log.flush().ok());
  }
  const absl::StatusOr<std::string> script = find_runfile("recipes/kit/run/read_events.py");
  ASSERT_TRUE(script.ok()) << script.status();
  const std::string command = absl::StrCat(python, " ", *script, " ", out, " > ", out, "/read.txt");
  ASSERT_EQ(std::system(command.c_str()), 0);
  EXPECT_EQ(*read_file(out + "/read.txt"),
            ". test/accuracy 0 0.75\n"
            "adam/seed1 loss 1 2.5\n"
            "adam/seed1 loss 2 2.25\n"
            "adam/seed1 loss 1000000 -0.001\n");
}

}  // namespace
}  // namespace roux::kit
