#include <algorithm>
#include <map>
#include <unordered_map>

#include "absl/strings/strip.h"
#include "nn/layers.h"
#include "nn/models/checkpoint_names.h"
#include "nn/models/checkpoint_tools.h"
#include "nn/models/peft.h"
#include "nn/models/peft_config.h"
#include "nn/models/peft_file.h"
#include "nn/models/transformer.h"
#include "tensor/grad_mode.h"
#include "tensor/io/atomic_file.h"
#include "tensor/io/safetensors.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"

namespace roux {
namespace {

using peft_file::Adapter;
using peft_file::has_one_embedding;
using peft_file::kA;
using peft_file::kB;
using peft_file::kBaseLayer;
using peft_file::kConfig;
using peft_file::kEmbeddingA;
using peft_file::kEmbeddingB;
using peft_file::kMagnitude;
using peft_file::kPrefix;
using peft_file::kTensors;
using peft_file::ties_embeddings;
using peft_file::with_kind;

struct Contents {
  std::map<std::string, Adapter> adapters;  // by module
  NamedTensors whole;                       // modules_to_save
  NamedTensors base;                        // of layers that have adapters
};

absl::StatusOr<Contents> sorted_out(const NamedTensors& file) {
  Contents contents;
  for (const auto& [full_name, value] : file) {
    absl::string_view name = full_name;
    if (!absl::ConsumePrefix(&name, kPrefix)) {
      return absl::InvalidArgumentError(absl::StrCat(full_name, " does not begin with ", kPrefix));
    }
    if (absl::ConsumeSuffix(&name, kA)) {
      contents.adapters[std::string(name)].a = value;
    } else if (absl::ConsumeSuffix(&name, kB)) {
      contents.adapters[std::string(name)].b = value;
    } else if (absl::ConsumeSuffix(&name, kEmbeddingA)) {
      Adapter& adapter = contents.adapters[std::string(name)];
      adapter.a = value, adapter.embeds = true;
    } else if (absl::ConsumeSuffix(&name, kEmbeddingB)) {
      Adapter& adapter = contents.adapters[std::string(name)];
      adapter.b = value, adapter.embeds = true;
    } else if (absl::ConsumeSuffix(&name, kMagnitude)) {
      contents.adapters[std::string(name)].magnitude = value;
    } else if (const auto [module, leaf] = split_leaf(std::string(name));
               absl::EndsWith(module, kBaseLayer)) {
      contents.base.emplace_back(absl::StrCat(absl::StripSuffix(module, kBaseLayer), ".", leaf), value);
    } else if (absl::StrContains(name, ".lora_")) {
      return absl::UnimplementedError(absl::StrCat(full_name, " is not supported"));
    } else {
      contents.whole.emplace_back(std::string(name), value);
    }
  }
  return contents;
}

absl::Status check_adapter(const std::string& module, const Adapter& x, const LoraOptions& options) {
  const auto spec = [](const Tensor& t) { return t.defined() ? to_string(t.spec()) : "missing"; };
  const bool whole = x.a.defined() && x.b.defined() && x.magnitude.defined() == options.dora;
  if (whole && x.a.dim() == 2 && x.b.dim() == 2 && x.a.size(0) == options.r && x.b.size(1) == options.r &&
      (!options.dora || x.magnitude.shape() == Shape{x.b.size(0)})) {
    return absl::OkStatus();
  }
  const char* prefix = x.embeds ? "lora_embedding_" : "lora_";
  return absl::InvalidArgumentError(absl::StrCat(module, ": ", prefix, "A is ", spec(x.a), ", ", prefix,
                                                 "B is ", spec(x.b), ", lora_magnitude_vector is ",
                                                 spec(x.magnitude), ", needed [", options.r, ", in], [out, ",
                                                 options.r, "]", options.dora ? " and [out]" : " and none"));
}

absl::Status of_another_base(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("the adapter is one of another base: ", what));
}

// What goes into the slots of one layer; `a` is one tensor for all that share a module of the file.
struct Placed {
  std::string path;
  AdaptedLayer* layer;
  LoraOptions options;
  Tensor a, b, magnitude;
};

// Rows of a fused module to those of ours: [("...q_proj", rows), ...].
template <class Config>
absl::StatusOr<NamedTensors> rows_of(const Config& c, const std::string& module, const Tensor& rows) {
  ROUX_ASSIGN_OR_RETURN(NamedTensors parts, from_checkpoint(c, {{module + ".bias", rows}}));
  for (auto& [name, part] : parts) name = split_leaf(name).first;
  return parts;
}

bool has_weight(const Module& m, const std::string& path) {
  for (const Module::Slot& slot : m.slots()) {
    if (slot.name == path + ".weight") return true;
  }
  return false;
}

template <class Model>
absl::StatusOr<std::vector<Placed>> place(const Model& model, const Contents& contents,
                                          const PeftConfig& config, const std::string& name) {
  std::map<std::string, AdaptedLayer*> by_path;
  for (const auto& [path, layer] : adapted_layers(model)) by_path[path] = layer;
  std::vector<Placed> out;
  for (const auto& [module, adapter] : contents.adapters) {
    LoraOptions options = config.options_of(module);
    options.name = name;
    ROUX_RETURN_IF_ERROR(check_adapter(module, adapter, options));
    const absl::StatusOr<NamedTensors> b = rows_of(model.config(), module, adapter.b);
    if (!b.ok()) return of_another_base(std::string(b.status().message()));
    NamedTensors magnitude;
    if (options.dora) {
      ROUX_ASSIGN_OR_RETURN(magnitude, rows_of(model.config(), module, adapter.magnitude));
    }
    for (size_t i = 0; i < b->size(); ++i) {
      const auto& [path, rows] = (*b)[i];
      const auto found = by_path.find(path);
      if (found == by_path.end()) {
        if (!has_weight(model, path)) {
          return of_another_base(absl::StrCat("this model has no layer ", module));
        }
        return absl::UnimplementedError(absl::StrCat(
            "an adapter of ", module, ", which is no Linear layer or embedding, is not supported"));
      }
      const LoraPlace place = found->second->place();
      if (place == LoraPlace::kEmbedding && !has_one_embedding(model.config())) {
        return absl::UnimplementedError(absl::StrCat("an adapter of ", module,
                                                     ", which the files have in "
                                                     "several modules, is not supported"));
      }
      if (place != LoraPlace::kLinear && config.ensure_weight_tying && ties_embeddings(model.config())) {
        return absl::UnimplementedError(
            absl::StrCat("ensure_weight_tying for an adapter of ", module, " is not supported"));
      }
      if (adapter.embeds != (place == LoraPlace::kEmbedding)) {
        return of_another_base(absl::StrCat("the file has lora_", adapter.embeds ? "embedding_" : "",
                                            "A for ", module, ", here ", path, " is ",
                                            found->second->pretty_print()));
      }
      const Tensor& weight = found->second->weight();
      const int64_t in = adapter.a.size(1), out_rows = rows.size(0);
      if (!(value_shape(weight.spec()) == (adapter.embeds ? Shape{in, out_rows} : Shape{out_rows, in}))) {
        const Shape changed = adapter.embeds ? Shape{in, out_rows} : Shape{adapter.b.size(0), in};
        return of_another_base(absl::StrCat(module, " changes [", changed[0], ", ", changed[1], "] weights, ",
                                            path, " is ", to_string(weight.spec())));
      }
      const Tensor of_rows = options.dora ? magnitude[i].second : Tensor();
      out.push_back({path, found->second, options, adapter.a, rows, of_rows});
    }
  }
  if (out.empty()) return absl::InvalidArgumentError("there is no adapter");
  return out;
}

// Modules of the file under the model's names; they have its shapes.
template <class Model>
absl::StatusOr<NamedTensors> in_our_names(const Model& model, const NamedTensors& modules) {
  ROUX_ASSIGN_OR_RETURN(NamedTensors state, from_checkpoint(model.config(), modules));
  const NamedTensors parameters = model.named_parameters();
  for (auto& [name, value] : state) {
    const auto old = std::find_if(parameters.begin(), parameters.end(),
                                  [&, wanted = name](const auto& entry) { return entry.first == wanted; });
    if (old == parameters.end() || !(old->second.shape() == value.shape())) {
      return of_another_base(
          absl::StrCat(name, " is ", to_string(value.spec()), " in the file, in this model ",
                       old == parameters.end() ? "missing" : to_string(old->second.spec())));
    }
    value = value.detach();
  }
  return state;
}

template <class Model>
absl::StatusOr<NamedTensors> whole_modules(const Model& model, const Contents& contents) {
  ROUX_ASSIGN_OR_RETURN(NamedTensors state, in_our_names(model, contents.whole));
  if (!ties_embeddings(model.config())) return state;
  for (const auto& [name, value] : state) {
    if (parameter(model, name).impl() != model.embedding_weight().impl()) continue;
    return absl::UnimplementedError("tied embeddings among modules_to_save are not supported");
  }
  return state;
}

// The weights beneath adapters that the file has too, where they are not those of the model.
template <class Model>
absl::StatusOr<NamedTensors> other_base_weights(const Model& model, const Contents& contents) {
  ROUX_ASSIGN_OR_RETURN(const NamedTensors state, in_our_names(model, contents.base));
  NamedTensors others;
  for (const auto& [name, value] : state) {
    const Tensor ours = parameter(model, name);
    if (is_block(ours.dtype())) {
      return absl::UnimplementedError(
          absl::StrCat(name, " is in the file, and here in blocks: load into floating weights"));
    }
    if (!same_values(cast(value.to(ours.device()), ours.dtype()), ours)) others.emplace_back(name, value);
  }
  return others;
}

Tensor own_copy(const Tensor& x, DType dtype, Device device) {
  Tensor copy = empty({dtype, x.shape()}, device);
  copy_(copy, cast(x.to(device), dtype));
  copy.set_requires_grad(true);
  return copy;
}

// One attach_lora() for all layers of one rank and scale.
void attach(Module& model, const std::vector<Placed>& placed) {
  std::map<std::pair<int64_t, double>, LoraOptions> groups;
  for (const Placed& x : placed) {
    const std::pair key(x.options.r, x.options.alpha);
    LoraOptions& options = groups.emplace(key, x.options).first->second;
    (x.layer->place() == LoraPlace::kLinear ? options.targets : options.embeddings).push_back(x.path);
  }
  Generator unused;  // what is drawn is replaced
  for (const auto& [key, options] : groups) attach_lora(model, options, unused);
}

void fill(const Module& model, const std::vector<Placed>& placed) {
  std::unordered_map<std::string, Tensor*> slots;
  for (const Module::Slot& slot : model.slots()) slots[slot.name] = slot.tensor;
  std::unordered_map<const TensorImpl*, Tensor> copies;  // one lora_A of several layers stays one
  for (const Placed& x : placed) {
    const auto slot = [&](const char* leaf) -> Tensor& {
      return *slots.at(absl::StrCat(x.path, ".", x.options.name, ".", leaf));
    };
    const LoraAdapter& adapter = *x.layer->adapter(x.options.name);
    const DType dtype = adapter.b().dtype();
    const Device device = adapter.b().device();
    Tensor& a = copies[x.a.impl()];
    if (!a.defined()) a = own_copy(x.a, dtype, device);
    slot(adapter.a_name()) = a;
    slot(adapter.b_name()) = own_copy(x.b, dtype, device);
    if (x.options.dora) slot("lora_magnitude_vector") = own_copy(x.magnitude, dtype, device);
  }
}

template <class Model>
absl::Status load_from(Model& model, const std::string& folder, const std::string& name) {
  ROUX_ASSIGN_OR_RETURN(const std::string text, read_file(folder + kConfig));
  ROUX_ASSIGN_OR_RETURN(const PeftConfig config, parse_peft_config(text, "adapter_config.json"));
  ROUX_ASSIGN_OR_RETURN(const NamedTensors file, load_safetensors(folder + kTensors));
  ROUX_ASSIGN_OR_RETURN(const Contents contents, sorted_out(file));
  ROUX_ASSIGN_OR_RETURN(const std::vector<Placed> placed, place(model, contents, config, name));
  ROUX_ASSIGN_OR_RETURN(const NamedTensors whole, whole_modules(model, contents));
  ROUX_ASSIGN_OR_RETURN(const NamedTensors base, other_base_weights(model, contents));
  for (const Placed& x : placed) x.layer->check_adapter_name(name);

  const NoGradGuard no_grad;
  for (const auto& [parameter_name, value] : base) {
    const Tensor old = parameter(model, parameter_name);
    set_parameter(model, parameter_name, own_copy(value, old.dtype(), old.device()));
  }
  attach(model, placed);
  fill(model, placed);
  for (const Placed& x : placed) unfreeze(*x.layer, {absl::StrCat(name, ".*")});
  for (const auto& [parameter_name, value] : whole) {
    const Tensor old = parameter(model, parameter_name);
    set_parameter(model, parameter_name, own_copy(value, old.dtype(), old.device()));
    unfreeze(model, {parameter_name});
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status load_peft(LanguageModel& model, const std::string& folder, const std::string& name) {
  return with_kind(model, folder, [&](auto& kind) { return load_from(kind, folder, name); });
}

}  // namespace roux
