#include "nn/lora.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "nn/layers.h"
#include "nn/weights.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
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
std::vector<std::pair<Linear*, const LoraAdapter*>> adapted(const char* op, const Module& m,
                                                            const std::string& name) {
  std::vector<std::pair<Linear*, const LoraAdapter*>> out;
  for (const auto& [path, linear] : linears(m)) {
    for (const auto& adapter : linear->adapters()) {
      if (adapter->options().name == name) out.emplace_back(linear, adapter.get());
    }
  }
  ROUX_CHECK(!out.empty()) << op << ": no layer has an adapter '" << name << "'";
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

LoraAdapter::LoraAdapter(const LoraOptions& options, const Tensor& weight, Generator* generator)
    : options_(options) {
  const DType dtype = weight.dtype() == kF64 ? kF64 : kF32;
  const Device device = weight.device();
  const int64_t in = value_shape(weight.spec())[1];
  register_parameter("lora_A", &lora_a_, initial_a({options.r, in}, dtype, device, generator));
  register_parameter("lora_B", &lora_b_, zeros({weight.size(0), options.r}, dtype, device));
  if (options.dora) register_parameter("lora_magnitude_vector", &magnitude_, row_norms(weight));
}

Tensor LoraAdapter::row_norms(const Tensor& weight) const {
  const NoGradGuard no_grad;
  const Tensor w = weight_values(weight, lora_b_.dtype()) + matmul(lora_b_, lora_a_) * options_.scale();
  return sqrt(sum(w * w, 1));
}

Tensor LoraAdapter::forward(const Tensor& x, const Tensor& y, const Tensor& weight,
                            Generator* generator) const {
  const bool drops = training() && options_.dropout > 0;
  ROUX_CHECK(!drops || generator != nullptr)
      << "lora: dropout " << options_.dropout << " in training mode needs a generator";
  const Tensor in = drops ? dropout(x, options_.dropout, *generator) : x;
  const Tensor low = linear(in, lora_a_, {}, WeightDType::kAny) * options_.scale();
  const Tensor update = linear(low, lora_b_, {}, WeightDType::kAny);
  if (!options_.dora) return update;
  const Tensor g = cast(magnitude_ / row_norms(weight), x.dtype());
  const Tensor of_weight = drops ? linear(in, weight, {}, WeightDType::kAny) : y;
  return (g - 1.0) * of_weight + g * update;
}

Tensor LoraAdapter::merged(const Tensor& weight) const {
  const NoGradGuard no_grad;
  const Tensor w = weight_values(weight, lora_b_.dtype()) + matmul(lora_b_, lora_a_) * options_.scale();
  return options_.dora ? unsqueeze(magnitude_ / row_norms(weight), 1) * w : w;
}

std::string LoraAdapter::pretty_print() const {
  return absl::StrCat(options_.dora ? "DoRA" : "LoRA", " r ", options_.r, ", alpha ", options_.alpha,
                      options_.rank_stabilised ? ", rank-stabilised" : "",
                      options_.dropout > 0 ? absl::StrCat(", dropout ", options_.dropout) : "");
}

std::vector<std::pair<std::string, Linear*>> linears(const Module& m) {
  std::vector<std::pair<std::string, Linear*>> out;
  for (const auto& [path, module] : m.modules()) {
    if (auto* linear = dynamic_cast<Linear*>(module)) out.emplace_back(path, linear);
  }
  return out;
}

int64_t attach_lora(Module& m, const LoraOptions& options, Generator& generator) {
  ROUX_CHECK(options.r >= 1 && std::isfinite(options.alpha))
      << "attach_lora: r is " << options.r << ", alpha is " << options.alpha
      << ", needed r >= 1 and a number";
  ROUX_CHECK(options.dropout >= 0 && options.dropout < 1)
      << "attach_lora: dropout is " << options.dropout << ", needed 0 <= dropout < 1";
  const auto layers = linears(m);
  std::vector<std::string> paths;
  for (const auto& layer : layers) paths.push_back(layer.first);
  const std::vector<bool> met = matching("attach_lora", options.targets, paths);
  for (size_t i = 0; i < layers.size(); ++i) {
    if (met[i]) layers[i].second->check_adapter_name(options.name);
  }
  for (const Module::Slot& slot : m.slots()) {
    slot.tensor->set_grad(Tensor());
    slot.tensor->set_requires_grad(false);
  }
  int64_t count = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    if (!met[i]) continue;
    Linear& linear = *layers[i].second;
    linear.attach(std::make_unique<LoraAdapter>(options, linear.weight(), &generator));
    ++count;
  }
  return count;
}

void attach_lora_like(const Module& from, Module& to) {
  const auto sources = linears(from), targets = linears(to);
  size_t at = 0;
  for (const auto& [path, source] : sources) {
    if (source->adapters().empty()) continue;
    while (at < targets.size() && targets[at].first != path) ++at;
    ROUX_CHECK(at < targets.size()) << "attach_lora_like: " << path << " has adapters, but there is no such "
                                    << "layer in the module that takes them";
    for (const auto& adapter : source->adapters()) {
      Linear& target = *targets[at].second;
      target.attach(std::make_unique<LoraAdapter>(adapter->options(), target.weight(), nullptr));
    }
  }
}

void detach_lora(Module& m, const std::string& name) {
  for (const auto& [linear, adapter] : adapted("detach_lora", m, name)) linear->detach(name);
}

void merge_lora(Module& m, const std::string& name) {
  const auto layers = adapted("merge_lora", m, name);
  for (const auto& [linear, adapter] : layers) {
    ROUX_CHECK(is_floating(linear->weight().dtype()))
        << "merge_lora: " << linear->path() << ".weight is " << linear->weight().spec()
        << ", needed a floating dtype";
    for (const auto& other : linear->adapters()) {
      ROUX_CHECK(other.get() == adapter || !other->options().dora)
          << "merge_lora: " << linear->path() << " also has the DoRA '" << other->options().name
          << "', whose norms are those of the weight: merge that one first";
    }
  }
  for (const auto& [linear, adapter] : layers) {
    const Tensor merged = cast(adapter->merged(linear->weight()), linear->weight().dtype());
    set_parameter(*linear, "weight", merged);
    linear->detach(name);
  }
}

}  // namespace roux
