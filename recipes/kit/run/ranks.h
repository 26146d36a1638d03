// A recipe on several ranks (tensor/comm): every rank runs it from its first line to its last, and those that
// share work meet in kit/train's update() and evaluate_loss(). Rank 0 has the output folder, draws progress
// and speaks; the others write to a scratch folder of their own, which goes when they end. Parts run one
// after the other, for collectives have one order.
#ifndef ROUX_RECIPES_KIT_RUN_RANKS_H_
#define ROUX_RECIPES_KIT_RUN_RANKS_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "recipes/kit/run/run.h"

namespace roux::kit {

// Whether the launcher, if there is one, started this process as the first: known before the job is joined.
bool is_first_of_launcher();

// Joins the job, if a launcher started this program as one of several ranks; gives each rank of a machine its
// part of the cores unless --threads or the launcher's binding do. Errors of start_world().
absl::Status start_ranks();

// A folder that is removed with the object.
class ScratchFolder {
 public:
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

 private:
  std::string path_;
};

// Finds out that all ranks run the same program with the same settings, and makes a follower of every rank
// but the first: quiet, in a scratch folder with a copy of what is resumed, which every rank must be able to
// read. FailedPrecondition names the rank and the first difference. Alone: does nothing.
absl::StatusOr<std::unique_ptr<ScratchFolder>> follow_rank_0(RunSetup& setup);

// FailedPrecondition, with both texts, when a rank's differs from that of rank 0. Every rank calls it.
absl::Status same_on_all_ranks(const std::string& what, const std::string& text);

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_RUN_RANKS_H_
