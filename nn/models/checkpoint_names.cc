#include "nn/models/checkpoint_names.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "nn/models/checkpoint_tools.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

enum class Layout : uint8_t {
  kSame,
  kQkv,         // q_proj, k_proj and v_proj behind each other: [3 H d, ...]
  kQkvPerHead,  // the same for each head: [H, 3, d, ...]
};

// A module of ours and of the file; of kQkv layouts the module that holds q_proj, k_proj and v_proj.
struct Row {
  const char* ours = "";
  const char* file = "";
  Layout layout = Layout::kSame;
  bool transposed = false;  // weight: [in, out]
};

// A tensor that stands in a file under a second name when the embeddings are tied.
struct Repeat {
  const char* file;
  const char* ours;
};

// Modules that are not listed have one name in both.
struct Names {
  const char* prefix;               // of all modules but the head
  const char* layers;               // behind the prefix
  absl::Span<const Row> modules;    // behind the prefix
  absl::Span<const Row> in_layers;  // behind "<layers>.<number>."
  absl::Span<const Row> head;       // the first of several is written
  absl::Span<const Repeat> repeats;
  absl::Span<const char* const> buffers;  // ends of names
  absl::Span<const char* const> unused;   // beginnings of names: heads that no language model reads
};

constexpr const char* kEmbedding = "model.embed_tokens.weight";

constexpr const char* kLlamaBuffers[] = {".rotary_emb.inv_freq"};
constexpr Row kLlamaHead[] = {{"lm_head", "lm_head"}};
constexpr Repeat kLlamaRepeats[] = {{"lm_head.weight", kEmbedding}};
constexpr Names kLlamaNames = {"model.", "layers", {}, {}, kLlamaHead, kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kGemma2InLayers[] = {{"mixer_norm", "post_attention_layernorm"},
                                   {"post_attention_layernorm", "pre_feedforward_layernorm"},
                                   {"mlp_norm", "post_feedforward_layernorm"}};
constexpr Names kGemma2Names = {"model.",      "layers",      {}, kGemma2InLayers, kLlamaHead,
                                kLlamaRepeats, kLlamaBuffers, {}};

constexpr Row kGpt2Modules[] = {{"embed_tokens", "wte"}, {"embed_positions", "wpe"}, {"norm", "ln_f"}};
constexpr Row kGpt2InLayers[] = {{"input_layernorm", "ln_1"},
                                 {"post_attention_layernorm", "ln_2"},
                                 {"self_attn", "attn.c_attn", Layout::kQkv, true},
                                 {"self_attn.o_proj", "attn.c_proj", Layout::kSame, true},
                                 {"mlp.up_proj", "mlp.c_fc", Layout::kSame, true},
                                 {"mlp.down_proj", "mlp.c_proj", Layout::kSame, true}};
constexpr const char* kGpt2Buffers[] = {".attn.bias", ".attn.masked_bias"};
constexpr Names kGpt2Names = {"transformer.", "h",           kGpt2Modules, kGpt2InLayers,
                              kLlamaHead,     kLlamaRepeats, kGpt2Buffers, {}};

constexpr Row kNeoXModules[] = {{"embed_tokens", "embed_in"}, {"norm", "final_layer_norm"}};
constexpr Row kNeoXInLayers[] = {{"self_attn", "attention.query_key_value", Layout::kQkvPerHead},
                                 {"self_attn.o_proj", "attention.dense"},
                                 {"mlp.up_proj", "mlp.dense_h_to_4h"},
                                 {"mlp.down_proj", "mlp.dense_4h_to_h"}};
constexpr Row kNeoXHead[] = {{"lm_head", "embed_out"}, {"lm_head", "lm_head"}};
constexpr Repeat kNeoXRepeats[] = {{"embed_out.weight", kEmbedding}, {"lm_head.weight", kEmbedding}};
constexpr const char* kNeoXBuffers[] = {".attention.bias", ".attention.masked_bias",
                                        ".attention.rotary_emb.inv_freq"};
constexpr Names kNeoXNames = {"gpt_neox.", "layers",     kNeoXModules, kNeoXInLayers,
                              kNeoXHead,   kNeoXRepeats, kNeoXBuffers, {}};

constexpr Row kBertModules[] = {{"embed_tokens", "embeddings.word_embeddings"},
                                {"embed_positions", "embeddings.position_embeddings"},
                                {"embed_token_types", "embeddings.token_type_embeddings"},
                                {"embedding_norm", "embeddings.LayerNorm"}};
constexpr Row kBertInLayers[] = {{"self_attn.q_proj", "attention.self.query"},
                                 {"self_attn.k_proj", "attention.self.key"},
                                 {"self_attn.v_proj", "attention.self.value"},
                                 {"self_attn.o_proj", "attention.output.dense"},
                                 {"input_layernorm", "attention.output.LayerNorm"},
                                 {"mlp.up_proj", "intermediate.dense"},
                                 {"mlp.down_proj", "output.dense"},
                                 {"post_attention_layernorm", "output.LayerNorm"}};
constexpr const char* kBertBuffers[] = {"embeddings.position_ids"};
constexpr Row kBertHead[] = {{"lm_head", "cls.predictions"},
                             {"lm_head.dense", "cls.predictions.transform.dense"},
                             {"lm_head.norm", "cls.predictions.transform.LayerNorm"}};
constexpr Repeat kBertRepeats[] = {{"cls.predictions.decoder.weight", kEmbedding},
                                   {"cls.predictions.decoder.bias", "lm_head.bias"}};
constexpr const char* kBertUnused[] = {"pooler.", "bert.pooler.", "cls.seq_relationship."};
constexpr Names kBertNames = {"bert.",   "encoder.layer", kBertModules, kBertInLayers,
                              kBertHead, kBertRepeats,    kBertBuffers, kBertUnused};

constexpr Row kRobertaHead[] = {
    {"lm_head", "lm_head"}, {"lm_head.dense", "lm_head.dense"}, {"lm_head.norm", "lm_head.layer_norm"}};
constexpr Repeat kRobertaRepeats[] = {{"lm_head.decoder.weight", kEmbedding},
                                      {"lm_head.decoder.bias", "lm_head.bias"}};
constexpr const char* kRobertaUnused[] = {"pooler.", "roberta.pooler."};
constexpr Names kRobertaNames = {"roberta.",   "encoder.layer", kBertModules, kBertInLayers,
                                 kRobertaHead, kRobertaRepeats, kBertBuffers, kRobertaUnused};

const Names& names_of(Family family) {
  switch (family) {
    case Family::kGemma2:
      return kGemma2Names;
    case Family::kGpt2:
      return kGpt2Names;
    case Family::kGptNeoX:
      return kNeoXNames;
    case Family::kBert:
      return kBertNames;
    case Family::kRoberta:
      return kRobertaNames;
    default:
      return kLlamaNames;
  }
}

constexpr const char* kProjections[] = {"q_proj", "k_proj", "v_proj"};
constexpr absl::string_view kOurPrefix = "model.", kOurLayers = "layers";

// "h.3.attn.c_attn" with layers "h" -> "3." and "attn.c_attn"; number is empty outside of layers.
struct Path {
  std::string number, module;
};
Path in_layer(absl::string_view path, absl::string_view layers) {
  if (!absl::StartsWith(path, layers) || path.size() <= layers.size() || path[layers.size()] != '.') {
    return {"", std::string(path)};
  }
  const absl::string_view rest = path.substr(layers.size() + 1);
  size_t digits = 0;
  while (digits < rest.size() && std::isdigit(static_cast<unsigned char>(rest[digits])) != 0) ++digits;
  if (digits == 0 || digits == rest.size() || rest[digits] != '.') return {"", std::string(path)};
  return {std::string(rest.substr(0, digits + 1)), std::string(rest.substr(digits + 1))};
}

Tensor swapped(const Row& row, const std::string& leaf, const Tensor& x) {
  return row.transposed && leaf == "weight" && x.dim() == 2 ? transpose(x, 0, 1) : x;
}

// The i-th of q, k and v, from [3 H d, ...] (transposed already); undefined where the shape does not fit.
Tensor part_of(const TransformerConfig& c, Layout layout, const Tensor& fused, int64_t i) {
  const int64_t heads = c.num_attention_heads, width = c.head_size();
  if (fused.dim() < 1 || fused.dim() > 2 || fused.size(0) != 3 * heads * width) return {};
  if (layout == Layout::kQkv) return slice(fused, 0, i * heads * width, (i + 1) * heads * width);
  Shape by_head{heads, 3, width}, flat{heads * width};
  for (int axis = 1; axis < fused.dim(); ++axis)
    by_head.push_back(fused.size(axis)), flat.push_back(fused.size(axis));
  return reshape(select(reshape(fused, by_head), 1, i), flat);
}

Tensor fuse(const TransformerConfig& c, Layout layout, const std::vector<Tensor>& parts) {
  if (layout == Layout::kQkv) return cat(parts, 0);
  std::vector<Tensor> by_head;
  Shape shape{c.num_attention_heads, 1, c.head_size()}, flat{-1};
  for (int axis = 1; axis < parts[0].dim(); ++axis) {
    shape.push_back(parts[0].size(axis));
    flat.push_back(parts[0].size(axis));
  }
  for (const Tensor& part : parts) by_head.push_back(reshape(part, shape));
  return reshape(cat(by_head, 1), flat);
}

// Where the weights of a module of ours stand; `file` is empty when the family has no place for them.
struct Place {
  Row row;
  std::string file;
  std::vector<std::string> ours;  // the modules that stand there, in this order
};
Place place_of(const Names& names, const std::string& module) {
  Place place{.row = {}, .file = "", .ours = {module}};
  for (const Row& head : names.head) {
    if (module != head.ours) continue;
    place.file = head.file;
    return place;
  }
  if (!absl::StartsWith(module, kOurPrefix)) return place;
  const Path path = in_layer(absl::string_view(module).substr(kOurPrefix.size()), kOurLayers);
  std::string file = path.module;
  for (const Row& row : path.number.empty() ? names.modules : names.in_layers) {
    if (row.layout == Layout::kSame) {
      if (path.module == row.ours) place.row = row, file = row.file;
      continue;
    }
    for (const char* projection : kProjections) {
      if (path.module != absl::StrCat(row.ours, ".", projection)) continue;
      place.row = row, file = row.file;
      place.ours.clear();
      for (const char* part : kProjections)
        place.ours.push_back(absl::StrCat(kOurPrefix, kOurLayers, ".", path.number, row.ours, ".", part));
      break;
    }
  }
  place.file = path.number.empty() ? absl::StrCat(names.prefix, file)
                                   : absl::StrCat(names.prefix, names.layers, ".", path.number, file);
  return place;
}

}  // namespace

absl::StatusOr<NamedTensors> from_checkpoint(const TransformerConfig& c, const NamedTensors& file) {
  const Names& names = names_of(c.family);
  NoGradGuard no_grad;
  NamedTensors model;
  absl::flat_hash_map<std::string, std::string> origin;  // of each name of ours: where it stood in the file
  const auto add = [&](const std::string& name, const Tensor& value, const std::string& from) {
    const auto [earlier, added] = origin.emplace(name, from);
    if (!added) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", earlier->second, " and ", from, " are both ", name));
    }
    model.emplace_back(name, value);
    return absl::OkStatus();
  };
  std::vector<std::pair<Repeat, Tensor>> repeats;
  for (const auto& [name, value] : file) {
    const auto ends = [&](const char* end) { return absl::EndsWith(name, end); };
    const auto begins = [&](const char* begin) { return absl::StartsWith(name, begin); };
    if (std::any_of(names.buffers.begin(), names.buffers.end(), ends)) continue;
    if (std::any_of(names.unused.begin(), names.unused.end(), begins)) continue;
    const Repeat* repeat = nullptr;
    for (const Repeat& row : names.repeats) {
      if (c.tie_word_embeddings && name == row.file) repeat = &row;
    }
    if (repeat != nullptr) {
      repeats.emplace_back(*repeat, value);
      continue;
    }
    const auto [module, leaf] = split_leaf(name);
    const auto head = std::find_if(names.head.begin(), names.head.end(),
                                   [&, path = module](const Row& row) { return path == row.file; });
    if (head != names.head.end()) {
      ROUX_RETURN_IF_ERROR(add(absl::StrCat(head->ours, ".", leaf), value, name));
      continue;
    }
    const bool prefixed = absl::StartsWith(module, names.prefix);
    const Path path = in_layer(prefixed ? module.substr(std::strlen(names.prefix)) : module, names.layers);
    const std::string before = path.number.empty() ? std::string(kOurPrefix)
                                                   : absl::StrCat(kOurPrefix, kOurLayers, ".", path.number);
    Row row{path.module.c_str(), path.module.c_str()};
    for (const Row& candidate : path.number.empty() ? names.modules : names.in_layers) {
      if (path.module == candidate.file) row = candidate;
    }
    const Tensor x = swapped(row, leaf, value);
    if (row.layout == Layout::kSame) {
      ROUX_RETURN_IF_ERROR(add(absl::StrCat(before, row.ours, ".", leaf), x, name));
      continue;
    }
    for (int64_t i = 0; i < 3; ++i) {
      const Tensor part = part_of(c, row.layout, x, i);
      if (!part.defined()) {
        return absl::InvalidArgumentError(absl::StrCat("checkpoint: ", name, " is ", to_string(value.spec()),
                                                       ", needed q, k and v of ", c.num_attention_heads,
                                                       " heads of ", c.head_size(), " units each"));
      }
      ROUX_RETURN_IF_ERROR(add(absl::StrCat(before, row.ours, ".", kProjections[i], ".", leaf), part, name));
    }
  }
  for (const auto& [repeat, value] : repeats) {
    const auto same = std::find_if(model.begin(), model.end(), [&, ours = repeat.ours](const auto& entry) {
      return entry.first == ours;
    });
    if (same == model.end()) {
      ROUX_RETURN_IF_ERROR(add(repeat.ours, value, repeat.file));
    } else if (!same_values(value, same->second)) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", repeat.file, ", ", to_string(value.spec()), ", is not ",
                       origin[repeat.ours], ", ", to_string(same->second.spec()), ": this model ties them"));
    }
  }
  return model;
}

absl::StatusOr<NamedTensors> to_checkpoint(const TransformerConfig& c, const NamedTensors& model) {
  const Names& names = names_of(c.family);
  NoGradGuard no_grad;
  absl::flat_hash_map<std::string, Tensor> by_name(model.begin(), model.end());
  NamedTensors file;
  for (const auto& [name, value] : model) {
    const auto [module, leaf] = split_leaf(name);
    const Place place = place_of(names, module);
    if ((leaf != "weight" && leaf != "bias") || place.file.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", name, " has no place in the files of this family"));
    }
    if (module != place.ours.front()) continue;  // the three go where q stands
    Tensor x = value;
    if (place.row.layout != Layout::kSame) {
      std::vector<Tensor> parts;
      for (const std::string& fused : place.ours) {
        const std::string part = absl::StrCat(fused, ".", leaf);
        const auto found = by_name.find(part);
        if (found == by_name.end())
          return absl::InvalidArgumentError(absl::StrCat("checkpoint: ", part, " is missing"));
        parts.push_back(found->second);
      }
      x = fuse(c, place.row.layout, parts);
    }
    file.emplace_back(absl::StrCat(place.file, ".", leaf), swapped(place.row, leaf, x));
  }
  return file;
}

FileModule file_module(const TransformerConfig& c, const std::string& ours) {
  Place place = place_of(names_of(c.family), ours);
  return {std::move(place.file), std::move(place.ours)};
}

}  // namespace roux
