// Rotary positions in config.json.
#ifndef ROUX_NN_MODELS_ROPE_JSON_H_
#define ROUX_NN_MODELS_ROPE_JSON_H_

#include <nlohmann/json_fwd.hpp>

#include "nn/models/config_fields.h"
#include "tensor/ops/rotary.h"

namespace roux {

// From rope_parameters, which transformers 5 writes, or rope_scaling beside rope_theta of its predecessors.
// What is missing stays as it is in *rope; errors are f's.
void read_rope(Fields& f, int64_t max_position_embeddings, Rope* rope);

// From the member `type` of rope_parameters, f.
void read_rope_type(Fields& f, const char* type, int64_t max_position_embeddings, Rope* rope);

// The value of rope_parameters.
nlohmann::ordered_json rope_json(const Rope& rope);

}  // namespace roux

#endif  // ROUX_NN_MODELS_ROPE_JSON_H_
