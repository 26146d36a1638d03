// Models made of the weights of others, and weights moved without a change of the function.
//
//   auto grown = grow_vocabulary(model, rows_like(model.embedding_weight(), 3, generator));
//   auto small = select_vocabulary(model, used_ids);
//   permute_units(model, "model.layers.0.mlp", randperm(config.intermediate_size, generator));
//
// What is made has copies of the weights, in their dtype and on their device, all of which require grad; it
// is in training mode, as every new module. Mixers of a recipe are made again by its function, and get their
// weights like all else.
#ifndef ROUX_NN_MODELS_SURGERY_H_
#define ROUX_NN_MODELS_SURGERY_H_

#include <functional>
#include <memory>
#include <string>

#include "nn/models/encoder_decoder.h"
#include "nn/models/transformer.h"

namespace roux {

// A Transformer of config with from's weights, in which edit has changed names and values: then those of the
// new model. Throws Error for weights that config does not have, or has in another shape.
std::unique_ptr<Transformer> remake(const Transformer& from, const TransformerConfig& config,
                                    const std::function<void(NamedTensors*)>& edit);
std::unique_ptr<EncoderDecoder> remake(const EncoderDecoder& from, const EncoderDecoderConfig& config,
                                       const std::function<void(NamedTensors*)>& edit);

// [n, D]: rows drawn like those of weight: [V, D], each column normal with its mean and standard deviation.
Tensor rows_like(const Tensor& weight, int64_t n, Generator& generator);

// m with n more tokens, V to V + n - 1. rows: [n, D], of the embedding; head_rows: [n, D], of an untied head,
// rows where not given. A bias of
// the logits begins with the mean of those that it has. The logits of the old
// tokens stay as they are.
std::unique_ptr<Transformer> grow_vocabulary(const Transformer& m, const Tensor& rows,
                                             const Tensor& head_rows = {});
std::unique_ptr<EncoderDecoder> grow_vocabulary(const EncoderDecoder& m, const Tensor& rows,
                                                const Tensor& head_rows = {});

// m with these tokens alone, in this order: token i was ids[i]. ids: [n] integer, below V. Their logits stay
// as they are.
std::unique_ptr<Transformer> select_vocabulary(const Transformer& m, const Tensor& ids);
std::unique_ptr<EncoderDecoder> select_vocabulary(const EncoderDecoder& m, const Tensor& ids);

// In place: unit i of an MLP (of an expert: "model.layers.3.mlp.experts.0") is what unit order[i] was. order:
// [F], a permutation. The model computes the same function. An optimizer's state is not moved.
void permute_units(Transformer& m, const std::string& mlp, const Tensor& order);

// In place: query head i of a layer is what head order[i] was. order: [H], a permutation that leaves together
// those which share keys; keys and values move with their queries. The model computes the same function.
// Throws Error where all layers share a bias for each head (Positions::kBuckets, kAlibi).
void permute_heads(Transformer& m, int64_t layer, const Tensor& order);

}  // namespace roux

#endif  // ROUX_NN_MODELS_SURGERY_H_
