#include <algorithm>
#include <map>
#include <set>

#include "nn/layers.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/checkpoint_tools.h"
#include "nn/models/peft.h"
#include "nn/models/peft_config.h"
#include "nn/models/peft_file.h"
#include "nn/models/transformer.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/atomic_folder.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/reduce.h"

namespace roux {
namespace {

using peft_file::Adapter;
using peft_file::has_decoder_in_head;
using peft_file::has_one_embedding;
using peft_file::kA;
using peft_file::kB;
using peft_file::kConfig;
using peft_file::kEmbeddingA;
using peft_file::kEmbeddingB;
using peft_file::kMagnitude;
using peft_file::kPrefix;
using peft_file::kTensors;
using peft_file::task_type;
using peft_file::ties_embeddings;
using peft_file::transposed;
using peft_file::with_kind;

// An adapter as a module of the file has it.
struct Joined {
  std::string module;
  Adapter tensors;
  LoraOptions options;
};

// Rows of the layers that stand in one module of the file, as that module has them.
template <class Config>
absl::StatusOr<Tensor> joined_rows(const Config& c, const FileModule& module,
                                   const std::vector<Tensor>& rows) {
  NamedTensors parts;
  for (size_t i = 0; i < rows.size(); ++i) parts.emplace_back(module.ours[i] + ".bias", rows[i]);
  ROUX_ASSIGN_OR_RETURN(const NamedTensors file, to_checkpoint(c, parts));
  return file.front().second;
}

// Different lora_As behind each other, and lora_B with rows that read one of them each. A layer without an
// adapter gets zeros, and the norms of its weight as magnitudes.
template <class Config>
absl::StatusOr<Joined> join(const Config& c, const FileModule& module,
                            const std::vector<const AdaptedLayer*>& layers, const std::string& name) {
  std::vector<const LoraAdapter*> adapters;
  const LoraAdapter* first = nullptr;
  std::vector<Tensor> as;
  std::vector<size_t> reads;  // which of `as`, by layer
  for (const AdaptedLayer* layer : layers) {
    const LoraAdapter* adapter = adapters.emplace_back(layer->adapter(name));
    reads.push_back(as.size());
    if (adapter == nullptr) continue;
    if (first == nullptr) first = adapter;
    const Tensor& a = adapter->a();
    const auto same = std::find_if(as.begin(), as.end(), [&](const Tensor& x) { return same_values(a, x); });
    reads.back() = static_cast<size_t>(same - as.begin());
    if (same == as.end()) as.push_back(a);
  }
  Joined joined{.module = module.name, .tensors = {.a = cat(as, 0)}, .options = first->options()};
  const double scale = first->options().scale();
  joined.options.r = joined.tensors.a.size(0);
  if (as.size() > 1) joined.options.alpha *= scale / joined.options.scale();
  std::vector<Tensor> rows, magnitudes;
  for (size_t i = 0; i < layers.size(); ++i) {
    const Tensor& weight = layers[i]->weight();
    std::vector<Tensor> blocks;
    for (size_t k = 0; k < as.size(); ++k) {
      if (adapters[i] == nullptr || reads[i] != k) {
        blocks.push_back(zeros({weight.size(0), as[k].size(0)}, as[k].dtype(), as[k].device()));
        continue;
      }
      const double factor = adapters[i]->options().scale() / scale;
      const Tensor& b = adapters[i]->b();
      blocks.push_back(factor == 1 ? b : b * factor);
    }
    rows.push_back(cat(blocks, 1));
    const Tensor w = weight_values(weight, as[0].dtype());
    if (joined.options.dora) {
      magnitudes.push_back(adapters[i] != nullptr ? adapters[i]->magnitude() : sqrt(sum(w * w, 1)));
    }
  }
  ROUX_ASSIGN_OR_RETURN(joined.tensors.b, joined_rows(c, module, rows));
  if (joined.options.dora) {
    ROUX_ASSIGN_OR_RETURN(joined.tensors.magnitude, joined_rows(c, module, magnitudes));
  }
  return joined;
}

bool same_in_config(const LoraOptions& a, const LoraOptions& b) {
  return a.dora == b.dora && a.rank_stabilised == b.rank_stabilised && a.dropout == b.dropout;
}

template <class Model>
absl::StatusOr<std::vector<Joined>> joined_adapters(const Model& model, const std::string& name) {
  std::map<std::string, const AdaptedLayer*> by_path;
  std::vector<std::string> paths;
  for (const auto& [path, layer] : adapted_layers(model)) by_path[path] = layer, paths.push_back(path);
  std::vector<Joined> out;
  std::set<std::string> done;
  const LoraOptions* options = nullptr;
  for (const std::string& path : paths) {
    const AdaptedLayer& layer = *by_path[path];
    const LoraAdapter* adapter = layer.adapter(name);
    if (adapter == nullptr) continue;
    if (options == nullptr) options = &adapter->options();
    if (!same_in_config(*options, adapter->options())) {
      return absl::InvalidArgumentError(absl::StrCat(
          "adapter '", name, "' of ", path, " is ", adapter->pretty_print(),
          ": such a file has one dropout, and DoRA and rank stabilisation in all layers or none"));
    }
    FileModule module = file_module(model.config(), path);
    if (layer.place() == LoraPlace::kEmbedding) {
      if (!has_one_embedding(model.config())) {
        return absl::InvalidArgumentError(
            absl::StrCat("an adapter of ", path,
                         " has no place in such a file: PEFT has the embedding in "
                         "several modules"));
      }
      out.push_back(
          {module.name, {adapter->a(), adapter->b(), adapter->magnitude(), true}, adapter->options()});
      continue;
    }
    if (layer.place() == LoraPlace::kOutput && has_decoder_in_head(model.config())) module.name += ".decoder";
    if (!done.insert(module.name).second) continue;
    std::vector<const AdaptedLayer*> layers;
    for (const std::string& ours : module.ours) layers.push_back(by_path.at(ours));
    ROUX_ASSIGN_OR_RETURN(Joined joined, join(model.config(), module, layers, name));
    out.push_back(std::move(joined));
  }
  if (out.empty()) return absl::InvalidArgumentError(absl::StrCat("no layer has an adapter '", name, "'"));
  return out;
}

std::string last_part(const std::string& module) { return split_leaf(module).second; }

// Last parts of names where all modules that have it are meant, else whole names.
template <class Model>
std::vector<std::string> target_modules(const Model& model, const std::vector<Joined>& adapters) {
  std::set<std::string> adapted, elsewhere, out;
  for (const Joined& x : adapters) adapted.insert(x.module);
  for (const auto& [path, layer] : adapted_layers(model)) {
    const std::string module = file_module(model.config(), path).name;
    if (adapted.count(module) == 0) elsewhere.insert(last_part(module));
  }
  for (const std::string& module : adapted) {
    out.insert(elsewhere.count(last_part(module)) == 0 ? last_part(module) : module);
  }
  return {out.begin(), out.end()};
}

// Parameters of modules in which some train that are not of the adapter, under names of files.
template <class Model>
absl::StatusOr<NamedTensors> modules_to_save(const Model& model, const std::string& adapter) {
  std::set<std::string> modules;
  const std::string of_adapter = absl::StrCat(".", adapter);
  for (const auto& [name, parameter] : trainable(model)) {
    const std::string module = split_leaf(name).first;
    const bool its_own = absl::EndsWith(module, of_adapter) && absl::StrContains(name, ".lora_");
    if (its_own) continue;
    if (ties_embeddings(model.config()) && parameter.impl() == model.embedding_weight().impl()) {
      return absl::InvalidArgumentError("the embeddings train and are tied: PEFT would not tie them");
    }
    modules.insert(module);
  }
  NamedTensors parameters;
  for (const auto& [name, value] : model.named_parameters()) {
    if (modules.count(split_leaf(name).first) > 0) parameters.emplace_back(name, value);
  }
  return to_checkpoint(model.config(), parameters);
}

template <class Model>
absl::Status save_to(const Model& model, const std::string& folder, const SavePeftOptions& options) {
  const NoGradGuard no_grad;
  ROUX_ASSIGN_OR_RETURN(const std::vector<Joined> adapters, joined_adapters(model, options.name));
  ROUX_ASSIGN_OR_RETURN(const NamedTensors whole, modules_to_save(model, options.name));
  const LoraOptions& first = adapters.front().options;
  PeftConfig config;
  config.r = first.r, config.lora_alpha = first.alpha, config.lora_dropout = first.dropout;
  config.use_rslora = first.rank_stabilised, config.use_dora = first.dora;
  config.fan_in_fan_out = transposed(model.config());
  config.target_modules = target_modules(model, adapters);
  config.base_model_name_or_path = options.base_model;
  config.task_type = task_type(model.config());
  NamedTensors file;
  for (const Joined& x : adapters) {
    const std::string name = absl::StrCat(kPrefix, x.module);
    file.emplace_back(name + (x.tensors.embeds ? kEmbeddingA : kA), x.tensors.a);
    file.emplace_back(name + (x.tensors.embeds ? kEmbeddingB : kB), x.tensors.b);
    if (x.options.dora) file.emplace_back(name + kMagnitude, x.tensors.magnitude);
    if (x.options.r != first.r) config.rank_pattern.emplace_back(x.module, x.options.r);
    if (x.options.alpha != first.alpha) config.alpha_pattern.emplace_back(x.module, x.options.alpha);
  }
  std::set<std::string> saved;
  for (const auto& [name, value] : whole) {
    file.emplace_back(kPrefix + name, value);
    saved.insert(split_leaf(name).first);
  }
  config.modules_to_save = {saved.begin(), saved.end()};
  return write_folder_atomically(folder, [&](const std::string& partial) {
    ROUX_RETURN_IF_ERROR(save_safetensors(partial + kTensors, file, {{"format", "pt"}}));
    return write_file_atomically(partial + kConfig, peft_config_json(config));
  });
}

}  // namespace

absl::Status save_peft(const LanguageModel& model, const std::string& folder,
                       const SavePeftOptions& options) {
  return with_kind(model, folder, [&](const auto& kind) { return save_to(kind, folder, options); });
}

}  // namespace roux
