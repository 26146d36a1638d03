#include "nn/models/config_groups.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "nn/models/rope_json.h"

namespace roux {

void read_activation(Fields& f, const char* field, const std::string& otherwise, bool gated,
                     TransformerConfig* c) {
  const std::string act = f.text(field, otherwise);
  const bool tanh = act == "gelu_new" || act == "gelu_pytorch_tanh";
  if (gated && (act == "silu" || act == "swish")) {
    c->activation = Activation::kSwiglu;
  } else if (gated && tanh) {
    c->activation = Activation::kGeglu;
  } else if (!gated && tanh) {
    c->activation = Activation::kGeluTanh;
  } else if (!gated && act == "gelu") {
    c->activation = Activation::kGelu;
  } else if (!gated && act == "relu") {
    c->activation = Activation::kRelu;
  } else if (!gated && (act == "silu" || act == "swish")) {
    c->activation = Activation::kSilu;
  } else {
    f.unimplemented(absl::StrCat(field, " \"", act, "\""));
  }
}

const char* activation_name(Activation activation) {
  static constexpr const char* kNames[] = {"gelu", "gelu_new", "relu", "silu", "silu", "gelu_pytorch_tanh"};
  return kNames[static_cast<int>(activation)];
}

void read_sizes(Fields& f, TransformerConfig* c) {
  c->vocab_size = f.integer("vocab_size");
  c->hidden_size = f.integer("hidden_size");
  c->intermediate_size = f.integer("intermediate_size");
  c->num_hidden_layers = f.integer("num_hidden_layers");
  c->num_attention_heads = f.integer("num_attention_heads");
  c->max_position_embeddings = f.integer("max_position_embeddings", c->max_position_embeddings);
}

void write_sizes(const TransformerConfig& c, nlohmann::ordered_json* json) {
  (*json)["intermediate_size"] = c.intermediate_size;
  (*json)["num_hidden_layers"] = c.num_hidden_layers;
  (*json)["num_attention_heads"] = c.num_attention_heads;
  (*json)["max_position_embeddings"] = c.max_position_embeddings;
}

void read_heads(Fields& f, int64_t kv_heads, TransformerConfig* c) {
  c->num_key_value_heads = f.optional_integer("num_key_value_heads");
  if (!c->num_key_value_heads && !f.is_null("num_key_value_heads")) c->num_key_value_heads = kv_heads;
  c->head_dim = f.optional_integer("head_dim");
}

void write_heads(const TransformerConfig& c, nlohmann::ordered_json* json) {
  (*json)["num_key_value_heads"] = c.kv_heads();
  if (c.head_dim) (*json)["head_dim"] = *c.head_dim;
}

void read_window(Fields& f, int64_t otherwise, absl::FunctionRef<bool(int64_t layer)> windowed,
                 TransformerConfig* c) {
  c->sliding_window = std::nullopt, c->full_attention_every = 0;
  if (f.is_null("sliding_window")) return;
  const JsonValue* types = f.array("layer_types");
  const auto is_full = [&](int64_t layer) {
    if (types == nullptr) return !windowed(layer);
    const auto index = static_cast<size_t>(layer);
    return index >= types->items().size() || !types->items()[index].is_string() ||
           types->items()[index].string() != "sliding_attention";
  };
  const int64_t layers = c->num_hidden_layers;
  int64_t first_full = 0, full = 0;
  while (first_full < layers && !is_full(first_full)) ++first_full;
  for (int64_t layer = 0; layer < layers; ++layer) full += is_full(layer);
  if (full == layers) return;
  c->sliding_window = f.integer("sliding_window", otherwise);
  if (full > 0) c->full_attention_every = first_full + 1;
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (is_full(layer) == c->window(layer).has_value())
      return f.unimplemented("a window in some of the layers (max_window_layers, layer_types)");
  }
}

void write_window(const TransformerConfig& c, nlohmann::ordered_json* json) {
  (*json)["sliding_window"] = nullptr;
  if (c.sliding_window) (*json)["sliding_window"] = *c.sliding_window;
}

void write_layer_types(const TransformerConfig& c, nlohmann::ordered_json* json) {
  auto types = nlohmann::ordered_json::array();
  for (int64_t layer = 0; layer < c.num_hidden_layers; ++layer) {
    types.push_back(c.window(layer) ? "sliding_attention" : "full_attention");
  }
  (*json)["layer_types"] = types;
}

void write_rope(const TransformerConfig& c, nlohmann::ordered_json* json) {
  (*json)["rope_theta"] = c.rope.theta;
  (*json)["rope_parameters"] = rope_json(c.rope);
  if (c.rope.scaling.type != RopeType::kDefault) (*json)["rope_scaling"] = (*json)["rope_parameters"];
}

}  // namespace roux
