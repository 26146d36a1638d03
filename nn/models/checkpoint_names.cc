#include "nn/models/checkpoint_names.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nn/models/checkpoint_families.h"
#include "nn/models/checkpoint_tools.h"
#include "tensor/error.h"
#include "tensor/grad_mode.h"
#include "tensor/ops/index.h"
#include "tensor/ops/view.h"

namespace roux {
namespace {

// The modules of a fused layout, and their rows.
struct Part {
  const char* name;
  int64_t rows;
};
std::vector<Part> parts_of(const TransformerConfig& c, Layout layout) {
  if (layout == Layout::kSame) return {};
  if (layout == Layout::kGateUp)
    return {{"gate_proj", c.intermediate_size}, {"up_proj", c.intermediate_size}};
  const int64_t keys = c.kv_heads() * c.head_size();
  return {{"q_proj", c.num_attention_heads * c.head_size()}, {"k_proj", keys}, {"v_proj", keys}};
}
std::string described(const TransformerConfig& c, Layout layout) {
  if (layout == Layout::kGateUp) return absl::StrCat("gate and up of ", c.intermediate_size, " units each");
  if (layout == Layout::kQkvPerHead || c.kv_heads() == c.num_attention_heads) {
    return absl::StrCat("q, k and v of ", c.num_attention_heads, " heads of ", c.head_size(), " units each");
  }
  return absl::StrCat("q of ", c.num_attention_heads, ", k and v of ", c.kv_heads(), " heads of ",
                      c.head_size(), " units each");
}

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

// path by the name `to`, where it is `from`; a * of both is the same number.
std::optional<std::string> renamed(const std::string& path, absl::string_view from, absl::string_view to) {
  const size_t star = from.find('*');
  if (star == absl::string_view::npos) {
    return path == from ? std::optional(std::string(to)) : std::nullopt;
  }
  const absl::string_view before = from.substr(0, star), after = from.substr(star + 1);
  if (!absl::StartsWith(path, before) || !absl::EndsWith(path, after) ||
      path.size() <= before.size() + after.size()) {
    return std::nullopt;
  }
  const std::string number = path.substr(before.size(), path.size() - before.size() - after.size());
  if (number.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  const size_t to_star = to.find('*');
  return absl::StrCat(to.substr(0, to_star), number, to.substr(to_star + 1));
}

Tensor swapped(const Row& row, const std::string& leaf, const Tensor& x) {
  return row.transposed && leaf == "weight" && x.dim() == 2 ? transpose(x, 0, 1) : x;
}

// The parts, from a fused tensor (transposed already); none where the shape does not fit.
std::vector<Tensor> split(const TransformerConfig& c, Layout layout, const Tensor& fused) {
  const std::vector<Part> parts = parts_of(c, layout);
  int64_t rows = 0;
  for (const Part& part : parts) rows += part.rows;
  if (fused.dim() < 1 || fused.dim() > 2 || fused.size(0) != rows) return {};
  std::vector<Tensor> out;
  if (layout != Layout::kQkvPerHead) {
    int64_t begin = 0;
    for (const Part& part : parts) {
      out.push_back(slice(fused, 0, begin, begin + part.rows));
      begin += part.rows;
    }
    return out;
  }
  const int64_t heads = c.num_attention_heads, width = c.head_size();
  if (heads != c.kv_heads()) return {};
  Shape by_head{heads, 3, width}, flat{heads * width};
  for (int axis = 1; axis < fused.dim(); ++axis)
    by_head.push_back(fused.size(axis)), flat.push_back(fused.size(axis));
  for (int64_t i = 0; i < 3; ++i) out.push_back(reshape(select(reshape(fused, by_head), 1, i), flat));
  return out;
}

Tensor fuse(const TransformerConfig& c, Layout layout, const std::vector<Tensor>& parts) {
  if (layout != Layout::kQkvPerHead) return cat(parts, 0);
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
Place place_of(const TransformerConfig& c, const std::string& module) {
  const Names& names = names_of(c.family);
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
      const std::optional<std::string> found = renamed(path.module, row.ours, row.file);
      if (found) place.row = row, file = *found;
      continue;
    }
    std::vector<std::string> fused;
    bool here = false;
    for (const Part& part : parts_of(c, row.layout)) {
      const std::string in_place = absl::StrCat(row.ours, ".", part.name);
      here |= path.module == in_place;
      fused.push_back(absl::StrCat(kOurPrefix, kOurLayers, ".", path.number, in_place));
    }
    if (here) place.row = row, file = row.file, place.ours = std::move(fused);
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
    Row row{};
    std::string ours = path.module;
    for (const Row& candidate : path.number.empty() ? names.modules : names.in_layers) {
      const std::optional<std::string> found = renamed(path.module, candidate.file, candidate.ours);
      if (found) row = candidate, ours = *found;
    }
    const Tensor x = swapped(row, leaf, value);
    if (row.layout == Layout::kSame) {
      ROUX_RETURN_IF_ERROR(add(absl::StrCat(before, ours, ".", leaf), x, name));
      continue;
    }
    const std::vector<Tensor> values = split(c, row.layout, x);
    if (values.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("checkpoint: ", name, " is ", to_string(value.spec()),
                                                     ", needed ", described(c, row.layout)));
    }
    const std::vector<Part> parts = parts_of(c, row.layout);
    for (size_t i = 0; i < parts.size(); ++i) {
      ROUX_RETURN_IF_ERROR(add(absl::StrCat(before, ours, ".", parts[i].name, ".", leaf), values[i], name));
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
  NoGradGuard no_grad;
  absl::flat_hash_map<std::string, Tensor> by_name(model.begin(), model.end());
  NamedTensors file;
  for (const auto& [name, value] : model) {
    const auto [module, leaf] = split_leaf(name);
    const Place place = place_of(c, module);
    if ((leaf != "weight" && leaf != "bias") || place.file.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("checkpoint: ", name, " has no place in the files of this family"));
    }
    if (module != place.ours.front()) continue;  // all go where the first stands
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
  Place place = place_of(c, ours);
  return {std::move(place.file), std::move(place.ours)};
}

}  // namespace roux
