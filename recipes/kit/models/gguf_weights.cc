#include "recipes/kit/models/gguf_weights.h"

#include <algorithm>
#include <functional>
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
#include "tensor/ops/quantize.h"
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
constexpr Row kInLayers[] = {{"self_attn.q_norm", "attn_q_norm"},
                             {"self_attn.k_norm", "attn_k_norm"},
                             {"self_attn.q_proj", "attn_q"},
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

// Of T5, below "enc.blk.0." and "dec.blk.0.".
constexpr Row kInT5Layers[] = {{"self_attn.q_proj", "attn_q"},
                               {"self_attn.k_proj", "attn_k"},
                               {"self_attn.v_proj", "attn_v"},
                               {"self_attn.o_proj", "attn_o"},
                               {"cross_attn.q_proj", "cross_attn_q"},
                               {"cross_attn.k_proj", "cross_attn_k"},
                               {"cross_attn.v_proj", "cross_attn_v"},
                               {"cross_attn.o_proj", "cross_attn_o"},
                               {"input_layernorm", "attn_norm"},
                               {"cross_attn_layernorm", "cross_attn_norm"},
                               {"post_attention_layernorm", "ffn_norm"},
                               {"mlp.gate_proj", "ffn_gate"},
                               {"mlp.up_proj", "ffn_up"},
                               {"mlp.down_proj", "ffn_down"}};
constexpr Row kT5Modules[] = {{"shared", "token_embd"},
                              {"lm_head", "output"},
                              {"encoder.norm", "enc.output_norm"},
                              {"decoder.norm", "dec.output_norm"},
                              {"encoder.relative_attention.bias", "enc.blk.0.attn_rel_b"},
                              {"decoder.relative_attention.bias", "dec.blk.0.attn_rel_b"}};

// Tensors without a slot: frequencies, which gguf_config reads, and one that the first T5 has and never used.
constexpr const char* kOthers[] = {"rope_freqs.weight", "rope_factors_short.weight",
                                   "rope_factors_long.weight", "dec.blk.0.cross_attn_rel_b.weight"};

const char* find(absl::Span<const Row> rows, absl::string_view ours) {
  for (const Row& row : rows) {
    if (ours == row.ours) return row.file;
  }
  return nullptr;
}

// Where a tensor of ours stands in a file.
struct Place {
  std::string name;     // of the file's tensor
  int64_t expert = -1;  // of `experts`, which the tensor holds behind each other
  int64_t experts = 0;
  int64_t rotary_heads = 0;  // of q and k, where rotary positions pair rows that are neighbours
  bool plus_one = false;     // the file has it with 1 added
  // In a file without the tensor `unless`: rows from `begin` on of a tensor of `rows`.
  std::string fused, unless;
  int64_t begin = 0, rows = 0;
};

Place place_of(const TransformerConfig& c, bool neighbours, const std::string& ours) {
  const size_t dot = ours.rfind('.');
  const std::string module = ours.substr(0, dot), leaf = ours.substr(dot);  // ".weight"
  Place place;
  place.plus_one = absl::EndsWith(module, "norm") && c.norm == NormKind::kRmsPlusOne;
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
      place.experts = c.moe->experts;
    }
  }
  const auto part_of = [&](const char* fused, const char* first, int64_t begin, int64_t rows) {
    place.fused = block + fused + leaf, place.unless = block + first + leaf;
    place.begin = begin, place.rows = rows;
  };
  const int64_t q = c.num_attention_heads * c.head_size(), kv = c.kv_heads() * c.head_size();
  const bool gated = c.activation == Activation::kSwiglu || c.activation == Activation::kGeglu;
  if (inner == "self_attn.q_proj") {
    part_of("attn_qkv", "attn_q", 0, q + 2 * kv);
    place.rotary_heads = neighbours ? c.num_attention_heads : 0;
  } else if (inner == "self_attn.k_proj") {
    part_of("attn_qkv", "attn_q", q, q + 2 * kv);
    place.rotary_heads = neighbours ? c.kv_heads() : 0;
  } else if (inner == "self_attn.v_proj") {
    part_of("attn_qkv", "attn_q", q + kv, q + 2 * kv);
  } else if (gated && inner == "mlp.gate_proj") {
    part_of("ffn_up", "ffn_gate", 0, 2 * c.intermediate_size);
  } else if (gated && inner == "mlp.up_proj") {
    part_of("ffn_up", "ffn_gate", c.intermediate_size, 2 * c.intermediate_size);
  }
  return place;
}

Place place_in_t5(const std::string& ours) {
  const size_t dot = ours.rfind('.');
  const std::string module = ours.substr(0, dot), leaf = ours.substr(dot);
  Place place;
  if (const char* name = find(kT5Modules, module)) place.name = name + leaf;
  const std::vector<std::string> path = absl::StrSplit(module, absl::MaxSplits('.', 3));
  if (path.size() < 4) return place;  // encoder.layers.<number>.<module>
  if (const char* name = find(kInT5Layers, path[3])) {
    place.name = absl::StrCat(path[0].substr(0, 3), ".blk.", path[2], ".", name, leaf);
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
  using PlaceOf = std::function<Place(const std::string& ours)>;
  Reader(const GgufFile& file, PlaceOf place_of) : file_(file), place_of_(std::move(place_of)) {}

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
    const Place place = place_of_(ours);
    const GgufTensor* whole = file_.find(place.unless) == nullptr ? file_.find(place.fused) : nullptr;
    const bool fused = whole != nullptr && whole->shape.rank() > 0 && whole->shape[0] == place.rows;
    const GgufTensor* tensor = fused ? whole : file_.find(place.name);
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
    if (fused) x = slice(x, 0, place.begin, place.begin + shape[0]);
    if (place.expert >= 0) x = select(x, 0, place.expert);
    if (place.rotary_heads > 0) x = rows_in_halves(x, place.rotary_heads);
    if (is_block(x.dtype()) && shape.rank() < 2) x = dequantize(x);  // products alone read blocks
    if (place.plus_one) x = x.to(kF32) - 1;
    while (x.dim() < shape.rank()) x = unsqueeze(x, 0);
    while (x.dim() > shape.rank()) x = squeeze(x, 0);
    return x.contiguous();
  }

  bool fits(const GgufTensor& tensor, const Place& place, bool fused, Shape needed) {
    if (fused) needed[0] = place.rows;
    if (place.expert >= 0) needed.insert(0, place.experts);
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
  PlaceOf place_of_;
  absl::flat_hash_set<std::string> used_;
  std::vector<std::string> missing_, unknown_, misshapen_;
  std::map<std::string, int64_t> unread_;
};

}  // namespace

absl::StatusOr<NamedTensors> gguf_weights(const GgufFile& file, const TransformerConfig& config,
                                          const NamedTensors& wanted) {
  const absl::StatusOr<std::string> architecture = file.metadata().text("general.architecture");
  const bool neighbours = architecture.ok() && *architecture == "llama";
  return Reader(file, [&](const std::string& ours) { return place_of(config, neighbours, ours); })
      .read(wanted);
}
absl::StatusOr<NamedTensors> gguf_weights(const GgufFile& file, const EncoderDecoderConfig&,
                                          const NamedTensors& wanted) {
  return Reader(file, place_in_t5).read(wanted);
}

}  // namespace roux::kit
