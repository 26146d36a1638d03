#include "tensor/comm/nccl_library.h"

#include <dlfcn.h>

#include <type_traits>

#include "absl/strings/str_cat.h"
#include "tensor/error.h"

namespace roux::nccl {
namespace {

constexpr int kOldest = 2'07'00;  // the first with Send and Recv

// 2708 for 2.7.8, and since 2.9 with two digits more: 21805 for 2.18.5. In the latter form.
int version_of(int code) { return code < 10000 ? code / 1000 * 10000 + code % 1000 : code; }

absl::StatusOr<void*> open(const std::string& file, const char* whose) {
  // Never closed: its threads and what it has registered at exit must find it.
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  return absl::FailedPreconditionError(
      absl::StrCat("ranks on GPUs need ", whose, ", which cannot be loaded: ", dlerror()));
}

}  // namespace

absl::StatusOr<std::shared_ptr<Library>> load(const std::string& nccl, const std::string& driver) {
  ROUX_ASSIGN_OR_RETURN(void* const driver_handle, open(driver, "the NVIDIA driver's libcuda"));
  ROUX_ASSIGN_OR_RETURN(void* const handle, open(nccl, "NCCL"));
  auto library = std::make_shared<Library>();
  std::string missing;
  const auto bind = [&](auto& function, void* from, const char* name) {
    void* const symbol = dlsym(from, name);
    if (symbol == nullptr) absl::StrAppend(&missing, missing.empty() ? "" : ", ", name);
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol);
  };
  bind(library->GetVersion, handle, "ncclGetVersion");
  bind(library->GetErrorString, handle, "ncclGetErrorString");
  bind(library->GetUniqueId, handle, "ncclGetUniqueId");
  bind(library->CommInitRank, handle, "ncclCommInitRank");
  bind(library->CommAbort, handle, "ncclCommAbort");
  bind(library->GroupStart, handle, "ncclGroupStart");
  bind(library->GroupEnd, handle, "ncclGroupEnd");
  bind(library->Send, handle, "ncclSend");
  bind(library->Recv, handle, "ncclRecv");
  bind(library->AllGather, handle, "ncclAllGather");
  bind(library->Broadcast, handle, "ncclBroadcast");
  bind(library->wait_for_stream, driver_handle, "cuStreamSynchronize");
  int code = 0;
  if (library->GetVersion != nullptr && library->GetVersion(&code) == kSuccess &&
      version_of(code) < kOldest) {
    return absl::FailedPreconditionError(
        absl::StrCat(nccl, " is version code ", code, ", needed 2.7 or newer"));
  }
  if (!missing.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(nccl, " or ", driver, " lacks ", missing));
  }
  return library;
}

}  // namespace roux::nccl
