#include "nn/models/pretrained.h"

#include <filesystem>
#include <string_view>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/config_json.h"
#include "nn/models/encoder_decoder_json.h"
#include "nn/models/encoder_decoder_names.h"
#include "nn/weights.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"

namespace roux {
namespace {

absl::Status located(const absl::Status& status, const std::string& folder) {
  if (status.ok()) return status;
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

// A file of few tensors cannot ask for the memory of many modules.
absl::Status check_counts(const TransformerConfig& c, size_t tensors) {
  const auto most = static_cast<int64_t>(tensors);
  const int64_t experts = c.moe ? c.moe->experts : 0;
  const int64_t sparse = c.moe ? c.num_hidden_layers - static_cast<int64_t>(c.moe->dense_layers.size()) : 0;
  if (c.num_hidden_layers <= most && (sparse == 0 || experts <= most / sparse)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("config.json has ", c.num_hidden_layers, " layers",
                                                 c.moe ? absl::StrCat(" of ", experts, " experts") : "",
                                                 ", the weights are ", tensors, " tensors"));
}
absl::Status check_counts(const EncoderDecoderConfig& c, size_t tensors) {
  ROUX_RETURN_IF_ERROR(check_counts(c.encoder, tensors));
  return check_counts(c.decoder, tensors);
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
  ROUX_RETURN_IF_ERROR(located(check_counts(config, file.size()), folder));
  absl::StatusOr<NamedTensors> state = from_checkpoint(config, file);
  if (!state.ok()) return located(state.status(), folder);
  std::unique_ptr<Model> model;
  try {  // sizes of a damaged file may overflow
    model = std::make_unique<Model>(config, Init{.generator = nullptr,
                                                 .dtype = options.dtype,
                                                 .device = options.map ? Device(kMeta) : options.device});
  } catch (const Error& error) {
    return located(absl::InvalidArgumentError(error.what()), folder);
  }
  if (options.map) {
    for (auto& [name, value] : *state) value = to_device(value.contiguous(), options.device);
  }
  const absl::Status loaded = roux::load(*model, *state, {.map = options.map}).status();
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
