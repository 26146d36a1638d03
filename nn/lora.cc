#include "nn/lora.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "nn/weights.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/matmul.h"
#include "tensor/ops/quantize.h"
#include "tensor/ops/random.h"
#include "tensor/ops/reduce.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// As PyTorch's kaiming_uniform_ with a = sqrt(5).
Tensor initial_a(const Shape& shape, DType dtype, Device device, Generator* generator) {
  if (device.type == DeviceType::kMeta) return empty({dtype, shape}, kMeta);
  if (generator == nullptr) return zeros(shape, dtype, device);
  const double bound = 1 / std::sqrt(static_cast<double>(shape[1]));
  return uniform(shape, -bound, bound, *generator, dtype).to(device);
}

// The layers that have an adapter of that name.
std::vector<AdaptedLayer*> adapted(const char* op, const Module& m, const std::string& name) {
  std::vector<AdaptedLayer*> out;
  for (const auto& [path, layer] : adapted_layers(m)) {
    if (layer->adapter(name) != nullptr) out.push_back(layer);
  }
  ROUX_CHECK(!out.empty()) << op << ": no layer has an adapter '" << name << "'";
  return out;
}

// The layers whose paths the options mean.
std::vector<AdaptedLayer*> chosen(const Module& m, const LoraOptions& options) {
  std::vector<AdaptedLayer*> out;
  for (const bool linear : {true, false}) {
    std::vector<AdaptedLayer*> layers;
    std::vector<std::string> paths;
    for (const auto& [path, layer] : adapted_layers(m)) {
      if ((layer->place() == LoraPlace::kLinear) == linear) layers.push_back(layer), paths.push_back(path);
    }
    const std::vector<bool> met =
        matching("attach_lora", linear ? options.targets : options.embeddings, paths);
    for (size_t i = 0; i < layers.size(); ++i) {
      if (met[i]) out.push_back(layers[i]);
    }
  }
  return out;
}

}  // namespace

Tensor weight_values(const Tensor& weight, DType dtype) {
  return is_block(weight.dtype()) ? dequantize(weight, dtype) : cast(weight, dtype);
}

double LoraOptions::scale() const {
  const auto rank = static_cast<double>(r);
  return alpha / (rank_stabilised ? std::sqrt(rank) : rank);
}

LoraAdapter::LoraAdapter(const LoraOptions& options, LoraPlace place, const Tensor& weight,
                         Generator* generator)
    : options_(options), place_(place) {
  const DType dtype = weight.dtype() == kF64 ? kF64 : kF32;
  const Device device = weight.device();
  const bool embeds = place == LoraPlace::kEmbedding;
  const Shape shape = value_shape(weight.spec());
  const int64_t in = shape[embeds ? 0 : 1], out = shape[embeds ? 1 : 0];
  const auto initial = [&](bool begins, const Shape& of) {
    return begins ? initial_a(of, dtype, device, generator) : zeros(of, dtype, device);
  };
  register_parameter(a_name(), &lora_a_, initial(!embeds, {options.r, in}));
  register_parameter(b_name(), &lora_b_, zeros({out, options.r}, dtype, device));
  if (embeds && generator != nullptr && device.type != DeviceType::kMeta) {
    const NoGradGuard no_grad;
    copy_(lora_b_, normal({out, options.r}, 0, 1, *generator, dtype).to(device));
  }
  if (options.dora) register_parameter("lora_magnitude_vector", &magnitude_, row_norms(weight));
}

Tensor LoraAdapter::product() const {
  const Tensor product = matmul(lora_b_, lora_a_) * options_.scale();
  return place_ == LoraPlace::kEmbedding ? transpose(product, 0, 1) : product;
}

Tensor LoraAdapter::row_norms(const Tensor& weight) const {
  const NoGradGuard no_grad;
  const Tensor w = weight_values(weight, lora_b_.dtype()) + product();
  return sqrt(sum(w * w, place_ == LoraPlace::kEmbedding ? 0 : 1));
}

Tensor LoraAdapter::forward(const Tensor& x, const Tensor& y, const Tensor& weight,
                            Generator* generator) const {
  const bool embeds = place_ == LoraPlace::kEmbedding;
  const bool drops = training() && options_.dropout > 0 && place_ == LoraPlace::kLinear;
  ROUX_CHECK(!drops || generator != nullptr)
      << "lora: dropout " << options_.dropout << " in training mode needs a generator";
  const Tensor in = drops ? dropout(x, options_.dropout, *generator) : x;
  const Tensor low =
      embeds ? embedding(transpose(lora_a_, 0, 1), x) : linear(in, lora_a_, {}, WeightDType::kAny);
  const Tensor update = cast(linear(low * options_.scale(), lora_b_, {}, WeightDType::kAny), y.dtype());
  if (!options_.dora) return update;
  const Tensor g = cast(magnitude_ / row_norms(weight), y.dtype());
  const Tensor of_weight = drops ? linear(in, weight, {}, WeightDType::kAny) : y;
  return (g - 1.0) * of_weight + g * update;
}

Tensor LoraAdapter::weight_update(const Tensor& weight) const {
  if (!options_.dora) return product();
  const Tensor g = unsqueeze(magnitude_ / row_norms(weight), place_ == LoraPlace::kEmbedding ? 0 : 1);
  return (g - 1.0) * weight_values(weight, lora_b_.dtype()) + g * product();
}

std::string LoraAdapter::pretty_print() const {
  return absl::StrCat(options_.dora ? "DoRA" : "LoRA", " r ", options_.r, ", alpha ", options_.alpha,
                      options_.rank_stabilised ? ", rank-stabilised" : "",
                      options_.dropout > 0 ? absl::StrCat(", dropout ", options_.dropout) : "");
}

const LoraAdapter* AdaptedLayer::adapter(const std::string& name) const {
  for (const auto& adapter : adapters_) {
    if (adapter->options().name == name) return adapter.get();
  }
  return nullptr;
}

void AdaptedLayer::attach(const LoraOptions& options, Generator* generator) {
  auto adapter = std::make_unique<LoraAdapter>(options, place(), weight(), generator);
  register_module(options.name, *adapter);
  adapter->train(training());
  adapters_.push_back(std::move(adapter));
}

void AdaptedLayer::detach(const std::string& name) {
  unregister_module(name);
  const auto named = [&](const auto& adapter) { return adapter->options().name == name; };
  adapters_.erase(std::remove_if(adapters_.begin(), adapters_.end(), named), adapters_.end());
}

Tensor AdaptedLayer::with_adapters(const Tensor& x, const Tensor& y, Generator* dropout) const {
  Tensor sum = y;
  for (const auto& adapter : adapters_) sum = sum + (*adapter)(x, y, weight(), dropout);
  return sum;
}

Tensor AdaptedLayer::adapted_linear(const Tensor& x, const Tensor& bias, Generator* dropout) const {
  if (adapters_.empty()) return linear(x, weight(), bias, WeightDType::kAny);
  const Tensor y = with_adapters(x, linear(x, weight(), {}, WeightDType::kAny), dropout);
  return bias.defined() ? y + cast(bias, y.dtype()) : y;
}

std::vector<std::pair<std::string, AdaptedLayer*>> adapted_layers(const Module& m) {
  std::vector<std::pair<std::string, AdaptedLayer*>> out;
  for (const auto& [path, module] : m.modules()) {
    if (auto* layer = dynamic_cast<AdaptedLayer*>(module)) out.emplace_back(path, layer);
  }
  return out;
}

std::vector<std::pair<std::string, AdaptedLayer*>> linears(const Module& m) {
  auto layers = adapted_layers(m);
  layers.erase(std::remove_if(layers.begin(), layers.end(),
                              [](const auto& entry) { return entry.second->place() != LoraPlace::kLinear; }),
               layers.end());
  return layers;
}

int64_t attach_lora(Module& m, const LoraOptions& options, Generator& generator) {
  ROUX_CHECK(options.r >= 1 && std::isfinite(options.alpha))
      << "attach_lora: r is " << options.r << ", alpha is " << options.alpha
      << ", needed r >= 1 and a number";
  ROUX_CHECK(options.dropout >= 0 && options.dropout < 1)
      << "attach_lora: dropout is " << options.dropout << ", needed 0 <= dropout < 1";
  const std::vector<AdaptedLayer*> layers = chosen(m, options);
  for (const AdaptedLayer* layer : layers) layer->check_adapter_name(options.name);
  for (const Module::Slot& slot : m.slots()) {
    slot.tensor->set_grad(Tensor());
    slot.tensor->set_requires_grad(false);
  }
  for (AdaptedLayer* layer : layers) layer->attach(options, &generator);
  return static_cast<int64_t>(layers.size());
}

void attach_lora_like(const Module& from, Module& to) {
  const auto sources = adapted_layers(from), targets = adapted_layers(to);
  size_t at = 0;
  for (const auto& [path, source] : sources) {
    if (source->adapters().empty()) continue;
    while (at < targets.size() && targets[at].first != path) ++at;
    ROUX_CHECK(at < targets.size()) << "attach_lora_like: " << path << " has adapters, but there is no such "
                                    << "layer in the module that takes them";
    for (const auto& adapter : source->adapters()) targets[at].second->attach(adapter->options(), nullptr);
  }
}

void detach_lora(Module& m, const std::string& name) {
  for (AdaptedLayer* layer : adapted("detach_lora", m, name)) layer->detach(name);
}

void merge_lora(Module& m, const std::string& name) {
  const std::vector<AdaptedLayer*> layers = adapted("merge_lora", m, name);
  const auto all = adapted_layers(m);
  for (const AdaptedLayer* layer : layers) {
    ROUX_CHECK(is_floating(layer->weight().dtype())) << "merge_lora: " << layer->path() << ".weight is "
                                                     << layer->weight().spec() << ", needed a floating dtype";
    for (const auto& [path, other] : all) {
      ROUX_CHECK(other->tied_to() == nullptr || (other != layer && other->tied_to() != layer))
          << "merge_lora: " << path << " has the weight of " << other->tied_to()->path() << ": merging "
          << layer->path() << " would change both";
    }
    for (const auto& other : layer->adapters()) {
      ROUX_CHECK(other->options().name == name || !other->options().dora)
          << "merge_lora: " << layer->path() << " also has the DoRA '" << other->options().name
          << "', whose norms are those of the weight: merge that one first";
    }
  }
  const NoGradGuard no_grad;
  for (AdaptedLayer* layer : layers) {
    const Tensor update = layer->adapter(name)->weight_update(layer->weight());
    const Tensor merged = weight_values(layer->weight(), update.dtype()) + update;
    set_parameter(*layer, "weight", cast(merged, layer->weight().dtype()));
    layer->detach(name);
  }
}

}  // namespace roux
