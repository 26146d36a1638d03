// What reading and writing a folder of PEFT share.
#ifndef ROUX_NN_MODELS_PEFT_FILE_H_
#define ROUX_NN_MODELS_PEFT_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tensor/tensor.h"

namespace roux::peft_file {

// Names of tensors are <prefix><module><end>; of modules_to_save <prefix><module>.weight and the like.
inline constexpr char kPrefix[] = "base_model.model.";
inline constexpr char kA[] = ".lora_A.weight", kB[] = ".lora_B.weight",
                      kMagnitude[] = ".lora_magnitude_vector";
inline constexpr char kConfig[] = "/adapter_config.json", kTensors[] = "/adapter_model.safetensors";

// Of one module of the file.
struct Adapter {
  Tensor a = {}, b = {}, magnitude = {};  // [r, in], [out, r], [out] of DoRA
};

inline absl::Status located(const absl::Status& status, const std::string& folder) {
  if (status.ok() || absl::StrContains(status.message(), folder)) return status;
  return absl::Status(status.code(), absl::StrCat(folder, ": ", status.message()));
}

inline absl::Status no_transformer(const std::string& model, const std::string& folder) {
  return absl::UnimplementedError(
      absl::StrCat(folder, ": adapters of ", model, ": only those of a Transformer are supported"));
}

}  // namespace roux::peft_file

#endif  // ROUX_NN_MODELS_PEFT_FILE_H_
