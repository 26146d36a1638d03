#include "nn/models/pretrained.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/config_json.h"
#include "nn/models/encoder_decoder_json.h"
#include "nn/models/encoder_decoder_names.h"
#include "nn/weights.h"
#include "tensor/error.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/atomic_folder.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/quantize.h"

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

struct ConfigFile {
  std::string path, text;
  bool encoder_decoder;
};
absl::StatusOr<ConfigFile> read_config(const std::string& folder) {
  ConfigFile file{.path = absl::StrCat(folder, "/config.json"), .text = {}, .encoder_decoder = false};
  ROUX_ASSIGN_OR_RETURN(file.text, read_file(file.path));
  ROUX_ASSIGN_OR_RETURN(file.encoder_decoder, is_encoder_decoder_json(file.text, file.path));
  return file;
}

template <class Model, class Config>
absl::StatusOr<std::unique_ptr<Model>> load(const std::string& folder, absl::StatusOr<Config> parsed,
                                            const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(Config config, std::move(parsed));
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

// What transformers can read: blocks as their values.
NamedTensors plain(NamedTensors state) {
  for (auto& [name, value] : state) {
    if (is_block(value.dtype())) value = dequantize(value);
  }
  return state;
}

absl::Status save(const absl::StatusOr<std::string>& config, const absl::StatusOr<NamedTensors>& file,
                  const std::string& folder) {
  if (!config.ok()) return located(config.status(), folder);
  if (!file.ok()) return located(file.status(), folder);
  return write_folder_atomically(folder, [&](const std::string& partial) {
    ROUX_RETURN_IF_ERROR(
        save_safetensors(absl::StrCat(partial, "/model.safetensors"), *file, {{"format", "pt"}}));
    return write_file_atomically(absl::StrCat(partial, "/config.json"), *config);
  });
}

}  // namespace

template <>
absl::StatusOr<std::unique_ptr<Transformer>> load_pretrained(const std::string& folder,
                                                             const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const ConfigFile file, read_config(folder));
  if (file.encoder_decoder) {
    return absl::InvalidArgumentError(absl::StrCat(file.path, ": an encoder-decoder, needed a Transformer"));
  }
  return load<Transformer>(folder, parse_config_json(file.text, file.path), options);
}

template <>
absl::StatusOr<std::unique_ptr<EncoderDecoder>> load_pretrained(const std::string& folder,
                                                                const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const ConfigFile file, read_config(folder));
  if (!file.encoder_decoder) {
    return absl::InvalidArgumentError(
        absl::StrCat(file.path, ": one Transformer, needed an encoder-decoder"));
  }
  return load<EncoderDecoder>(folder, parse_encoder_decoder_json(file.text, file.path), options);
}

template <>
absl::StatusOr<std::unique_ptr<LanguageModel>> load_pretrained(const std::string& folder,
                                                               const PretrainedOptions& options) {
  ROUX_ASSIGN_OR_RETURN(const ConfigFile file, read_config(folder));
  if (file.encoder_decoder) return load_pretrained<EncoderDecoder>(folder, options);
  return load_pretrained<Transformer>(folder, options);
}

absl::Status save_pretrained(const LanguageModel& model, const std::string& folder) {
  const DType dtype = model.embedding_weight().dtype();
  if (const auto* m = dynamic_cast<const Transformer*>(&model)) {
    return save(config_json(m->config(), dtype), to_checkpoint(m->config(), plain(m->state_dict())), folder);
  }
  if (const auto* m = dynamic_cast<const EncoderDecoder*>(&model)) {
    return save(encoder_decoder_json(m->config(), dtype), to_checkpoint(m->config(), plain(m->state_dict())),
                folder);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(folder, ": no files for ", model.pretty_print(), ", which is none of our models"));
}

}  // namespace roux
