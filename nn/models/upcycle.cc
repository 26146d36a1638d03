#include "nn/models/upcycle.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/models/surgery.h"
#include "tensor/ops/creation.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/index.h"
#include "tensor/ops/random.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// The experts of one layer, from the tensors of its MLP.
class Cutter {
 public:
  Cutter(const TransformerConfig& config, const MoeConfig& moe, const UpcycleOptions& options,
         Generator& generator, NamedTensors* out)
      : config_(config), moe_(moe), options_(options), generator_(generator), out_(out) {}

  void cut(const std::string& path, const NamedTensors& mlp) {
    const Tensor units = copies_of_units(moe_.experts * moe_.width);
    for (int64_t e = 0; e < moe_.experts; ++e) {
      add_expert(absl::StrCat(path, "experts.", e, "."), mlp,
                 slice(units, 0, e * moe_.width, (e + 1) * moe_.width));
    }
    const Tensor& like = mlp.front().second;
    out_->emplace_back(path + "gate.weight", router(like));
    if (moe_.shared_width > 0) add_expert(path + "shared_expert.", mlp, copies_of_units(moe_.shared_width));
    if (moe_.shared_gate) {
      out_->emplace_back(path + "shared_expert_gate.weight",
                         drawn({1, config_.hidden_size}, options_.router_std, like));
    }
  }

 private:
  Tensor drawn(const Shape& shape, double std, const Tensor& like) {
    return normal(shape, 0, std, generator_, like.dtype()).to(like.device());
  }

  // 0, ..., F - 1 again and again (each time in another order if shuffled), the first `count`.
  Tensor copies_of_units(int64_t count) {
    std::vector<Tensor> copies;
    for (int64_t done = 0; done < count; done += config_.intermediate_size) {
      copies.push_back(options_.shuffle ? randperm(config_.intermediate_size, generator_)
                                        : arange(0, config_.intermediate_size, 1, kI64));
    }
    return slice(cat(copies, 0), 0, 0, count);
  }

  Tensor router(const Tensor& like) {
    const Tensor rows = drawn({moe_.experts, config_.hidden_size}, options_.router_std, like);
    if (!options_.whole_copies) return rows;
    std::vector<int64_t> copy;  // in which an expert begins
    for (int64_t e = 0; e < moe_.experts; ++e) copy.push_back(e * moe_.width / config_.intermediate_size);
    return index_select(rows, 0, tensor(copy, {moe_.experts}, like.device()));
  }

  void add_expert(const std::string& path, const NamedTensors& mlp, const Tensor& units) {
    const double part = static_cast<double>(units.size(0)) / static_cast<double>(config_.intermediate_size);
    for (const auto& [name, dense] : mlp) {
      const Tensor chosen = units.to(dense.device());
      Tensor x;
      if (name == "down_proj.bias") {
        x = dense * part;
      } else {
        x = index_select(dense, name == "down_proj.weight" ? 1 : 0, chosen);
      }
      if (options_.redrawn > 0 && dense.dim() == 2) {
        const Tensor redraw = bernoulli(full(x.shape(), options_.redrawn), generator_).to(x.device());
        x = where(gt(redraw, 0), drawn(x.shape(), options_.std, dense), x);
      }
      out_->emplace_back(path + name, x);
    }
  }

  const TransformerConfig& config_;
  const MoeConfig& moe_;
  const UpcycleOptions& options_;
  Generator& generator_;
  NamedTensors* out_;
};

}  // namespace

std::unique_ptr<Transformer> upcycle(const Transformer& dense, const MoeConfig& moe, Generator& generator,
                                     const UpcycleOptions& options) {
  TransformerConfig config = dense.config();
  ROUX_CHECK(!config.moe) << "upcycle: the model has experts already";
  ROUX_CHECK(options.redrawn >= 0 && options.redrawn <= 1)
      << "upcycle: redrawn is " << options.redrawn << ", needed a probability";
  config.moe = moe;
  if (config.family == Family::kQwen2) config.family = Family::kQwen2Moe;
  config.check();
  return remake(dense, config, [&](NamedTensors* state) {
    NamedTensors out;
    Cutter cutter(config, moe, options, generator, &out);
    std::vector<NamedTensors> mlps(static_cast<size_t>(config.num_hidden_layers));
    for (const auto& [name, value] : *state) {
      bool in_mlp = false;
      for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
        const std::string path = absl::StrCat("model.layers.", layer, ".mlp.");
        if (!config.has_experts(layer) || !absl::StartsWith(name, path)) continue;
        mlps[static_cast<size_t>(layer)].emplace_back(name.substr(path.size()), value);
        in_mlp = true;
      }
      if (!in_mlp) out.emplace_back(name, value);
    }
    for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
      if (config.has_experts(layer))
        cutter.cut(absl::StrCat("model.layers.", layer, ".mlp."), mlps[static_cast<size_t>(layer)]);
    }
    *state = std::move(out);
  });
}

}  // namespace roux
