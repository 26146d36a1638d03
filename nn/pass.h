// What the layers of one forward share. A model makes one Pass from its input and hands it to every layer:
// nothing but training() is switched on modules, so two forwards cannot disturb each other, and a
// checkpoint's second run sees what the first saw.
#ifndef ROUX_NN_PASS_H_
#define ROUX_NN_PASS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "nn/kv_cache.h"
#include "tensor/generator.h"
#include "tensor/ops/attention.h"
#include "tensor/ops/rotary.h"

namespace roux {

// Places in a block. B rows, T tokens, D hidden, H query heads of width d, F feed-forward units, E
// experts.
enum class Site : uint8_t {
  kEmbedding,         // [B, T, D] what enters block 0
  kMixerInput,        // [B, T, D] behind the norm: input of q, k and v
  kHeads,             // [B, T, H, d] what the heads found: input of o
  kMixer,             // [B, T, D] what attention adds to the residual stream
  kMiddle,            // [B, T, D] the residual stream that the MLP's norm reads; not in parallel blocks
  kFeedForwardInput,  // [B, T, D] behind the norm: input of gate and up
  kUnits,             // [B, T, F] behind activation and gate: input of down; not of experts
  kFeedForward,       // [B, T, D] what the MLP adds
  kBlock,             // [B, T, D] the residual stream behind the block
  kRouter,            // [B T, E] f32 (f64 in f64), the routing probabilities; in layers with experts
  // Of cross-attention, between kMixer and kMiddle, which has them in it:
  kCrossInput,  // [B, T, D] input of q
  kCrossHeads,  // [B, T, H, d] what the heads found: input of o
  kCross,       // [B, T, D] what it adds
};
const char* name(Site site);

// Reads and edits of activations, in the order in which they were added. A handle on a list: copies share it.
// A model without the site, or without the layer, throws Error. `layer` of kEmbedding is 0.
class Taps {
 public:
  // *into becomes the activation, connected to the graph. Under gradient checkpointing that of the first run.
  Taps& read(Site site, int64_t layer, Tensor* into);
  // (*into)[layer] of every layer; those that do not run are undefined.
  Taps& read(Site site, std::vector<Tensor>* into);
  // The forward goes on with fn(activation), a tensor of its spec. fn is pure: under checkpointing it runs
  // again in backward. What it captures gets gradients.
  Taps& edit(Site site, int64_t layer, std::function<Tensor(const Tensor&)> fn);

  Tensor operator()(Site site, int64_t layer, const Tensor& x) const {
    return list_ ? apply(site, layer, x) : x;
  }
  // Calls visit for each tap; layer is -1 for one of all layers.
  void for_each(const std::function<void(Site site, int64_t layer)>& visit) const;

 private:
  struct Tap {
    Site site;
    int64_t layer;  // -1: all
    Tensor* into;
    std::vector<Tensor>* into_all;
    std::function<Tensor(const Tensor&)> fn;
  };
  Taps& add(Tap tap);
  Tensor apply(Site site, int64_t layer, const Tensor& x) const;
  std::shared_ptr<std::vector<Tap>> list_;
};

struct Pass;
struct CoreCall {
  int64_t layer;
  const Pass& pass;
  Tensor memory_lengths = {};  // of cross-attention, i32 [B]: of the S, so many are seen; all where undefined
};
// In place of rotary positions and scaled_dot_product_attention. q: [B, H, T, d]; k and v: [B, G, S, d], the
// cache's and this call's, or the memory's; nothing is rotated. Returns [B, H, T, d].
using AttentionCore =
    std::function<Tensor(const Tensor& q, const Tensor& k, const Tensor& v, const CoreCall& call)>;

struct Pass {
  AttentionRules rules = {};  // who sees whom among this call's and the cache's tokens
  // Of this call's tokens; cos is undefined where positions are not rotary, and of local_rotary where layers
  // with a window have no positions of their own.
  Rotary rotary = {}, local_rotary = {};
  KVCache* cache = nullptr;
  KeyValues prefix = {};
  AttentionRules prefix_rules = {};  // of queries [R, H, B / R * T, d] and the prefix
  Memory memory = {};                // what cross-attention reads; or its keys and values, made before:
  KeyValues memory_keys = {};
  Generator* generator = nullptr;  // dropout's
  double dropout_scale = 1;        // of all rates
  Taps taps = {};
  AttentionCore core = {}, cross_core = {};
};

// p times the pass's scale in training mode, else 0. Throws Error where that is above 0 without a generator.
double dropout_rate(double p, bool training, const Pass& pass);
// x, or where that rate is above 0 its dropout.
Tensor dropout_in_training(const Tensor& x, double p, bool training, const Pass& pass);

}  // namespace roux

#endif  // ROUX_NN_PASS_H_
