// NEFTune: noise on the embeddings while a model is fine-tuned.                         [Jain et al. 2023]
//
//   Generator noise = Generator(seed).fork(step);      // the same after a resume
//   LmInput in{.embeddings = neftune(model.embed(ids), 5, noise, lengths)};
#ifndef ROUX_RECIPES_KIT_TRAIN_NEFTUNE_H_
#define ROUX_RECIPES_KIT_TRAIN_NEFTUNE_H_

#include "tensor/generator.h"
#include "tensor/tensor.h"

namespace roux::kit {

// embeddings + alpha / sqrt(L d) u, u uniform in [-1, 1). embeddings: floating [B, T, d]; L: the tokens of
// each row, lengths (integer [B]), or T where these are not given. Gradients go to the embeddings unchanged.
// Throws Error for other shapes and a negative alpha.
Tensor neftune(const Tensor& embeddings, double alpha, Generator& generator, const Tensor& lengths = {});

}  // namespace roux::kit

#endif  // ROUX_RECIPES_KIT_TRAIN_NEFTUNE_H_
