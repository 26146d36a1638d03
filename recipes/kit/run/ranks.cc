#include "recipes/kit/run/ranks.h"

#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "recipes/kit/run/atomic_file.h"
#include "recipes/kit/run/config_file.h"
#include "recipes/kit/run/crc32c.h"
#include "recipes/kit/run/output_directory.h"
#include "tensor/comm/communicator.h"
#include "tensor/error.h"
#include "tensor/parallel.h"

namespace roux::kit {
namespace {

namespace fs = std::filesystem;

// What a launcher says; the first of these variables that is a number.
int of_launcher(std::initializer_list<const char*> names, int otherwise) {
  for (const char* name : names) {
    const char* const text = std::getenv(name);
    int value = 0;
    if (text != nullptr && absl::SimpleAtoi(text, &value)) return value;
  }
  return otherwise;
}

// Of libraries that come with the program; their notes have the linker's checksum of what is in them.
int add_notes(dl_phdr_info* library, size_t, void* sum) {
  const absl::string_view path = library->dlpi_name;
  if (!absl::StrContains(path, '/') || absl::StartsWith(path, "/lib") || absl::StartsWith(path, "/usr/"))
    return 0;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const auto& header = library->dlpi_phdr[i];
    if (header.p_type != PT_NOTE) continue;
    const auto* const notes = reinterpret_cast<const char*>(library->dlpi_addr + header.p_vaddr);
    auto& crc = *static_cast<uint32_t*>(sum);
    crc = crc32c(absl::string_view(notes, header.p_memsz), crc);
  }
  return 0;
}

absl::StatusOr<std::string> program_checksum() {
  ROUX_ASSIGN_OR_RETURN(const std::string bytes, read_file("/proc/self/exe"));
  uint32_t libraries = 0;
  ::dl_iterate_phdr(add_notes, &libraries);
  return absl::StrCat(bytes.size(), " bytes, crc32c ", absl::Hex(crc32c(bytes)), ", of its libraries ",
                      absl::Hex(libraries));
}

// What has to be equal, as config.json has it.
absl::StatusOr<std::string> configuration(const RunSetup& setup) {
  ROUX_ASSIGN_OR_RETURN(const std::vector<uint64_t> seeds, seeds_of(setup.options, setup.preset));
  return config_text(setup.info, setup.options, seeds, num_threads(), setup.settings, setup.inputs);
}

absl::StatusOr<std::string> make_scratch() {
  const char* const base = std::getenv("TMPDIR");
  std::string path = absl::StrCat(base != nullptr && *base != '\0' ? base : "/tmp", "/roux-rank-XXXXXX");
  if (::mkdtemp(path.data()) == nullptr) return errno_status("cannot make a folder", path, errno);
  return path;
}

}  // namespace

bool is_first_of_launcher() { return of_launcher({"OMPI_COMM_WORLD_RANK", "SLURM_PROCID"}, 0) == 0; }

absl::Status start_ranks() {
  ROUX_RETURN_IF_ERROR(start_world());
  const int cores = num_threads();
  if (world().size() > 1 && cores == ::sysconf(_SC_NPROCESSORS_ONLN)) {
    const int here = of_launcher({"OMPI_COMM_WORLD_LOCAL_SIZE", "SLURM_NTASKS_PER_NODE"}, 1);
    set_num_threads(std::max(1, cores / std::max(1, here)));
  }
  return absl::OkStatus();
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

absl::Status same_on_all_ranks(const std::string& what, const std::string& text) {
  if (world().size() == 1) return absl::OkStatus();
  const std::vector<std::string> all = world().all_gather(text);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank] == all[0]) continue;
    return absl::FailedPreconditionError(absl::StrCat(what, " differs between the ranks: rank 0 has ", all[0],
                                                      ", rank ", rank, " has ", all[rank]));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ScratchFolder>> follow_rank_0(RunSetup& setup) {
  Communicator& comm = world();
  if (comm.size() == 1) return nullptr;
  ROUX_ASSIGN_OR_RETURN(const std::string checksum, program_checksum());
  ROUX_RETURN_IF_ERROR(same_on_all_ranks("the program", checksum));
  ROUX_ASSIGN_OR_RETURN(const std::string own, configuration(setup));
  const std::vector<std::string> all = comm.all_gather(own);
  for (size_t rank = 1; rank < all.size(); ++rank) {
    ROUX_RETURN_IF_ERROR(check_same_choices(all[0], all[rank], static_cast<int>(rank)));
  }
  ROUX_RETURN_IF_ERROR(same_on_all_ranks("--zero", absl::StrCat(setup.options.zero)));
  std::unique_ptr<ScratchFolder> folder;
  absl::Status copied;
  if (comm.rank() > 0) {
    ROUX_ASSIGN_OR_RETURN(const std::string scratch, make_scratch());
    folder = std::make_unique<ScratchFolder>(scratch);
    const std::string out = absl::StrCat(scratch, "/run");
    if (setup.options.resume) {
      std::error_code error;
      fs::create_directory(out, error);
      for (const char* part : {"config.json", "checkpoints"}) {
        const std::string from = absl::StrCat(setup.options.out, "/", part);
        if (!error && fs::exists(from))
          fs::copy(from, absl::StrCat(out, "/", part), fs::copy_options::recursive, error);
      }
      if (error) {
        copied = absl::UnavailableError(absl::StrCat("rank ", comm.rank(), " cannot copy ", setup.options.out,
                                                     " to ", out, ": ", error.message()));
      }
    }
    setup.options.out = out;
    setup.options.out_is_exact = true;
    setup.quiet = setup.follower = true;
  }
  comm.barrier();  // rank 0 may write to what is resumed from here on
  ROUX_RETURN_IF_ERROR(copied);
  return folder;
}

}  // namespace roux::kit
