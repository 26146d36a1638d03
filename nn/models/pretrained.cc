#include "nn/models/pretrained.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/config_json.h"
#include "nn/models/encoder_decoder_json.h"
#include "nn/models/encoder_decoder_names.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"

namespace roux {
namespace {

absl::Status located(const absl::Status& status, const std::string& folder) {
  return absl::Status(status.code(), absl::StrCat(folder, ": ", status.message()));
}

void set_options(const PretrainedOptions& options, TransformerConfig* config) {
  config->compute_dtype = options.compute_dtype;
  config->gradient_checkpointing = options.gradient_checkpointing;
}
void set_options(const PretrainedOptions& options, EncoderDecoderConfig* config) {
  set_options(options, &config->encoder);
  set_options(options, &config->decoder);
}

template <class Model, class Config>
absl::StatusOr<std::unique_ptr<Model>> load(const std::string& folder, const PretrainedOptions& options,
                                            absl::StatusOr<Config> (*parse)(std::string_view text,
                                                                            const std::string& where)) {
  const std::string config_path = absl::StrCat(folder, "/config.json");
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(config_path));
  ROUX_ASSIGN_OR_RETURN(Config config, parse(text, config_path));
  set_options(options, &config);
  ROUX_ASSIGN_OR_RETURN(const NamedTensors file, load_safetensors(folder));
  const absl::StatusOr<NamedTensors> state = from_checkpoint(config, file);
  if (!state.ok()) return located(state.status(), folder);
  auto model = std::make_unique<Model>(
      config, Init{.generator = nullptr, .dtype = options.dtype, .device = options.device});
  const absl::Status loaded = model->load_state_dict(*state);
  if (!loaded.ok()) return located(loaded, folder);
  return model;
}

absl::Status save(const absl::StatusOr<std::string>& config, const absl::StatusOr<NamedTensors>& file,
                  const std::string& folder) {
  if (!config.ok()) return located(config.status(), folder);
  if (!file.ok()) return located(file.status(), folder);
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot make ", folder, ": ", error.message()));
  ROUX_RETURN_IF_ERROR(
      save_safetensors(absl::StrCat(folder, "/model.safetensors"), *file, {{"format", "pt"}}));
  return write_file_atomically(absl::StrCat(folder, "/config.json"), *config);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transformer>> load_pretrained(const std::string& folder,
                                                             const PretrainedOptions& options) {
  return load<Transformer>(folder, options, parse_config_json);
}

absl::StatusOr<std::unique_ptr<EncoderDecoder>> load_pretrained_encoder_decoder(
    const std::string& folder, const PretrainedOptions& options) {
  return load<EncoderDecoder>(folder, options, parse_encoder_decoder_json);
}

absl::Status save_pretrained(const Transformer& model, const std::string& folder) {
  return save(config_json(model.config(), model.embedding_weight().dtype()),
              to_checkpoint(model.config(), model.state_dict()), folder);
}

absl::Status save_pretrained(const EncoderDecoder& model, const std::string& folder) {
  return save(encoder_decoder_json(model.config(), model.embedding_weight().dtype()),
              to_checkpoint(model.config(), model.state_dict()), folder);
}

}  // namespace roux
