#include "nn/models/rope_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace roux {
namespace {

struct RopeName {
  RopeType type;
  const char* name;
};
constexpr RopeName kRopes[] = {{RopeType::kDefault, "default"},    {RopeType::kLinear, "linear"},
                               {RopeType::kDynamicNtk, "dynamic"}, {RopeType::kYarn, "yarn"},
                               {RopeType::kLlama3, "llama3"},      {RopeType::kLongRope, "longrope"},
                               {RopeType::kLongRope, "su"}};  // its name in the first files

void read_parameters(Fields& f, std::optional<Fields> r, int64_t max_position_embeddings, Rope* rope) {
  if (!r) return;
  rope->theta = r->number("rope_theta", rope->theta);
  rope->fraction = r->number("partial_rotary_factor", rope->fraction);
  RopeScaling& s = rope->scaling;
  const std::string type = r->text("rope_type", r->text("type", "default"));
  bool known = false;
  for (const RopeName& row : kRopes) {
    if (type != row.name) continue;
    known = true;
    s.type = row.type;
  }
  if (!known) r->unimplemented(absl::StrCat("rope_type \"", type, "\""));
  s.factor = r->number("factor", s.factor);
  if (s.type == RopeType::kDynamicNtk || s.type == RopeType::kYarn || s.type == RopeType::kLlama3 ||
      s.type == RopeType::kLongRope) {
    s.original_max_position_embeddings =
        r->integer("original_max_position_embeddings",
                   f.integer("original_max_position_embeddings", max_position_embeddings));
  }
  if (s.type == RopeType::kLongRope) {
    s.short_factor = r->numbers("short_factor"), s.long_factor = r->numbers("long_factor");
    if (!r->has("factor")) {
      s.factor = static_cast<double>(max_position_embeddings) /
                 static_cast<double>(std::max<int64_t>(1, s.original_max_position_embeddings));
    }
  }
  s.beta_fast = r->number("beta_fast", s.beta_fast);
  s.beta_slow = r->number("beta_slow", s.beta_slow);
  s.truncate = r->boolean("truncate", s.truncate);
  if (r->has("attention_factor")) s.attention_factor = r->number("attention_factor", 1);
  s.mscale = r->number("mscale", s.mscale);
  s.mscale_all_dim = r->number("mscale_all_dim", s.mscale_all_dim);
  s.low_freq_factor = r->number("low_freq_factor", s.low_freq_factor);
  s.high_freq_factor = r->number("high_freq_factor", s.high_freq_factor);
  f.fail(r->status());
}

}  // namespace

void read_rope(Fields& f, int64_t max_position_embeddings, Rope* rope) {
  std::optional<Fields> r = f.object("rope_parameters");
  if (!r) r = f.object("rope_scaling");
  rope->theta = f.number("rope_theta", rope->theta);
  rope->fraction = f.number("partial_rotary_factor", rope->fraction);
  read_parameters(f, std::move(r), max_position_embeddings, rope);
}

void read_rope_type(Fields& f, const char* type, int64_t max_position_embeddings, Rope* rope) {
  read_parameters(f, f.object(type), max_position_embeddings, rope);
}

nlohmann::ordered_json rope_json(const Rope& rope) {
  const RopeScaling& s = rope.scaling;
  nlohmann::ordered_json json;
  for (const RopeName& row : kRopes) {
    if (row.type == s.type && !json.contains("rope_type")) json["rope_type"] = row.name;
  }
  json["rope_theta"] = rope.theta;
  if (rope.fraction != 1) json["partial_rotary_factor"] = rope.fraction;
  if (s.type == RopeType::kDefault) return json;
  json["factor"] = s.factor;
  if (s.original_max_position_embeddings > 0)
    json["original_max_position_embeddings"] = s.original_max_position_embeddings;
  if (s.type == RopeType::kYarn) {
    json["beta_fast"] = s.beta_fast, json["beta_slow"] = s.beta_slow, json["truncate"] = s.truncate;
    if (s.attention_factor) json["attention_factor"] = *s.attention_factor;
    if (s.mscale != 0) json["mscale"] = s.mscale;
    if (s.mscale_all_dim != 0) json["mscale_all_dim"] = s.mscale_all_dim;
  }
  if (s.type == RopeType::kLongRope) {
    json["short_factor"] = s.short_factor, json["long_factor"] = s.long_factor;
    if (s.attention_factor) json["attention_factor"] = *s.attention_factor;
  }
  if (s.type == RopeType::kLlama3) {
    json["low_freq_factor"] = s.low_freq_factor, json["high_freq_factor"] = s.high_freq_factor;
  }
  return json;
}

}  // namespace roux
