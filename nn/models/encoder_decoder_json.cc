#include "nn/models/encoder_decoder_json.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "nn/models/config_fields.h"
#include "nn/models/config_json.h"
#include "tensor/error.h"

namespace roux {
namespace {

struct Name {
  const char* name;
  Activation activation;
};
// The first of two names for one activation is written.
constexpr Name kT5Activations[] = {{"relu", Activation::kRelu},         {"gated-gelu", Activation::kGeglu},
                                   {"gated-silu", Activation::kSwiglu}, {"gelu_new", Activation::kGeluTanh},
                                   {"gelu", Activation::kGelu},         {"silu", Activation::kSilu}};
constexpr Name kBartActivations[] = {
    {"gelu", Activation::kGelu},         {"relu", Activation::kRelu},
    {"gelu_new", Activation::kGeluTanh}, {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"silu", Activation::kSilu},         {"swish", Activation::kSilu}};

template <size_t n>
Activation read_activation(Fields& f, const char* field, const char* otherwise, const Name (&names)[n]) {
  const std::string text = f.text(field, otherwise);
  for (const Name& row : names) {
    if (text == row.name) return row.activation;
  }
  f.unimplemented(absl::StrCat(field, " \"", text, "\""));
  return names[0].activation;
}

template <size_t n>
std::string activation_name(Activation activation, const Name (&names)[n]) {
  for (const Name& row : names) {
    if (activation == row.activation) return row.name;
  }
  return names[0].name;  // a wrong one: reading the text again finds the difference
}

EncoderDecoderConfig read_t5(Fields& f) {
  EncoderDecoderConfig config = t5_style();
  const bool tied = f.boolean("tie_word_embeddings", true);
  config.scale_output = f.boolean("scale_decoder_outputs", tied);
  const int64_t layers = f.integer("num_layers", 6);
  for (TransformerConfig* c : {&config.encoder, &config.decoder}) {
    c->vocab_size = f.integer("vocab_size", c->vocab_size);
    c->hidden_size = f.integer("d_model", c->hidden_size);
    c->head_dim = f.integer("d_kv", 64);
    c->intermediate_size = f.integer("d_ff", c->intermediate_size);
    c->num_hidden_layers = layers;
    c->num_attention_heads = f.integer("num_heads", c->num_attention_heads);
    c->max_position_embeddings = f.integer("n_positions", c->max_position_embeddings);
    c->relative_attention_num_buckets = f.integer("relative_attention_num_buckets", 32);
    c->relative_attention_max_distance = f.integer("relative_attention_max_distance", 128);
    const double dropout = f.number("dropout_rate", 0.1);
    c->dropout = {dropout, dropout, dropout, dropout, dropout};
    c->norm_eps = f.number("layer_norm_epsilon", 1e-6);
    c->activation = read_activation(f, "feed_forward_proj", "relu", kT5Activations);
    c->tie_word_embeddings = tied && config.scale_output;
  }
  config.decoder.num_hidden_layers = f.integer("num_decoder_layers", layers);
  return config;
}

// BART and mBART.
EncoderDecoderConfig read_bart(Fields& f, EncoderDecoderFamily family) {
  EncoderDecoderConfig config = bart_style();
  config.family = family;
  for (const bool decoder : {false, true}) {
    TransformerConfig& c = decoder ? config.decoder : config.encoder;
    const auto integer = [&](const char* field, int64_t otherwise) {
      return f.integer(absl::StrCat(decoder ? "decoder_" : "encoder_", field).c_str(), otherwise);
    };
    c.vocab_size = f.integer("vocab_size", c.vocab_size);
    c.hidden_size = f.integer("d_model", 1024);
    c.num_hidden_layers = integer("layers", 12);
    c.intermediate_size = integer("ffn_dim", 4096);
    c.num_attention_heads = integer("attention_heads", 16);
    c.max_position_embeddings = f.integer("max_position_embeddings", 1024) + c.position_offset;
    c.activation = read_activation(f, "activation_function", "gelu", kBartActivations);
    const double dropout = f.number("dropout", 0.1);
    c.dropout = {.embedding = dropout,
                 .attention = f.number("attention_dropout", 0),
                 .hidden = dropout,
                 .units = f.number("activation_dropout", 0)};
    c.scale_embedding = f.boolean("scale_embedding", false);
    if (family == EncoderDecoderFamily::kMBart) c.residual = Residual::kPreNorm;
    const std::string layerdrop = decoder ? "decoder_layerdrop" : "encoder_layerdrop";
    if (f.number(layerdrop.c_str(), 0) != 0) f.unimplemented(layerdrop + " above 0");
  }
  f.must_be("tie_word_embeddings", true);
  return config;
}

nlohmann::ordered_json t5_json(const EncoderDecoderConfig& config) {
  const TransformerConfig& c = config.encoder;
  return {{"architectures", {"T5ForConditionalGeneration"}},
          {"model_type", "t5"},
          {"vocab_size", c.vocab_size},
          {"d_model", c.hidden_size},
          {"d_kv", c.head_size()},
          {"d_ff", c.intermediate_size},
          {"num_layers", c.num_hidden_layers},
          {"num_decoder_layers", config.decoder.num_hidden_layers},
          {"num_heads", c.num_attention_heads},
          {"n_positions", c.max_position_embeddings},
          {"relative_attention_num_buckets", c.relative_attention_num_buckets},
          {"relative_attention_max_distance", c.relative_attention_max_distance},
          {"dropout_rate", c.dropout.hidden},
          {"layer_norm_epsilon", c.norm_eps},
          {"feed_forward_proj", activation_name(c.activation, kT5Activations)},
          {"tie_word_embeddings", config.decoder.tie_word_embeddings},
          {"scale_decoder_outputs", config.scale_output},
          {"decoder_start_token_id", 0},
          {"pad_token_id", 0},
          {"eos_token_id", 1}};
}

nlohmann::ordered_json bart_json(const EncoderDecoderConfig& config) {
  const bool mbart = config.family == EncoderDecoderFamily::kMBart;
  const TransformerConfig &c = config.encoder, &d = config.decoder;
  nlohmann::ordered_json json = {
      {"architectures", {mbart ? "MBartForConditionalGeneration" : "BartForConditionalGeneration"}},
      {"model_type", mbart ? "mbart" : "bart"},
      {"vocab_size", c.vocab_size},
      {"d_model", c.hidden_size},
      {"encoder_layers", c.num_hidden_layers},
      {"encoder_ffn_dim", c.intermediate_size},
      {"encoder_attention_heads", c.num_attention_heads},
      {"decoder_layers", d.num_hidden_layers},
      {"decoder_ffn_dim", d.intermediate_size},
      {"decoder_attention_heads", d.num_attention_heads},
      {"max_position_embeddings", c.max_position_embeddings - c.position_offset},
      {"activation_function", activation_name(c.activation, kBartActivations)},
      {"dropout", c.dropout.hidden},
      {"attention_dropout", c.dropout.attention},
      {"activation_dropout", c.dropout.units},
      {"scale_embedding", c.scale_embedding},
      {"tie_word_embeddings", true},
      {"pad_token_id", 1},
      {"bos_token_id", 0},
      {"eos_token_id", 2},
      {"forced_eos_token_id", 2}};
  if (!mbart) json["decoder_start_token_id"] = 2;  // mBART's is a language
  return json;
}

// The first field in which two configurations differ in files; "" for none.
std::string difference(const EncoderDecoderConfig& a, const EncoderDecoderConfig& b) {
  std::string field = difference_in_files(a.encoder, b.encoder);
  if (!field.empty()) return absl::StrCat("encoder.", field);
  field = difference_in_files(a.decoder, b.decoder);
  if (!field.empty()) return absl::StrCat("decoder.", field);
  if (a.scale_output != b.scale_output) return "scale_output";
  return a.final_logits_bias == b.final_logits_bias ? "" : "final_logits_bias";
}

}  // namespace

absl::StatusOr<EncoderDecoderConfig> parse_encoder_decoder_json(std::string_view text,
                                                                const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, where));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": not an object"));
  Fields f(json, where);
  const std::string type = f.text("model_type", "");
  EncoderDecoderConfig config;
  if (type == "t5") {
    config = read_t5(f);
  } else if (type == "bart" || type == "mbart") {
    config = read_bart(f, type == "bart" ? EncoderDecoderFamily::kBart : EncoderDecoderFamily::kMBart);
  } else {
    f.unimplemented(absl::StrCat("model_type \"", type, "\""));
  }
  ROUX_RETURN_IF_ERROR(f.status());
  try {
    config.check();
  } catch (const Error& error) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": ", error.what()));
  }
  return config;
}

absl::StatusOr<bool> is_encoder_decoder_json(std::string_view text, const std::string& where) {
  ROUX_ASSIGN_OR_RETURN(const JsonValue json, parse_json_value(text, where));
  if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(where, ": not an object"));
  Fields f(json, where);
  const std::string type = f.text("model_type", "");
  ROUX_RETURN_IF_ERROR(f.status());
  return type == "t5" || type == "bart" || type == "mbart";
}

absl::StatusOr<std::string> encoder_decoder_json(const EncoderDecoderConfig& c, DType weights) {
  nlohmann::ordered_json json = c.family == EncoderDecoderFamily::kT5 ? t5_json(c) : bart_json(c);
  json["is_encoder_decoder"] = true;
  json["torch_dtype"] = torch_dtype_name(weights);
  const std::string text = json.dump(2) + "\n";
  ROUX_ASSIGN_OR_RETURN(const EncoderDecoderConfig read, parse_encoder_decoder_json(text, "config.json"));
  const std::string field = difference(c, read);
  if (!field.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("config.json: the files of ",
                                                   json["model_type"].get<std::string>(),
                                                   " models cannot express this model's ", field));
  }
  return text;
}

}  // namespace roux
