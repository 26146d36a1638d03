// config.json of BERT and RoBERTa.
#include <nlohmann/json.hpp>

#include "nn/models/config_groups.h"

namespace roux {

TransformerConfig read_bert(Fields& f, Family family) {
  TransformerConfig c = bert_style();
  c.family = family;
  read_sizes(f, &c);
  if (family == Family::kRoberta) c.position_offset = f.integer("pad_token_id", 1) + 1;
  c.type_vocab_size = f.integer("type_vocab_size", 2);
  c.norm_eps = f.number("layer_norm_eps", 1e-12);
  read_activation(f, "hidden_act", "gelu", false, &c);
  c.dropout.attention = f.number("attention_probs_dropout_prob", 0.1);
  c.dropout.hidden = c.dropout.embedding = f.number("hidden_dropout_prob", 0.1);
  c.causal = f.boolean("is_decoder", false);
  f.must_be("add_cross_attention", false);
  f.must_be("tie_word_embeddings", true);
  if (f.text("position_embedding_type", "absolute") != "absolute")
    f.unimplemented("position_embedding_type but \"absolute\"");
  const JsonValue* architectures = f.array("architectures");
  if (architectures != nullptr && !architectures->items().empty()) {
    const JsonValue& name = architectures->items().front();
    const bool headless =
        name.is_string() && (name.string() == "BertModel" || name.string() == "RobertaModel");
    c.head_transform = c.head_bias = !headless;
  }
  return c;
}

void write_bert(const TransformerConfig& c, nlohmann::ordered_json* out) {
  nlohmann::ordered_json& json = *out;
  const bool roberta = c.family == Family::kRoberta;
  if (!c.head_bias) json["architectures"] = {roberta ? "RobertaModel" : "BertModel"};
  write_sizes(c, out);
  json["hidden_act"] = activation_name(c.activation);
  json["layer_norm_eps"] = c.norm_eps;
  json["attention_probs_dropout_prob"] = c.dropout.attention;
  json["hidden_dropout_prob"] = c.dropout.hidden;
  json["type_vocab_size"] = c.type_vocab_size;
  json["is_decoder"] = c.causal;
  json["pad_token_id"] = roberta ? c.position_offset - 1 : 0;
}

}  // namespace roux
