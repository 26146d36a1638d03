#include "recipes/kit/models/gguf_weights.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/elementwise.h"
#include "tensor/ops/view.h"

namespace roux::kit {
namespace {

struct Row {
  const char* ours;
  const char* file;
};
constexpr Row kModules[] = {{"model.embed_tokens", "token_embd"},
                            {"model.embed_positions", "position_embd"},
                            {"model.embed_token_types", "token_types"},
                            {"model.embedding_norm", "token_embd_norm"},
                            {"model.norm", "output_norm"},
                            {"lm_head", "output"}};
constexpr Row kInLayers[] = {{"self_attn.q_proj", "attn_q"},
                             {"self_attn.k_proj", "attn_k"},
                             {"self_attn.v_proj", "attn_v"},
                             {"self_attn.o_proj", "attn_output"},
                             {"mlp.gate_proj", "ffn_gate"},
                             {"mlp.up_proj", "ffn_up"},
                             {"mlp.down_proj", "ffn_down"},
                             {"mlp.gate", "ffn_gate_inp"},
                             {"mlp.shared_expert.gate_proj", "ffn_gate_shexp"},
                             {"mlp.shared_expert.up_proj", "ffn_up_shexp"},
                             {"mlp.shared_expert.down_proj", "ffn_down_shexp"},
                             {"mlp.shared_expert_gate", "ffn_gate_inp_shexp"}};
constexpr Row kExperts[] = {
    {"gate_proj", "ffn_gate_exps"}, {"up_proj", "ffn_up_exps"}, {"down_proj", "ffn_down_exps"}};
constexpr Row kNorms[] = {{"input_layernorm", "attn_norm"},
                          {"post_attention_layernorm", "ffn_norm"},
                          {"mixer_norm", "post_attention_norm"},
                          {"mlp_norm", "post_ffw_norm"}};
constexpr Row kNormsBehind[] = {{"input_layernorm", "attn_output_norm"},
                                {"post_attention_layernorm", "layer_output_norm"}};
constexpr const char* kFused = "attn_qkv";

// Tensors without a slot: frequencies, which gguf_config reads.
constexpr const char* kOthers[] = {"rope_freqs.weight"};

const char* find(absl::Span<const Row> rows, absl::string_view ours) {
  for (const Row& row : rows) {
    if (ours == row.ours) return row.file;
  }
  return nullptr;
}

// Where a tensor of ours stands in a file.
struct Place {
  std::string name;          // of the file's tensor
  std::string fused;         // in its place, if the file has that: q, k and v behind each other, ...
  int64_t part = -1;         // ... of which this is the first, second or third
  int64_t expert = -1;       // of those that the tensor holds behind each other
  int64_t rotary_heads = 0;  // of q and k
  bool norm = false;
};

Place place_of(const TransformerConfig& c, const std::string& ours) {
  const size_t dot = ours.rfind('.');
  const std::string module = ours.substr(0, dot), leaf = ours.substr(dot);  // ".weight"
  Place place;
  place.norm = absl::EndsWith(module, "norm");
  if (const char* name = find(kModules, module)) {
    place.name = name + leaf;
    return place;
  }
  const std::vector<std::string> path = absl::StrSplit(module, absl::MaxSplits('.', 3));
  if (path.size() < 4) return place;  // model.layers.<number>.<module>
  const std::string block = absl::StrCat("blk.", path[2], "."), &inner = path[3];
  if (const char* name = find(kInLayers, inner)) {
    place.name = block + name + leaf;
  } else if (const char* norm = find(c.residual == Residual::kPostNorm ? absl::Span<const Row>(kNormsBehind)
                                                                       : absl::Span<const Row>(kNorms),
                                     inner)) {
    place.name = block + norm + leaf;
  } else if (absl::string_view rest = inner; absl::ConsumePrefix(&rest, "mlp.experts.")) {
    const std::vector<std::string> expert = absl::StrSplit(rest, absl::MaxSplits('.', 1));
    if (const char* projection = find(kExperts, expert.back());
        projection != nullptr && absl::SimpleAtoi(expert.front(), &place.expert)) {
      place.name = block + projection + leaf;
    }
  }
  constexpr const char* kProjections[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"};
  for (int64_t i = 0; i < 3; ++i) {
    if (inner != kProjections[i]) continue;
    place.fused = block + kFused + leaf;
    place.part = i;
    if (i < 2) place.rotary_heads = i == 0 ? c.num_attention_heads : c.kv_heads();
  }
  return place;
}

// Row 2 i + j of a head becomes row i + j d / 2: from pairs that are neighbours to halves.
Tensor rows_in_halves(const Tensor& x, int64_t heads) {
  const int64_t half = x.size(0) / heads / 2;
  Shape pairs{heads, half, 2};
  for (int axis = 1; axis < x.dim(); ++axis) pairs.push_back(x.size(axis));
  return reshape(transpose(reshape(x, pairs), 1, 2), x.shape());
}

// Files leave out the outermost axes where they are 1.
Shape without_ones(Shape shape) {
  while (shape.rank() > 1 && shape[0] == 1) shape.erase(0);
  return shape;
}

class Reader {
 public:
  Reader(const GgufFile& file, const TransformerConfig& config) : file_(file), c_(config) {
    const absl::StatusOr<std::string> architecture = file.metadata().text("general.architecture");
    neighbours_ = architecture.ok() && *architecture == "llama";
  }

  absl::StatusOr<NamedTensors> read(const NamedTensors& wanted) {
    NoGradGuard no_grad;
    NamedTensors weights;
    for (const auto& [name, like] : wanted) {
      Tensor value = find(name, like.shape());
      if (value.defined()) weights.emplace_back(name, std::move(value));
    }
    for (const GgufTensor& tensor : file_.tensors()) {
      const bool other = std::find(std::begin(kOthers), std::end(kOthers), tensor.name) != std::end(kOthers);
      if (!other && !used_.contains(tensor.name)) unknown_.push_back(tensor.name);
    }
    ROUX_RETURN_IF_ERROR(status());
    return weights;
  }

 private:
  // Undefined, with the reason noted, if there is none that fits.
  Tensor find(const std::string& ours, const Shape& shape) {
    const Place place = place_of(c_, ours);
    const GgufTensor* tensor = file_.find(place.name);
    const bool fused = tensor == nullptr && !place.fused.empty() && file_.find(place.fused) != nullptr;
    if (fused) tensor = file_.find(place.fused);
    if (tensor == nullptr) {
      missing_.push_back(place.name.empty() ? absl::StrCat(ours, " (which this format has no name for)")
                                            : place.name);
      return {};
    }
    used_.insert(tensor->name);
    if (!fits(*tensor, place, fused, shape)) return {};
    const absl::StatusOr<Tensor> loaded = file_.load(*tensor);
    if (!loaded.ok() || is_integer(loaded->dtype())) {
      ++unread_[tensor->type.name];
      return {};
    }
    Tensor x = *loaded;
    if (fused) {
      const int64_t q = c_.num_attention_heads * c_.head_size(), kv = c_.kv_heads() * c_.head_size();
      const int64_t begin = place.part == 0 ? 0 : place.part == 1 ? q : q + kv;
      x = slice(x, 0, begin, begin + shape[0]);
    }
    if (place.expert >= 0) x = select(x, 0, place.expert);
    if (neighbours_ && place.rotary_heads > 0) x = rows_in_halves(x, place.rotary_heads);
    if (place.norm && c_.norm == NormKind::kRmsPlusOne) x = x.to(kF32) - 1;
    while (x.dim() < shape.rank()) x = unsqueeze(x, 0);
    while (x.dim() > shape.rank()) x = squeeze(x, 0);
    return x.contiguous();
  }

  bool fits(const GgufTensor& tensor, const Place& place, bool fused, Shape needed) {
    if (fused) needed[0] = (c_.num_attention_heads + 2 * c_.kv_heads()) * c_.head_size();
    if (place.expert >= 0) needed.insert(0, c_.moe->experts);
    if (without_ones(tensor.shape) == without_ones(needed)) return true;
    misshapen_.push_back(
        absl::StrCat(tensor.name, " is ", to_string(tensor.shape), ", needed ", to_string(needed)));
    return false;
  }

  absl::Status status() {
    std::vector<std::string> all;
    const auto add = [&](const std::vector<std::string>& names, const char* what) {
      if (!names.empty())
        all.push_back(absl::StrCat(names.size(), " ", what, ": ", absl::StrJoin(names, ", ")));
    };
    std::sort(misshapen_.begin(), misshapen_.end());  // parts of one tensor say the same
    misshapen_.erase(std::unique(misshapen_.begin(), misshapen_.end()), misshapen_.end());
    std::sort(missing_.begin(), missing_.end());
    missing_.erase(std::unique(missing_.begin(), missing_.end()), missing_.end());
    add(missing_, "missing");
    add(unknown_, "unknown");
    add(misshapen_, "of another shape");
    const bool invalid = !all.empty();
    for (const auto& [type, count] : unread_)
      all.push_back(absl::StrCat(count, " of type ", type, ", which cannot be read"));
    if (all.empty()) return absl::OkStatus();
    return absl::Status(invalid ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kUnimplemented,
                        absl::StrCat(file_.path(), ": tensors: ", absl::StrJoin(all, "; ")));
  }

  const GgufFile& file_;
  const TransformerConfig& c_;
  bool neighbours_;  // rotary positions pair rows that are neighbours
  absl::flat_hash_set<std::string> used_;
  std::vector<std::string> missing_, unknown_, misshapen_;
  std::map<std::string, int64_t> unread_;
};

}  // namespace

absl::StatusOr<NamedTensors> gguf_weights(const GgufFile& file, const TransformerConfig& config,
                                          const NamedTensors& wanted) {
  return Reader(file, config).read(wanted);
}

}  // namespace roux::kit
