// Mixtures of experts that begin as a dense model.   [Komatsuzaki et al. 2022; He et al. 2024; Qwen2 report]
//
//   auto model = upcycle(dense, {.experts = 8, .per_token = 2, .width = dense.config().intermediate_size,
//                                .renormalise = true}, generator);
#ifndef ROUX_NN_MODELS_UPCYCLE_H_
#define ROUX_NN_MODELS_UPCYCLE_H_

#include <memory>

#include "nn/models/transformer.h"

namespace roux {

struct UpcycleOptions {
  double router_std = 0.02;  // of the weights of routers and of gates of shared experts
  // The experts that are cut from one copy have one router weight, so that tokens choose whole copies at
  // first. Without: each has its own.
  bool whole_copies = true;
  bool shuffle = false;  // the units of each copy in an order of its own
  double redrawn = 0;    // probability of a weight of an expert to be drawn anew,
  double std = 0.02;     // from a normal of this deviation
};

// dense with experts in the place of its MLPs, but in moe.dense_layers. The units of an MLP, of which it has
// F, are copied as often as needed, the copies laid behind each other and cut into experts of moe.width
// units; what is left over is dropped. A shared expert is cut from further copies. Biases of outputs are
// shared out by width. Files are those of Qwen2-MoE for a Qwen2.
//
// The new model computes what dense does when an expert is a whole part of a copy (width = F / G), experts
// and per_token are multiples of G, scale is G, with renormalise, whole_copies, nothing redrawn and nothing
// shared: the weights of the chosen copies add up to 1.
// Throws Error when dense has experts, or sizes do not fit.
std::unique_ptr<Transformer> upcycle(const Transformer& dense, const MoeConfig& moe, Generator& generator,
                                     const UpcycleOptions& options = {});

}  // namespace roux

#endif  // ROUX_NN_MODELS_UPCYCLE_H_
