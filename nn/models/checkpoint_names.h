// Names and layouts of weights in the files of each family, to ours (Llama's) and exactly back.
#ifndef ROUX_NN_MODELS_CHECKPOINT_NAMES_H_
#define ROUX_NN_MODELS_CHECKPOINT_NAMES_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "nn/transformer_config.h"
#include "tensor/tensor.h"

namespace roux {

// What a file of c.family holds, as load_state_dict() of a Transformer takes it: renamed, GPT-2's [in, out]
// transposed, fused q, k and v apart (views, where the layout allows). Takes every form in which models are
// published: names with the prefix of the base model ("transformer.", "model.", "gpt_neox.", "bert.") or
// without; the head of a tied model left out, repeated (it must equal the embedding) or in the embedding's
// place. Left out are masks, rotary frequencies and other buffers, and BERT's pooler and head for pairs of
// sentences, which no language model reads. Names that the family does not have are passed on, for
// load_state_dict() to report. InvalidArgument for a repeated name, another head, a fused tensor of another
// shape.
absl::StatusOr<NamedTensors> from_checkpoint(const TransformerConfig& c, const NamedTensors& file);

// The inverse, for a state_dict() or what has its names and shapes (gradients): what transformers writes.
// InvalidArgument for a name without a place in the family's files.
absl::StatusOr<NamedTensors> to_checkpoint(const TransformerConfig& c, const NamedTensors& model);

// Where a module of ours stands in the files of c.family. What belongs to its rows, as an adapter's lora_B
// [out, r] does, goes there and back under the name of a bias, which may have more axes behind the first.
struct FileModule {
  std::string name;               // "transformer.h.0.attn.c_attn"
  std::vector<std::string> ours;  // the modules whose rows stand there: q_proj, k_proj and v_proj, or one
};
FileModule file_module(const TransformerConfig& c, const std::string& ours);

}  // namespace roux

#endif  // ROUX_NN_MODELS_CHECKPOINT_NAMES_H_
